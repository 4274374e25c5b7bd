"""Scores of decisions, always of the positive class, one number a finding.

What cannot be measured is NaN and stays out of means. Recall, precision and the F scores need a positive
image, specificity and NPV a negative one, balanced accuracy and MCC both. What the model could have done and
did not is 0: the precision of a model that never says yes (scikit-learn's `zero_division=0`); were it NaN, such
a finding would leave the mean instead of lowering it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats, decision_columns, ratio, sides


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
        return ratio(self.true_positives + self.true_negatives, self.positives + self.negatives)

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
        """The counts of all findings together: the last axis summed."""
        return Confusion(
            *(
                np.asarray(counts.sum(axis=-1))
                for counts in (
                    self.true_positives,
                    self.false_positives,
                    self.false_negatives,
                    self.true_negatives,
                )
            )
        )

    def f_beta(self, beta: float) -> Floats:
        """Weighted harmonic mean of precision and recall; recall counts `beta` times as much as precision.

        (1 + b^2) P R / (b^2 P + R), which is (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP); F2 is 5PR / (4P + R).
        """
        gain = (1 + beta**2) * self.true_positives
        score = ratio(gain, gain + beta**2 * self.false_negatives + self.false_positives)
        return np.where(self.positives > 0, score, np.nan)


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
    positive, negative = sides(targets, weights)
    yes = decision_columns(decisions, positive > 0)
    true_positives = np.where(yes, positive, 0.0).sum(axis=axis)
    false_positives = np.where(yes, negative, 0.0).sum(axis=axis)
    return Confusion(
        true_positives,
        false_positives,
        positive.sum(axis=axis) - true_positives,
        negative.sum(axis=axis) - false_positives,
    )


def recall(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Share of the positives that is found (sensitivity), float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).recall


def specificity(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Share of the negatives that is left alone, float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).specificity


def precision(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Share of the decided positives that is right (PPV), float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).precision


def npv(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Share of the decided negatives that is right, float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).npv


def accuracy(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Share of right decisions, float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).accuracy


def balanced_accuracy(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Mean of recall and specificity, float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).balanced_accuracy


def mcc(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Matthews correlation of decision and truth, float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).mcc


def f_beta(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, beta: float, weights: npt.ArrayLike | None = None
) -> Floats:
    """`Confusion.f_beta`, float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).f_beta(beta)


def f1(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Harmonic mean of precision and recall, 2PR / (P + R), float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).f_beta(1)


def f2(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """The F score that prefers recall, 5PR / (4P + R), float64 [k]; arguments as for `confusion`."""
    return confusion(targets, decisions, weights).f_beta(2)
