"""Shares and lifts of yes-or-no columns, with intervals that know that a patient's images belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.metrics import Bools, Floats, effective_trials, wilson

ALPHA = 0.05
"""Chance of a false alarm among all that is looked at together."""
_Z95 = 1.959964
"""Quantile of the normal distribution for intervals of 95 %."""
_NONE_SEEN = 3.69
"""Of a Poisson count of 0, the upper bound of the two-sided 95 % interval (Garwood 1936)."""
_LEAST = 5
"""Pairs are called real only where this many images were expected or counted: the normal curve fits no fewer."""


@dataclass(frozen=True)
class _Shares:
    """Per column: how many are yes, their share, and its 95 % interval; NaN where there are no rows."""

    count: npt.NDArray[np.int64]
    share: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class _Lifts:
    """How much more often two columns are yes together than if they had nothing to do with each other.

    Attributes:
        both: int64 [k, m], rows where both are yes.
        expected: float64 [k, m], as many as would be by chance.
        lift: both / expected; 1 is chance, NaN where one of the two never is yes.
        low, high: its 95 % interval.
        p: chance of as strong a departure from 1; NaN where the numbers are too small to say.
    """

    both: npt.NDArray[np.int64]
    expected: Floats
    lift: Floats
    low: Floats
    high: Floats
    p: Floats


@dataclass(frozen=True)
class Patients:
    """Which rows belong to which patient.

    Attributes:
        code: int64 [n], patient of each row.
        order: int64 [n], rows in the order of their patients.
        starts: int64 [patients], where each patient begins in that order.
    """

    code: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, ids: pl.Series) -> Patients:
        """From one id a row."""
        return cls._sorted(ids.rank("dense").cast(pl.Int64).to_numpy())

    @classmethod
    def _sorted(cls, code: npt.NDArray[np.int64]) -> Patients:
        order = np.argsort(code, kind="stable")
        return cls(code, order, np.flatnonzero(np.diff(code[order], prepend=-1)))

    @property
    def count(self) -> int:
        """How many patients there are."""
        return len(self.starts)

    def take(self, rows: Bools) -> Patients:
        """The same for some rows; patients without any of them are gone."""
        return self._sorted(self.code[rows])

    def sums(self, values: Bools | Floats) -> Floats:
        """Sum of each column over each patient's rows: [n, m] -> float64 [patients, m]."""
        if not self.count:
            return np.zeros((0, values.shape[1]))
        return np.asarray(np.add.reduceat(values[self.order].astype(np.float64), self.starts, axis=0))

    def _spread(self, sums: Floats) -> Floats:
        """Standard deviation of the sum of what every patient adds, of columns of mean zero."""
        return np.asarray(np.sqrt(np.square(sums).sum(axis=0) * self.count / max(self.count - 1, 1)))

    def shares(self, yes: Bools) -> _Shares:
        """Share of yes in each column, bool [n, k], with Wilson's interval on the number of images that count.

        Images of one patient tell less than as many of different patients: the number of trials is that of images
        over the design effect of patients as clusters (`effective_trials`).
        """
        n, k = yes.shape
        count = yes.sum(axis=0).astype(np.int64)
        share = count / n if n else np.full(k, np.nan)
        error = self._spread(self.sums(yes) - self.sums(np.ones((n, 1))) * share) / max(n, 1)
        rows, clusters = np.full(k, float(n)), np.full(k, float(self.count))
        interval = wilson(share, effective_trials(share, error, rows, clusters))
        return _Shares(count, share, interval.low, interval.high)

    def lifts(self, first: Bools, second: Bools) -> _Lifts:
        """Lift of each column of `first`, bool [n, k], with each of `second`, bool [n, m].

        log(lift) = log(n_ab) - log(n_a) - log(n_b) + log(n); its variance is that of these counts linearised,
        summed within patients first (Binder 1983).
        """
        n = len(first)
        a, b = first.sum(axis=0), second.sum(axis=0)
        both = first.T.astype(np.float64) @ second.astype(np.float64)
        expected = a[:, None] * b / max(n, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            lift = both / expected
            deviation = self._log_deviation(first, second, both)
            low, high = lift * np.exp(-_Z95 * deviation), lift * np.exp(_Z95 * deviation)
            z = np.abs(np.log(lift)) / deviation
            never = (both == 0) & (expected > 0)
            low, high = np.where(never, 0.0, low), np.where(never, _NONE_SEEN / expected, high)
        # With none seen there is no spread to estimate: the chance of none, of a Poisson count, on both sides.
        p = np.where(both == 0, np.minimum(1.0, 2 * np.exp(-expected)), _two_sided(z))
        told = (np.maximum(both, expected) >= _LEAST) & ~((a[:, None] == n) | (b == n))
        return _Lifts(both.round().astype(np.int64), expected, lift, low, high, np.where(told, p, np.nan))

    def _log_deviation(self, first: Bools, second: Bools, both: Floats) -> Floats:
        """Standard error of log(lift), float64 [k, m]; NaN or infinite where nothing is counted."""
        n, a, b = len(first), first.sum(axis=0), second.sum(axis=0)
        rows, own, other = self.sums(np.ones((n, 1))), self.sums(first), self.sums(second)
        found = np.empty_like(both)
        for i in range(first.shape[1]):
            together = self.sums(second & first[:, i : i + 1])
            found[i] = self._spread(together / both[i] - own[:, i : i + 1] / a[i] - other / b + rows / n)
        return found


def _two_sided(z: Floats) -> Floats:
    """Two-sided p-values of normal deviates."""
    return np.array([math.erfc(value / math.sqrt(2)) for value in z.ravel()], np.float64).reshape(z.shape)
