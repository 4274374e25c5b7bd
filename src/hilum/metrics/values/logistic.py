"""The line of greatest likelihood through a logistic curve, found safely; slope and intercept of a calibration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hilum.metrics.inputs import Floats
from hilum.metrics.values.probabilities import clipped

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


def slopes(targets: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
    """Slope of the logistic line of truth on the logit of the probability, [k], and its derivatives, [n, k].

    1 is right; below it, probabilities lie too far from the prevalence (Cox 1958; Van Calster et al. 2019). NaN
    for a single class, and where no finite line is best because they part the classes wholly.
    """
    return _by_finding(_slope, targets, probabilities)


def intercepts(targets: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
    """What to add to the logits so that the mean probability is the prevalence, [k], and its derivatives, [n, k].

    0 is right: calibration in the large (Van Calster et al. 2019). Above it, probabilities are too low. NaN for a
    single class, and where any number of a wide range would do: all probabilities are next to 0 or 1.
    """
    return _by_finding(_intercept, targets, probabilities)


def _by_finding(
    fit: Callable[[Floats, Floats], tuple[float, Floats]], targets: Floats, probabilities: Floats
) -> tuple[Floats, Floats]:
    value, moved = np.full(targets.shape[1], np.nan), np.full(targets.shape, np.nan)
    for j, target in enumerate(targets.T):
        known = ~np.isnan(target)
        y, p = target[known], clipped(probabilities[known, j])
        if len(y) and y.min() < y.max():
            moved[:, j] = 0.0
            value[j], moved[known, j] = fit(np.log(p / (1 - p)), y)
    return value, moved


def _slope(logits: Floats, truth: Floats) -> tuple[float, Floats]:
    inside, outside = logits[truth == 1], logits[truth == 0]
    if inside.min() >= outside.max() or inside.max() <= outside.min():
        return np.nan, np.full(len(truth), np.nan)
    slope, offset = fit_line(logits, truth)
    chance = 0.5 * (1 + np.tanh(0.5 * (slope * logits + offset)))
    weight = chance * (1 - chance)
    centred = logits - (weight @ logits) / weight.sum()
    return slope, centred * (truth - chance) / (weight @ centred**2)


def _intercept(logits: Floats, truth: Floats) -> tuple[float, Floats]:
    from scipy.optimize import brentq

    def chance(shift: float) -> Floats:
        return np.asarray(0.5 * (1 + np.tanh(0.5 * (logits + shift))))

    far = np.abs(logits).max() + 40.0
    shift = float(brentq(lambda shift: chance(shift).mean() - truth.mean(), -far, far, xtol=1e-12))
    right = chance(shift)
    bend = (right * (1 - right)).sum()
    if bend < 1e-3:  # a standard error of over 30 logits
        return np.nan, np.full(len(truth), np.nan)
    return shift, (truth - right) / bend
