"""Counts of decisions, and the scores that follow from them; always of the positive class.

What cannot be measured is NaN and stays out of means. Recall, precision and the F scores need a positive
image, specificity and NPV a negative one, balanced accuracy and MCC both. What the model could have done and
did not is 0: the precision of a model that never says yes (scikit-learn's `zero_division=0`); were it NaN, such
a finding would leave the mean instead of lowering it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats, Rows, ratio, row_weights


@dataclass(frozen=True)
class Confusion:
    """Counts (or sums of weights) of decisions against truth, float64, of any one shape.

    `true` and `false` say whether the decision is right, `positives` and `negatives` what it was.
    """

    true_positives: Floats
    false_positives: Floats
    false_negatives: Floats
    true_negatives: Floats

    @property
    def images(self) -> Floats:
        """All that is scored."""
        return self.positives + self.negatives

    @property
    def positives(self) -> Floats:
        """Truly positive."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> Floats:
        """Truly negative."""
        return self.true_negatives + self.false_positives

    @property
    def predicted_positives(self) -> Floats:
        """Decided positive."""
        return self.true_positives + self.false_positives

    @property
    def recall(self) -> Floats:
        """Share of the positives that is found: TP / (TP + FN)."""
        return ratio(self.true_positives, self.positives)

    @property
    def specificity(self) -> Floats:
        """Share of the negatives that is left alone: TN / (TN + FP), the recall of the negative class."""
        return ratio(self.true_negatives, self.negatives)

    @property
    def precision(self) -> Floats:
        """Share of the decided positives that is right: TP / (TP + FP); 0 where none is decided."""
        share = ratio(self.true_positives, self.predicted_positives)
        share = np.where(self.predicted_positives > 0, share, 0.0)
        return np.where(self.positives > 0, share, np.nan)

    @property
    def npv(self) -> Floats:
        """Share of the decided negatives that is right: TN / (TN + FN); 0 where none is decided."""
        decided = self.true_negatives + self.false_negatives
        share = np.where(decided > 0, ratio(self.true_negatives, decided), 0.0)
        return np.where(self.negatives > 0, share, np.nan)

    @property
    def accuracy(self) -> Floats:
        """Share of right decisions."""
        return ratio(self.true_positives + self.true_negatives, self.images)

    @property
    def balanced_accuracy(self) -> Floats:
        """Mean of recall and specificity."""
        return (self.recall + self.specificity) / 2

    @property
    def mcc(self) -> Floats:
        """Matthews correlation of decision and truth, -1 to 1 (Matthews 1975); 0 where all are decided alike."""
        right = self.true_positives * self.true_negatives
        wrong = self.false_positives * self.false_negatives
        decided = self.predicted_positives * (self.true_negatives + self.false_negatives)
        # Root by root: the product of four counts leaves the range in which float64 holds integers.
        spread = np.sqrt(self.positives * self.negatives) * np.sqrt(decided)
        value = np.where(spread > 0, ratio(right - wrong, spread), 0.0)
        return np.where((self.positives > 0) & (self.negatives > 0), value, np.nan)

    @property
    def pooled(self) -> Confusion:
        """The counts of all findings together: the last axis summed, and kept with length 1."""
        return Confusion(*(np.asarray(counts.sum(axis=-1, keepdims=True)) for counts in astuple(self)))

    def f_beta(self, beta: float) -> Floats:
        """Weighted harmonic mean of precision and recall; recall counts `beta` times as much as precision.

        (1 + b^2) P R / (b^2 P + R), which is (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP); F2 is 5PR / (4P + R).
        """
        gain = (1 + beta**2) * self.true_positives
        score = ratio(gain, gain + beta**2 * self.false_negatives + self.false_positives)
        return np.where(self.positives > 0, score, np.nan)

    def net_benefit(self, at: float) -> Floats:
        """Share that is found, less false alarms at the odds of `at`: TP / n - FP / n * at / (1 - at).

        Vickers & Elkin 2006. Who decides from a probability of `at` on says that a missed finding is as bad as
        (1 - at) / at false alarms. 0 is what deciding nobody positive gives.
        """
        return ratio(self.true_positives - at / (1 - at) * self.false_positives, self.images)


def confusion(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None, axis: int = 0
) -> Confusion:
    """Count decisions against truth.

    Args:
        targets: [n, k] of 0, 1 and NaN (not scored); one column may come as [n].
        decisions: bool [n, k], true means decided positive.
        weights: how often each row counts, [n]; None means once.
        axis: 0 counts per finding, [k]; 1 per row, [n].

    Raises:
        DataError: targets other than 0, 1 and NaN, decisions that are none, or shapes that differ.
    """
    rows = Rows(targets, decisions=decisions)
    each = row_weights(weights, len(rows.positive))[:, None]
    return Confusion(*((each * part).sum(axis=axis) for part in cells(rows)))


def cells(rows: Rows) -> list[Floats]:
    """The fields of `Confusion` for each cell alone, [n, k] each."""
    return _cells(rows, rows.decisions)


def cells_at(at: float) -> Callable[[Rows], list[Floats]]:
    """`cells`, decided at a probability of `at`, whatever the thresholds are."""
    return lambda rows: _cells(rows, rows.probabilities >= at)


def row_means(value: Callable[[Confusion], Floats]) -> Callable[[Rows], list[Floats]]:
    """A score of each row's findings (0 where the row has none) and whether it has one, [n, 1] each."""

    def parts(rows: Rows) -> list[Floats]:
        each = value(Confusion(*(part.sum(axis=1, keepdims=True) for part in cells(rows))))
        known = ~np.isnan(each)
        return [np.where(known, each, 0.0), known.astype(np.float64)]

    return parts


def all_right(row: Confusion) -> Floats:
    """1 for a row decided rightly on every finding that is scored on it, else 0; NaN where none is scored."""
    right = row.false_positives + row.false_negatives == 0
    return np.where(row.images > 0, right.astype(np.float64), np.nan)


def _cells(rows: Rows, yes: npt.NDArray[np.bool_]) -> list[Floats]:
    return [rows.positive * yes, rows.negative * yes, rows.positive * ~yes, rows.negative * ~yes]
