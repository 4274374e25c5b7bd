"""What scores of probabilities themselves are made of: sums over rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats, Rows, ratio

BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""


def squared_errors(rows: Rows) -> list[Floats]:
    """(probability - truth)^2 of each cell, what counts as positive and as negative, [n, k] each."""
    p = rows.probabilities
    return [rows.positive * (1 - p) ** 2 + rows.negative * p**2, rows.positive, rows.negative]


def log_losses(rows: Rows) -> list[Floats]:
    """Negative log likelihood of each cell in nats, what counts as positive and as negative, [n, k] each."""
    p = clipped(rows.probabilities)
    cost = -(rows.positive * np.log(p) + rows.negative * np.log1p(-p))
    return [cost, rows.positive, rows.negative]


def mean_cost(cost: Floats, positives: Floats, negatives: Floats) -> Floats:
    """Cost a scored row, of sums."""
    return ratio(cost, positives + negatives)


def skill(cost: Floats, positives: Floats, negatives: Floats) -> Floats:
    """1 - Brier score / that of saying the prevalence of everybody, of sums; NaN for one class only."""
    return 1 - ratio(cost, ratio(positives * negatives, positives + negatives))


def bin_of(probabilities: Floats) -> npt.NDArray[np.int64]:
    """Which of the 15 equal-width bins each probability falls into, int64 of the same shape."""
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)


def clipped(probabilities: Floats) -> Floats:
    """Probabilities kept float64's epsilon away from 0 and 1, so that their logarithms are finite."""
    epsilon = np.finfo(np.float64).eps
    return np.clip(probabilities, epsilon, 1 - epsilon)
