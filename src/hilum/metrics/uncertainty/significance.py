"""p values, intervals and sample sizes from an effect and its standard error; the t distribution is scipy's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from hilum.metrics.inputs import Floats

POWER = 0.8
"""How often a true difference is to be seen, where the number of positives that it takes is told."""


def t_tail(statistic: Floats, degrees: Floats) -> Floats:
    """Two-sided p value of a t statistic, of the shape of both."""
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(degrees, -np.abs(statistic)))


def t_quantile(level: float, degrees: Floats) -> Floats:
    """How many standard errors to either side hold `level` of the t distribution."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(degrees, 0.5 + level / 2))


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """p values adjusted for their number (Holm 1979): below alpha, one of all is wrong at most alpha of the time.

    Args:
        p_values: any number; NaN (no test was made) stays NaN and counts for none.

    Returns:
        float64 in the order given, each at least as large as it was, none over 1.
    """
    values = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    adjusted = np.full(values.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted


def effective_degrees(influence: Floats) -> Floats:
    """Degrees of freedom of a variance estimated as the sum of squared influences [patients, c], float64 [c].

    The variance of that sum follows from the influences' kurtosis k; a chi-square with 2 P / (k - 1) degrees has
    the same. It is P - 1 for influences that are normal, about the number of positives where these carry the
    weight, and few where a handful of patients decides.
    """
    patients = len(influence)
    squares = (influence**2).sum(axis=0)
    fourth = (influence**4).sum(axis=0)
    kurtosis = np.divide(patients * fourth, squares**2, out=np.full(squares.shape, 3.0), where=squares > 0)
    return np.asarray(np.clip(2 * patients / np.maximum(kurtosis - 1, 1e-9), 1.0, max(patients - 1.0, 1.0)))


def satterthwaite(
    of_patients: Floats, degrees: Floats, terms: Sequence[tuple[Floats, Floats, float]]
) -> tuple[Floats, Floats]:
    """Variance of patients and of other sources together, and Satterthwaite's degrees of freedom, [c] each.

    Args:
        of_patients: variance over patients.
        degrees: its degrees of freedom.
        terms: of each other source what it adds, the variance that this was estimated from, and the degrees of it.
    """
    variance = of_patients + sum(added for added, _, _ in terms)
    below = of_patients**2 / degrees + sum(whole**2 / number for _, whole, number in terms)
    total = np.divide(variance**2, below, out=np.array(degrees, dtype=np.float64), where=below > 0)
    return np.asarray(variance), np.maximum(total, 1.0)


def times_as_many(
    difference: float, patients_variance: float, seeds_variance: float, level: float, tests: int
) -> float | None:
    """How many times as many patients it would take to see this difference in `POWER` of all tries.

    Args:
        difference: the true one, as is supposed.
        patients_variance: what falls with more patients.
        seeds_variance: what does not.
        level: of one test alone; divided among `tests`.
        tests: how many the p value is corrected for (Bonferroni, so Holm needs no more).

    Returns:
        The factor; None where no number of patients would do.
    """
    alpha = (1 - level) / tests
    reach = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(POWER)
    left = (difference / reach) ** 2 - seeds_variance
    if not math.isfinite(difference) or left <= 0:
        return None
    return patients_variance / left
