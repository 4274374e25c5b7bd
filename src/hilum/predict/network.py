"""`Network`: one trained model with all that it needs to look at images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor, nn

from hilum.batches import Batch, Feed, copies
from hilum.config import PredictConfig, PrepareConfig
from hilum.device import autocast, pick_device
from hilum.errors import RunError
from hilum.metrics import PartName, Predictions
from hilum.models import Classifier, Normalisation, build_model, load_weights, positive_logits
from hilum.pixels import Pack
from hilum.progress import progress
from hilum.runs import Run, labelled

ALONE = PredictConfig()
"""No test-time augmentation: every image as it is."""


def classes_of(uncertain: str) -> int:
    """How many outputs each finding has under a policy for uncertain labels."""
    return 3 if uncertain == "multiclass" else 1


@torch.inference_mode()
def forward(
    model: nn.Module,
    batches: Iterable[Batch],
    precision: str,
    device: torch.device,
    augment: PredictConfig = ALONE,
) -> tuple[Tensor, npt.NDArray[np.int64]]:
    """Run a model, in evaluation mode, over batches.

    Args:
        model: gives raw outputs [b, outputs].
        batches: on the device.
        precision: `auto`, `fp32` or `bf16`.
        device: where the model is.
        augment: test-time augmentation; outputs are then the mean over an image's copies, taken on the device.

    Returns:
        The model's raw outputs, float32 [n, outputs] on the CPU, and the rows that they belong to, int64 [n].
    """
    was_training = model.training
    model.eval()
    outputs, rows = [], []
    try:
        for batch in batches:
            with autocast(precision, device):
                raw = [model(images).float() for images in copies(batch.images, augment)]
            outputs.append(raw[0] if len(raw) == 1 else torch.stack(raw).mean(0))
            rows.append(batch.rows)
    finally:
        model.train(was_training)
    if not outputs:
        return torch.zeros((0, 0)), np.zeros(0, np.int64)
    return torch.cat(outputs).cpu(), np.concatenate(rows)


class Network:
    """A trained run's model, ready to look at images.

    Attributes:
        run: where it comes from.
        findings: what it says something about.
        prepare: how an image file becomes its input.
        normalisation: of its pixels.
        device: where it is.
        model: the network itself, in evaluation mode.
    """

    def __init__(self, run: Run, *, device: str = "auto", weights: str = "best") -> None:
        """Load a run's weights.

        Args:
            run: a run with at least one finished epoch.
            device: `auto`, `cpu`, `cuda`, ...
            weights: `best`, the epoch with the best validation score, or `0003`, an epoch whose weights were kept.

        Raises:
            RunError: the run does not have these weights.
            WeightsError: they do not fit.
        """
        data, config = run.data, run.config
        self.run = run
        self.findings = tuple(data["findings"])
        self.prepare = PrepareConfig(**data["prepare"])
        self.device = pick_device(device)
        self.normalisation = Normalisation.from_json(data)
        self._mean, self._sd = self.normalisation.gray
        path = run.path / "checkpoints" / f"{weights}.safetensors"
        if not path.is_file() and (why := _no_weights(run, weights)):
            raise RunError(why)
        bare = config.model.model_copy(update={"weights": "", "head": ""})
        model = build_model(bare, len(self.findings) * classes_of(config.labels.uncertain), self.prepare.size)
        load_weights(model, path, exact=True)
        model.adopt(self.normalisation)
        form = torch.channels_last if config.train.channels_last else torch.contiguous_format
        self.model: Classifier = model.to(self.device).to(memory_format=form).eval()

    def logits(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Raw logits of the positive class for prepared images, uint8 [n, size, size] -> float32 [n, k]."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        normal = (pixels.unsqueeze(1).float() / 255.0 - self._mean) / self._sd
        return self._positive([Batch(normal, torch.empty(0), np.arange(len(images)))])

    def part(self, pack: Pack, ids: pl.Series, part: str, batch: int = 64) -> Predictions:
        """Raw predictions for some images of a pack.

        Args:
            pack: prepared as the run asks.
            ids: image ids, in the order wanted.
            part: what these images are called.
            batch: images per step.

        Raises:
            PackError: the pack has not all of the images.
        """
        order = pl.DataFrame({"image_id": ids}).join(
            pack.table.frame.select("image_id").with_row_index("row"),
            on="image_id",
            how="left",
            maintain_order="left",
        )
        table = pack.table.take(order["row"].to_numpy()).select(self.findings)
        truth = labelled(self.run, table, part).targets(self.run.config.labels, scoring=True)
        feed = Feed(
            pack.pixels,
            pack.rows_of(table),
            truth,
            mean=self._mean,
            sd=self._sd,
            device=self.device,
            batch=batch,
            seed=0,
            augment=None,
            shuffle=False,
            channels_last=self.run.config.train.channels_last,
            verify=pack.verify,
        )
        with progress(f"looking at the {part} part", len(feed)) as advance:
            logits = self._positive(_counted(feed, advance))
        patients = table.frame["patient_id"].to_numpy()
        return Predictions(
            table.image_ids, self.findings, logits, truth, cast(PartName, part), patients, table.study_ids
        )

    def _positive(self, batches: Iterable[Batch]) -> npt.NDArray[np.float32]:
        config = self.run.config
        raw, _ = forward(self.model, batches, config.train.precision, self.device, config.predict)
        return positive_logits(raw, len(self.findings)).numpy()


def _counted(feed: Feed, advance: Callable[[int], None]) -> Iterator[Batch]:
    for batch in feed.epoch(0):
        yield batch
        advance(len(batch.rows))


def _no_weights(run: Run, weights: str) -> str:
    """Why a run has none of these weights; empty where it should have them."""
    if run.members:
        return f"{run.path} is an ensemble: it has no weights of its own, its members do."
    if run.head:
        missing = "its weights are gone" if weights == "best" else "it has no epochs"
        again = run.info.get("command") or "hilum heads STORE"
        return f"{run.path} is of hilum heads, and {missing}. Search again with: {again}"
    if weights == "best":
        unfinished = f"{run.path} has no finished epoch yet. Go on with: hilum train --resume {run.path}"
        return "" if run.history else unfinished
    kept = sorted(p.stem for p in (run.path / "checkpoints").glob("[0-9]*.safetensors"))
    return f"{run.path} has not kept the weights of epoch {weights.lstrip('0')}. " + (
        f"It kept those of {', '.join(name.lstrip('0') for name in kept)}."
        if kept
        else "Train with --set train.keep_epochs=true to keep every epoch's."
    )
