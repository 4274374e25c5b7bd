"""What those that follow a training are shown of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.batches import Feed
from hilum.metrics import Predictions
from hilum.runs import Run
from hilum.track import Epoch, Trackers
from hilum.train.data import Job
from hilum.train.learner import Learner

_INPUTS = 16
"""Training images that are shown at the start."""
_GRADIENTS = 10
"""Updates of an epoch, at most, whose gradient is measured: of ResNet-18 on one core each takes 4 ms."""


class Callbacks:
    """Tells TensorBoard, MLflow and plugins' callbacks; reads only, so no number of the training changes.

    They are closed at the end of its block.
    """

    def __init__(self, job: Job, run: Run, learner: Learner, feed: Feed, say: Callable[[str], None]) -> None:
        """Show the start, on the process that leads."""
        self._learner, self._feed = learner, feed
        self._trackers = Trackers(run, learner.progress.epoch, say, leads=learner.processes.leads)
        self._pack, valid = job.pack, job.part("valid")
        self._slots = dict(zip(valid.table.image_ids, valid.slots, strict=True))
        self._norms: list[Tensor] = []
        self._updates = 0
        if self._trackers:
            learner.before_update = self._measure
            mean, sd = job.normalisation.gray
            fresh = not learner.progress.epoch and not learner.progress.step
            images: npt.NDArray[np.float32] | None = None
            if fresh:
                images = next(feed.epoch(0)).images[:_INPUTS, 0].cpu().numpy()
                images = images * sd + mean
            self._trackers.tell("start", images, learner.model)

    def __enter__(self) -> Callbacks:
        return self

    def __exit__(self, *_: object) -> None:
        self._learner.before_update = None
        self._trackers.tell("close")

    def step(self, loss: Tensor) -> None:
        """Tell of a step; the loss is waited for where somebody wants it alone."""
        if self._trackers.hears("step"):
            progress = self._learner.progress
            self._trackers.tell("step", progress.epoch + 1, progress.step, loss.item())

    def epoch(self, entry: Mapping[str, Any], predictions: Mapping[str, Predictions]) -> None:
        """Tell of an epoch."""
        if self._trackers:
            norms = torch.stack(self._norms).double().cpu().numpy() if self._norms else np.zeros(0)
            self._norms, self._updates = [], 0
            self._trackers.tell("epoch", Epoch(entry, predictions, self._learner.model, norms, self._pixels))

    def _measure(self) -> None:
        """Before an update: the norm of some gradients, left on the device so that nothing waits for it."""
        every = math.ceil(self._feed.steps(self._learner.progress.epoch) / _GRADIENTS)
        if self._updates % every == 0:
            gradients = [p.grad for p in self._learner.model.parameters() if p.grad is not None]
            self._norms.append(torch.nn.utils.get_total_norm(gradients))
        self._updates += 1

    def _pixels(self, image_ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        return np.stack([self._pack.pixels[self._slots[name]] for name in image_ids])
