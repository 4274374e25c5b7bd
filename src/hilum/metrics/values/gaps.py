"""How far probabilities lie from the shares that come true, freed of what noise adds: ECE and ICI.

A mean of absolute gaps is biased upwards: where there is no gap at all, noise makes some. What noise adds is
known for gaps of any size (a folded normal distribution), so the gaps seen are multiplied by a factor in
search of true ones from which the mean that is seen would come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hilum.metrics.inputs import Floats, Rows
from hilum.metrics.values.probabilities import BINS, bin_of
from hilum.metrics.values.ranks import Ints

FACTORS = np.array([0, *np.geomspace(0.03, 1, 14), 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 6, 10], dtype=np.float64)
"""What the gaps seen are multiplied by; between these it is interpolated."""
PRIOR = 5.0
"""Images' worth of the probabilities themselves in a bin's share, where its variance is told: without them the
variance of a bin is 0 where nobody, or everybody, of a few is positive."""


@dataclass(frozen=True)
class Gaps:
    """Gaps between probabilities and shares in g places (bins, or points of a curve).

    Attributes:
        weight: how much each counts in the mean, float64 [g].
        gap: probability - share, float64 [g].
        error: standard error of each gap, float64 [g].
        moved: influence of each patient on the gaps, float64 [patients, g].
        weighed: how much each patient moves the mean because it moves the weights, float64 [patients].
    """

    weight: Floats
    gap: Floats
    error: Floats
    moved: Floats
    weighed: Floats

    @property
    def plain(self) -> float:
        """The mean absolute gap, with what noise adds."""
        return float(self.weight @ np.abs(self.gap))

    @property
    def influence(self) -> Floats:
        """Of each patient on the mean absolute gap, float64 [patients]."""
        return np.asarray((self.moved * _sign(self.gap)) @ self.weight + self.weighed)

    @cached_property
    def expected(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of `plain` where the true gaps are those seen times each of `FACTORS`.

        The means of folded normals; their covariances to the second term in the correlation of two gaps, which
        is exact within an eighth (Mehler's expansion).
        """
        from scipy.special import ndtr

        size, error = FACTORS[:, None] * np.abs(self.gap), np.maximum(self.error, 1e-12)
        ratio = size / error
        first = 1 - 2 * ndtr(-ratio)
        second = 2 * np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi)
        mean = error * second + size * first
        alone = np.maximum(size**2 + error**2 - mean**2, 0.0) @ self.weight**2
        first, second = first * error * self.weight, second * error * self.weight
        alike = self._correlation
        together = ((first @ alike) * first).sum(axis=1) + ((second @ alike**2) * second).sum(axis=1) / 2
        variance = alone + together + FACTORS**2 * (self.weighed**2).sum()
        return mean @ self.weight, np.sqrt(np.maximum(variance, 1e-20))

    @property
    def estimate(self) -> float:
        """The mean absolute gap less what noise adds; below 0 where noise alone would make a larger one.

        Noise adds less to large gaps. How much it adds is read at the square of the factor that makes the mean
        expected the mean seen: at the factor itself the estimate is a third too high where there is no gap.
        """
        expected = self.expected[0]
        factor = min(self.factor(expected), 1.0)
        return self.plain - float(np.interp(factor**2, FACTORS, expected - FACTORS * self.plain))

    def factor(self, ends: Floats) -> float:
        """The factor for which something that grows with it, [factors], is the mean seen; 0 where it is more."""
        rising = np.maximum.accumulate(ends)
        return float(np.interp(self.plain, rising, FACTORS)) if self.plain > rising[0] else 0.0

    @property
    def _correlation(self) -> Floats:
        signed = self.moved * _sign(self.gap)
        both = signed.T @ signed
        scale = np.sqrt(np.maximum(np.diag(both), 1e-300))
        alike = np.clip(both / scale / scale[:, None], -1.0, 1.0)
        np.fill_diagonal(alike, 0.0)
        return alike


def together(each: Sequence[Gaps]) -> Gaps:
    """Of the mean over several findings, or runs, of the same patients."""
    k = len(each)
    return Gaps(
        np.concatenate([gaps.weight for gaps in each]) / k,
        np.concatenate([gaps.gap for gaps in each]),
        np.concatenate([gaps.error for gaps in each]),
        np.hstack([gaps.moved for gaps in each]),
        np.mean([gaps.weighed for gaps in each], axis=0),
    )


def binned(rows: Rows, code: Ints, patients: int) -> list[Gaps | None]:
    """Gaps in 15 bins of equal width of each finding; None of one without a scored row.

    Args:
        rows: n rows, k findings.
        code: the patient of each row, int64 [n].
        patients: how many there are.
    """
    return [_binned(*known, patients) for known in each_finding(rows, code)]


def each_finding(rows: Rows, code: Ints) -> Iterator[tuple[Floats, Floats, Ints]]:
    """Probability, truth and patient of the scored rows of each finding."""
    for p, y, known in zip(rows.probabilities.T, rows.positive.T, rows.scored.T, strict=True):
        yield p[known], y[known], code[known]


def weighed(place: Ints, gap: Floats, code: Ints, patients: int) -> Floats:
    """How much each patient moves a mean absolute gap because of where its images lie, float64 [patients]."""
    size = np.abs(gap)[place]
    return np.bincount(code, size - size.mean(), patients) / len(place)


def _binned(p: Floats, y: Floats, code: Ints, patients: int) -> Gaps | None:
    if not len(p):
        return None
    place = bin_of(p)
    count, off, share = (np.bincount(place, values, BINS) for values in (None, p - y, y))
    rows = np.maximum(count, 1)
    gap = off / rows
    cell, shape = code * BINS + place, (patients, BINS)
    held = np.bincount(cell, minlength=patients * BINS).reshape(shape)
    moved = np.bincount(cell, p - y, patients * BINS).reshape(shape) - held * gap
    # How much more than independent images a patient's images of one bin scatter.
    effect = max((moved**2).sum() / max(((p - y) ** 2).sum() - count @ gap**2, 1e-12), 1.0)
    mean = (off + share) / rows
    share = (share + PRIOR * mean) / (count + PRIOR)
    variance = np.maximum(np.bincount(place, p * (1 - p), BINS), count * share * (1 - share))
    error = np.sqrt(effect * variance) / rows
    return Gaps(count / len(p), gap, error, moved / rows, weighed(place, gap, code, patients))


def _sign(gap: Floats) -> Floats:
    return np.where(gap >= 0, 1.0, -1.0)
