"""`Predictor`: a run's model, or an ensemble's, ready to look at images; and the two functions that give it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hilum.config import PrepareConfig
from hilum.errors import ImageError, InputError, RunError
from hilum.metrics import Judge, Predictions
from hilum.models import Classifier
from hilum.pixels import INFO, Pack, load_film, load_image
from hilum.predict.learned import Learned
from hilum.predict.network import Network
from hilum.predict.predicted import Predicted, PredictedImage, checked_suffix
from hilum.progress import progress
from hilum.runs import Run
from hilum.text import items


class Predictor(nn.Module):
    """A trained run, or an ensemble, ready to look at images::

        model = hilum.load("runs/name-1")
        logits = model(model.prepare("film.png").unsqueeze(0))  # [1, k], of model.findings

    Preparation, normalisation, test-time augmentation, averaging over members, calibration and operating points
    are the run's own: numbers are those of `hilum predict`. Where the run is judged per study or patient, each
    image counts as one of a single image.

    Attributes:
        run: where it comes from.
        findings: what it says something about.
        judge: calibration and operating points, fitted on the run's validation part.
        learned: what kind of pictures it may be asked of.
        networks: one, or one a member.
    """

    def __init__(self, run: Run | str | Path, *, device: str = "auto", weights: str = "best") -> None:
        """Load a run's weights; arguments and errors as `load`."""
        super().__init__()
        run = run if isinstance(run, Run) else Run(run)
        self.run = run
        self.findings = tuple(run.data["findings"])
        self.judge: Judge = run.judge
        self.learned = Learned.of(run)
        self._mixture = run.mixture
        members = [Network(Run(one.path), device=device, weights=one.weights) for one in run.members]
        self.networks = nn.ModuleList(members or [Network(run, device=device, weights=weights)])
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self._each[0].device

    @property
    def _each(self) -> list[Network]:
        return [cast("Network", network) for network in self.networks]

    @property
    def preparation(self) -> PrepareConfig:
        """How an image file becomes the network's input; the first member's, of an ensemble."""
        return self._each[0].preparation

    @property
    def model(self) -> Classifier:
        """The network itself, which takes normalised images.

        Raises:
            RunError: an ensemble has several.
        """
        if self._mixture is not None:
            raise RunError(
                f"{self.run.path} is an ensemble: it has no single network. Name one of its members."
            )
        return self._each[0].model

    def prepare(self, image: str | Path | npt.ArrayLike) -> Tensor:
        """An image as the model takes it: decoded, resized and, where the run asks, equalised as in training.

        Args:
            image: a file (PNG, JPEG, DICOM, ...); or pixels, [h, w] or [h, w, 3] (RGB), uint8 or floats of 0 to 1.

        Returns:
            float32 [1, size, size], 0 to 1.

        Raises:
            ImageError: the file cannot be decoded, or the array is no such picture.
            RunError: members of the ensemble prepare images differently; give files to `predict` then.
        """
        self._alike()
        return _as_input(np.stack([load_image(image, self.preparation, self.run.config.limits)]))[0]

    def forward(self, images: Tensor) -> Tensor:
        """Raw logits of the positive class, not calibrated.

        Gradients flow through the network of a run; an ensemble is averaged without.

        Args:
            images: float32 [n, 1, size, size], 0 to 1, as `prepare` gives them.

        Returns:
            float32 [n, k]; float64 of an ensemble.

        Raises:
            RunError: members of the ensemble prepare images differently; give files to `predict` then.
        """
        self._alike()
        return self._logits([images] * len(self.networks))

    def probabilities(self, images: Tensor) -> Tensor:
        """Calibrated probabilities of the positive class, without gradients, float64 [n, k] on the CPU.

        Arguments and errors as for `forward`.
        """
        with torch.inference_mode(), _evaluating(self):
            return torch.from_numpy(self._calibrated(self(images).cpu().numpy()))

    def predict(
        self, images: Sequence[str | Path] | str | Path, batch: int = 32, *, force: bool = False
    ) -> Predicted:
        """Look at image files, folders of them, and packs; files first.

        An image that cannot be read gives a result with `error`, and the others are still looked at. So does a
        picture that is no chest film where the run learned chest films, or a lateral view where it did not learn
        such; with `force` it gives probabilities and `doubt`.

        Raises:
            InputError: a path does not exist, or there is no file at all.
            PackError: a pack's images are prepared in another way than the run's, or are damaged.
        """
        paths = expand(images)
        packs = [Pack(path) for path in paths if _is_pack(path)]
        files = [path for path in paths if not _is_pack(path)]
        results: list[PredictedImage] = []
        if files:
            with progress("predicting", len(files)) as advance:
                for start in range(0, len(files), batch):
                    results += self._files(files[start : start + batch], force)
                    advance(len(results) - start)
        for pack in packs:
            results += self._pack(pack, batch, force)
        return Predicted(self.findings, tuple(results))

    def _files(self, paths: Sequence[Path], force: bool) -> list[PredictedImage]:
        prepares = list(dict.fromkeys(network.preparation for network in self._each))
        pairs = [self._read(path, prepares, force) for path in paths]
        stacks = [_as_input(np.stack(same)) for same in zip(*(own for _, own in pairs if own), strict=True)]
        if not stacks:
            return [image for image, _ in pairs]
        with torch.inference_mode(), _evaluating(self):
            raw = self._logits([stacks[prepares.index(one.preparation)] for one in self._each])
        found = iter(self._calibrated(raw.cpu().numpy()))
        return [self._told(image, next(found)) if own else image for image, own in pairs]

    def _read(
        self, path: Path, prepares: Sequence[PrepareConfig], force: bool
    ) -> tuple[PredictedImage, list[npt.NDArray[np.uint8]]]:
        """What is known of a file, and its picture in each preparation; none where it is not looked at."""
        limits, films, views = self.run.config.limits, self.learned.films, self.learned.views
        try:
            image, doubt, notes = load_film(path, prepares[0], limits, films=films, learned=views)
            if doubt and not force:
                return PredictedImage(str(path), error=f"{path} {doubt}", doubt=doubt), []
            others = [load_image(path, prepare, limits) for prepare in prepares[1:]]
        except ImageError as error:
            return PredictedImage(str(path), error=str(error)), []
        return PredictedImage(str(path), doubt=doubt, notes=notes), [image, *others]

    def _pack(self, pack: Pack, batch: int, force: bool) -> list[PredictedImage]:
        doubts = self.learned.unlike(pack)
        rows = [row for row in range(len(pack)) if force or row not in doubts]
        results = [
            PredictedImage(
                name, True, error=f"{name} {doubts[row]}" if row in doubts else None, doubt=doubts.get(row)
            )
            for row, name in enumerate(pack.table.image_ids.tolist())
        ]
        if not rows:
            return results
        with _evaluating(self):
            told = f"predicting {pack.path}"
            each = [network.pack(pack, pack.slots[rows], told, batch) for network in self._each]
        for row, own in zip(rows, self._calibrated(self._mixed(each)), strict=True):
            results[row] = self._told(replace(results[row], error=None), own)
        return results

    def _told(self, image: PredictedImage, probabilities: npt.NDArray[np.float64]) -> PredictedImage:
        positive = probabilities >= self.judge.thresholds.values
        return replace(image, probabilities=probabilities, positive=positive)

    def _alike(self) -> None:
        if any(network.preparation != self.preparation for network in self._each):
            raise RunError(
                f"members of {self.run.path} prepare images differently: no picture fits them all."
            )

    def _logits(self, images: Sequence[Tensor]) -> Tensor:
        """What the networks say of their images, averaged where they are several."""
        if self._mixture is None:
            return cast("Tensor", self.networks[0](images[0]))
        with torch.no_grad():
            each = [network(own) for network, own in zip(self.networks, images, strict=True)]
        mixed = torch.from_numpy(self._mixed([one.cpu().numpy() for one in each]))
        return mixed.to(each[0].device)

    def _mixed(self, each: Sequence[npt.NDArray[np.floating[Any]]]) -> npt.NDArray[np.floating[Any]]:
        if self._mixture is None:
            return each[0]
        return self._mixture.predictions([self._new(logits) for logits in each]).logits

    def _calibrated(self, logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        return self.judge.calibration.apply(self._new(logits)).probabilities

    def _new(self, logits: npt.NDArray[np.floating[Any]]) -> Predictions:
        ids = np.array([str(row) for row in range(len(logits))], dtype=object)
        unknown = np.full(logits.shape, np.nan, dtype=np.float32)
        return Predictions(ids, self.findings, logits, unknown, "new")


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode within the block, whatever a user's `train()` made of it: no dropout, no statistics."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def load(run: Run | str | Path, *, device: str = "auto", weights: str = "best") -> Predictor:
    """A run's model with its preparation, in evaluation mode; `Predictor` says what can be done with it.

    Args:
        run: a run with at least one finished epoch, of `hilum heads`, or an ensemble.
        device: `auto`, `cpu`, `cuda`, ...
        weights: `best`, the epoch with the best validation score, or `0003`, an epoch whose weights were kept
            (calibration and operating points remain those of the best).

    Raises:
        RunError: the run is not finished enough, or a member of the ensemble is gone.
        WeightsError: its weights are missing or do not fit.
    """
    return Predictor(run, device=device, weights=weights)


def predict(
    run: Run | str | Path,
    images: Sequence[str | Path] | str | Path,
    *,
    out: str | Path | None = None,
    force: bool = False,
    device: str = "auto",
) -> Predicted:
    """Look at images with a run's best weights; for arguments and errors see `hilum.api.predict`."""
    paths = expand(images)
    if out is not None:
        checked_suffix(out)
    predicted = load(run, device=device).predict(paths, force=force)
    if out is not None:
        predicted.save(out)
    return predicted


def expand(paths: Sequence[str | Path] | str | Path) -> list[Path]:
    """Files and packs as named, and all files below other folders, sorted.

    Raises:
        InputError: a path does not exist, or there is no file at all.
    """
    found: list[Path] = []
    for path in map(Path, items(paths)):
        if path.is_dir() and not _is_pack(path):
            found += sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        elif path.exists():
            found.append(path)
        else:
            raise InputError(
                f"there is no file {path}. Name image files (PNG, JPEG, DICOM), folders of them, or packs."
            )
    if not found:
        raise InputError("no image files were found in the folders named.")
    return found


def _is_pack(path: Path) -> bool:
    return (path / INFO).is_file()


def _as_input(images: npt.NDArray[np.uint8]) -> Tensor:
    """Prepared images, uint8 [n, size, size], as float32 [n, 1, size, size], 0 to 1."""
    return torch.from_numpy(images).unsqueeze(1).float() / 255.0
