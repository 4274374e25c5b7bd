"""How much each patient moves a score: standard errors without resampling, and the bootstrap's acceleration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hilum.errors import ConfigError, did_you_mean
from hilum.metrics.inputs import Bools, Floats
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty.bootstrap import Clusters, clusters
from hilum.metrics.values.orders import RANKED, Ints, Order, orders_of
from hilum.metrics.values.ranks import standardised, width_up_to
from hilum.metrics.values.sums import OVER_ALL, PER_FINDING, sum_by, sums_of
from hilum.text import items


def influence(
    predictions: Predictions, decisions: Bools, name: str, *, max_fpr: float = 0.1
) -> tuple[Floats, Floats]:
    """A score and the empirical influence of each patient on it; a patient's images count together.

    - ROC AUC and partial AUC: DeLong's placements (1988) by sorting (Sun & Xu 2014), summed per patient
      (Obuchowski 1997); the positives' and the negatives' sums are multiplied by sqrt(m / (m - 1)), m their
      patients, so that `standard_error` is DeLong's unbiased one where each patient has one image.
    - average precision: the infinitesimal jackknife, its derivative by each row's weight.
    - all others, which follow from sums: the jackknife, leaving out one patient after the other.

    Args:
        predictions: n rows, k findings.
        decisions: bool [n, k]; only scores of decisions look at them.
        name: of `RATES` or `COMBINED`.
        max_fpr: for the partial AUC.

    Returns:
        The score, float64 [k], and the influence, float64 [patients, k], whose sum is about 0; k is 1 for a
        combined score. NaN where the score cannot be measured, or hangs on a single patient.

    Raises:
        ConfigError: no score is called so.
    """
    return next(influences(predictions, decisions, [name], max_fpr=max_fpr))[1:]


def influences(
    predictions: Predictions, decisions: Bools, names: Sequence[str], *, max_fpr: float = 0.1
) -> Iterator[tuple[str, Floats, Floats]]:
    """Name, score and influence of several scores in turn, sorted and summed once; see `influence`."""
    known = (*RANKED, *PER_FINDING, *OVER_ALL)
    names = items(names)
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no score {name!r}; {did_you_mean(name, known)}")
    patients = clusters(predictions)
    ranked = any(name in RANKED for name in names)
    orders = orders_of(predictions.targets, predictions.logits) if ranked else []
    summed = [name for name in names if name not in RANKED]
    sums = sums_of(predictions, decisions, patients.code, patients.count, summed)
    total = sums.each.sum(axis=0)
    without = total - sums.each
    for name in names:
        if name in RANKED:
            each = [_ranked(order, patients, name, max_fpr) for order in orders]
            yield name, np.array([one[0] for one in each]), np.stack([one[1] for one in each], axis=1)
        else:
            value, left = sums.value(name, total), sums.value(name, without)
            yield (name, *_jackknife(np.atleast_1d(value), left.reshape(patients.count, -1)))


def standard_error(influence: Floats) -> Floats:
    """Standard error of a score from the influence [patients, ...] of each patient, [...]."""
    patients = len(influence)
    if patients < 2:
        return np.full(influence.shape[1:], np.nan)
    return np.asarray(np.sqrt(patients / (patients - 1) * (influence**2).sum(axis=0)))


def _jackknife(value: Floats, without: Floats) -> tuple[Floats, Floats]:
    """The score, [k], and its influence from the scores without each patient, [patients, k]."""
    patients = len(without)
    if patients < 2:
        return value, np.full(without.shape, np.nan)
    return value, (patients - 1) / patients * (without.mean(axis=0) - without)


def _ranked(order: Order, patients: Clusters, name: str, max_fpr: float) -> tuple[float, Floats]:
    if order.one_class:
        return np.nan, np.full(patients.count, np.nan)
    if name == "average_precision":
        value, positive, negative = _precision_derivatives(order)
    else:
        value, positive, negative = _area_derivatives(order, 1.0 if name == "roc_auc" else max_fpr)
        positive = positive * _unbiased(patients, order.positives)
        negative = negative * _unbiased(patients, order.negatives)
    rows = np.concatenate([order.positives, order.negatives])
    each = np.concatenate([positive, negative])[:, None]
    return value, sum_by(each, patients.code[rows], patients.count)[:, 0]


def _unbiased(patients: Clusters, rows: Ints) -> float:
    """sqrt(m / (m - 1)) of the m patients of these rows, over that of all patients; NaN for a single one."""
    m, p = len(np.unique(patients.code[rows])), patients.count
    return float(np.sqrt(m / (m - 1) * (p - 1) / p)) if m > 1 else np.nan


def _area_derivatives(order: Order, max_fpr: float) -> tuple[float, Floats, Floats]:
    """Standardised area up to `max_fpr`, its derivative by each positive's weight, and by each negative's."""
    m, q = len(order.positives), len(order.negatives)
    above, through = order.above.astype(np.float64), order.through.astype(np.float64)
    limit = np.array(max_fpr * q)
    width = width_up_to(above, through, limit)
    area = width.sum() / (m * q)
    tied = through - above
    # How the width grows with the limit, and how it shrinks with the weight of tied negatives.
    slope = np.where(tied > 0, np.clip(limit - above, 0.0, tied) / np.maximum(tied, 1.0), limit >= above)
    shrink = np.where(tied > 0, slope**2 / 2, 0.0)
    lost = _sum_below(order.above, slope - shrink, q) + _sum_below(order.through, shrink, q)
    positive = (width / q - area) / m
    negative = (max_fpr * slope.sum() - lost) / (m * q) - area / q
    scale = 0.5 / (max_fpr - 0.5 * max_fpr**2)
    return float(standardised(area, max_fpr)), scale * positive, scale * negative


def _precision_derivatives(order: Order) -> tuple[float, Floats, Floats]:
    """Average precision, its derivative by each positive's weight, and by each negative's."""
    m, q = len(order.positives), len(order.negatives)
    true, false = (order.last + 1).astype(np.float64), order.through.astype(np.float64)
    precision = true / (true + false)
    value = float(precision.mean())
    by_true, by_false = false / (true + false) ** 2, true / (true + false) ** 2
    first = np.searchsorted(order.last, order.last, "left")
    at_or_below = np.cumsum(by_true[::-1])[::-1][first]
    positive = (precision - value + at_or_below) / m
    return value, positive, -_sum_below(order.through, by_false, q) / m


def _sum_below(boundary: Ints, values: Floats, negatives: int) -> Floats:
    """For each negative, in falling order, the sum of the values whose boundary lies after it, [negatives]."""
    at = np.bincount(boundary, values, minlength=negatives + 1)
    return np.asarray(np.cumsum(at[::-1])[::-1][1:])
