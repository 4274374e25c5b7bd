"""The parts of a run that were scored, and scores as pages show them: a number, its interval under it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hilum.metrics import COUNTS, Predictions, Scores
from hilum.runs import Run
from hilum.text import cell, many


@dataclass(frozen=True)
class Value:
    """One score; `low` and `high` are NaN where there is no interval."""

    value: float
    low: float = math.nan
    high: float = math.nan
    method: str = ""

    @property
    def text(self) -> str:
        """The number with three decimals, or a dash."""
        return cell(float(self.value))

    @property
    def range(self) -> str:
        """`0.953–0.980`, or nothing."""
        if math.isnan(self.low) or math.isnan(self.high):
            return ""
        between = "–" if self.low >= 0 else " to "
        return f"{self.low:.3f}{between}{self.high:.3f}"

    @property
    def both(self) -> str:
        """`0.968 (0.953–0.980)`."""
        return f"{self.text} ({self.range})" if self.range else self.text


def value_of(scores: Scores, name: str, column: int | None = None) -> Value:
    """A score of one finding, or its mean over findings, with its interval where there is one.

    Args:
        scores: of a part.
        name: a score of one finding.
        column: the finding's position; None means the mean (of one finding: its own score).
    """
    if column is None and len(scores.findings) == 1:
        column = 0
    if name not in scores.columns:
        return Value(math.nan)
    value = scores.mean(name)[0] if column is None else float(scores[name][column])
    found = scores.intervals
    if found is None or name in COUNTS:
        return Value(value)
    interval = (found.means if column is None else found.columns).get(name)
    if interval is None:
        return Value(value)
    at = () if column is None else (column,)
    return Value(value, float(interval.low[at]), float(interval.high[at]), interval.method)


CELLS = ("true_positives", "false_negatives", "false_positives", "true_negatives")
"""What a decision can be; truth by rows."""
PARTS = {"train": "Training", "valid": "Validation", "test": "Test"}
PROGRESSION = {
    "loss": "Loss",
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "recall": "Recall",
    "precision": "Precision",
    "f1": "F1",
    "accuracy": "Accuracy",
}
"""Scores drawn over epochs: means over findings, but for the loss."""


@dataclass(frozen=True)
class Part:
    """A scored part of the data.

    Attributes:
        name, title: `test`, Test.
        predictions: what is judged: per image, study or patient, and calibrated where the run is.
        scores: of those.
        raw: per image, as the model gave them.
        combine: how images become units.
    """

    name: str
    title: str
    predictions: Predictions
    scores: Scores
    raw: Predictions
    combine: str = "max"

    @property
    def units_raw(self) -> Predictions:
        """What is judged, before it is calibrated."""
        return self.raw.per(self.predictions.unit, self.combine)

    def confusion(self, column: int) -> tuple[int, ...]:
        """Of a finding, the numbers of `CELLS`."""
        return tuple(int(self.scores[name][column]) for name in CELLS)

    @property
    def units(self) -> str:
        """`624 images`, `312 studies`."""
        return many(self.scores.images, self.predictions.unit)


def best_epoch(run: Run) -> int | None:
    """The best epoch, or None before the first is finished and where none beats the head that a run began with."""
    return next((int(entry["epoch"]) for entry in run.history if entry["best"]), None)
