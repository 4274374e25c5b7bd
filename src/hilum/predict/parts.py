"""Raw predictions of a part of a run's data: kept ones where there are any, else by looking at the images."""

from __future__ import annotations

import polars as pl

from hilum.errors import DataError
from hilum.metrics import Predictions
from hilum.pixels import Pack
from hilum.predict.network import Network
from hilum.runs import Member, Run
from hilum.table import PARTS


def raw_predictions(
    run: Run | Member,
    part: str,
    *,
    device: str = "auto",
    batch: int = 64,
    again: bool = False,
    pack: Pack | None = None,
) -> Predictions:
    """What a run's best weights, or an ensemble's members, say of a part: one row an image, not calibrated.

    Args:
        run: a run with at least one finished epoch, or an ensemble; or one model of an ensemble.
        part: `test`, `valid` or `train` of the run's own split.
        device: where models run.
        batch: images per step.
        again: look at the images even where the run has kept predictions.
        pack: the one that the run was trained on, where it is open already.

    Raises:
        DataError: the run's split has no such part, or kept predictions are of other images.
        PackError: the pack is gone, or is no longer the one that the run was trained on.
        RunError: weights, or a member, are missing.
    """
    weights = "best"
    if isinstance(run, Member):
        again, weights, run = again or run.epoch is not None, run.weights, Run(run.path)
    ids = _ids(run, part)
    if not again and (run.path / "predictions" / f"{part}.parquet").is_file():
        return run.predictions(part)
    if run.mixture is not None:
        each = [raw_predictions(member, part, device=device, batch=batch) for member in run.members]
        return run.mixture.predictions(each)
    network = Network(run, device=device, weights=weights)
    own = pack or Pack(run.data["pack"], fingerprint=run.data["pack_fingerprint"])
    return network.part(own, ids, part, batch)


def _ids(run: Run, part: str) -> pl.Series:
    """Ids of the images of a part."""
    if part not in PARTS:
        raise DataError(f"there is no part {part!r}; a run's split has {', '.join(PARTS)}.")
    ids = run.images.filter(pl.col("part") == part)["image_id"]
    if not len(ids):
        raise DataError(
            f"{run.path} has no {part} part: its data set has no official one and its settings made none. "
            "Train with --set split.test=0.1 to keep one back."
        )
    return ids
