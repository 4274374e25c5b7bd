"""One finding's rows by falling score: its positives, and how many negatives lie above each.

ROC AUC, partial AUC and average precision are sums over the positives of something that depends on the weight
of the positives and of the negatives above them. So rows are sorted once, and for other weights (bootstrap
counts) it takes one running sum over the negatives.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats, ratio, score_columns, sides
from hilum.metrics.values.ranks import standardised, width_up_to

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.float32] | npt.NDArray[np.float64]

RANKED = ("roc_auc", "partial_auc", "average_precision")
"""Scores of an order."""


@dataclass(frozen=True)
class Order:
    """The scored rows of one finding; make it with `orders_of`.

    Attributes:
        positives: rows of the m positives by falling score, int64 [m].
        negatives: rows of the q negatives by falling score, int64 [q].
        above: how many negatives score above each positive, int64 [m].
        through: the same and those tied with it, int64 [m].
        last: position of the last positive that is tied with each, int64 [m].
    """

    positives: Ints
    negatives: Ints
    above: Ints
    through: Ints
    last: Ints

    @property
    def one_class(self) -> bool:
        """Whether there is no positive or no negative, and so no score."""
        return not len(self.positives) or not len(self.negatives)

    @property
    def tied(self) -> bool:
        """Whether any positive is tied with a negative."""
        return bool((self.above != self.through).any())


def orders_of(targets: npt.ArrayLike, scores: npt.ArrayLike) -> list[Order]:
    """Sort each column of [n, k] scores.

    Raises:
        DataError: targets other than 0, 1 and NaN, shapes that differ, or a NaN score of a scored cell.
    """
    positive, negative = sides(targets)
    values = score_columns(scores, positive + negative > 0)
    return [_order(values[:, j], positive[:, j] > 0, negative[:, j] > 0) for j in range(values.shape[1])]


def _order(values: Floats, positive: npt.NDArray[np.bool_], negative: npt.NDArray[np.bool_]) -> Order:
    positives, negatives = np.flatnonzero(positive), np.flatnonzero(negative)
    positives = positives[np.argsort(-values[positives], kind="stable")]
    negatives = negatives[np.argsort(-values[negatives], kind="stable")]
    high, low = -values[positives], -values[negatives]
    return Order(
        positives,
        negatives,
        np.searchsorted(low, high, "left"),
        np.searchsorted(low, high, "right"),
        np.searchsorted(high, high, "right") - 1,
    )


@dataclass(frozen=True)
class PatientOrder:
    """An `Order` of patients in place of rows, to be counted again and again.

    Attributes:
        order: of the rows.
        positives: patient of each positive, int64 [m].
        negatives: patient of each negative, after a first one that stands for nobody, int64 [q + 1].
    """

    order: Order
    positives: Ints
    negatives: Ints

    @classmethod
    def of(cls, order: Order, code: Ints, patients: int) -> PatientOrder:
        """The order of rows whose patients are `code`, [n]; patient number `patients` is nobody."""
        return cls(order, code[order.positives], np.concatenate([[patients], code[order.negatives]]))

    def values(self, counts: Counts, names: Collection[str], max_fpr: float) -> dict[str, Floats]:
        """Scores of replicates.

        Args:
            counts: how often each patient is in each replicate, [b, patients + 1], the last column 0.
            names: of `RANKED`.
            max_fpr: for the partial AUC.

        Returns:
            Name -> float64 [b]; NaN for a replicate with one class only.
        """
        if self.order.one_class:
            return {name: np.full(len(counts), np.nan) for name in names}
        order = self.order
        positive = np.take(counts, self.positives, axis=1).astype(np.float64)
        # Sums of counts below 2^24 are exact in float32, which halves the memory that has to be moved.
        running = np.take(counts, self.negatives, axis=1)
        np.cumsum(running, axis=1, out=running)
        negatives = running[:, -1].astype(np.float64)
        through = np.take(running, order.through, axis=1).astype(np.float64)
        above = np.take(running, order.above, axis=1).astype(np.float64) if order.tied else through
        return _scores(order, positive, above, through, negatives, names, max_fpr)


def _scores(
    order: Order,
    positive: Floats,
    above: Floats,
    through: Floats,
    negatives: Floats,
    names: Collection[str],
    max_fpr: float,
) -> dict[str, Floats]:
    positives = positive.sum(axis=1)
    pairs = positives * negatives
    found = {}
    if "roc_auc" in names:
        lost = np.einsum("bm,bm->b", positive, above + through) / 2
        found["roc_auc"] = ratio(pairs - lost, pairs)
    if "partial_auc" in names:
        width = width_up_to(above, through, max_fpr * negatives[:, None])
        area = np.einsum("bm,bm->b", positive, width)
        found["partial_auc"] = standardised(ratio(area, pairs), max_fpr)
    if "average_precision" in names:
        true = np.cumsum(positive, axis=1)
        if (order.last != np.arange(len(order.last))).any():
            true = np.take(true, order.last, axis=1)
        # Before the first positive that counts, nothing is found and nothing is added.
        precision = true / np.maximum(true + through, 1.0)
        mean = ratio(np.einsum("bm,bm->b", positive, precision), positives)
        found["average_precision"] = np.where(negatives > 0, mean, np.nan)
    return found
