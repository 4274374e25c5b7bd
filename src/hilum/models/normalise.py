"""How pixels become what a network was trained on: `Normalisation`, and what published weights want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any


@dataclass(frozen=True)
class Normalisation:
    """A pixel x, 0 to 1, becomes (x - mean) / sd.

    Attributes:
        mean: one number, or three where a network of colours wants its own for each channel.
        sd: as many.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]

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


IMAGENET = Preparation(Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
"""What torchvision's weights were trained with."""
