"""The training loop, read from top to bottom."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.batches import Feed
from hilum.config import Config
from hilum.errors import Stopped
from hilum.files import write_json
from hilum.metrics import SCORES, Predictions, Scores, fit_thresholds, score
from hilum.progress import progress as working
from hilum.runs import Run
from hilum.train.data import Job, Part
from hilum.train.follow import following
from hilum.train.learner import Learner
from hilum.train.stop import Asked, stop_requests
from hilum.train.watch import Watch

PRIME = 1_000_003
"""Keeps the random numbers of two steps of a run from starting at one seed."""
SEEDS = 2**64
"""How many there are for torch."""


def fit(job: Job, run: Run, learner: Learner, watch: Watch) -> None:
    """Train until all epochs are done, validation stops improving, or the user stops it.

    After every epoch the run's folder is whole: predictions, scores, and a checkpoint to go on from.

    Raises:
        Stopped: the user asked for it; the state is saved and the message says how to go on.
    """
    config, progress = job.config, learner.progress
    train, valid = job.part("train", copies=True), job.part("valid")
    feed, valid_feed = learner.feed(train, training=True), learner.feed(valid, training=False)
    seen = Seen(learner.seen)
    with stop_requests() as asked, following(job, run, learner, feed, watch) as follower:
        if job.origin.run is not None and not progress.epoch and not progress.step:
            _judge_start(config, run, learner, valid, valid_feed, watch)
        while not progress.finished(config.train):
            started, seen_before = time.monotonic(), len(seen)
            _learn(config, run, learner, feed, seen, watch, asked)
            with working(f"scoring epoch {progress.epoch + 1}"):
                try:
                    with learner.evaluating():
                        outputs, rows = learner.forward(valid_feed, asked)
                except Asked as stop:
                    learner.save(run, seen.tensors())
                    raise _stopped(run, learner, feed.steps(progress.epoch), stop.by) from None
                found = {
                    "train": learner.judge(train, *seen.gathered(learner)),
                    "valid": learner.judge(valid, outputs, rows),
                }
            rate = learner.rate(feed.steps(progress.epoch))
            entry = judge_epoch(config, learner, found)
            entry["lr"], entry["seconds"] = rate, time.monotonic() - started
            entry["images_per_second"] = (len(seen) - seen_before) * learner.world.size / entry["seconds"]
            progress.seconds += entry["seconds"]
            predictions = {name: made for name, (made, _) in found.items()}
            keep_epoch(run, learner, entry, predictions)
            follower.epoch(entry, predictions)
            # The checkpoint comes last: once it is there, the epoch is done.
            learner.save(run, {})
            watch.epoch(entry, config)
            seen = Seen({})


def _learn(
    config: Config,
    run: Run,
    learner: Learner,
    feed: Feed,
    seen: Seen,
    watch: Watch,
    asked: Callable[[], int],
) -> None:
    """The steps of one epoch, or what is left of it after a resume."""
    progress, minutes = learner.progress, config.train.checkpoint_minutes
    steps = feed.steps(progress.epoch)
    saved = time.monotonic()
    learner.begin_epoch()
    with watch.steps(
        f"epoch {progress.epoch + 1}/{config.train.epochs}",
        len(feed.plan(progress.epoch).rows) // learner.world.size,
        len(seen),
    ) as tell:
        for batch in feed.epoch(progress.epoch, progress.step):
            # Dropout and the like follow from (seed, epoch, step) alone: a resume needs no generator's state.
            torch.manual_seed(((config.seed * PRIME + progress.epoch) * PRIME + progress.step) % SEEDS)
            loss, outputs = learner.step(batch, steps)
            seen.add(outputs, batch.rows)
            tell(len(batch.rows), loss.item)
            if not learner.between_updates(steps):
                continue
            by = asked()
            stop = learner.world.any(bool(by))
            due = bool(minutes) and time.monotonic() - saved > 60 * minutes
            if stop or learner.world.any(due):
                learner.save(run, seen.tensors())
                saved = time.monotonic()
            if stop:
                raise _stopped(run, learner, steps, by or signal.SIGINT)


def _stopped(run: Run, learner: Learner, steps: int, by: int) -> Stopped:
    """What is said where a signal stopped the training, once its state is saved."""
    progress = learner.progress
    return Stopped(
        f"stopped in epoch {progress.epoch + 1} after step {progress.step} of {steps}; all is saved.\n"
        f"Go on with:  hilum train --resume {shlex.quote(str(run.path))}",
        128 + by,
    )


def _judge_start(config: Config, run: Run, learner: Learner, valid: Part, feed: Feed, watch: Watch) -> None:
    """Score a head that was trained before: what epochs have to beat, else it is what is kept."""
    with learner.evaluating():
        outputs, rows = learner.forward(feed)
    predictions, loss = learner.judge(valid, outputs, rows)
    result = score(predictions, fit_thresholds(predictions, config.scores))
    improved = learner.progress.begin(_selected(config, loss, result), config)
    entry = {"epoch": 0, "improved": improved, "valid": {"loss": loss, "scores": result.to_json()}}
    keep_epoch(run, learner, entry, {"valid": predictions})
    watch.epoch(entry, config)


def _selected(config: Config, loss: float, valid: Scores) -> float:
    """The validation score that chooses between epochs, so that higher is better."""
    select = config.train.select
    if select == "loss":
        return -loss
    return -valid.value(select) if SCORES[select].better == "lower" else valid.value(select)


def judge_epoch(
    config: Config, learner: Learner, found: dict[str, tuple[Predictions, float]]
) -> dict[str, Any]:
    """Scores of the epoch at operating points from its own validation part, and whether it is the best so far."""
    thresholds = fit_thresholds(found["valid"][0], config.scores)
    scores = {name: score(predictions, thresholds) for name, (predictions, _) in found.items()}
    improved = learner.progress.end_epoch(_selected(config, found["valid"][1], scores["valid"]), config)
    entry: dict[str, Any] = {"epoch": learner.progress.epoch, "improved": improved}
    return entry | {
        name: {"loss": found[name][1], "scores": result.to_json()} for name, result in scores.items()
    }


def keep_epoch(
    run: Run, learner: Learner, entry: dict[str, Any], predictions: dict[str, Predictions]
) -> None:
    """Write what an epoch gave, but for the checkpoint to go on from."""
    if entry["improved"]:
        learner.save_weights(run, "best")
    if learner.keeps_epochs and entry["epoch"]:
        learner.save_weights(run, f"{entry['epoch']:04d}")
    if learner.world.leads:
        folder = run.epoch_folder(entry["epoch"])
        for name, found in predictions.items():
            found.save(folder / f"{name}.parquet")
        write_json(folder / "summary.json", entry)


class Seen:
    """What the model put out in the epoch so far: raw outputs [n, outputs] and their rows of the training part."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Start with what a checkpoint kept, or nothing."""
        self._outputs = [tensors["outputs"]] if tensors else []
        self._rows = [tensors["rows"].numpy()] if tensors else []

    def __len__(self) -> int:
        return sum(map(len, self._rows))

    def add(self, outputs: Tensor, rows: npt.NDArray[np.int64]) -> None:
        """One step's outputs; they stay on the device until the epoch ends."""
        self._outputs.append(outputs)
        self._rows.append(rows)

    def tensors(self) -> dict[str, Tensor]:
        """For the checkpoint."""
        if not self._rows:
            return {}
        device = self._outputs[-1].device
        outputs = torch.cat([part.to(device) for part in self._outputs])
        return {"outputs": outputs, "rows": torch.from_numpy(np.concatenate(self._rows))}

    def gathered(self, learner: Learner) -> tuple[Tensor, npt.NDArray[np.int64]]:
        """Outputs and rows of all processes; one that resumed at the end of the epoch has none of its own."""
        tensors = self.tensors()
        outputs = tensors.get("outputs", torch.zeros(0, learner.model.outputs))
        rows = tensors.get("rows", torch.zeros(0, dtype=torch.int64))
        return learner.world.gather(outputs).cpu(), learner.world.gather(rows).cpu().numpy()
