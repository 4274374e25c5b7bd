"""ROC and precision-recall curves as numbers; drawing them is another matter."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats
from hilum.metrics.predictions import Predictions
from hilum.metrics.values.registry import SCORES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class RocCurve:
    """One finding's ROC curve.

    Attributes:
        finding: its name.
        thresholds: float64 [m], falling; from infinity (nothing is positive) to the lowest probability.
        false_positive_rate: 1 - specificity at `probability >= threshold`, [m], rising from 0 to 1.
        recall: true positive rate, [m], rising from 0 to 1.
        auc: the exact area.
        positives, negatives: how many images it is of.
    """

    finding: str
    thresholds: Floats
    false_positive_rate: Floats
    recall: Floats
    auc: float
    positives: int
    negatives: int

    def thin(self, points: int) -> RocCurve:
        """The same shape in at most `points` points, for drawing."""
        keep = _thin_line(self.false_positive_rate, self.recall, points)
        return replace(
            self,
            thresholds=self.thresholds[keep],
            false_positive_rate=self.false_positive_rate[keep],
            recall=self.recall[keep],
        )

    def line(self, points: int = 200) -> tuple[Floats, Floats]:
        """x and y of the line to draw: false positive rate and recall."""
        thin = self.thin(points)
        return thin.false_positive_rate, thin.recall

    def draw(self, axes: Axes, colour: str, label: str = "") -> None:
        """The curve as a line on axes that are there."""
        axes.plot(
            *self.line(), color=colour, linewidth=1.8, solid_joinstyle="round", zorder=2, label=label or None
        )


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """One finding's precision-recall curve.

    Attributes:
        finding: its name.
        thresholds: float64 [m], falling; from the highest probability to the lowest.
        recall: [m] at `probability >= threshold`, rising to 1.
        precision: [m] at the same thresholds; at the last one it is the prevalence.
        average_precision: the area under the steps.
        positives, negatives: how many images it is of.
    """

    finding: str
    thresholds: Floats
    recall: Floats
    precision: Floats
    average_precision: float
    positives: int
    negatives: int

    @property
    def prevalence(self) -> float:
        """Share of the positives: the precision of a coin."""
        return self.positives / (self.positives + self.negatives)

    def thin(self, points: int) -> PrecisionRecallCurve:
        """The same shape in at most `points` points, for drawing."""
        keep = _thin_line(self.recall, self.precision, points)
        return replace(
            self,
            thresholds=self.thresholds[keep],
            recall=self.recall[keep],
            precision=self.precision[keep],
        )

    def line(self, points: int = 200) -> tuple[Floats, Floats]:
        """x and y of the line to draw: recall and precision as the steps whose area is average precision."""
        x = np.repeat(np.concatenate([[0.0], self.recall]), 2)[1:-1]
        y = np.repeat(self.precision, 2)
        keep = _thin_line(x, y, points)
        return x[keep], y[keep]


def roc_curves(predictions: Predictions) -> dict[str, RocCurve]:
    """One curve a finding; a finding with one class only has none and is left out."""
    areas = SCORES["roc_auc"](predictions.targets, predictions.logits)
    curves = {}
    for j, finding in enumerate(predictions.findings):
        thresholds, true, false = _counts(predictions, j)
        if not true[-1] or not false[-1]:
            continue
        curves[finding] = RocCurve(
            finding,
            np.concatenate([[np.inf], thresholds]),
            np.concatenate([[0.0], false / false[-1]]),
            np.concatenate([[0.0], true / true[-1]]),
            float(areas[j]),
            int(true[-1]),
            int(false[-1]),
        )
    return curves


def precision_recall_curves(predictions: Predictions) -> dict[str, PrecisionRecallCurve]:
    """One curve a finding; a finding with one class only has none and is left out."""
    areas = SCORES["average_precision"](predictions.targets, predictions.logits)
    curves = {}
    for j, finding in enumerate(predictions.findings):
        thresholds, true, false = _counts(predictions, j)
        if not true[-1] or not false[-1]:
            continue
        curves[finding] = PrecisionRecallCurve(
            finding,
            thresholds,
            true / true[-1],
            true / (true + false),
            float(areas[j]),
            int(true[-1]),
            int(false[-1]),
        )
    return curves


def counts_by_threshold(targets: Floats, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """What is decided positive at each threshold, for one finding.

    Args:
        targets: [n] of 0, 1 and NaN (left out).
        scores: [n].

    Returns:
        Distinct scores, falling, [m]; true and false positives at `score >= threshold`, float64 [m].
        All are empty where nothing is scored.
    """
    scored = ~np.isnan(targets)
    targets, scores = targets[scored], scores[scored]
    order = np.argsort(scores)[::-1]
    scores, positive = scores[order], targets[order] == 1
    last = np.ones(len(scores), dtype=np.bool_)
    last[:-1] = scores[1:] != scores[:-1]
    return (
        scores[last],
        np.cumsum(positive)[last].astype(np.float64),
        np.cumsum(~positive)[last].astype(np.float64),
    )


def _counts(predictions: Predictions, column: int) -> tuple[Floats, Floats, Floats]:
    thresholds, true, false = counts_by_threshold(
        predictions.targets[:, column].astype(np.float64), predictions.probabilities[:, column]
    )
    nothing = np.zeros(1)
    return (thresholds, true, false) if len(true) else (nothing, nothing, nothing)


def _thin_line(x: npt.ArrayLike, y: npt.ArrayLike, points: int) -> npt.NDArray[np.int64]:
    """Which points of a line to keep so that it looks the same.

    Starts from both ends and adds, one by one, the point that lies farthest from the line drawn so far
    (Ramer 1972, Douglas & Peucker 1973), until `points` are kept or none lies off it.

    Returns:
        Positions, rising, int64; at least the two ends.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(xs) <= 2:
        return np.arange(len(xs))
    kept = [0, len(xs) - 1]
    heap = [_farthest(xs, ys, 0, len(xs) - 1)]
    while heap and len(kept) < points:
        distance, middle, first, last = heapq.heappop(heap)
        if -distance < 1e-9:
            break
        kept.append(middle)
        for left, right in ((first, middle), (middle, last)):
            if right - left > 1:
                heapq.heappush(heap, _farthest(xs, ys, left, right))
    return np.array(sorted(kept), dtype=np.int64)


def _farthest(x: Floats, y: Floats, first: int, last: int) -> tuple[float, int, int, int]:
    """Minus the largest distance of a point between two kept ones from the segment, and where it is."""
    dx, dy = x[last] - x[first], y[last] - y[first]
    px, py = x[first + 1 : last] - x[first], y[first + 1 : last] - y[first]
    length = dx**2 + dy**2
    along = np.clip((px * dx + py * dy) / length, 0, 1) if length > 0 else np.zeros(len(px))
    distance = np.hypot(px - along * dx, py - along * dy)
    middle = int(distance.argmax())
    return -float(distance[middle]), first + 1 + middle, first, last
