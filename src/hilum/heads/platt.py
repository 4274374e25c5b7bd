"""Platt's scaling: from the margins of an SVM to logits, fitted on margins of rows that it did not learn from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEPS = 100


def platt(margins: npt.NDArray[np.floating], targets: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Slope and offset of each column, [k] each: logit = slope x margin + offset.

    Platt (1999) with the targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2), by the Newton method of Lin, Lin & Weng
    (2007). The slope is not let below 0: a finding that cannot be learned would have its order turned round; it
    gets the log odds of its counts.

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
    spread = margin.std() or 1.0
    inputs = np.stack([(margin - margin.mean()) / spread, np.ones(len(margin))])
    line = np.array([0.0, np.log((many + 1) / (few + 1))])
    value = _loss(line @ inputs, goal)
    for _ in range(STEPS):
        chance = 0.5 * (1 + np.tanh(0.5 * (line @ inputs)))
        gradient = inputs @ (chance - goal)
        if np.abs(gradient).max() <= 1e-9 * len(margin):
            break
        bend = (inputs * (chance * (1 - chance))) @ inputs.T + 1e-12 * np.eye(2)
        way, length = np.linalg.solve(bend, gradient), 1.0
        while length > 1e-10 and _loss((line - length * way) @ inputs, goal) > value:
            length /= 2
        line = line - length * way
        value = _loss(line @ inputs, goal)
    if line[0] <= 0:
        return 0.0, float(np.log(goal.mean() / (1 - goal.mean())))
    slope = line[0] / spread
    return float(slope), float(line[1] - slope * margin.mean())


def _loss(logit: Floats, goal: Floats) -> float:
    """Cross-entropy of soft targets."""
    return float((np.logaddexp(0, logit) - goal * logit).sum())
