"""What the trackers are shown of a training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.batches import Feed
from hilum.metrics import Floats, Predictions
from hilum.runs import Run
from hilum.track import Epoch, Start, Trackers
from hilum.train.data import Job
from hilum.train.learner import Learner
from hilum.train.watch import Watch

INPUTS = 16
"""Training images that are shown at the start."""
GRADIENTS = 10
"""Updates of an epoch, at most, whose gradient is measured: of ResNet-18 on one core each takes 4 ms."""


class Follower:
    """Tells the trackers of a training what it gives; reads only, so no number of the training changes."""

    def __init__(self, trackers: Trackers, job: Job, learner: Learner, feed: Feed) -> None:
        """Show the start."""
        self._trackers, self._learner, self._feed = trackers, learner, feed
        self._pack, valid = job.pack, job.part("valid")
        self._slots = dict(zip(valid.table.image_ids, valid.slots, strict=True))
        self._norms: list[Tensor] = []
        self._updates = 0
        if trackers:
            learner.before_update = self._measure
            fresh = not learner.progress.epoch and not learner.progress.step
            mean, sd = job.normalisation.gray
            inputs = self._inputs() * sd + mean if fresh else None
            trackers.tell("start", Start(inputs, learner.model))

    def epoch(self, entry: Mapping[str, Any], predictions: Mapping[str, Predictions]) -> None:
        """Show an epoch."""
        if self._trackers:
            norms = self._gradient_norms()
            self._trackers.tell("epoch", Epoch(entry, predictions, self._learner.model, norms, self._pixels))

    def step(self, loss: Tensor) -> None:
        """Tell of a step; the loss is waited for where a callback wants it alone."""
        if self._trackers.hears("step"):
            progress = self._learner.progress
            self._trackers.tell("step", progress.epoch + 1, progress.step, loss.item())

    def _inputs(self) -> npt.NDArray[np.float32]:
        """The first images of the first batch, float32 [n, s, s], normalised."""
        images: npt.NDArray[np.float32] = next(self._feed.epoch(0)).images[:INPUTS, 0].cpu().numpy()
        return images

    def _measure(self) -> None:
        """Before an update: the norm of some gradients, left on the device so that nothing waits for it."""
        every = math.ceil(self._feed.steps(self._learner.progress.epoch) / GRADIENTS)
        if self._updates % every == 0:
            gradients = [p.grad for p in self._learner.model.parameters() if p.grad is not None]
            self._norms.append(torch.nn.utils.get_total_norm(gradients))
        self._updates += 1

    def _gradient_norms(self) -> Floats:
        norms = torch.stack(self._norms).double().cpu().numpy() if self._norms else np.zeros(0)
        self._norms, self._updates = [], 0
        return norms

    def _pixels(self, image_ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        return np.stack([self._pack.pixels[self._slots[name]] for name in image_ids])


@contextmanager
def following(job: Job, run: Run, learner: Learner, feed: Feed, watch: Watch) -> Iterator[Follower]:
    """Open the run's trackers for a training, on the process that leads."""
    done, leads = learner.progress.epoch, learner.world.leads
    trackers = Trackers(run, done, watch.say, leads=leads)
    try:
        yield Follower(trackers, job, learner, feed)
    finally:
        learner.before_update = None
        trackers.tell("close")
