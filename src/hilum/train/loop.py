"""The training loop, read from top to bottom."""

from __future__ import annotations

import shlex
import signal
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.errors import Stopped
from hilum.files import write_json
from hilum.metrics import SCORES, Predictions, Scores, fit_thresholds, score
from hilum.progress import progress as working
from hilum.runs import Run
from hilum.train.callbacks import Callbacks
from hilum.train.console import Console
from hilum.train.data import Job
from hilum.train.learner import Learner
from hilum.train.signals import Asked, StopRequests

_PRIME = 1_000_003
"""Keeps the random numbers of two steps of a run from starting at one seed."""
_SEEDS = 2**64
"""How many there are for torch."""


def fit(job: Job, run: Run, learner: Learner, console: Console) -> None:
    """Train until all epochs are done, validation stops improving, or the user stops it.

    After every epoch the run's folder is whole: predictions, scores, and a checkpoint to go on from.

    Raises:
        Stopped: the user asked for it; the state is saved and the message says how to go on.
    """
    training, progress = _Training(job, run, learner, console), learner.progress
    with (
        StopRequests() as stop,
        Callbacks(job, run, learner, training.feed, console.say) as callbacks,
    ):
        if job.origin.run is not None and not progress.epoch and not progress.step:
            training.judge_start()
        while not progress.finished(job.config.train):
            training.epoch(stop, callbacks)


class _Training:
    """What the epochs of a training share."""

    def __init__(self, job: Job, run: Run, learner: Learner, console: Console) -> None:
        self.config, self.run, self.learner, self.console = job.config, run, learner, console
        self.train, self.valid = job.part("train", copies=True), job.part("valid")
        self.feed = learner.feed(self.train, training=True)
        self.valid_feed = learner.feed(self.valid, training=False)
        self.outputs = _Outputs(learner.unfinished)

    def epoch(self, stop: StopRequests, callbacks: Callbacks) -> None:
        """One epoch, or what is left of it after a resume: learn, judge, keep, tell."""
        learner, progress = self.learner, self.learner.progress
        started, before = time.monotonic(), len(self.outputs)
        self._learn(stop, callbacks)
        with working(f"scoring epoch {progress.epoch + 1}"):
            found = self._judged(stop)
        rate = learner.rate(self.feed.steps(progress.epoch))
        entry = self._scored(found)
        entry["lr"], entry["seconds"] = rate, time.monotonic() - started
        entry["images_per_second"] = (len(self.outputs) - before) * learner.processes.size / entry["seconds"]
        progress.seconds += entry["seconds"]
        predictions = {name: made for name, (made, _) in found.items()}
        self._keep(entry, predictions)
        callbacks.epoch(entry, predictions)
        # The checkpoint comes last: once it is there, the epoch is done.
        learner.save(self.run, {})
        self.console.epoch(entry, self.config)
        self.outputs = _Outputs({})

    def judge_start(self) -> None:
        """Score a head that was trained before: what epochs have to beat, else it is what is kept."""
        with self.learner.evaluating():
            outputs, rows = self.learner.forward(self.valid_feed)
        predictions, loss = self.learner.judge(self.valid, outputs, rows)
        result = score(predictions, fit_thresholds(predictions, self.config.scores))
        improved = self.learner.progress.begin(self._selected(loss, result), self.config)
        entry = {"epoch": 0, "improved": improved, "valid": {"loss": loss, "scores": result.to_json()}}
        self._keep(entry, {"valid": predictions})
        self.console.epoch(entry, self.config)

    def _learn(self, stop: StopRequests, callbacks: Callbacks) -> None:
        """The steps."""
        config, learner, progress = self.config, self.learner, self.learner.progress
        steps, saved = self.feed.steps(progress.epoch), time.monotonic()
        title = f"epoch {progress.epoch + 1}/{config.train.epochs}"
        images = len(self.feed.plan(progress.epoch).rows) // learner.processes.size
        learner.begin_epoch()
        with self.console.steps(title, images, len(self.outputs)) as tell:
            for batch in self.feed.epoch(progress.epoch, progress.step):
                # Dropout and the like follow from (seed, epoch, step) alone: a resume needs no generator's state.
                torch.manual_seed(((config.seed * _PRIME + progress.epoch) * _PRIME + progress.step) % _SEEDS)
                loss, outputs = learner.step(batch, steps)
                self.outputs.add(outputs, batch.rows)
                tell(len(batch.rows), loss.item)
                callbacks.step(loss)
                if not learner.between_updates(steps):
                    continue
                minutes = config.train.checkpoint_minutes
                stopped = learner.processes.any(bool(stop.by))
                due = bool(minutes) and time.monotonic() - saved > 60 * minutes
                if stopped or learner.processes.any(due):
                    learner.save(self.run, self.outputs.tensors())
                    saved = time.monotonic()
                if stopped:
                    raise self._stopped(stop.by or signal.SIGINT)

    def _judged(self, stop: StopRequests) -> dict[str, tuple[Predictions, float]]:
        """Predictions and loss of both parts, with the weights that are kept."""
        learner = self.learner
        try:
            with learner.evaluating():
                outputs, rows = learner.forward(self.valid_feed, stop)
        except Asked:
            learner.save(self.run, self.outputs.tensors())
            raise self._stopped(stop.by) from None
        return {
            "train": learner.judge(self.train, *self.outputs.gathered(learner)),
            "valid": learner.judge(self.valid, outputs, rows),
        }

    def _scored(self, found: dict[str, tuple[Predictions, float]]) -> dict[str, Any]:
        """Scores at operating points from the epoch's own validation part, and whether it is the best so far."""
        thresholds = fit_thresholds(found["valid"][0], self.config.scores)
        scores = {name: score(predictions, thresholds) for name, (predictions, _) in found.items()}
        progress = self.learner.progress
        improved = progress.end_epoch(self._selected(found["valid"][1], scores["valid"]), self.config)
        parts = {name: {"loss": found[name][1], "scores": made.to_json()} for name, made in scores.items()}
        return {"epoch": progress.epoch, "improved": improved, **parts}

    def _selected(self, loss: float, valid: Scores) -> float:
        """The validation score that chooses between epochs, so that higher is better."""
        select = self.config.train.select
        value = loss if select == "loss" else valid.value(select)
        return -value if select == "loss" or SCORES[select].better == "lower" else value

    def _keep(self, entry: dict[str, Any], predictions: dict[str, Predictions]) -> None:
        """Write what an epoch gave, but for the checkpoint to go on from."""
        if entry["improved"]:
            self.learner.save_weights(self.run, "best")
        if self.config.train.keep_epochs and entry["epoch"]:
            self.learner.save_weights(self.run, f"{entry['epoch']:04d}")
        if self.learner.processes.leads:
            folder = self.run.epoch_folder(entry["epoch"])
            for name, made in predictions.items():
                made.save(folder / f"{name}.parquet")
            write_json(folder / "summary.json", entry)

    def _stopped(self, by: int) -> Stopped:
        """What is said where a signal stopped the training, once its state is saved."""
        progress = self.learner.progress
        return Stopped(
            f"stopped in epoch {progress.epoch + 1} after step {progress.step} of "
            f"{self.feed.steps(progress.epoch)}; all is saved.\n"
            f"Go on with:  hilum train --resume {shlex.quote(str(self.run.path))}",
            128 + by,
        )


class _Outputs:
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
        gather = learner.processes.gather
        return gather(outputs).cpu(), gather(rows).cpu().numpy()
