"""Shares and lifts of yes-or-no columns, with intervals that know that a patient's images belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.metrics import Bools, Floats, effective_trials, wilson

Z95 = 1.959964
"""Quantile of the normal distribution for intervals of 95 %."""
NONE_SEEN = 3.69
"""Of a Poisson count of 0, the upper bound of the two-sided 95 % interval (Garwood 1936)."""
LEAST = 5
"""Pairs are called real only where this many images were expected or counted: the normal curve fits no fewer."""
ALPHA = 0.05


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


@dataclass(frozen=True)
class Shares:
    """Per column: how many are yes, their share, and its 95 % interval; NaN where there are no rows."""

    count: npt.NDArray[np.int64]
    share: Floats
    low: Floats
    high: Floats


def shares(yes: Bools, patients: Patients) -> Shares:
    """Share of yes in each column, with Wilson's interval on the number of images that count.

    Images of one patient tell less than as many of different patients: the number of trials is that of images
    over the design effect of patients as clusters (`effective_trials`).

    Args:
        yes: bool [n, k].
        patients: of the n rows.
    """
    n, k = yes.shape
    count = yes.sum(axis=0).astype(np.int64)
    share = count / n if n else np.full(k, np.nan)
    off = patients.sums(yes) - patients.sums(np.ones((n, 1))) * share
    error = np.sqrt(np.square(off).sum(axis=0) * patients.count / max(patients.count - 1, 1)) / max(n, 1)
    rows, clusters = np.full(k, float(n)), np.full(k, float(patients.count))
    interval = wilson(share, effective_trials(share, error, rows, clusters))
    return Shares(count, share, interval.low, interval.high)


@dataclass(frozen=True)
class Lifts:
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


def lifts(first: Bools, second: Bools, patients: Patients) -> Lifts:
    """Lift of each column of `first` with each of `second`.

    log(lift) = log(n_ab) - log(n_a) - log(n_b) + log(n); its variance is that of these counts linearised, summed
    within patients first (Binder 1983).

    Args:
        first: bool [n, k].
        second: bool [n, m].
        patients: of the n rows.
    """
    n = len(first)
    a, b = first.sum(axis=0), second.sum(axis=0)
    both = first.T.astype(np.float64) @ second.astype(np.float64)
    expected = a[:, None] * b / max(n, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = both / expected
        deviation = _log_deviation(first, second, both, patients)
        low, high = lift * np.exp(-Z95 * deviation), lift * np.exp(Z95 * deviation)
        z = np.abs(np.log(lift)) / deviation
        high = np.where((both == 0) & (expected > 0), NONE_SEEN / expected, high)
    low = np.where((both == 0) & (expected > 0), 0.0, low)
    # With none seen there is no spread to estimate: the chance of none, of a Poisson count, on both sides.
    p = np.where(both == 0, np.minimum(1.0, 2 * np.exp(-expected)), _two_sided(z))
    enough = np.maximum(both, expected) >= LEAST
    constant = (a[:, None] == n) | (b == n)
    p = np.where(enough & ~constant, p, np.nan)
    return Lifts(both.round().astype(np.int64), expected, lift, low, high, p)


def _log_deviation(first: Bools, second: Bools, both: Floats, patients: Patients) -> Floats:
    """Standard error of log(lift), float64 [k, m]; NaN or infinite where nothing is counted."""
    n, a, b = len(first), first.sum(axis=0), second.sum(axis=0)
    rows = patients.sums(np.ones((n, 1)))
    own, other = patients.sums(first), patients.sums(second)
    found = np.empty_like(both)
    for i in range(first.shape[1]):
        together = patients.sums(second & first[:, i : i + 1])
        influence = together / both[i] - own[:, i : i + 1] / a[i] - other / b + rows / n
        found[i] = np.square(influence).sum(axis=0)
    many = patients.count
    return np.sqrt(found * many / max(many - 1, 1))


def _two_sided(z: Floats) -> Floats:
    """Two-sided p-values of normal deviates."""
    flat = [math.erfc(value / math.sqrt(2)) for value in z.ravel()]
    return np.array(flat, dtype=np.float64).reshape(z.shape)
