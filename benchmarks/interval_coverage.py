"""How often intervals hold the truth: images of simulated patients whose labels and scores are alike.

    OMP_NUM_THREADS=1 python -m benchmarks.interval_coverage [simulations]

A patient has 1 to 5 images. One in five patients is ill, and half of an ill patient's images are positive, so that
10 % of all are. Scores are normal, with a correlation of 0.5 between images of one patient, and shifted for
positives so that the true AUC is as asked. The truths of AP, recall and the partial AUC follow by integration.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import erfc
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from hilum.metrics import SCORES as ALL
from hilum.metrics import Predictions, influence, intervals_of
from hilum.metrics.uncertainty.bootstrap import replicate
from hilum.metrics.uncertainty.influence import standard_error
from hilum.metrics.uncertainty.intervals import BCA, PERCENTILE, bootstrapped
from hilum.metrics.values.probabilities import BINS, bin_of

Floats = npt.NDArray[np.float64]
METHODS = ("auto", "plain", PERCENTILE, BCA)

PREVALENCE, ILL, CORRELATION, IMAGES = 0.1, 0.2, 0.5, 3
NORMAL = NormalDist()
SCORES = (
    *("roc_auc", "partial_auc", "average_precision", "recall", "specificity", "precision"),
    *("f1", "mcc", "brier", "ece"),
)


@dataclass(frozen=True)
class Cell:
    """One setting: the true AUC, and how many positive images there are on average."""

    auc: float
    positives: int

    @property
    def patients(self) -> int:
        return round(self.positives / PREVALENCE / IMAGES)

    @property
    def shift(self) -> float:
        """Distance of the positives' mean score from the negatives'."""
        return float(np.sqrt(2) * NORMAL.inv_cdf(self.auc))

    @property
    def threshold(self) -> float:
        """Scores from here on are decided positive: midway between the means."""
        return self.shift / 2


CELLS = tuple(Cell(auc, positives) for auc in (0.7, 0.95) for positives in (30, 300))


@dataclass(frozen=True)
class Covered:
    """How a method did for a score in a cell.

    Attributes:
        share: of the simulations with an interval, how many held the truth.
        below, above: how many intervals lay wholly below (above) the truth.
        width: mean width.
        missing: share of the simulations without an interval.
    """

    share: float
    below: float
    above: float
    width: float
    missing: float


def truths(cell: Cell, max_fpr: float = 0.1) -> dict[str, float]:
    """What each score is in the whole population of a cell."""
    grid = np.linspace(-9.0, 9.0 + cell.shift, 200_001)
    false, true = _upper(grid), _upper(grid - cell.shift)
    precision = PREVALENCE * true / np.maximum(PREVALENCE * true + (1 - PREVALENCE) * false, 1e-300)
    partial = false <= max_fpr
    area = -np.trapezoid(true[partial], false[partial])
    recall, other = _upper(np.array([cell.threshold - cell.shift]))[0], _upper(np.array([cell.threshold]))[0]
    found = PREVALENCE * recall
    right = found / (found + (1 - PREVALENCE) * other)
    lowest = max_fpr**2 / 2
    return {
        "roc_auc": cell.auc,
        "partial_auc": 0.5 * (1 + (area - lowest) / (max_fpr - lowest)),
        "average_precision": float(-np.trapezoid(precision, true)),
        "recall": float(recall),
        "specificity": float(1 - other),
        "precision": float(right),
        "f1": float(2 * right * recall / (right + recall)),
        "mcc": _mcc(recall, 1 - other, right),
        "brier": _brier(cell, grid),
        "ece": _ece(cell, grid),
    }


def sample(cell: Cell, rng: np.random.Generator) -> Predictions:
    """Images of `cell.patients` patients."""
    owner = np.repeat(np.arange(cell.patients), rng.integers(1, 2 * IMAGES, cell.patients))
    ill = (rng.random(cell.patients) < ILL)[owner]
    targets = ill & (rng.random(len(owner)) < PREVALENCE / ILL)
    own = rng.normal(size=cell.patients)[owner]
    noise = np.sqrt(CORRELATION) * own + np.sqrt(1 - CORRELATION) * rng.normal(size=len(owner))
    logits = noise + cell.shift * targets - cell.threshold
    return Predictions(
        np.arange(len(owner)).astype(str).astype(object),
        ("Finding",),
        logits[:, None].astype(np.float64),
        targets[:, None].astype(np.float32),
        "test",
        owner.astype(str).astype(object),
    )


def coverage(
    cell: Cell,
    simulations: int,
    *,
    scores: Sequence[str] = SCORES,
    seed: int = 0,
    level: float = 0.95,
    replicates: int = 1000,
) -> dict[tuple[str, str], Covered]:
    """(score, method) -> how often its intervals hold the truth. Methods: those of `METHODS`.

    `plain` is the score -/+ a normal quantile of its standard error, which is DeLong's for the AUC.
    """
    truth = truths(cell)
    ends: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for number in range(simulations):
        rng = np.random.default_rng((seed, number, cell.positives, round(100 * cell.auc)))
        for name, method, low, high in _intervals(sample(cell, rng), scores, level, replicates):
            ends.setdefault((name, method), []).append((low, high))
    return {key: _covered(np.array(found), truth[key[0]]) for key, found in ends.items()}


def _intervals(
    predictions: Predictions, scores: Sequence[str], level: float, replicates: int
) -> Iterator[tuple[str, str, float, float]]:
    decisions = predictions.logits >= 0
    drawn = replicate(predictions, decisions, scores, replicates=replicates)
    auto = intervals_of(predictions, decisions, level=level, names=scores, drawn=drawn)
    z = NORMAL.inv_cdf((1 + level) / 2)
    for name in scores:
        value, each = influence(predictions, decisions, name)
        reach = z * standard_error(each)[0]
        yield name, "auto", float(auto.columns[name].low[0]), float(auto.columns[name].high[0])
        yield name, "plain", float(value[0] - reach), float(value[0] + reach)
        for label, method in ((PERCENTILE, "percentile"), (BCA, "bca")):
            found = bootstrapped(value, drawn[name], each, level, method)
            yield name, label, float(found.low[0]), float(found.high[0])


def _covered(ends: Floats, truth: float) -> Covered:
    there = ends[~np.isnan(ends).any(axis=1)]
    below, above = float((there[:, 1] < truth).mean()), float((there[:, 0] > truth).mean())
    width = float((there[:, 1] - there[:, 0]).mean())
    return Covered(1 - below - above, below, above, width, 1 - len(there) / len(ends))


def _upper(points: Floats) -> Floats:
    """Share of a standard normal above each point."""
    return 0.5 * np.array([erfc(point) for point in points / np.sqrt(2)])


def _brier(cell: Cell, grid: Floats) -> float:
    """Mean squared error of sigmoid(score - threshold) over the population."""
    p = 1 / (1 + np.exp(cell.threshold - grid))
    bell = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    ill = np.exp(-((grid - cell.shift) ** 2) / 2) / np.sqrt(2 * np.pi)
    return float(np.trapezoid(PREVALENCE * ill * (1 - p) ** 2 + (1 - PREVALENCE) * bell * p**2, grid))


def _mcc(recall: float, specificity: float, precision: float) -> float:
    found, left = PREVALENCE * recall, (1 - PREVALENCE) * specificity
    npv = left / (left + PREVALENCE - found)
    lost = (1 - recall) * (1 - specificity) * (1 - precision) * (1 - npv)
    return float(np.sqrt(recall * specificity * precision * npv) - np.sqrt(lost))


def _ece(cell: Cell, grid: Floats) -> float:
    """Calibration error of sigmoid(score - threshold) over the population, in the same 15 bins."""
    p = 1 / (1 + np.exp(cell.threshold - grid))
    bell = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    ill = np.exp(-((grid - cell.shift) ** 2) / 2) / np.sqrt(2 * np.pi)
    gap = PREVALENCE * ill * (p - 1) + (1 - PREVALENCE) * bell * p
    bins = bin_of(p)
    step = grid[1] - grid[0]
    return float(sum(abs(gap[bins == number].sum() * step) for number in range(BINS)))


def table(simulations: int) -> str:
    """Coverage of every method in every cell in percent, and the intervals' mean width, as Markdown."""
    lines = []
    for cell in CELLS:
        found = coverage(cell, simulations)
        lines += [
            "",
            f"AUC {cell.auc}, {cell.positives} positives, {cell.patients} patients:",
            "",
            "| score | truth | auto | plain | percentile | BCa | width of auto |",
            "|---|---|---|---|---|---|---|",
        ]
        for name in SCORES:
            shares = " | ".join(f"{100 * found[name, method].share:.1f}" for method in METHODS)
            width = found[name, "auto"].width
            lines.append(f"| {ALL[name].heading} | {truths(cell)[name]:.3f} | {shares} | {width:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
