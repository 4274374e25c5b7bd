"""TensorBoard events of a run, in `RUN/tensorboard`. The one module that imports tensorboard.

`train/` and `valid/` hold the same names of scores, so that TensorBoard draws both parts into one chart; the
folder itself holds what has no part; `result/` the settings and final scores, for the page HPARAMS.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from hilum.config import ABOUT, Config, dump_config, settings
from hilum.metrics import SCORES, per_finding
from hilum.runs import Run
from hilum.track import pictures
from hilum.track.events import Epoch, keys

_FOLDER = "tensorboard"
_PARTS = ("train", "valid")
_SAMPLE = 4096
"""Weights of a layer that its histogram is counted from, evenly spaced."""
_BUCKETS = 40
_ALWAYS = (
    "seed",
    "prepare.size",
    "model.name",
    "optimizer.kind",
    "optimizer.lr",
    "train.epochs",
    "train.batch",
)
"""Settings of the page HPARAMS also where they are the default: elsewhere an empty cell means the default."""
_RESULT = ("roc_auc", "average_precision", "recall", "precision", "f1", "accuracy")


class TensorBoard:
    """Writes events while a run trains; see `hilum.track.trackers.Trackers`."""

    def __init__(self, run: Run, epochs_done: int) -> None:
        """Events of epochs after `epochs_done`, left by a training that was killed, no longer count."""
        self._run = run
        folder = run.path / _FOLDER
        self._own = _writer(folder, epochs_done)
        self._parts = {part: _writer(folder / part, epochs_done) for part in _PARTS}

    def start(self, inputs: npt.NDArray[np.float32] | None, model: nn.Module) -> None:
        """The settings, the layout, and what the network sees and has before its first step."""
        if inputs is None:
            return
        self._own.add_text("configuration", _code(dump_config(self._run.config)), 0)
        self._own.add_custom_scalars(_layout())
        _image(self._own, "inputs/training", pictures.input_grid(inputs), 0)
        self._weights(model, 0)
        self._flush()

    def epoch(self, epoch: Epoch) -> None:
        """Scores, losses, speed, curves, pictures and histograms of an epoch."""
        step = int(epoch.entry["epoch"])
        for part, writer in self._parts.items():
            for name, value in _scalars(epoch.entry[part]).items():
                writer.add_scalar(name, value, step)
        self._own.add_scalar("training/learning_rate", epoch.entry["lr"], step)
        self._own.add_scalar("training/images_per_second", epoch.entry["images_per_second"], step)
        self._own.add_scalar("training/seconds", epoch.entry["seconds"], step)
        self._gradients(epoch.gradient_norms, step)
        self._weights(epoch.model, step)
        self._validation(epoch, step)
        self._flush()

    def close(self) -> None:
        """Write what waits, and close the files."""
        for writer in (self._own, *self._parts.values()):
            writer.close()

    @staticmethod
    def result(run: Run) -> None:
        """Settings that differ from the defaults, and scores by the best weights, over what was there."""
        folder = run.path / _FOLDER / "result"
        shutil.rmtree(folder, ignore_errors=True)
        writer = SummaryWriter(str(folder))
        # No experiment is declared: TensorBoard shows the first it finds, and would hide what others changed.
        _, begin, end = hparams(_changed_settings(run.config), {})
        writer._get_file_writer().add_summary(begin)
        writer._get_file_writer().add_summary(end)
        for part in ("valid", "test"):
            if (scores := run.scores(part)) is not None:
                for name in dict.fromkeys((*_RESULT, run.config.train.select)):
                    if name in SCORES:
                        value = scores.value(name)
                        if np.isfinite(value):
                            writer.add_scalar(f"{part}/{name}", value, run.best_epoch)
        writer.close()

    def _validation(self, epoch: Epoch, step: int) -> None:
        """Precision-recall curves, probabilities of both classes, and the worst errors."""
        predictions, writer = epoch.predictions["valid"], self._parts["valid"]
        for j, finding in enumerate(keys(predictions.findings).values()):
            truth = predictions.targets[:, j]
            probabilities = predictions.probabilities[:, j]
            known = np.isfinite(truth)
            if (truth == 1).any():
                writer.add_pr_curve(finding, truth[known] == 1, probabilities[known], step)
            for value, kind in ((1, "with"), (0, "without")):
                values = probabilities[truth == value]
                _histogram(writer, f"probability {kind} the finding/{finding}", values, step, (0.0, 1.0))
        if errors := pictures.most_wrong(predictions):
            shown = pictures.error_grid(errors, epoch.pixels([error.image_id for error in errors]))
            _image(writer, "errors/most_wrong", shown, step)

    def _weights(self, model: nn.Module, step: int) -> None:
        """The first layer as a picture, and a histogram of each layer's weights."""
        if (filters := pictures.first_filters(model)) is not None:
            _image(self._own, "filters/first_layer", filters, step)
        for name, weights in model.named_parameters():
            if weights.ndim > 1:
                flat = weights.detach().reshape(-1)
                some = flat[:: -(-len(flat) // _SAMPLE)].float().cpu().numpy()
                _histogram(self._own, f"weights/{name.removesuffix('.weight')}", some, step)

    def _gradients(self, norms: npt.NDArray[np.float64], step: int) -> None:
        norms = norms[np.isfinite(norms)]
        if len(norms):
            self._own.add_scalar("training/gradient_norm_median", float(np.median(norms)), step)
            self._own.add_scalar("training/gradient_norm_largest", float(norms.max()), step)
            _histogram(self._own, "gradient norm/of updates", norms, step)

    def _flush(self) -> None:
        for writer in (self._own, *self._parts.values()):
            writer.flush()


def _changed_settings(config: Config) -> dict[str, Any]:
    """Settings that differ from the defaults, and `_ALWAYS`, as bool, number or text; without names and notes."""
    now, default = settings(config), settings(Config())
    skipped = ABOUT | {"track.tensorboard", "track.mlflow"}
    values = {
        key: ", ".join(map(str, value)) if isinstance(value, tuple) else value
        for key, value in now.items()
        if (value != default[key] or key in _ALWAYS) and key not in skipped
    }
    return {
        key: value if isinstance(value, bool | int | float) else str(value) for key, value in values.items()
    }


def _writer(folder: Path, epochs_done: int) -> SummaryWriter:
    started = folder.is_dir() and any(folder.glob("events.*"))
    return SummaryWriter(str(folder), purge_step=epochs_done + 1 if started else None)


def _scalars(found: dict[str, Any]) -> dict[str, float]:
    """`Mean/score`, `score/finding` and `combined/score` of a part's scores; what is missing has no point.

    TensorBoard sorts by the bytes of a name: the capital puts the overview before everything else.
    """
    scores = found["scores"]
    values = {"Mean/loss": found["loss"]}
    values |= {f"combined/{name}": value for name, value in scores["combined"].items()}
    for name in per_finding():
        values[f"Mean/{name}"] = scores["mean"].get(name, {}).get("value")
        rows = scores["per_finding"]
        values |= {f"{name}/{key}": rows[finding].get(name) for finding, key in keys(rows).items()}
    return {name: float(value) for name, value in values.items() if value is not None}


def _image(writer: SummaryWriter, name: str, picture: npt.NDArray[np.uint8], step: int) -> None:
    """A gray PNG. The writer's own would be RGB at Pillow's compression: six times as slow, a third larger."""
    height, width = picture.shape
    _, encoded = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    image = Summary.Image(height=height, width=width, colorspace=1, encoded_image_string=encoded.tobytes())
    writer._get_file_writer().add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)


def _histogram(
    writer: SummaryWriter,
    name: str,
    values: npt.NDArray[Any],
    step: int,
    limits: tuple[float, float] | None = None,
) -> None:
    """A histogram of evenly wide buckets; TensorBoard's own 1,500 are slow to count and large to keep."""
    values = values[np.isfinite(values)].astype(np.float64)
    if not len(values):
        return
    counts, edges = np.histogram(values, bins=_BUCKETS, range=limits)
    writer.add_histogram_raw(
        name,
        min=float(values.min()),
        max=float(values.max()),
        num=len(values),
        sum=float(values.sum()),
        sum_squares=float((values**2).sum()),
        bucket_limits=edges[1:].tolist(),
        bucket_counts=counts.tolist(),
        global_step=step,
    )


def _layout() -> dict[str, dict[str, list[Any]]]:
    """The page CUSTOM SCALARS: all findings of a score in one chart."""
    names = ("roc_auc", "average_precision", "recall", "precision", "f1")
    return {"all findings": {SCORES[name].heading: ["Multiline", [f"{name}/.*"]] for name in names}}


def _code(text: str) -> str:
    """As a block of code in Markdown."""
    return "\n".join(f"    {line}" for line in text.splitlines())
