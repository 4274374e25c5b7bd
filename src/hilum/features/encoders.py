"""`EncoderInfo`: which backbone made a vector, as plain values and without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hilum.errors import ConfigError, DataError
from hilum.text import listed


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

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: str | dict[str, Any]) -> EncoderInfo:
        """What `to_json` gave, or its text.

        Raises:
            DataError: it is something else.
        """
        try:
            return cls(**(json.loads(data) if isinstance(data, str) else data))
        except (TypeError, ValueError) as error:
            raise DataError(f"this does not describe an encoder: {error}") from error

    def same_place(self, other: EncoderInfo) -> bool:
        """Whether both come from one origin and are used alike, so that only their weights can differ."""
        mine, its = (
            (one.origin, one.model.get("name"), one.prepare, one.precision, one.model.get("channels"))
            for one in (self, other)
        )
        return mine == its


def choose(encoders: Sequence[EncoderInfo], name: str, where: str) -> EncoderInfo:
    """The encoder that a user means.

    Args:
        encoders: those there are.
        name: a name, or the first characters (4 or more) of a fingerprint; empty where there is only one.
        where: what they are of, for messages.

    Raises:
        DataError: there are none.
        ConfigError: none is called so, or several are.
    """
    if not encoders:
        raise DataError(f"{where} has no vectors yet: hilum embed MODEL_OR_RUN --data PACK --out {where}")
    found = [one for one in encoders if not name or one.name == name]
    if not found and len(name) >= 4:
        found = [one for one in encoders if one.fingerprint.startswith(name)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError(
            f"{where} has no encoder {name!r}. It has {listed([str(one) for one in encoders], 9)}."
        )
    raise ConfigError(
        f"{where} has vectors of {len(found)} encoders{f' called {name}' if name else ''}: "
        f"{listed([str(one) for one in found], 9)}. Say which: --encoder {found[0].fingerprint[:8]}"
    )
