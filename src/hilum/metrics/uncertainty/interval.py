"""`Interval` and `Intervals`: what tables, pages and comparisons show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hilum.errors import DataError
from hilum.metrics.inputs import Floats


@dataclass(frozen=True)
class Interval:
    """Low and high ends for k findings, or for one number (shape []); NaN where there is none.

    Attributes:
        low, high: float64 [k] or [].
        method: what it rests on, as pages say it; see `hilum.metrics.uncertainty.rules`.
    """

    low: Floats
    high: Floats
    method: str

    def at(self, place: int) -> Interval:
        """Of one finding, shape []."""
        return Interval(np.asarray(self.low[place]), np.asarray(self.high[place]), self.method)

    def select(self, places: list[int]) -> Interval:
        """Of some findings."""
        return Interval(self.low[places], self.high[places], self.method)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it: NaN is None."""
        return {"low": _plain(self.low), "high": _plain(self.high), "method": self.method}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Interval:
        """Read what `to_json` gave."""
        low, high = (np.array(value[end], dtype=np.float64) for end in ("low", "high"))
        return cls(low, high, str(value["method"]))


@dataclass(frozen=True)
class Intervals:
    """Intervals of all scores of one part.

    Attributes:
        level: how often an interval is to hold the true value, such as 0.95.
        patients: how many were resampled.
        replicates: how many bootstrap samples there were.
        columns: name of a score of one finding -> of the k findings.
        means: name of a score of one finding -> of the mean over findings.
        combined: name of a score over all findings -> of that number.
    """

    level: float
    patients: int
    replicates: int
    columns: Mapping[str, Interval]
    means: Mapping[str, Interval]
    combined: Mapping[str, Interval]

    def select(self, columns: list[int]) -> Intervals:
        """Only the findings at these positions; there is then no interval of means and combined scores."""
        kept = {name: one.select(columns) for name, one in self.columns.items()}
        return Intervals(self.level, self.patients, self.replicates, kept, {}, {})

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it; `from_json` reads it."""
        groups = {"columns": self.columns, "means": self.means, "combined": self.combined}
        return {
            "level": self.level,
            "patients": self.patients,
            "replicates": self.replicates,
            **{key: {name: one.to_json() for name, one in group.items()} for key, group in groups.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Intervals:
        """Read what `to_json` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            groups = [
                {name: Interval.from_json(one) for name, one in value[key].items()}
                for key in ("columns", "means", "combined")
            ]
            return cls(float(value["level"]), int(value["patients"]), int(value["replicates"]), *groups)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"these are not intervals: {error!r} in {str(value)[:80]}") from error


def _plain(values: Floats) -> Any:
    """Numbers as JSON holds them: nested lists, NaN as None."""
    if values.ndim == 0:
        return None if np.isnan(values) else float(values)
    return [_plain(value) for value in values]
