"""Scores of an order: ROC AUC, partial AUC and average precision, exact on ties, all findings at once.

Rows are sorted once. What is then counted are weights, so that resampled or weighted rows need no second
sort. Cells that are not scored take part with weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError
from hilum.metrics.inputs import Floats, ratio, row_weights, score_columns, sides

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """Columns sorted by score; make it with `rank`.

    Attributes:
        order: rows by rising score, int64 [k, n].
        start: sorted position of the first row that is tied with each row, int64 [k, n].
        stop: sorted position after the last such row, int64 [k, n].
        positive, negative: 1 where the sorted row is a scored positive (negative), float64 [k, n].
    """

    order: Ints
    start: Ints
    stop: Ints
    positive: Floats
    negative: Floats

    def roc_auc(self, weights: npt.ArrayLike | None = None) -> Floats:
        """Area under the ROC curve, float64 [k]; NaN without a positive or without a negative."""
        positive, negative = self._weighted(weights)
        below = _running_sum(negative)
        # A positive beats the negatives below it and half of those tied with it (mid-ranks).
        beaten = np.take_along_axis(below, self.start, 1) + np.take_along_axis(below, self.stop, 1)
        wins = (positive * beaten).sum(axis=1) / 2
        return ratio(wins, positive.sum(axis=1) * negative.sum(axis=1))

    def partial_auc(self, max_fpr: float = 0.1, weights: npt.ArrayLike | None = None) -> Floats:
        """Area up to a false positive rate, standardised, float64 [k]; see the function `partial_auc`."""
        positive, negative = self._weighted(weights)
        below, negatives = _running_sum(negative), negative.sum(axis=1)
        above = negatives[:, None] - np.take_along_axis(below, self.stop, 1)
        through = negatives[:, None] - np.take_along_axis(below, self.start, 1)
        area = (positive * width_up_to(above, through, max_fpr * negatives[:, None])).sum(axis=1)
        return standardised(ratio(area, positive.sum(axis=1) * negatives), max_fpr)

    def average_precision(self, weights: npt.ArrayLike | None = None) -> Floats:
        """Mean precision over the positives, float64 [k]; NaN without a positive or without a negative."""
        positive, negative = self._weighted(weights)
        positives, negatives = positive.sum(axis=1), negative.sum(axis=1)
        true = positives[:, None] - np.take_along_axis(_running_sum(positive), self.start, 1)
        false = negatives[:, None] - np.take_along_axis(_running_sum(negative), self.start, 1)
        precision = np.where(positive > 0, ratio(true, true + false), 0.0)
        mean = ratio((positive * precision).sum(axis=1), positives)
        return np.where(negatives > 0, mean, np.nan)

    def _weighted(self, weights: npt.ArrayLike | None) -> tuple[Floats, Floats]:
        if weights is None:
            return self.positive, self.negative
        each = row_weights(weights, self.order.shape[1])[self.order]
        return self.positive * each, self.negative * each


def rank(targets: npt.ArrayLike, scores: npt.ArrayLike) -> Ranking:
    """Sort [n, k] scores, once for all scores of an order and all weights.

    Raises:
        DataError: targets other than 0, 1 and NaN, shapes that differ, or a NaN score of a scored cell.
    """
    positive, negative = sides(targets)
    values = np.ascontiguousarray(score_columns(scores, (positive + negative) > 0).T)
    order = np.argsort(values, axis=1)
    start, stop = _ties(np.take_along_axis(values, order, 1))
    return Ranking(
        order,
        start,
        stop,
        np.take_along_axis(positive.T, order, 1),
        np.take_along_axis(negative.T, order, 1),
    )


def roc_auc(targets: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Area under the ROC curve of each finding: the share of positive-negative pairs in the right order.

    Ties count half. The result is exact (no trapezoids over rounded rates): Hanley & McNeil 1982.

    Args:
        targets: [n, k] of 0, 1 and NaN (not scored); one column may come as [n].
        scores: [n, k], higher means more likely positive; logits or probabilities.
        weights: how often each row counts, [n]; None means once.

    Returns:
        float64 [k]; NaN for a finding with one class only, which has no AUC.

    Raises:
        DataError: targets other than 0, 1 and NaN, shapes that differ, or a NaN score of a scored cell.
    """
    return rank(targets, scores).roc_auc(weights)


def partial_auc(
    targets: npt.ArrayLike,
    scores: npt.ArrayLike,
    max_fpr: float = 0.1,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Area under the ROC curve up to a false positive rate, standardised to 0.5 for a coin and 1 for perfect.

    With a = max_fpr, the area up to it lies between a^2 / 2 (a coin) and a; it is moved and stretched to 0.5
    to 1 (McClish 1989), as scikit-learn's `roc_auc_score(max_fpr=...)`. Other arguments and errors are those of
    `roc_auc`.

    Args:
        targets, scores, weights: see `roc_auc`.
        max_fpr: false positive rate up to which the area counts, above 0 and at most 1 (the whole ROC AUC).

    Returns:
        float64 [k]; NaN for a finding with one class only.
    """
    if not 0 < max_fpr <= 1:
        raise DataError(f"max_fpr is a false positive rate above 0 and at most 1; it is {max_fpr:g}.")
    return rank(targets, scores).partial_auc(max_fpr, weights)


def average_precision(
    targets: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Average precision of each finding: the sum of precision times step in recall over all thresholds.

    scikit-learn's definition (no interpolation). Arguments and errors are those of `roc_auc`.

    Returns:
        float64 [k]; NaN for a finding with one class only (with positives alone any order would get 1).
    """
    return rank(targets, scores).average_precision(weights)


def width_up_to(above: Floats, through: Floats, limit: Floats) -> Floats:
    """How much of the ROC curve's x axis, in negatives, each positive adds its height to.

    A positive lifts the curve to the right of the negatives that score above it. Within negatives tied with it
    the lift grows linearly, so that with `limit` at all negatives the widths add up to the mid-rank AUC.

    Args:
        above: weight of the negatives that score above each positive.
        through: the same and those tied with it.
        limit: where the area ends, in negatives; broadcasts against the others.
    """
    tied = through - above
    within = np.clip(limit - above, 0.0, tied)
    slope = np.zeros_like(within)
    np.divide(within, tied, out=slope, where=tied > 0)
    return np.maximum(limit - through, 0.0) + 0.5 * within * slope


def standardised(area: Floats, max_fpr: float) -> Floats:
    """McClish's standardisation of a partial area: 0.5 for a coin, 1 for a perfect order."""
    lowest = 0.5 * max_fpr**2
    return 0.5 * (1.0 + (area - lowest) / (max_fpr - lowest))


def _running_sum(values: Floats) -> Floats:
    """Sum before each position, [k, n + 1]."""
    total = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    return total


def _ties(values: Floats) -> tuple[Ints, Ints]:
    """First position of each run of equal values in sorted rows, and the position after its last."""
    rows, n = values.shape
    position = np.arange(n)
    new = np.ones((rows, n), dtype=np.bool_)
    new[:, 1:] = values[:, 1:] != values[:, :-1]
    start = np.maximum.accumulate(np.where(new, position, 0), axis=1)
    last = np.ones((rows, n), dtype=np.bool_)
    last[:, :-1] = new[:, 1:]
    ends = np.where(last, position + 1, n)
    stop = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    return start, stop
