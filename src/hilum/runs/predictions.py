"""What a run has kept of predictions, checked to be of its own images and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from hilum.errors import DataError
from hilum.metrics import Predictions
from hilum.text import many


def read_predictions(path: Path, findings: Sequence[str], images: pl.DataFrame) -> Predictions:
    """Predictions of a part, with the study ids that the run's images have where they were kept without.

    Args:
        path: `RUN/predictions/PART.parquet`.
        findings: what the run learned.
        images: `image_id`, `part`, ... of the run's images.

    Raises:
        DataError: they are of other images or findings, or are not finite; the message says how to make them anew.
    """
    found = Predictions.load(path, path.stem)
    own = images.filter(pl.col("part") == found.part)
    if why := _unlike(found, tuple(findings), own["image_id"]):
        remedy = f"hilum evaluate {path.parents[1]} --part {found.part} --again"
        raise DataError(f"{path} {why}. Make them anew with: {remedy}")
    if found.study_ids is not None or "study_id" not in own.columns:
        return found
    order = pl.DataFrame({"image_id": found.image_ids.astype(str)})
    studies = order.join(own, on="image_id", how="left", maintain_order="left")["study_id"]
    return found if studies.null_count() else replace(found, study_ids=studies.to_numpy())


def _unlike(found: Predictions, findings: tuple[str, ...], ids: pl.Series) -> str:
    """Why predictions are not of these findings and images; empty where they are."""
    if found.findings != findings:
        return f"predicts {', '.join(found.findings)}; the run learned {', '.join(findings)}"
    wanted, there = set(ids), list(found.image_ids)
    strange, missing = [name for name in there if name not in wanted], wanted.difference(there)
    if strange or missing or len(there) != len(wanted):
        example = f" (for example {(strange or sorted(missing))[0]!r})" if strange or missing else ""
        return (
            f"does not fit the run's split: of its {many(len(there), 'image')}, {len(strange):,} are not "
            f"in the {found.part} part, and {len(missing):,} of the part's {len(wanted):,} are missing{example}"
        )
    broken = ~np.isfinite(found.logits).all(axis=0)
    if broken.any():
        names = ", ".join(name for name, bad in zip(found.findings, broken, strict=True) if bad)
        return f"holds logits of {names} that are not numbers"
    return ""
