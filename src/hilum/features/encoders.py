"""`EncoderInfo`: which backbone made a vector, as plain values and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class EncoderInfo:
    """What a store knows of an encoder: what `Encoder.settings` gives.

    Attributes:
        name: the run's folder name, or the network's.
        origin: the run's folder (absolute), `pretrained`, or a file of weights.
        model: network and channels.
        normalisation: of pixels.
        prepare: how images were prepared.
        precision: `fp32` or `bf16`.
        width: length of each of the two vectors.
        fingerprint: sha256 of weights and all of the above but `name` and `origin`.
    """

    name: str
    origin: str
    model: dict[str, Any]
    normalisation: dict[str, Any]
    prepare: dict[str, Any]
    precision: str
    width: int
    fingerprint: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> EncoderInfo:
        """Of what `Encoder.settings` gives; a folder or file that the encoder came from is named in full."""
        origin = Path(settings["origin"])
        return cls(**{**settings, "origin": str(origin.resolve() if origin.exists() else settings["origin"])})

    @property
    def table(self) -> str:
        """What its table is called in the database."""
        return f"vectors_{self.fingerprint[:16]}"

    def __str__(self) -> str:
        size, fit = self.prepare.get("size"), self.prepare.get("fit")
        clahe = ", CLAHE" if self.prepare.get("clahe") else ""
        return (
            f"{self.name} ({self.model.get('name')}, {size} px {fit}{clahe}, {self.precision}, "
            f"{self.fingerprint[:8]})"
        )

    def same_place(self, other: EncoderInfo) -> bool:
        """Whether both come from one origin and are used alike, so that only their weights can differ."""
        mine, its = (
            (one.origin, one.model.get("name"), one.prepare, one.precision, one.model.get("channels"))
            for one in (self, other)
        )
        return mine == its
