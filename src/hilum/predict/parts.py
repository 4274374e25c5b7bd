"""Raw predictions of a part of a run's data: kept ones where there are any, else by looking at the images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from hilum.errors import DataError, RunError
from hilum.metrics.predictions import Predictions
from hilum.pixels.pack import Pack
from hilum.predict.network import Network
from hilum.runs import Member, Run
from hilum.table.check import PARTS
from hilum.text import many


def open_pack(run: Run) -> Pack:
    """The pack that a run was trained on.

    Raises:
        PackError: it is gone or has changed.
    """
    return Pack.open(run.data["pack"], fingerprint=run.data["pack_fingerprint"])


def raw_predictions(
    run: Run, part: str, *, device: str = "auto", batch: int = 64, again: bool = False
) -> Predictions:
    """What a run's best weights, or an ensemble's members, say of a part: one row an image, not calibrated.

    Args:
        run: a run with at least one finished epoch, or an ensemble.
        part: `test`, `valid` or `train` of the run's own split.
        device: where models run.
        batch: images per step.
        again: look at the images even where the run has kept predictions.

    Raises:
        DataError: the run's split has no such part, or kept predictions are of other images.
        PackError: the pack is gone, or is no longer the one that the run was trained on.
        RunError: weights, or a member, are missing.
    """
    ids = part_ids(run, part)
    kept = run.path / "predictions" / f"{part}.parquet"
    if kept.is_file() and not again:
        found = Predictions.load(kept, part)
        _check_kept(run, found, ids)
        return _with_studies(run, found)
    if run.mixture is not None:
        members = [member_predictions(member, part, device=device, batch=batch) for member in run.members]
        return run.mixture.predictions(members)
    return Network(run, device=device).part(open_pack(run), ids, part, batch)


def member_predictions(member: Member, part: str, *, device: str = "auto", batch: int = 64) -> Predictions:
    """What one model of an ensemble says of a part; arguments and errors as for `raw_predictions`."""
    run = Run.open(member.path)
    if member.epoch is None:
        return raw_predictions(run, part, device=device, batch=batch)
    network = Network(run, device=device, weights=member.weights)
    return network.part(open_pack(run), part_ids(run, part), part, batch)


def part_ids(run: Run, part: str) -> pl.Series:
    """Ids of the images of a part.

    Raises:
        DataError: the run's split has no such part.
    """
    if part not in PARTS:
        raise DataError(f"there is no part {part!r}; a run's split has {', '.join(PARTS)}.")
    path = run.path / "split.parquet"
    if not path.is_file():
        raise RunError(f"{path} is missing: the run's folder is not whole.")
    ids = pl.read_parquet(path).filter(pl.col("part") == part)["image_id"]
    if not len(ids):
        raise DataError(
            f"{run.path} has no {part} part: its data set has no official one and its settings made none. "
            "Train with --set split.test=0.1 to keep one back."
        )
    return ids


def _check_kept(run: Run, found: Predictions, ids: pl.Series) -> None:
    """Say what is wrong with predictions that a run has kept, if anything is."""
    path = run.path / "predictions" / f"{found.part}.parquet"
    remedy = f"Make them anew with: hilum evaluate {run.path} --split {found.part} --again"
    if found.findings != tuple(run.data["findings"]):
        raise DataError(
            f"{path} predicts {', '.join(found.findings)}; the run learned {', '.join(run.data['findings'])}. "
            f"{remedy}"
        )
    wanted, there = set(ids), list(found.image_ids)
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


def _with_studies(run: Run, found: Predictions) -> Predictions:
    """With the study ids that the run's images have, where predictions were kept without."""
    images = run.images
    if found.study_ids is not None or "study_id" not in images.columns:
        return found
    order = pl.DataFrame({"image_id": found.image_ids.astype(str)})
    studies = order.join(
        images.select("image_id", "study_id"), on="image_id", how="left", maintain_order="left"
    )
    known = studies["study_id"]
    return found if known.null_count() else replace(found, study_ids=known.to_numpy())
