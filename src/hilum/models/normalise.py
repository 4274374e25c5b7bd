"""How pixels become what a network was trained on: `Normalisation`, and what published weights want."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from hilum.errors import WeightsError

_SAID = (("preprocessor_config.json", "image_mean", "image_std"), ("config.json", "mean", "std"))
"""Where transformers and timm say it."""


@dataclass(frozen=True)
class Normalisation:
    """A pixel x, 0 to 1, becomes (x - mean) / sd.

    Attributes:
        mean: one number, or three where a network of colours wants its own for each channel.
        sd: as many.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]

    @classmethod
    def of_channels(cls, mean: tuple[float, ...], sd: tuple[float, ...]) -> Normalisation:
        """For three channels that are normalised in the same way, once is enough."""
        same = len(set(zip(mean, sd, strict=True))) == 1
        return cls(mean[:1], sd[:1]) if same else cls(mean, sd)

    @classmethod
    def beside(cls, weights: str | Path) -> Normalisation | None:
        """What a folder of weights says of it, as Hugging Face's packages (transformers, timm) write it.

        Args:
            weights: what `model.weights` names; for anything but such a folder the answer is None.

        Raises:
            WeightsError: it says so in a way that cannot be read.
        """
        if not Path(weights).is_dir() or weights in ("", "pretrained"):
            return None
        for name, mean, sd in _SAID:
            path = Path(weights) / name
            if not path.is_file():
                continue
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
                data = data.get("pretrained_cfg", data)
                if mean in data and sd in data:
                    return cls.of_channels(tuple(map(float, data[mean])), tuple(map(float, data[sd])))
            except (AttributeError, TypeError, ValueError) as error:
                raise WeightsError(
                    f"{path} does not say mean and sd of pixels: {error}. Expected {mean} and {sd}, lists "
                    "of numbers."
                ) from error
        return None

    @property
    def gray(self) -> tuple[float, float]:
        """Mean and sd of one gray channel: the mean over channels, where there are three."""
        return fmean(self.mean), fmean(self.sd)

    @property
    def channels(self) -> tuple[tuple[float, float], ...]:
        """Per channel scale and shift that make what is normalised as `gray` normalised as this."""
        mean, sd = self.gray
        return tuple((sd / s, (mean - m) / s) for m, s in zip(self.mean, self.sd, strict=True))

    def to_json(self) -> dict[str, Any]:
        """`mean` and `sd` of the gray channel; also `channel_mean` and `channel_sd` where there are three."""
        mean, sd = self.gray
        several = {"channel_mean": list(self.mean), "channel_sd": list(self.sd)} if len(self.mean) > 1 else {}
        return {"mean": mean, "sd": sd, **several}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Normalisation:
        """What `to_json` gave, among other keys."""
        mean, sd = data.get("channel_mean", [data["mean"]]), data.get("channel_sd", [data["sd"]])
        return cls(tuple(mean), tuple(sd))


@dataclass(frozen=True)
class Preparation:
    """What published weights want of an image.

    Attributes:
        normalisation: of its pixels.
        size: side in pixels; None where the network takes any.
        fit: how it became a square, as in `prepare.fit`.
    """

    normalisation: Normalisation
    size: int | None = None
    fit: str = "crop"

    @classmethod
    def imagenet(cls) -> Preparation:
        """What torchvision's weights were trained with."""
        return cls(Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
