"""`Predictor`: what a run, or an ensemble of runs, says of image files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.config import PrepareConfig
from hilum.device import pick_device
from hilum.errors import ImageError, InputError, RunError
from hilum.metrics import Judge, Predictions, Thresholds
from hilum.models import Classifier
from hilum.pixels import load_image
from hilum.predict.learned import Learned
from hilum.predict.network import Network
from hilum.progress import progress
from hilum.runs import Run
from hilum.text import items


@dataclass(frozen=True)
class FileResult:
    """What a run says of one image file.

    Attributes:
        path: the file.
        probabilities: float64 [k] of the positive class, calibrated as the run asks; None where the image
            cannot be read, or is none of the kind that the run learned.
        positive: bool [k], at the run's operating points.
        error: why there are no probabilities.
        doubt: why the picture is none of the kind that the run learned; with `force` there are probabilities
            all the same.
        notes: what the reader guessed of the picture, each a clause.
    """

    path: Path
    probabilities: npt.NDArray[np.float64] | None
    positive: npt.NDArray[np.bool_] | None
    error: str | None = None
    doubt: str | None = None
    notes: tuple[str, ...] = ()

    def cells(self) -> list[str]:
        """Probabilities as text, with a star at or over the operating point."""
        if self.probabilities is None or self.positive is None:
            return []
        pairs = zip(self.probabilities, self.positive, strict=True)
        return [f"{probability:.3f}{' *' if positive else '  '}" for probability, positive in pairs]

    def to_json(self, findings: Sequence[str]) -> dict[str, Any]:
        """The path, and per finding its probability and decision, with a doubt and guesses, or the error."""
        if self.probabilities is None or self.positive is None:
            return {"path": str(self.path), "error": self.error}
        values = zip(findings, self.probabilities, self.positive, strict=True)
        found = {name: {"probability": float(p), "positive": bool(yes)} for name, p, yes in values}
        said = ({"doubt": self.doubt} if self.doubt else {}) | (
            {"guessed": list(self.notes)} if self.notes else {}
        )
        return {"path": str(self.path), **said, "findings": found}


class Predictor:
    """A trained run, or an ensemble, ready to look at images.

    Test-time augmentation, averaging over members, calibration and operating points are the run's own. Where the
    run is judged per study or patient, each file counts as one of a single image.

    Attributes:
        run: where it comes from.
        findings: what it says something about.
        judge: calibration and operating points, fitted on the run's validation part.
        learned: what kind of pictures it may be asked of.
        networks: one, or one a member.
    """

    def __init__(self, run: Run, *, device: str = "auto", weights: str = "best") -> None:
        """Load a run's weights.

        Args:
            run: a run with at least one finished epoch, or an ensemble.
            device: `auto`, `cpu`, `cuda`, ...
            weights: `best`, the epoch with the best validation score, or `0003`, an epoch whose weights were kept
                (calibration and operating points remain those of the best).

        Raises:
            RunError: the run is not finished enough, or a member of the ensemble is gone.
            WeightsError: its weights are missing or do not fit.
        """
        self.run = run
        self.findings = tuple(run.data["findings"])
        self.judge: Judge = run.judge
        self.learned = Learned.of(run)
        self._mixture = run.mixture
        self.networks = tuple(
            Network(Run.open(member.path), device=device, weights=member.weights) for member in run.members
        ) or (Network(run, device=device, weights=weights),)
        self.device = pick_device(device)

    @property
    def thresholds(self) -> Thresholds:
        """Operating points on calibrated probabilities."""
        return self.judge.thresholds

    @property
    def prepare(self) -> PrepareConfig:
        """How an image file becomes the network's input; the first member's, of an ensemble."""
        return self.networks[0].prepare

    @property
    def model(self) -> Classifier:
        """The network itself.

        Raises:
            RunError: an ensemble has several.
        """
        if self._mixture is not None:
            raise RunError(
                f"{self.run.path} is an ensemble: it has no single network. Name one of its members."
            )
        return self.networks[0].model

    def logits(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating[Any]]:
        """Raw logits of the positive class for prepared images, uint8 [n, size, size] -> [n, k], not calibrated.

        Raises:
            RunError: members of the ensemble prepare images differently; give files to `files` then.
        """
        if any(network.prepare != self.prepare for network in self.networks):
            raise RunError(
                f"members of {self.run.path} prepare images differently: no picture fits them all."
            )
        ids = np.array([str(row) for row in range(len(images))], dtype=object)
        return self._raw([images] * len(self.networks), ids).logits

    def probabilities(self, raw: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities of raw logits, [n, k] -> float64 [n, k]."""
        ids = np.array([str(row) for row in range(len(raw))], dtype=object)
        return self.judge.calibration.apply(self._new(ids, raw)).probabilities

    def files(
        self, paths: Sequence[str | Path] | str | Path, batch: int = 32, *, force: bool = False
    ) -> list[FileResult]:
        """Look at image files: PNG, JPEG, DICOM; each prepared as in training.

        An image that cannot be read gives a result with `error`, and the others are still looked at. So does a
        picture that is no chest film where the run learned chest films, or a lateral view where it did not learn
        such; with `force` it gives probabilities and `doubt`.
        """
        paths = items(paths)
        results: list[FileResult] = []
        with progress("predicting", len(paths)) as advance:
            for start in range(0, len(paths), batch):
                results += self._some([Path(path) for path in paths[start : start + batch]], force)
                advance(len(results) - start)
        return results

    def _some(self, paths: list[Path], force: bool) -> list[FileResult]:
        limits = self.run.config.limits
        prepares = list(dict.fromkeys(network.prepare for network in self.networks))
        images: dict[int, list[npt.NDArray[np.uint8]]] = {}
        errors: dict[int, str] = {}
        doubts: dict[int, str] = {}
        notes: dict[int, tuple[str, ...]] = {}
        for i, path in enumerate(paths):
            try:
                image, doubt, notes[i] = self.learned.load(path, prepares[0], limits)
                if doubt:
                    doubts[i] = doubt
                if doubt and not force:
                    errors[i] = f"{path} {doubt}"
                else:
                    images[i] = [image, *(load_image(path, prepare, limits) for prepare in prepares[1:])]
            except ImageError as error:
                errors[i] = str(error)
        looked_at: dict[int, npt.NDArray[np.float64]] = {}
        if images:
            stacks = [np.stack(pictures) for pictures in zip(*images.values(), strict=True)]
            each = [stacks[prepares.index(network.prepare)] for network in self.networks]
            raw = self._raw(each, np.array([str(i) for i in images], dtype=object))
            looked_at = dict(zip(images, self.probabilities(raw.logits), strict=True))
        return [
            FileResult(
                path, looked_at[i], looked_at[i] >= self.thresholds.values, None, doubts.get(i), notes[i]
            )
            if i in looked_at
            else FileResult(path, None, None, errors[i], doubts.get(i))
            for i, path in enumerate(paths)
        ]

    def _raw(self, images: Sequence[npt.NDArray[np.uint8]], ids: npt.NDArray[np.object_]) -> Predictions:
        """What the networks say of their images, averaged where they are several."""
        each = [
            self._new(ids, network.logits(own)) for network, own in zip(self.networks, images, strict=True)
        ]
        return each[0] if self._mixture is None else self._mixture.predictions(each)

    def _new(self, ids: npt.NDArray[np.object_], logits: npt.NDArray[np.floating[Any]]) -> Predictions:
        unknown = np.full(logits.shape, np.nan, dtype=np.float32)
        return Predictions(ids, self.findings, logits, unknown, "new")


def expand(paths: Sequence[str | Path] | str | Path) -> list[Path]:
    """Files as named, and all files below folders, sorted.

    Raises:
        InputError: a path does not exist, or there is no file at all.
    """
    found: list[Path] = []
    for path in map(Path, items(paths)):
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
