"""The line of greatest likelihood through a logistic curve: one or two numbers, found safely."""

from __future__ import annotations

import numpy as np

from hilum.metrics.inputs import Floats

STEPS = 200
"""Newton steps at most; ten are common, and a nearly parted finding needs some thirty."""


def fit_line(x: Floats, goal: Floats, *, intercept: bool = True) -> tuple[float, float]:
    """Slope and offset for which `slope * x + offset` is the logit of `goal`, by least cross-entropy.

    Newton's method, halving each step until it does not climb (Lin, Lin & Weng 2007, "A note on Platt's
    probabilistic outputs for support vector machines"): it gets there from far away, where Newton's bare steps
    and scikit-learn's `newton-cholesky` give up.

    Args:
        x: float64 [n], not all equal.
        goal: float64 [n], 0 to 1: the truth, or a share. Where it is the bare truth, the caller sees to it that
            the classes are not wholly apart: no finite line is best then.
        intercept: whether there is an offset; else it is 0.
    """
    centre, unit = (x.mean(), x.std()) if intercept else (0.0, np.abs(x).max())
    inputs = ((x - centre) / unit)[None]
    line = np.zeros(1)
    if intercept:
        share = (goal.sum() + 1) / (len(goal) + 2)
        inputs = np.concatenate([inputs, np.ones((1, len(x)))])
        line = np.array([0.0, np.log(share / (1 - share))])
    value = _loss(line @ inputs, goal)
    for _ in range(STEPS):
        chance = 0.5 * (1 + np.tanh(0.5 * (line @ inputs)))
        gradient = inputs @ (chance - goal)
        if np.abs(gradient).max() <= 1e-10 * len(x):
            break
        bend = (inputs * (chance * (1 - chance))) @ inputs.T + 1e-12 * np.eye(len(inputs))
        way, length = np.linalg.solve(bend, gradient), 1.0
        while length > 1e-10 and _loss((line - length * way) @ inputs, goal) > value:
            length /= 2
        line = line - length * way
        value = _loss(line @ inputs, goal)
    slope = float(line[0] / unit)
    return slope, float(line[1] - slope * centre) if intercept else 0.0


def _loss(logit: Floats, goal: Floats) -> float:
    """Cross-entropy of soft targets, summed."""
    return float((np.logaddexp(0, logit) - goal * logit).sum())
