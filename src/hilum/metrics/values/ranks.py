"""One finding's rows by falling score: ROC AUC, partial AUC and average precision, exact on ties.

All three are sums over the positives of something that depends on the weight of the positives and of the negatives
above them. So rows are sorted once, and for other weights (bootstrap counts) it takes one running sum over the
negatives. Their derivatives by the weight of each row are known, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Bools, Floats, Rows, ratio

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """The scored rows of one finding; make it with `orders_of`.

    Attributes:
        positives: rows of the m positives by falling score, int64 [m].
        negatives: rows of the q negatives by falling score, int64 [q].
        above: how many negatives score above each positive, int64 [m].
        through: the same and those tied with it, int64 [m].
        last: position of the last positive that is tied with each, int64 [m].
        max_fpr: false positive rate up to which the partial AUC counts.
    """

    positives: Ints
    negatives: Ints
    above: Ints
    through: Ints
    last: Ints
    max_fpr: float

    @property
    def one_class(self) -> bool:
        """Whether there is no positive or no negative, and so no score."""
        return not len(self.positives) or not len(self.negatives)


def orders_of(rows: Rows) -> list[Order]:
    """Sort each column of scores.

    Raises:
        DataError: a NaN score of a scored cell.
    """
    columns = zip(rows.scores.T, rows.positive.T > 0, rows.negative.T > 0, strict=True)
    return [_order(*column, rows.max_fpr) for column in columns]


def _order(values: Floats, positive: Bools, negative: Bools, max_fpr: float) -> Order:
    positives, negatives = np.flatnonzero(positive), np.flatnonzero(negative)
    positives = positives[np.argsort(-values[positives], kind="stable")]
    negatives = negatives[np.argsort(-values[negatives], kind="stable")]
    high, low = -values[positives], -values[negatives]
    above, through = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
    return Order(positives, negatives, above, through, np.searchsorted(high, high, "right") - 1, max_fpr)


@dataclass(frozen=True)
class Weighed:
    """An `Order` whose rows count b times over with other weights each time; make it with `weighed`.

    Attributes:
        order: of the rows.
        positive: weight of each positive, float64 [b, m].
        above: weight of the negatives that score above each positive, float64 [b, m].
        through: the same and those tied with it.
        negatives: weight of all negatives, float64 [b].
    """

    order: Order
    positive: Floats
    above: Floats
    through: Floats
    negatives: Floats

    @property
    def positives(self) -> Floats:
        """Weight of all positives, [b]."""
        return np.asarray(self.positive.sum(axis=1))


def weighed(order: Order, owner: Ints, counts: Counts) -> Weighed:
    """Count the owners of rows (patients, or the rows themselves) again and again.

    Args:
        order: of n rows.
        owner: whose each row is, int64 [n].
        counts: how often each owner counts, [b, owners + 1]; the last column is 0, and of nobody.
    """
    positive = np.take(counts, owner[order.positives], axis=1).astype(np.float64)
    # Sums of counts below 2^24 are exact in float32, which halves the memory that has to be moved.
    nobody = counts.shape[1] - 1
    running = np.take(counts, np.concatenate([[nobody], owner[order.negatives]]), axis=1)
    np.cumsum(running, axis=1, out=running)
    through = np.take(running, order.through, axis=1).astype(np.float64)
    tied = bool((order.above != order.through).any())
    above = np.take(running, order.above, axis=1).astype(np.float64) if tied else through
    return Weighed(order, positive, above, through, running[:, -1].astype(np.float64))


def area(ranks: Weighed) -> Floats:
    """ROC AUC, [b]: the share of positive-negative pairs in the right order, ties counting half."""
    pairs = ranks.positives * ranks.negatives
    lost = np.einsum("bm,bm->b", ranks.positive, ranks.above + ranks.through) / 2
    return ratio(pairs - lost, pairs)


def partial_area(ranks: Weighed) -> Floats:
    """Area up to `max_fpr`, [b], standardised to 0.5 for a coin and 1 for perfect (McClish 1989)."""
    limit = ranks.order.max_fpr * ranks.negatives[:, None]
    covered = np.einsum("bm,bm->b", ranks.positive, _width_up_to(ranks.above, ranks.through, limit))
    return _standardised(ratio(covered, ranks.positives * ranks.negatives), ranks.order.max_fpr)


def mean_precision(ranks: Weighed) -> Floats:
    """Average precision, [b]: precision at each positive, averaged; scikit-learn's, without interpolation."""
    order, true = ranks.order, np.cumsum(ranks.positive, axis=1)
    if (order.last != np.arange(len(order.last))).any():
        true = np.take(true, order.last, axis=1)
    # Before the first positive that counts, nothing is found and nothing is added.
    precision = true / np.maximum(true + ranks.through, 1e-300)
    mean = ratio(np.einsum("bm,bm->b", ranks.positive, precision), ranks.positives)
    return np.where(ranks.negatives > 0, mean, np.nan)


def area_derivatives(order: Order) -> tuple[Floats, Floats]:
    """`area` by each positive's weight, [m], and by each negative's, [q]: DeLong's placements (Sun & Xu 2014)."""
    return _area_derivatives(order, 1.0)


def partial_area_derivatives(order: Order) -> tuple[Floats, Floats]:
    """`partial_area` by each positive's weight, [m], and by each negative's, [q]."""
    return _area_derivatives(order, order.max_fpr)


def mean_precision_derivatives(order: Order) -> tuple[Floats, Floats]:
    """`mean_precision` by each positive's weight, [m], and by each negative's, [q]."""
    m, q = len(order.positives), len(order.negatives)
    true, false = (order.last + 1).astype(np.float64), order.through.astype(np.float64)
    precision = true / (true + false)
    by_true, by_false = false / (true + false) ** 2, true / (true + false) ** 2
    first = np.searchsorted(order.last, order.last, "left")
    at_or_below = np.cumsum(by_true[::-1])[::-1][first]
    positive = (precision - precision.mean() + at_or_below) / m
    return positive, -_sum_below(order.through, by_false, q) / m


def _area_derivatives(order: Order, max_fpr: float) -> tuple[Floats, Floats]:
    m, q = len(order.positives), len(order.negatives)
    above, through = order.above.astype(np.float64), order.through.astype(np.float64)
    limit = np.array(max_fpr * q)
    width = _width_up_to(above, through, limit)
    covered = width.sum() / (m * q)
    tied = through - above
    # How the width grows with the limit, and how it shrinks with the weight of tied negatives.
    slope = np.where(tied > 0, np.clip(limit - above, 0.0, tied) / np.maximum(tied, 1.0), limit >= above)
    shrink = np.where(tied > 0, slope**2 / 2, 0.0)
    lost = _sum_below(order.above, slope - shrink, q) + _sum_below(order.through, shrink, q)
    positive = (width / q - covered) / m
    negative = (max_fpr * slope.sum() - lost) / (m * q) - covered / q
    scale = 0.5 / (max_fpr - 0.5 * max_fpr**2)
    return scale * positive, scale * negative


def _width_up_to(above: Floats, through: Floats, limit: Floats) -> Floats:
    """How much of the ROC curve's x axis, in negatives, each positive adds its height to.

    A positive lifts the curve to the right of the negatives that score above it. Within negatives tied with it
    the lift grows linearly, so that with `limit` at all negatives the widths add up to the mid-rank AUC.
    """
    tied = through - above
    within = np.clip(limit - above, 0.0, tied)
    slope = np.zeros_like(within)
    np.divide(within, tied, out=slope, where=tied > 0)
    return np.maximum(limit - through, 0.0) + 0.5 * within * slope


def _standardised(area: Floats, max_fpr: float) -> Floats:
    lowest = 0.5 * max_fpr**2
    return 0.5 * (1.0 + (area - lowest) / (max_fpr - lowest))


def _sum_below(boundary: Ints, values: Floats, negatives: int) -> Floats:
    """For each negative, in falling order, the sum of the values whose boundary lies after it, [negatives]."""
    at = np.bincount(boundary, values, minlength=negatives + 1)
    return np.asarray(np.cumsum(at[::-1])[::-1][1:])
