"""The one inference path: validation, evaluation, prediction of files and all later users go through here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hilum.batches.feed import Batch
from hilum.config import PrepareConfig
from hilum.device import autocast, pick_device
from hilum.errors import ImageError, InputError
from hilum.metrics.predictions import sigmoid
from hilum.metrics.thresholds import Thresholds
from hilum.models import Classifier, build_model, load_weights, positive_logits
from hilum.pixels.prepare import load_image
from hilum.progress import progress
from hilum.runs import Run


def classes_of(uncertain: str) -> int:
    """How many outputs each finding has under a policy for uncertain labels."""
    return 3 if uncertain == "multiclass" else 1


@torch.inference_mode()
def forward(
    model: nn.Module, batches: Iterable[Batch], precision: str, device: torch.device
) -> tuple[Tensor, npt.NDArray[np.int64]]:
    """Run a model, in evaluation mode, over batches.

    Returns:
        The model's raw outputs, float32 [n, outputs] on the CPU, and the rows that they belong to, int64 [n].
    """
    was_training = model.training
    model.eval()
    outputs, rows = [], []
    try:
        for batch in batches:
            with autocast(precision, device):
                raw = model(batch.images)
            outputs.append(raw.float())
            rows.append(batch.rows)
    finally:
        model.train(was_training)
    if not outputs:
        return torch.zeros((0, 0)), np.zeros(0, np.int64)
    return torch.cat(outputs).cpu(), np.concatenate(rows)


@dataclass(frozen=True)
class FileResult:
    """What a run says of one image file.

    Attributes:
        path: the file.
        probabilities: float64 [k] of the positive class, or None where the image cannot be read.
        positive: bool [k], at the run's operating points.
        error: why the image cannot be read.
    """

    path: Path
    probabilities: npt.NDArray[np.float64] | None
    positive: npt.NDArray[np.bool_] | None
    error: str | None = None

    def cells(self) -> list[str]:
        """Probabilities as text, with a star at or over the operating point."""
        if self.probabilities is None or self.positive is None:
            return []
        pairs = zip(self.probabilities, self.positive, strict=True)
        return [f"{probability:.3f}{' *' if positive else '  '}" for probability, positive in pairs]

    def to_json(self, findings: Sequence[str]) -> dict[str, Any]:
        """The path, and per finding its probability and decision, or the error."""
        if self.probabilities is None or self.positive is None:
            return {"path": str(self.path), "error": self.error}
        values = zip(findings, self.probabilities, self.positive, strict=True)
        found = {name: {"probability": float(p), "positive": bool(yes)} for name, p, yes in values}
        return {"path": str(self.path), "findings": found}


class Predictor:
    """A trained run, ready to look at images.

    Attributes:
        run: where it comes from.
        findings: what it says something about.
        thresholds: operating points, chosen on the run's validation part.
        prepare: how an image file becomes the network's input.
    """

    def __init__(self, run: Run, *, device: str = "auto", weights: str = "best") -> None:
        """Load a run's weights.

        Args:
            run: a run with at least one finished epoch.
            device: `auto`, `cpu`, `cuda`, ...
            weights: `best`, the epoch with the best validation score.

        Raises:
            RunError: the run is not finished enough.
            WeightsError: its weights are missing or do not fit.
        """
        data, config = run.data, run.config
        self.run = run
        self.findings = tuple(data["findings"])
        self.thresholds: Thresholds = run.thresholds
        self.prepare = PrepareConfig(**data["prepare"])
        self.device = pick_device(device)
        self._precision = config.train.precision
        self._mean, self._sd = data["mean"], data["sd"]
        bare = config.model.model_copy(update={"weights": ""})
        model = build_model(bare, len(self.findings) * classes_of(config.labels.uncertain), self.prepare.size)
        load_weights(model, run.path / "checkpoints" / f"{weights}.safetensors", exact=True)
        form = torch.channels_last if config.train.channels_last else torch.contiguous_format
        self.model: Classifier = model.to(self.device).to(memory_format=form).eval()

    def logits(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Logits of the positive class for prepared images, uint8 [n, size, size] -> float32 [n, k]."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        normal = (pixels.unsqueeze(1).float() / 255.0 - self._mean) / self._sd
        raw, _ = forward(
            self.model, [Batch(normal, torch.empty(0), np.arange(len(images)))], self._precision, self.device
        )
        return positive_logits(raw, len(self.findings)).numpy()

    def files(self, paths: Sequence[str | Path], batch: int = 32) -> list[FileResult]:
        """Look at image files: PNG, JPEG, DICOM; each prepared as in training.

        An image that cannot be read gives a result with `error`, and the others are still looked at.
        """
        results: list[FileResult] = []
        with progress("predicting", len(paths)) as advance:
            for start in range(0, len(paths), batch):
                results += self._some([Path(path) for path in paths[start : start + batch]])
                advance(len(results) - start)
        return results

    def _some(self, paths: list[Path]) -> list[FileResult]:
        images: dict[int, npt.NDArray[np.uint8]] = {}
        errors: dict[int, str] = {}
        for i, path in enumerate(paths):
            try:
                images[i] = load_image(path, self.prepare)
            except ImageError as error:
                errors[i] = str(error)
        looked_at: dict[int, npt.NDArray[np.float64]] = {}
        if images:
            probabilities = sigmoid(self.logits(np.stack(list(images.values()))))
            looked_at = dict(zip(images, probabilities, strict=True))
        return [
            FileResult(path, looked_at[i], looked_at[i] >= self.thresholds.values)
            if i in looked_at
            else FileResult(path, None, None, errors[i])
            for i, path in enumerate(paths)
        ]


def expand(paths: Sequence[str | Path]) -> list[Path]:
    """Files as named, and all files below folders, sorted.

    Raises:
        InputError: a path does not exist, or there is no file at all.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        elif path.exists():
            found.append(path)
        else:
            raise InputError(
                f"there is no file {path}. Name image files (PNG, JPEG, DICOM) or folders of them."
            )
    if not found:
        raise InputError("no image files were found in the folders named.")
    return found
