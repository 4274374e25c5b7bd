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
from hilum.errors import ImageError, PackError, RunError
from hilum.metrics import PartName, Predictions
from hilum.models import Classifier, Normalisation, build_model, classes_of, load_weights, positive_logits
from hilum.pixels import Pack, unlike
from hilum.progress import progress
from hilum.runs import Run, check_plugins
from hilum.table import Overlay

_ALONE = PredictConfig()
"""No test-time augmentation: every image as it is."""


@torch.inference_mode()
def forward(
    model: nn.Module,
    batches: Iterable[Batch],
    precision: str,
    device: torch.device,
    augment: PredictConfig = _ALONE,
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
            outputs.append(_mean_outputs(model, batch.images, precision, device, augment))
            rows.append(batch.rows)
    finally:
        model.train(was_training)
    if not outputs:
        return torch.zeros((0, 0)), np.zeros(0, np.int64)
    return torch.cat(outputs).cpu(), np.concatenate(rows)


def _mean_outputs(
    model: nn.Module, images: Tensor, precision: str, device: torch.device, augment: PredictConfig
) -> Tensor:
    with autocast(precision, device):
        raw = [model(copy).float() for copy in copies(images, augment)]
    return raw[0] if len(raw) == 1 else torch.stack(raw).mean(0)


def check_prepared(pack: Pack, wanted: PrepareConfig, name: str, more: dict[str, str] | None = None) -> None:
    """Check that a pack's images are prepared as a network needs them.

    Args:
        pack: any.
        wanted: how they should be.
        name: what the network is called.
        more: further settings to tell, where something differs.

    Raises:
        PackError: they are not; the message says how to pack them.
    """
    different = unlike(pack.prepare, wanted)
    if not different:
        return
    different |= {key: (getattr(pack.prepare, key), value) for key, value in (more or {}).items()}
    said = ", ".join(f"{key} = {one!r}, not {other!r}" for key, (one, other) in different.items())
    how = " ".join(f"--{key} {other}" for key, (_, other) in different.items())
    raise PackError(
        f"{pack.path} has images with {said}, for which {name} was not trained. "
        f"Pack them again: hilum pack SOURCE FOLDER --out OUT {how}"
    )


class Network(nn.Module):
    """A trained run's model, ready to look at images.

    Attributes:
        run: where it comes from.
        findings: what it says something about.
        preparation: how an image file becomes its input.
        normalisation: of its pixels.
        model: the network itself, in evaluation mode; it takes normalised images.
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
        super().__init__()
        check_plugins(run, "MODELS", "BACKBONES")
        data, config = run.data, run.config
        self.run = run
        self.findings = tuple(data["findings"])
        self.preparation = PrepareConfig(**data["prepare"])
        self.normalisation = Normalisation.from_json(data)
        path = run.path / "checkpoints" / f"{weights}.safetensors"
        if not path.is_file() and (why := _no_weights(run, weights)):
            raise RunError(why)
        bare = config.model.model_copy(update={"weights": "", "head": ""})
        model = build_model(
            bare, len(self.findings) * classes_of(config.labels.uncertain), self.preparation.size
        )
        load_weights(model, path, exact=True)
        model.adopt(self.normalisation)
        form = torch.channels_last if config.train.channels_last else torch.contiguous_format
        self.model: Classifier = model.to(pick_device(device)).to(memory_format=form)
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.model.parameters()).device

    def forward(self, images: Tensor) -> Tensor:
        """Raw logits of the positive class, float32 [n, k].

        Args:
            images: float32 [n, 1, size, size], 0 to 1.

        Raises:
            ImageError: they are whole numbers, or of another shape.
        """
        config, (mean, sd) = self.run.config, self.normalisation.gray
        if images.ndim != 4 or images.shape[1] != 1 or not images.is_floating_point():
            came = f"{str(images.dtype).removeprefix('torch.')} {list(images.shape)}"
            raise ImageError(
                f"images are floats of 0 to 1, [n, 1, size, size], as `prepare` gives; came: {came}"
            )
        normal = (images.to(self.device, torch.float32) - mean) / sd
        raw = _mean_outputs(self.model, normal, config.train.precision, self.device, config.predict)
        return positive_logits(raw, len(self.findings))

    def part(self, pack: Pack, ids: pl.Series, part: str, batch: int = 64) -> Predictions:
        """Raw predictions for some images of a pack, with the run's own labels.

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
        labels = self.run.config.labels
        if labels.overlay:  # the verdicts that the run began with are in the place of labels
            rows = {part: np.arange(len(table), dtype=np.int64)}
            table = Overlay.read(self.run.verdicts).apply(table, rows, labels)[0]
        truth = table.targets(labels, scoring=True)
        logits = self.pack(pack, pack.rows_of(table), f"looking at the {part} part", batch)
        patients = table.frame["patient_id"].to_numpy()
        return Predictions(
            table.image_ids, self.findings, logits, truth, cast(PartName, part), patients, table.study_ids
        )

    def pack(
        self, pack: Pack, slots: npt.NDArray[np.int64], doing: str, batch: int = 64
    ) -> npt.NDArray[np.float32]:
        """Raw logits of the positive class for images of a pack.

        Args:
            pack: prepared as the run asks.
            slots: int64 [n], where their pixels lie.
            doing: what the user is told is being done.
            batch: images per step.

        Returns:
            float32 [n, k].

        Raises:
            PackError: its images are prepared in another way, or damaged.
        """
        check_prepared(pack, self.preparation, self.run.name)
        config, (mean, sd) = self.run.config, self.normalisation.gray
        feed = Feed(
            pack.pixels,
            slots,
            np.zeros((len(slots), 0), np.float32),
            mean=mean,
            sd=sd,
            device=self.device,
            batch=batch,
            channels_last=config.train.channels_last,
            verify=pack.verify,
        )
        with progress(doing, len(feed)) as advance:
            batches = _counted(feed, advance)
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
