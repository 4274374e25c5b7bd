"""`Learner`: a model that is being trained, with all that changes while it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from hilum.batches import Batch, Feed
from hilum.device import autocast, keep_freed_memory, make_deterministic, pick_device
from hilum.errors import CheckFailed
from hilum.metrics import PartName, Predictions
from hilum.models import classes_of, positive_logits
from hilum.predict import forward
from hilum.runs import Run
from hilum.train.checkpoint import load_state, save_state, save_weights
from hilum.train.data import Job, Part
from hilum.train.finetune import Freezer, Stage
from hilum.train.losses import Loss
from hilum.train.optim import Ema, learning_rate, make_optimizer, set_rate
from hilum.train.processes import Processes
from hilum.train.progress import Progress
from hilum.train.signals import StopRequests


class Learner:
    """Model, optimizer, averaged weights and counters of one run.

    Attributes:
        model: the network, on its device.
        notes: what a user should know of the weights it starts from.
        progress: where the training stands.
        stages: what learns when, in words.
        unfinished: tensors of an epoch under way, found in a checkpoint; empty otherwise.
        processes: those that train together.
        before_update: called before the weights move, while the gradients are whole; it may look, not touch.
    """

    def __init__(self, job: Job) -> None:
        """Build the model with its first weights, which follow from the seed."""
        config = job.config
        self._job = job
        self._config = config
        make_deterministic(config.train.deterministic)
        self.processes = Processes.join(pick_device(config.train.device))
        self.device = self.processes.device
        keep_freed_memory(self.device)
        torch.manual_seed(config.seed)
        outputs = len(job.findings) * classes_of(config.labels.uncertain)
        model = job.origin.build(outputs, job.pack.prepare.size, job.findings)
        model.adopt(job.normalisation)
        self.notes = model.notes
        form = torch.channels_last if config.train.channels_last else torch.contiguous_format
        self.model = model.to(self.device).to(memory_format=form)
        self._freezer = Freezer(self.model, config.finetune)
        self.stages = [
            self._freezer.describe(stage) for stage in Stage.all(config.finetune, config.train.epochs)
        ]
        self._loss = Loss.of(config.loss, job.part("train", copies=True).targets).to(self.device)
        # The freezer is in the last stage now, in which all learns that ever does.
        self._optimizer = make_optimizer(config.optimizer, self.model, self._freezer.multiples())
        self._stage: Stage | None = None
        self._net: nn.Module = self.model
        self._average = Ema(self.model, config.train.ema) if config.train.ema else None
        self.progress = Progress()
        self.unfinished: dict[str, Tensor] = {}
        self.before_update: Callable[[], None] | None = None

    def feed(self, part: Part, *, training: bool) -> Feed:
        """Batches of a part: shuffled, resampled and augmented for training; in order otherwise."""
        config = self._config
        mean, sd = self._job.normalisation.gray
        return Feed(
            self._job.pack.pixels,
            part.slots,
            part.targets,
            mean=mean,
            sd=sd,
            device=self.device,
            batch=config.train.batch,
            seed=config.seed,
            augment=config.augment if training else None,
            sampling=config.sampling if training else None,
            findings=self._job.findings,
            shuffle=training,
            channels_last=config.train.channels_last,
            rank=self.processes.rank,
            world=self.processes.size,
            verify=self._job.pack.verify,
        )

    def begin_epoch(self) -> None:
        """Make the model ready for the steps of an epoch, or for what a resume left of it."""
        stage = self.stage
        self._freezer.enter(stage)
        if stage != self._stage:
            # Processes share the gradients of those parameters that learned when the model was wrapped.
            self._stage, self._net = stage, self.processes.wrap(self.model)
            if self._config.train.compile:
                self._net = torch.compile(self._net)  # type: ignore[assignment]

    @property
    def stage(self) -> Stage:
        """The stage that the epoch under way is in."""
        return Stage.of(self._config.finetune, self._config.train.epochs, self.progress.epoch)

    def step(self, batch: Batch, steps: int) -> tuple[Tensor, Tensor]:
        """Learn from one batch.

        Args:
            batch: images and targets.
            steps: how many steps the epoch has.

        Returns:
            The loss (a scalar on the device) and the raw outputs, float32 [b, outputs] on the device.
        """
        config, progress = self._config, self.progress
        with autocast(config.train.precision, self.device):
            outputs = self._net(batch.images).float()
        counts = self.processes.sum((~batch.targets.isnan()).sum(dim=0))
        # Processes have unequal shares of a step, and torch averages their gradients: this is what they sum to.
        loss = self.processes.size * self._loss(outputs, batch.targets, counts)
        (loss / config.train.accumulate).backward()
        progress.step += 1
        if self.between_updates(steps):
            set_rate(self._optimizer, self.rate(steps))
            if self.before_update is not None:
                self.before_update()
            if config.train.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), config.train.clip)
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            if self._average:
                self._average.update(self.model)
        return loss.detach(), outputs.detach()

    def between_updates(self, steps: int) -> bool:
        """Whether no gradient is waiting to be used: the moment at which a state can be saved."""
        return self.progress.step % self._config.train.accumulate == 0 or self.progress.step == steps

    def rate(self, steps: int) -> float:
        """Learning rate of the step just taken; each stage of a fine-tuning has a schedule of its own."""
        config, progress, stage = self._config, self.progress, self.stage
        done = (progress.epoch - stage.first) * steps + progress.step - 1
        return learning_rate(
            config.schedule, config.optimizer.lr, done, steps, stage.epochs, progress.plateau.drops
        )

    def evaluating(self) -> AbstractContextManager[object]:
        """Within it the model has the weights that are validated and kept: averaged ones, where there are any."""
        return self._average.swap(self.model) if self._average else nullcontext()

    @torch.no_grad()
    def judge(self, part: Part, outputs: Tensor, rows: npt.NDArray[np.int64]) -> tuple[Predictions, float]:
        """Predictions of a part, and the mean loss of its known labels (NaN where none is known).

        Args:
            part: whose rows they are.
            outputs: raw outputs, float32 [n, outputs].
            rows: int64 [n], positions in the part.

        Raises:
            CheckFailed: the outputs are not finite: training diverged.
        """
        if not bool(outputs.isfinite().all()):
            raise CheckFailed(
                f"training diverged in epoch {self.progress.epoch + 1}: outputs on {part.name} are not finite. "
                f"Lower optimizer.lr (now {self._config.optimizer.lr:g}) or limit gradients: train.clip = 1."
            )
        targets = torch.from_numpy(part.targets[rows]).to(self.device)
        loss = self._loss.per_label(outputs.to(self.device), targets).double().nanmean().item()
        # A copy teaches; what is scored is its original.
        own = part.own[rows]
        outputs, rows = outputs[torch.from_numpy(own)], rows[own]
        logits = positive_logits(outputs, len(self._job.findings)).cpu().numpy()
        whole = Predictions(
            part.table.image_ids,
            self._job.findings,
            part.truth,
            part.truth,
            cast(PartName, part.name),
            part.patient_ids,
            part.study_ids,
        )
        return replace(whole.take(rows), logits=logits), loss

    def forward(self, feed: Feed, stop: StopRequests | None = None) -> tuple[Tensor, npt.NDArray[np.int64]]:
        """Raw outputs over all of a part, gathered from all processes and put in the part's order.

        Raises:
            Asked: a stop was asked for; several processes, which would have to agree, do not look.
        """
        # Each process has its own statistics of batch norm by now; the first one's are those that are kept.
        self.processes.share_buffers(self.model)
        batches = feed.epoch(0)
        if stop is not None and self.processes.size == 1:
            batches = stop.until(batches)
        outputs, rows = forward(self.model, batches, self._config.train.precision, self.device)
        outputs = self.processes.gather(outputs).cpu()
        rows = self.processes.gather(torch.from_numpy(rows)).cpu().numpy()
        order = np.argsort(rows, kind="stable")
        return outputs[torch.from_numpy(order)], rows[order]

    def save(self, run: Run, unfinished: dict[str, Tensor]) -> None:
        """Write the checkpoint to go on from."""
        tensors = {key: self.processes.gather(value) for key, value in unfinished.items()}
        if self.processes.leads:
            average = self._average.state_dict() if self._average else {}
            path = run.path / "checkpoints" / "last.safetensors"
            save_state(path, self.model, self._optimizer, average, tensors, asdict(self.progress))

    def save_weights(self, run: Run, name: str) -> None:
        """Write the weights that are validated and kept, as `checkpoints/NAME.safetensors`."""
        if self.processes.leads:
            with self.evaluating():
                metadata = {"epoch": self.progress.epoch, "findings": list(self._job.findings)}
                path = run.path / "checkpoints" / f"{name}.safetensors"
                save_weights(self.model.state_dict(), path, metadata)

    def restore(self, run: Run) -> None:
        """Go on from the run's checkpoint; without one, start from the beginning."""
        path: Path = run.path / "checkpoints" / "last.safetensors"
        if not path.is_file():
            return
        average, unfinished, counters = load_state(path, self.model, self._optimizer)
        self.progress = TypeAdapter(Progress).validate_python(counters)
        # What all processes put out in the epoch under way is kept by one; it is gathered in the end.
        self.unfinished = unfinished if self.processes.leads else {}
        if self._average:
            self._average.load_state_dict(average)
