"""Scores of an order: ROC AUC and average precision, exact on ties, all findings at once.

Rows are sorted once. What is then counted are weights, so that resampled or weighted rows need no second
sort. Cells that are not scored take part with weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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


def average_precision(
    targets: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Average precision of each finding: the sum of precision times step in recall over all thresholds.

    scikit-learn's definition (no interpolation). Arguments and errors are those of `roc_auc`.

    Returns:
        float64 [k]; NaN for a finding with one class only (with positives alone any order would get 1).
    """
    return rank(targets, scores).average_precision(weights)


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
