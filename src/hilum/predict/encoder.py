"""`Encoder`: a network without its head, with all that it needs to turn images into vectors."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.batches import Feed
from hilum.config import ModelConfig, PrepareConfig
from hilum.device import autocast, one_core_workers, pick_device, precision_of
from hilum.errors import ConfigError, RunError
from hilum.models import Classifier, Normalisation, Preparation, find_model, make_pool
from hilum.pixels import Pack
from hilum.predict.network import Network, check_prepared
from hilum.predict.origin import Origin
from hilum.runs import Run

_PRETRAINED = "pretrained"


class Vectors(NamedTuple):
    """Feature maps of n images, pooled in both ways.

    Attributes:
        avg: float32 [n, width], the mean over positions.
        max: float32 [n, width], the maximum over positions.
    """

    avg: npt.NDArray[np.float32]
    max: npt.NDArray[np.float32]


@dataclass(eq=False)
class Encoder:
    """A backbone, ready to embed images; `Encoder.open` makes one.

    Attributes:
        name: what it is called.
        origin: the run's folder, `pretrained`, or the file of weights.
        model: the whole network, in evaluation mode; its head is not used.
        config: the network's settings.
        normalisation: of pixels.
        device: where it runs.
        precision: `auto` at first, then `fp32` or `bf16`.
        prepare: how images must have been prepared, to the last setting; None where that is not known.
        published: or what published weights want of them.
    """

    name: str
    origin: str
    model: Classifier
    config: ModelConfig
    normalisation: Normalisation
    _: KW_ONLY
    device: torch.device
    precision: str = "auto"
    prepare: PrepareConfig | None = None
    published: Preparation | None = None

    def __post_init__(self) -> None:
        self.precision = precision_of(self.precision, self.device)
        self.model.adopt(self.normalisation)
        self.model = self.model.to(self.device).to(memory_format=torch.channels_last).eval()
        self._pools = make_pool("avg", 0), make_pool("max", 0)
        self._folded = self._fold() if self.device.type == "cpu" else None

    @classmethod
    def open(
        cls,
        model_or_run: str | Path,
        *,
        weights: str = _PRETRAINED,
        channels: int | None = None,
        size: int = 224,
        device: str = "auto",
        precision: str = "auto",
    ) -> Encoder:
        """A run's backbone, or a network by name.

        Args:
            model_or_run: a run's folder, or a name from `hilum models`.
            weights: of a network by name: `pretrained`, a file, or a run's folder.
            channels: of a network by name: 1 or 3; by default what its weights were trained with.
            size: of a network by name that takes any size: the images' side.
            device: `auto`, `cpu`, `cuda`, ...
            precision: `auto`, `fp32` or `bf16`.

        Raises:
            ConfigError: there is no such network, or it has a pooling of its own (`cnn`).
            RunError: the run has no weights of its own.
            WeightsError: the weights cannot be reached or do not fit.
        """
        where = pick_device(device)
        if (Path(model_or_run) / "run.json").is_file():
            return cls._of_run(Run(model_or_run), where, precision)
        config = ModelConfig(name=str(model_or_run), weights=weights)
        return cls._by_name(config, channels, size, where, precision)

    @classmethod
    def _of_run(cls, run: Run, device: torch.device, precision: str) -> Encoder:
        if run.members:
            raise RunError(f"{run.path} is an ensemble: it has no single network. Name one of its members.")
        _pools(run.config.model, str(run.path))
        network = Network(run, device=str(device))
        return cls(
            run.name,
            str(run.path),
            network.model,
            run.config.model,
            network.normalisation,
            prepare=network.preparation,
            device=device,
            precision=precision,
        )

    @classmethod
    def _by_name(
        cls, config: ModelConfig, channels: int | None, size: int, device: torch.device, precision: str
    ) -> Encoder:
        find_model(config.name)
        _pools(config, config.name)
        origin = Origin.of(config)
        if origin.normalisation is None:
            raise RunError(
                f"nobody knows how images were normalised for the weights {config.weights!r} of {config.name}. "
                "Name the run that they are of, or the network's published weights."
            )
        run = origin.backbone
        prepare = PrepareConfig(**run.data["prepare"]) if run else None
        published = None if run else find_model(config.name).preparation
        if channels is None:
            channels = run.config.model.channels if run else len(origin.normalisation.mean)
        width = {"channels": 1 if channels == 1 else 3}
        size = prepare.size if prepare else (published and published.size) or size
        model = replace(origin, model=origin.model.model_copy(update=width)).build(1, size)
        return cls(
            config.name,
            config.weights,
            model,
            config.model_copy(update=width),
            origin.normalisation,
            prepare=prepare,
            published=published,
            device=device,
            precision=precision,
        )

    @cached_property
    def width(self) -> int:
        """Length of each of the two vectors."""
        side = self.preparation.size
        blank = torch.zeros(1, 1, side, side, device=self.device)
        with torch.inference_mode():
            return int(self.model.feature_map(blank).shape[1])

    def _fold(self) -> Callable[[Tensor], Tensor] | None:
        from hilum.models import fold

        return fold(self.model.backbone, torch.bfloat16 if self.precision == "bf16" else torch.float32)

    def batch(self, size: int) -> int:
        """Images of a side a step that suit the device: on a CPU few, whose maps stay in the core's cache.

        Folded, a step has 400,000 pixels. Smaller ones wait for each other's Python: DenseNet121 in bf16 on 4
        cores, films a second at 128 px with 4, 8, 16, 32 a step: 198, 369, 549, 545.
        """
        if self.device.type != "cpu":
            return 256
        return 16 if self._folded is None else max(1, 400_000 // size**2)

    @property
    def preparation(self) -> PrepareConfig:
        """How to prepare images that are yet to be packed."""
        if self.prepare is not None:
            return self.prepare
        wanted = self.published
        fit = {"fit": wanted.fit} if wanted else {}
        return PrepareConfig.model_validate({"size": (wanted and wanted.size) or 224, **fit})

    def settings(self, prepare: PrepareConfig) -> dict[str, Any]:
        """What says which encoder made a vector, for images prepared like this, as JSON holds it.

        Returns:
            `name`; `origin`, the run's folder, `pretrained` or a file of weights; `model`, network and channels;
            `normalisation`; `prepare`; `precision`; `width`; and `fingerprint`, the sha256 of weights and all of
            these but name and origin: equal for equal vectors.
        """
        about: dict[str, Any] = {
            "model": {"name": self.config.name, "channels": self.config.channels},
            "normalisation": self.normalisation.to_json(),
            "prepare": prepare.model_dump(),
            "precision": self.precision,
            "width": self.width,
        }
        digest = hashlib.sha256(repr(about).encode())
        for key, value in sorted(self.model.backbone.state_dict().items()):
            if key.endswith("num_batches_tracked"):
                continue
            digest.update(f"{key}{list(value.shape)}{value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return {"name": self.name, "origin": self.origin, **about, "fingerprint": digest.hexdigest()}

    def check(self, pack: Pack) -> None:
        """Check that a pack's images are prepared as the weights need them.

        Raises:
            PackError: they are not; the message says how to pack them.
        """
        has, published = pack.prepare, self.published
        size = {"size": published.size} if published and published.size else {}
        fit = {"fit": published.fit} if published and published.fit != has.fit else {}
        check_prepared(pack, self.prepare or has.model_copy(update=size), self.name, fit)

    @torch.inference_mode()
    def vectors(self, images: npt.NDArray[np.uint8]) -> Vectors:
        """Vectors of prepared images, uint8 [n, size, size]."""
        mean, sd = self.normalisation.gray
        pixels = torch.tensor(images, device=self.device)
        return self._vectors((pixels.unsqueeze(1).float() / 255.0 - mean) / sd)

    def pack(
        self, pack: Pack, slots: npt.NDArray[np.int64], batch: int = 0
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        """Vectors of some images of a pack, batch by batch.

        On a CPU every core has a batch of its own: no core waits for the others after every operation.

        Args:
            pack: prepared as `check` asks.
            slots: int64 [n], where their pixels lie.
            batch: images per step; 0 is what suits the device.

        Yields:
            Positions in `slots`, int64 [b], and their vectors.
        """
        mean, sd = self.normalisation.gray
        feed = Feed(
            pack.pixels,
            slots,
            np.zeros((len(slots), 0), np.float32),
            mean=mean,
            sd=sd,
            device=self.device,
            batch=batch or self.batch(pack.prepare.size),
            verify=pack.verify,
        )
        cores = torch.get_num_threads() if self.device.type == "cpu" else 1
        if cores == 1:
            for step in feed.epoch(0):
                yield step.rows, self._vectors(step.images)
            return
        ahead: deque[tuple[npt.NDArray[np.int64], Future[Vectors]]] = deque()
        with one_core_workers(cores, "hilum-embed") as workers:
            for step in feed.epoch(0):
                ahead.append((step.rows, workers.submit(self._vectors, step.images)))
                if len(ahead) > cores:
                    rows, found = ahead.popleft()
                    yield rows, found.result()
            for rows, found in ahead:
                yield rows, found.result()

    @torch.inference_mode()
    def _vectors(self, images: Tensor) -> Vectors:
        """float32 [n, 1, s, s], normalised -> vectors."""
        both = self._pooled(images).float().cpu().numpy()
        return Vectors(*np.split(both, 2, axis=1))

    def _pooled(self, images: Tensor) -> Tensor:
        """float32 [n, 1, s, s], normalised -> [n, 2 width]: the same operations as the network's own pooling."""
        with autocast(self.precision, self.device):
            if self._folded is None:
                feature_map = self.model.feature_map(images)
            else:
                feature_map = self._folded(self.model.seen(images))
            return torch.cat([pool(feature_map) for pool in self._pools], dim=1)


def _pools(config: ModelConfig, name: str) -> None:
    if config.name == "cnn":
        raise ConfigError(
            f"{name} is a cnn, which flattens its feature map: it has no pooled vectors. Take another network, "
            "e.g. resnet18."
        )
