"""Curves as numbers: scikit-learn's points, the exact areas, and thinning that keeps the shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle

from hilum.metrics import Predictions, precision_recall_curves, roc_curves
from hilum.metrics.values.curves import _thin_line


@st.composite
def one_finding(draw: st.DrawFn) -> Predictions:
    n = draw(st.integers(2, 40))
    logits = draw(hnp.arrays(np.float32, (n, 1), elements=st.sampled_from([-2.0, -1, 0, 0.5, 1, 3])))
    targets = draw(hnp.arrays(np.float32, (n, 1), elements=st.sampled_from([0.0, 1.0, float("nan")])))
    targets[0], targets[1] = 0, 1
    return Predictions(np.array([str(i) for i in range(n)], object), ("A",), logits, targets, "valid")


@given(one_finding())
def test_points_are_scikit_learns(part: Predictions) -> None:
    scored = ~np.isnan(part.targets[:, 0])
    y, p = part.targets[scored, 0], part.probabilities[scored, 0]
    ours = roc_curves(part)["A"]
    x, z, thresholds = oracle.roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(ours.false_positive_rate, x)
    np.testing.assert_allclose(ours.recall, z)
    np.testing.assert_allclose(ours.thresholds, thresholds)
    assert ours.auc == pytest.approx(oracle.auc(x, z))
    assert (ours.positives, ours.negatives) == (y.sum(), (1 - y).sum())
    curve = precision_recall_curves(part)["A"]
    precision, recall, thresholds = oracle.precision_recall_curve(y, p)
    np.testing.assert_allclose(curve.precision, precision[-2::-1])
    np.testing.assert_allclose(curve.recall, recall[-2::-1])
    np.testing.assert_allclose(curve.thresholds, thresholds[::-1])
    assert curve.precision[-1] == curve.prevalence


@given(one_finding())
def test_the_drawn_steps_have_average_precision_as_area(part: Predictions) -> None:
    curve = precision_recall_curves(part)["A"]
    x, y = curve.line()
    assert np.trapezoid(y, x) == pytest.approx(curve.average_precision, abs=1e-9)


def large() -> Predictions:
    rng = np.random.default_rng(3)
    targets = (rng.random((20_000, 1)) < 0.2).astype(np.float32)
    logits = (rng.normal(size=(20_000, 1)) + 1.2 * targets).astype(np.float32)
    return Predictions(np.array([str(i) for i in range(20_000)], object), ("A",), logits, targets, "valid")


def test_thinning_keeps_ends_area_and_shape() -> None:
    roc = roc_curves(large())["A"]
    thin = roc.thin(200)
    assert len(thin.recall) == 200 == len(thin.thresholds)
    assert (thin.recall[0], thin.recall[-1], thin.false_positive_rate[-1]) == (0, 1, 1)
    back = np.interp(roc.false_positive_rate, thin.false_positive_rate, thin.recall)
    assert np.abs(back - roc.recall).max() < 0.02  # vertical, where the curve is steep
    assert np.trapezoid(thin.recall, thin.false_positive_rate) == pytest.approx(roc.auc, abs=1e-3)
    curve = precision_recall_curves(large())["A"]
    x, y = curve.line(300)
    assert len(x) == 300
    assert np.trapezoid(y, x) == pytest.approx(curve.average_precision, abs=3e-3)
    assert len(curve.thin(50).precision) == len(curve.thin(50).thresholds) == 50


def test_thinning_drops_only_what_lies_on_the_line() -> None:
    assert list(_thin_line([0, 1, 2, 3, 3], [0, 1, 2, 3, 0], 100)) == [0, 3, 4]
    assert list(_thin_line([0, 0, 0], [1, 1, 1], 100)) == [0, 2]
    assert list(_thin_line([0, 1], [0, 1], 2)) == [0, 1]
    assert list(_thin_line([], [], 5)) == []


def test_a_finding_with_one_class_or_no_label_has_no_curve() -> None:
    part = Predictions(
        np.array(["a", "b"], object),
        ("A", "B", "C"),
        np.array([[0, 1, 2], [3, 4, 5]], np.float32),
        np.array([[1, 0, np.nan], [1, 1, np.nan]], np.float32),
        "test",
    )
    assert list(roc_curves(part)) == ["B"] == list(precision_recall_curves(part))
