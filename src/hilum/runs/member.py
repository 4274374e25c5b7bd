"""`Member`: one model of an ensemble."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Member:
    """One model of an ensemble.

    Attributes:
        path: its run's folder.
        epoch: the epoch whose weights are used, from 1; None is the best.
        weight: its share of the average.
    """

    path: Path
    epoch: int | None = None
    weight: float = 1.0

    @property
    def weights(self) -> str:
        """The name of its file in `checkpoints/`."""
        return "best" if self.epoch is None else f"{self.epoch:04d}"

    def __str__(self) -> str:
        return str(self.path) if self.epoch is None else f"{self.path}@{self.epoch}"
