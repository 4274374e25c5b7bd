"""How an interval is made of a score and of how much each patient moves it.

One rule for all scores within two limits, Student's t for the others, an inversion for errors of calibration,
and the bootstrap for who asks for it. How often each covers the truth was simulated (`docs/scores.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from hilum.metrics.inputs import Floats, ratio
from hilum.metrics.uncertainty.influence import standard_error
from hilum.metrics.uncertainty.interval import Interval
from hilum.metrics.uncertainty.significance import effective_degrees, t_quantile
from hilum.metrics.values.gaps import Gaps

PERCENTILE, BCA = "bootstrap percentile", "bootstrap BCa"
BETA, STUDENT, FREED = "patients' influence", "patients' influence and t", "what noise adds"
"""Of scores within two limits, of others, and of errors of calibration."""
WORST = 1.0
"""How many patients' worth the worst variance counts beside the one that is seen. With 0.5 an AUC of 5 ill
patients is covered 91 %, with 1 95 %, with 2 its interval is a tenth wider."""
SLACK = 0.2
"""Of a trial, by which beta intervals reach further than mid-p ones: 0 is exact (Clopper & Pearson 1934) and
covers 95 % and more, 0.5 covers 87 %; with 0.2 no share of 5 to 100 trials is covered less than 93 %."""
EXACT = 1e-15
"""A variance below this is none: the score is the same whatever patient is left out."""
DEGREES = 0.625
"""Share of the degrees of freedom that kurtosis gives for which t intervals cover, and those of AP, whose
influences are derivatives."""
FEWEST_DEGREES = 4.0
"""They are not taken for fewer than this: where one patient carries most of the error, kurtosis says 1, and a t
interval of 1 degree is six times as wide as a normal one."""
TAILS = 0.5
"""Intervals of errors of calibration leave out this part of the tails: which gaps are real is not known."""


def within(
    value: Floats,
    influence: Floats,
    holders: Floats,
    patients: Floats,
    limits: tuple[float, float],
    level: float,
    sure: float = 1.0,
) -> Interval:
    """Interval of a score within two limits, as of a share of so many independent trials.

    No mean of what patients give, each within the limits, can vary more than a share of patients whose images
    are all alike: that is the worst variance. It counts as `WORST` patients beside the variance that the
    influences give, so that a few patients who happen to agree do not count for sure, and is all there is
    where all agree (a recall of 1). The sum is widened as Student's t is, but never beyond the worst. The
    share of as many trials as have this variance gets a beta interval (Korn & Graubard 1998), which stays
    within the limits.

    Args:
        value: the score, [c]; NaN where there is none.
        influence: of each patient on it, [patients, c].
        holders: how many patients the score is of, [c]; there is no interval of a single one.
        patients: as many of equal weight they are worth, [c].
        limits: least and greatest value.
        level: how often the interval is to hold the true value.
        sure: share of the degrees of freedom that kurtosis gives.
    """
    low, high = limits
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    moderate = (share * patients + 0.5) / (patients + 1)
    spread = moderate * (1 - moderate)
    worst, seen = ratio(spread, patients), (standard_error(influence) / (high - low)) ** 2
    degrees = np.clip(sure * effective_degrees(influence), 0.5, np.maximum(holders - 1, 0.5))
    wider = (t_quantile(level, degrees + WORST) / NormalDist().inv_cdf((1 + level) / 2)) ** 2
    variance = wider * (degrees * seen + WORST * worst) / (degrees + WORST)
    trials = spread / np.where(seen > EXACT, np.minimum(variance, worst), worst)
    trials = np.where((holders > 1) & ~np.isnan(value), trials, np.nan)
    first, last = _beta(share, trials, level)
    return Interval(low + (high - low) * first, low + (high - low) * last, BETA)


def _beta(share: Floats, trials: Floats, level: float) -> tuple[Floats, Floats]:
    """Ends of the beta intervals of shares of so many trials, [c] each; `SLACK` says how far they reach."""
    from scipy.special import betaincinv

    hits, tail = share * trials, (1 - level) / 2
    first = betaincinv(np.maximum(hits + SLACK, 1e-9), trials - hits + 1 - SLACK, tail)
    last = betaincinv(hits + 1 - SLACK, np.maximum(trials - hits + SLACK, 1e-9), 1 - tail)
    return np.where(share == 0, 0 * trials, first), np.where(share == 1, 1 + 0 * trials, last)


def by_t(
    value: Floats, influence: Floats, holders: Floats, limits: tuple[float, float], level: float
) -> Interval:
    """Interval of a score without two limits: Student's t, with the degrees of freedom that kurtosis leaves.

    Arguments as for `within`; an end beyond a limit is cut off.
    """
    degrees = np.maximum(DEGREES * effective_degrees(influence), FEWEST_DEGREES)
    reach = np.where(holders > 1, t_quantile(level, degrees) * standard_error(influence), np.nan)
    return Interval(np.maximum(value - reach, limits[0]), np.minimum(value + reach, limits[1]), STUDENT)


def of_mean(value: Floats, influence: Floats, each: Interval, limits: tuple[float, float]) -> Interval:
    """Interval of a mean over findings, [1], from theirs and from how alike patients move them.

    Each end is as far from the mean as the findings' own ends are (Zou & Donner 2008).

    Args:
        value: of each finding, [k]; NaN where there is none.
        influence: [patients, k].
        each: their intervals; without one, a finding may lie anywhere within the limits.
        limits: least and greatest value.
    """
    known = ~np.isnan(value)
    value, moved = value[known], np.nan_to_num(influence[:, known])
    if not len(value):
        return Interval(np.full(1, np.nan), np.full(1, np.nan), each.method)
    scale = np.sqrt((moved**2).sum(axis=0))
    scales = np.outer(scale, scale)
    # Findings that no patient moves may well err together.
    alike = np.where(scales > 0, ratio(moved.T @ moved, scales), 1.0)
    ends = []
    for side, end, limit in ((-1, each.low[known], limits[0]), (1, each.high[known], limits[1])):
        off = np.abs(np.where(np.isnan(end), limit, end) - value)
        # An unlimited score of one patient's images alone leaves its mean without an interval, too.
        far = np.sqrt(max(float(off @ alike @ off), 0.0)) if np.isfinite(off).all() else np.nan
        ends.append(np.array([value.mean() + side * far / len(value)]))
    return Interval(ends[0], ends[1], each.method)


def freed(value: Floats, gaps: Sequence[Gaps | None], limits: tuple[float, float], level: float) -> Interval:
    """Interval of errors of calibration: those from which the mean absolute gap that is seen could come.

    An end below 0 says how far noise alone would have to be off: the error that is seen is less than it makes.

    Args:
        value: the errors, [c].
        gaps: what each is the mean of; there is no interval without.
        limits: least and greatest value.
        level: how often the interval is to hold the true value.
    """
    ends = np.full((len(value), 2), np.nan)
    for place, one in enumerate(gaps):
        if one is None or len(one.moved) < 2:
            continue
        mean, deviation = one.expected
        degrees = np.maximum(DEGREES * effective_degrees(one.influence[:, None]), FEWEST_DEGREES)
        reach = t_quantile(1 - TAILS * (1 - level), degrees) * deviation
        for side, end in enumerate((mean + reach, mean - reach)):
            inside = one.plain > end[0]
            ends[place, side] = one.factor(end) * one.plain if inside else one.plain - end[0]
    ends = np.clip(ends, *limits)
    return Interval(np.minimum(ends[:, 0], value), np.maximum(ends[:, 1], value), FREED)


def wilson(share: Floats, trials: Floats, level: float = 0.95) -> Interval:
    """Wilson's (1927) interval of a share of independent trials, [k] each; NaN without a trial."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, n = np.clip(share, 0.0, 1.0), np.where(trials > 0, trials, np.nan)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    spread = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # Rounding must not push the end past a share of exactly 0 or 1.
    return Interval(
        np.where(share == 0, 0.0 * n, np.maximum(centre - spread, 0.0)),
        np.where(share == 1, 1.0 + 0.0 * n, np.minimum(centre + spread, 1.0)),
        "Wilson",
    )


def effective_trials(share: Floats, error: Floats, rows: Floats, patients: Floats) -> Floats:
    """How many independent trials are worth as much as rows that cluster in patients, [k].

    The rows over their design effect (Kish 1965): the variance of the share with patients as clusters over that
    of independent rows, at least 1 (Rao & Scott 1992). A share of 0 or 1 has no variance to go by; every
    patient then counts as one trial.
    """
    binomial = ratio(share * (1 - share), rows)
    effect = np.maximum(ratio(error**2, binomial), 1.0)
    return np.where(np.isnan(effect), patients, rows / effect)


def bootstrapped(value: Floats, drawn: Floats, each: Floats, level: float, method: str) -> Interval:
    """Percentile or BCa interval of k scores (Efron 1987), widened where it misses the score; `auto` is BCa.

    Args:
        value: the scores, [k].
        drawn: their replicates, [R, k].
        each: their influence values, [patients, k], for the acceleration of BCa.
        level: how often the interval is to hold the true value.
        method: `percentile`, `bca` or `auto`.
    """
    normal = NormalDist()
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    ends = np.full((len(value), 2), np.nan)
    for j, point in enumerate(value):
        column = drawn[:, j]
        column = np.sort(column[~np.isnan(column)])
        if np.isnan(point) or len(each) < 2 or not len(column) or 2 * len(column) < len(drawn):
            continue
        if column[0] == column[-1]:
            continue  # All right, or all wrong: no resample can show how far from it the truth may be.
        shares = tails
        if method != "percentile":
            below = np.searchsorted(column, point, "left") + np.searchsorted(column, point, "right")
            # A point beyond all replicates has no normal score; half a replicate keeps it finite.
            share = min(max(below / 2, 0.5), len(column) - 0.5) / len(column)
            shift, skew = normal.inv_cdf(share), _acceleration(each[:, j])
            scores = np.array([shift + normal.inv_cdf(tail) for tail in tails])
            shares = np.array([normal.cdf(s) for s in shift + scores / (1 - skew * scores)])
        low, high = np.quantile(column, shares)
        # Of a score that is biased in replicates more than in the data, both ends can miss the score.
        ends[j] = min(low, point), max(high, point)
    return Interval(ends[:, 0], ends[:, 1], PERCENTILE if method == "percentile" else BCA)


def _acceleration(each: Floats) -> float:
    """A sixth of the skewness of one score's influence values, [patients]; 0 where they are all alike."""
    spread = (each**2).sum()
    return float((each**3).sum() / (6 * spread**1.5)) if spread > 0 else 0.0
