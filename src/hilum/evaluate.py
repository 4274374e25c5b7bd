"""Scoring a finished run on a part of its data, at operating points that the validation part chose."""

from __future__ import annotations

import polars as pl

from hilum.batches.feed import Feed
from hilum.errors import DataError, PackError
from hilum.metrics.predictions import Predictions
from hilum.metrics.results import Scores, score
from hilum.models import positive_logits
from hilum.pixels.pack import Pack
from hilum.predict import Predictor, forward
from hilum.runs import Run
from hilum.table.check import PARTS


def evaluate(run: Run, part: str = "test", *, device: str = "auto", batch: int = 64) -> Scores:
    """Score a part with the run's best weights and keep predictions and scores in the run.

    Args:
        run: a run with at least one finished epoch.
        part: `test`, `valid` or `train` of the run's own split.
        device: where the model runs.
        batch: images per step.

    Returns:
        The scores.

    Raises:
        DataError: the run's split has no such part.
        PackError: the pack is gone, or is no longer the one that the run was trained on.
    """
    if part not in PARTS:
        raise DataError(f"there is no part {part!r}; a run's split has {', '.join(PARTS)}.")
    split = pl.read_parquet(run.path / "split.parquet")
    ids = split.filter(pl.col("part") == part)["image_id"]
    if not len(ids):
        raise DataError(
            f"{run.path} has no {part} part: its data set has no official one and its settings made none. "
            "Train with --set split.test=0.1 to keep one back."
        )
    predictions = predict_part(Predictor(run, device=device), open_pack(run), ids, part, batch)
    scores = score(predictions, run.thresholds)
    run.write_scores(predictions, scores)
    return scores


def open_pack(run: Run) -> Pack:
    """The pack that a run was trained on.

    Raises:
        PackError: it is gone or has changed.
    """
    pack = Pack.open(run.data["pack"])
    if pack.fingerprint != run.data["pack_fingerprint"]:
        raise PackError(
            f"{pack.path} is no longer the pack that {run.path} was trained on. Pack the same data again."
        )
    return pack


def predict_part(predictor: Predictor, pack: Pack, ids: pl.Series, part: str, batch: int) -> Predictions:
    """Predictions for some images of a pack.

    Args:
        predictor: a trained run.
        pack: prepared as the run asks.
        ids: image ids, in the order wanted.
        part: what these images are called.
        batch: images per step.
    """
    run = predictor.run
    order = pl.DataFrame({"image_id": ids}).join(
        pack.table.frame.select("image_id").with_row_index("row"),
        on="image_id",
        how="left",
        maintain_order="left",
    )
    table = pack.table.take(order["row"].to_numpy()).select(predictor.findings)
    truth = table.targets(run.config.labels, scoring=True)
    feed = Feed(
        pack.pixels,
        pack.rows_of(table),
        truth,
        mean=run.data["mean"],
        sd=run.data["sd"],
        device=predictor.device,
        batch=batch,
        seed=0,
        augment=None,
        shuffle=False,
        channels_last=run.config.train.channels_last,
    )
    raw, _ = forward(predictor.model, feed.epoch(0), run.config.train.precision, predictor.device)
    logits = positive_logits(raw, len(predictor.findings)).numpy()
    patients = table.frame["patient_id"].to_numpy()
    return Predictions(table.image_ids, predictor.findings, logits, truth, part, patients, table.study_ids)
