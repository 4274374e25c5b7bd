"""`Mixture`: how the predictions of several models become one (numpy only)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hilum.errors import ConfigError, DataError
from hilum.metrics.inputs import Floats
from hilum.metrics.judging.calibration import Calibration
from hilum.metrics.predictions import Predictions

AVERAGES = ("probabilities", "logits")
"""What can be averaged: logits let a sure member outweigh the others, probabilities do not."""


@dataclass(frozen=True)
class Mixture:
    """An average over models.

    Attributes:
        of: one of `AVERAGES`.
        calibrations: one a member, applied before averaging; method `none` leaves its logits raw.
        weights: one a member, above 0; they need not sum to 1.
    """

    of: str
    calibrations: tuple[Calibration, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.of not in AVERAGES:
            raise ConfigError(f"an ensemble averages {' or '.join(AVERAGES)}, not {self.of!r}.")
        if len(self.weights) != len(self.calibrations):
            raise ConfigError(
                f"an ensemble of {len(self.calibrations)} members needs as many weights; "
                f"there are {len(self.weights)}."
            )
        if not all(0 < weight < np.inf for weight in self.weights):
            raise ConfigError(f"weights of an ensemble must be above 0; they are {_listed(self.weights)}.")

    def predictions(self, members: Sequence[Predictions]) -> Predictions:
        """The average, in the first member's order of images, with its targets; logits are float64.

        Args:
            members: raw predictions of the same images, in any order, one row an image.

        Raises:
            DataError: images or findings differ between members.
        """
        first = members[0]
        stack = [
            calibration.apply(_aligned(member, first)).logits.astype(np.float64)
            for calibration, member in zip(self.calibrations, members, strict=True)
        ]
        shares = np.array(self.weights) / np.sum(self.weights)
        return replace(first, logits=(_MEANS[self.of])(np.stack(stack), shares))

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it; `from_json` reads it."""
        return {
            "of": self.of,
            "weights": list(self.weights),
            "calibrations": [calibration.to_json() for calibration in self.calibrations],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Mixture:
        """Read what `to_json` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            calibrations = tuple(Calibration.from_json(each) for each in value["calibrations"])
            return cls(value["of"], calibrations, tuple(map(float, value["weights"])))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this is no ensemble: {error!r} in {str(value)[:80]}") from error


def _mean_of_logits(logits: Floats, shares: Floats) -> Floats:
    """[m, n, k] logits and [m] shares that sum to 1 -> [n, k]."""
    return np.asarray(np.tensordot(shares, logits, 1))


def _mean_of_probabilities(logits: Floats, shares: Floats) -> Floats:
    """The logit of the mean probability, [m, n, k] -> [n, k]; exact far beyond where a probability rounds to 1."""
    weights = np.log(shares)[:, None, None]
    yes = np.logaddexp.reduce(weights - np.logaddexp(0, -logits), axis=0)
    no = np.logaddexp.reduce(weights - np.logaddexp(0, logits), axis=0)
    return np.asarray(yes - no)


_MEANS = {"probabilities": _mean_of_probabilities, "logits": _mean_of_logits}


def _aligned(member: Predictions, first: Predictions) -> Predictions:
    """`member` with its rows in the order of `first`."""
    if member.findings != first.findings:
        raise DataError(
            f"members of an ensemble predict {', '.join(first.findings)} and {', '.join(member.findings)}: "
            "they must predict the same."
        )
    place = {name: row for row, name in enumerate(member.image_ids)}
    missing = [name for name in first.image_ids if name not in place]
    if missing or len(member) != len(first):
        raise DataError(
            f"members of an ensemble predict {len(first):,} and {len(member):,} images of the {first.part} part, "
            f"{len(missing):,} of the first not among those of the other: they must predict the same."
        )
    return member.take(np.array([place[name] for name in first.image_ids], dtype=np.int64))


def _listed(weights: Sequence[float]) -> str:
    return ", ".join(f"{weight:g}" for weight in weights)
