"""Is a score different in one group from what it is in the rest? Tests that hold with few positives.

Patients are the units: images of one patient are not independent. For shares (recall, specificity) the design
effect follows from the intraclass correlation of decisions within patients, and the counts are divided by it
(Rao & Scott 1992); Fisher's exact test on these holds at any count. For the ROC AUC the influence of each
patient (DeLong 1988, Obuchowski 1997) gives the standard error of the difference of logits, which is compared
with Student's t (Welch 1947), because a normal tail is too short for ten positives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Bools, Floats

Ints = npt.NDArray[np.int64]
_ONE_PAIR = 2.0
"""Variance of the logit of an area with a single pair out of order: one positive's share and one negative's."""


@dataclass(frozen=True)
class Share:
    """A share of rows, with what its precision depends on.

    Attributes:
        hits: how many rows count.
        rows: of how many.
        patients: of how many patients these are.
        effect: design effect, at least 1: so many times wider than that of independent rows is the variance.
    """

    hits: float
    rows: float
    patients: int
    effect: float

    @property
    def value(self) -> float:
        """The share; NaN of no rows."""
        return self.hits / self.rows if self.rows else np.nan


def share_of(hit: Bools, among: Bools, patient: Ints, correlation: float) -> Share:
    """The share of the rows `among` that are `hit`; bool [n] each, `patient` int64 [n]."""
    rows = np.bincount(patient[among])
    rows = rows[rows > 0].astype(np.float64)
    total = float(rows.sum())
    mean_size = float((rows**2).sum() / total) if total else 1.0
    return Share(float((hit & among).sum()), total, len(rows), 1 + correlation * (mean_size - 1))


def correlation_of(hit: Bools, among: Bools, patient: Ints) -> float:
    """Intraclass correlation of `hit` between two rows of one patient, 0 to 1; 0 where it cannot be measured."""
    if not among.any():
        return 0.0
    residual = hit[among] - hit[among].mean()
    together = np.bincount(patient[among], residual)
    each = np.bincount(patient[among], residual**2)
    rows = np.bincount(patient[among])
    pairs, variance = float((rows * (rows - 1)).sum()), float((residual**2).mean())
    if not pairs or not variance:
        return 0.0
    return float(np.clip((together**2 - each).sum() / (pairs * variance), 0.0, 1.0))


def share_p(inside: Share, outside: Share, margin: float = 0.0) -> float:
    """Two-sided p that two shares differ by no more than a margin: Fisher's exact test on effective counts.

    Counts are divided by the design effects, and the outer share is moved by the margin towards the inner one.
    """
    from scipy.special import gammaln

    difference = inside.value - outside.value
    if not abs(difference) > margin:
        return 1.0
    moved = replace(outside, hits=outside.hits + np.sign(difference) * margin * outside.rows)
    (a, n), (b, m) = _effective(inside), _effective(moved)
    if not n or not m:
        return 1.0

    def ways(of: int, chosen: Floats) -> Floats:
        return np.asarray(gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1))

    hits = np.arange(max(0, a + b - m), min(n, a + b) + 1, dtype=np.float64)
    chance = np.exp(ways(n, hits) + ways(m, a + b - hits) - ways(n + m, np.array(a + b)))
    return float(min(1.0, 2 * min(chance[hits <= a].sum(), chance[hits >= a].sum())))


def _effective(share: Share) -> tuple[int, int]:
    """Hits and rows as whole numbers, rows rounded down."""
    rows = int(np.floor(share.rows / share.effect + 1e-9))
    return round(share.value * rows) if rows else 0, rows


@dataclass(frozen=True)
class Area:
    """A ROC AUC with the influence of each patient on it.

    Attributes:
        value: NaN without a positive or negative.
        influence: float64 [patients of the whole part], 0 for those who take no part.
        pairs: positives times negatives.
        patients: the smaller of the number of patients with positives, and with negatives.
    """

    value: float
    influence: Floats
    pairs: float
    patients: int

    @property
    def logit(self) -> float:
        """log(A / (1 - A)); an area of 0 or 1 counts as half a pair away from it."""
        a = self._within()
        return float(np.log(a / (1 - a)))

    @property
    def on_logits(self) -> Floats:
        """Influence on `logit`, float64 [patients]; not 0 even where positives and negatives are apart."""
        a = self._within()
        return np.asarray(self.influence / (a * (1 - a)))

    @property
    def variance(self) -> float:
        """Of `logit`. Where no patient moves the area (it is 0 or 1), that of one pair out of order."""
        return _variance(self.on_logits) or _ONE_PAIR

    def _within(self) -> float:
        half = 0.5 / self.pairs
        return float(np.clip(self.value, half, 1 - half))


def area_p(inside: Area, outside: Area, margin: float = 0.0) -> float:
    """Two-sided p that two areas differ by no more than a margin, by which the outer one is moved.

    Patients with images on both sides are allowed for.
    """
    from scipy.special import stdtr

    difference = inside.value - outside.value
    if not abs(difference) > margin:
        return 1.0
    outside = replace(outside, value=outside.value + float(np.sign(difference)) * margin)
    spread = _variance(inside.on_logits - outside.on_logits)
    own, other = inside.variance, outside.variance
    if not _variance(inside.on_logits) or not _variance(outside.on_logits):
        spread = own + other
    if not spread > 0:
        return 1.0
    freedom = (own + other) ** 2 / (own**2 / (inside.patients - 1) + other**2 / (outside.patients - 1))
    return float(2 * stdtr(freedom, -abs(inside.logit - outside.logit) / np.sqrt(spread)))


def _variance(influence: Floats) -> float:
    patients = len(influence)
    return float(patients / (patients - 1) * (influence**2).sum()) if patients > 1 else 0.0


def difference_interval(
    inside: float, in_limits: tuple[float, float], outside: float, out_limits: tuple[float, float]
) -> tuple[float, float]:
    """Interval of `inside - outside` from the interval of each (Newcombe 1998, method 10; Zou & Donner 2008)."""
    (l1, u1), (l2, u2) = in_limits, out_limits
    difference = inside - outside
    low = difference - np.hypot(inside - l1, u2 - outside)
    high = difference + np.hypot(u1 - inside, outside - l2)
    return float(low), float(high)
