"""Platt's scaling: from the margins of an SVM to logits, fitted on margins of rows that it did not learn from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.metrics import fit_line

Floats = npt.NDArray[np.float64]


def platt(margins: npt.NDArray[np.floating], targets: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Slope and offset of each column, [k] each: logit = slope x margin + offset.

    Platt (1999) with the targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2), fitted by `fit_line`. The slope is not
    let below 0: a finding that cannot be learned would have its order turned round; it gets the log odds of its
    counts.

    Args:
        margins: [n, k].
        targets: [n, k] of 0, 1 and NaN. A column without both classes keeps its margins: slope 1, offset 0.
    """
    k = targets.shape[1]
    slope, offset = np.ones(k), np.zeros(k)
    for j in range(k):
        known = ~np.isnan(targets[:, j]) & ~np.isnan(margins[:, j])
        positive = targets[known, j] == 1
        if 0 < positive.sum() < len(positive):
            slope[j], offset[j] = _column(margins[known, j].astype(np.float64), positive)
    return slope, offset


def _column(margin: Floats, positive: npt.NDArray[np.bool_]) -> tuple[float, float]:
    many, few = int(positive.sum()), int((~positive).sum())
    goal = np.where(positive, (many + 1) / (many + 2), 1 / (few + 2))
    if margin.min() < margin.max():
        slope, offset = fit_line(margin, goal)
        if slope > 0:
            return slope, offset
    share = float(goal.mean())
    return 0.0, float(np.log(share / (1 - share)))
