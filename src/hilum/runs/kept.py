"""Whether what a run has kept is of its own images."""

from __future__ import annotations

import numpy as np
import polars as pl

from hilum.errors import DataError
from hilum.metrics import Predictions
from hilum.runs.run import Run
from hilum.table import PARTS
from hilum.text import many


def part_ids(run: Run, part: str) -> pl.Series:
    """Ids of the images of a part.

    Raises:
        DataError: the run's split has no such part.
    """
    if part not in PARTS:
        raise DataError(f"there is no part {part!r}; a run's split has {', '.join(PARTS)}.")
    ids = run.images.filter(pl.col("part") == part)["image_id"]
    if not len(ids):
        raise DataError(
            f"{run.path} has no {part} part: its data set has no official one and its settings made none. "
            "Train with --set split.test=0.1 to keep one back."
        )
    return ids


def check_kept(run: Run, found: Predictions) -> None:
    """Check that predictions which a run has kept are of its own images and findings.

    Raises:
        DataError: they are of other images or findings, or are not finite; the message says how to make them anew.
        RunError: the run's folder is not whole.
    """
    path = run.path / "predictions" / f"{found.part}.parquet"
    remedy = f"Make them anew with: hilum evaluate {run.path} --part {found.part} --again"
    if found.findings != tuple(run.data["findings"]):
        raise DataError(
            f"{path} predicts {', '.join(found.findings)}; the run learned {', '.join(run.data['findings'])}. "
            f"{remedy}"
        )
    wanted, there = set(part_ids(run, found.part)), list(found.image_ids)
    strange, missing = [name for name in there if name not in wanted], wanted.difference(there)
    if strange or missing or len(there) != len(wanted):
        example = f" (for example {(strange or sorted(missing))[0]!r})" if strange or missing else ""
        raise DataError(
            f"{path} does not fit the run's split: of its {many(len(there), 'image')}, {len(strange):,} are not "
            f"in the {found.part} part, and {len(missing):,} of the part's {len(wanted):,} are missing{example}. "
            f"{remedy}"
        )
    broken = ~np.isfinite(found.logits).all(axis=0)
    if broken.any():
        names = ", ".join(name for name, bad in zip(found.findings, broken, strict=True) if bad)
        raise DataError(f"{path} holds logits of {names} that are not numbers. {remedy}")
