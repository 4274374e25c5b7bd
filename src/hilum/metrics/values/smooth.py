"""The smoothed calibration curve: how often what is given a probability is so, and how far it lies off that.

A logistic regression of the truth on a restricted cubic spline of the logit (Austin & Steyerberg 2019 use loess or
such a spline), with the logit itself as its offset, so that its coefficients are what is missing for calibration.
"""

from __future__ import annotations

import numpy as np

from hilum.metrics.inputs import Floats, Rows
from hilum.metrics.predictions import sigmoid
from hilum.metrics.values.gaps import Gaps, each_finding, weighed
from hilum.metrics.values.probabilities import clipped
from hilum.metrics.values.ranks import Ints

KNOTS = (0.05, 0.35, 0.65, 0.95)
"""Of the spline, as shares of the images (Harrell 2015)."""
POINTS = 25
"""Of the curve, each of as many images."""
RIDGE = 0.01
"""Weight of the squared coefficients, so that there is a curve where the classes are wholly apart."""
FURTHEST = 14.0
"""Logits beyond this count as this."""
STEPS = 50


def smooth_curve(p: Floats, y: Floats) -> Floats:
    """Mean probability and smoothed share of positives at g points, rising, float64 [2, g].

    Args:
        p: probabilities, [n].
        y: truth, 0 or 1, [n]; without both there is no point.
    """
    if not len(p) or y.min() == y.max():
        return np.empty((2, 0))
    p, _, curve, points = _fit(p, y)
    return np.array([[values[rows].mean() for rows in points] for values in (p, curve)])


def smoothed(rows: Rows, code: Ints, patients: int) -> list[Gaps | None]:
    """Gaps between probabilities and the smoothed curve of each finding; None of one without both classes.

    Args:
        rows: n rows, k findings.
        code: the patient of each row, int64 [n].
        patients: how many there are.
    """
    return [_gaps(*known, patients) for known in each_finding(rows, code)]


def _fit(p: Floats, y: Floats) -> tuple[Floats, Floats, Floats, list[Ints]]:
    """Clipped probabilities, inputs of the regression, its chances, and the rows of each point."""
    p = clipped(p)
    logit = np.clip(np.log(p) - np.log1p(-p), -FURTHEST, FURTHEST)
    inputs = _spline(logit)
    points = np.array_split(np.argsort(p, kind="stable"), min(POINTS, len(p)))
    return p, inputs, _fitted(inputs, logit, y), points


def _gaps(p: Floats, y: Floats, code: Ints, patients: int) -> Gaps | None:
    if not len(p) or y.min() == y.max():
        return None
    p, inputs, curve, points = _fit(p, y)

    def means(values: Floats) -> Floats:
        return np.stack([values[rows].mean(axis=0) for rows in points])

    def steepness(chance: Floats) -> tuple[Floats, Floats]:
        """How each point moves with the coefficients, and their covariance, of independent images."""
        bent = inputs * (chance * (1 - chance))[:, None]
        return means(bent), np.asarray(np.linalg.inv(bent.T @ inputs + RIDGE * np.eye(len(bent.T))))

    gap, (steep, inverse) = means(p - curve), steepness(curve)
    off = inputs * (y - curve)[:, None]
    pull = np.stack([np.bincount(code, column, patients) for column in off.T], axis=1) @ inverse
    moved = -(pull @ steep.T) * np.sqrt(patients / max(patients - 1, 1))
    variance, alone = (moved**2).sum(axis=0), _diagonal(steep, inverse)
    size = np.array([len(rows) for rows in points])
    # With few patients the curve goes where there are none; the variance of a calibrated model's is the least.
    effect = max(size @ variance / (size @ alone), 1.0)
    error = np.sqrt(np.maximum(variance, effect * _diagonal(*steepness(p))))
    place = np.empty(len(p), dtype=np.int64)
    place[np.concatenate(points)] = np.repeat(np.arange(len(points)), size)
    return Gaps(size / len(p), gap, error, moved, weighed(place, gap, code, patients))


def _fitted(inputs: Floats, offset: Floats, y: Floats) -> Floats:
    """Chances of the coefficients of least penalised cross-entropy, [n], by Newton's method with halved steps."""

    def loss(line: Floats) -> float:
        logit = offset + inputs @ line
        return float((np.logaddexp(0, logit) - y * logit).sum() + RIDGE / 2 * line @ line)

    line = np.zeros(inputs.shape[1])
    value = loss(line)
    for _ in range(STEPS):
        chance = sigmoid(offset + inputs @ line)
        pull = inputs.T @ (y - chance) - RIDGE * line
        bend = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + RIDGE * np.eye(len(line))
        way, length = np.linalg.solve(bend, pull), 1.0
        while (new := loss(line + length * way)) > value and length > 1e-8:
            length /= 2
        if value - new < 1e-9:
            break
        line, value = line + length * way, new
    return sigmoid(offset + inputs @ line)


def _diagonal(steep: Floats, inverse: Floats) -> Floats:
    return np.asarray(((steep @ inverse) * steep).sum(axis=1))


def _spline(x: Floats) -> Floats:
    """1, x, and the restricted cubic spline's other columns, standardised, [n, 2 to 4]."""
    knots = np.unique(np.quantile(x, KNOTS))
    columns = [x]
    if len(knots) > 2:
        last, before = knots[-1], knots[-2]
        for knot in knots[:-2]:
            bend = _cube(x - knot) - _cube(x - before) * (last - knot) / (last - before)
            columns.append(bend + _cube(x - last) * (before - knot) / (last - before))
    made = np.stack(columns, axis=1)
    spread = made.std(axis=0)
    made = (made - made.mean(axis=0))[:, spread > 1e-9] / spread[spread > 1e-9]
    return np.column_stack([np.ones(len(x)), made])


def _cube(x: Floats) -> Floats:
    return np.maximum(x, 0.0) ** 3
