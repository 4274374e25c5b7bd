"""Raw predictions of a part of a run's data: kept ones where there are any, else by looking at the images."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from hilum.metrics import Predictions
from hilum.pixels import Pack
from hilum.predict.network import Network
from hilum.runs import Member, Run, check_kept, part_ids


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
        check_kept(run, found)
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
