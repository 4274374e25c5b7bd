"""Scores against scikit-learn: ties, one class, NaN, one row, constant scores, weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle

from hilum import metrics
from hilum.errors import DataError
from hilum.metrics import confusion, mean_over_findings
from hilum.metrics.values.counts import Confusion

TIED = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0]
NAN = float("nan")


@st.composite
def columns(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets with NaN, scores with many ties, weights: [n, k], [n, k], [n]."""
    n, k = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    target = st.sampled_from([0.0, 1.0, NAN]) if draw(st.booleans()) else st.sampled_from([0.0, 1.0])
    value = st.sampled_from(TIED) if draw(st.booleans()) else st.floats(0, 1)
    targets = draw(hnp.arrays(np.float32, (n, k), elements=target))
    scores = draw(hnp.arrays(np.float64, (n, k), elements=value))
    weights = draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.5, 1.0, 2.0, 3.0])))
    return targets, scores, weights


def by_column(
    targets: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    function: Callable[..., float],
    needs: str,
) -> list[float]:
    """scikit-learn column by column on the scored rows; NaN where a class that is needed is missing."""
    found = []
    for j in range(targets.shape[1]):
        scored = ~np.isnan(targets[:, j])
        y, v, w = targets[scored, j].astype(int), values[scored, j], weights[scored]
        missing = [name for name, code in (("positive", 1), ("negative", 0)) if code not in y]
        if (needs == "both" and missing) or needs in missing or not len(y):
            found.append(NAN)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(float(function(y, v, sample_weight=w)))
    return found


RANKED = {
    "roc_auc": (oracle.roc_auc_score, "both"),
    "average_precision": (oracle.average_precision_score, "both"),
    "brier": (oracle.brier_score_loss, "any"),
    "log_loss": (
        lambda y, p, sample_weight: oracle.log_loss(y, p, sample_weight=sample_weight, labels=[0, 1]),
        "any",
    ),
    "partial_auc": (
        lambda y, s, sample_weight: oracle.roc_auc_score(y, s, sample_weight=sample_weight, max_fpr=0.1),
        "both",
    ),
}


@given(columns(), st.sampled_from(sorted(RANKED)), st.booleans())
def test_scores_of_probabilities_agree_with_scikit_learn(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], name: str, weighted: bool
) -> None:
    targets, scores, weights = case
    weights = weights if weighted else np.ones(len(weights))
    function, needs = RANKED[name]
    ours = getattr(metrics, name)(targets, scores, weights=weights if weighted else None)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(
        ours, by_column(targets, scores, weights, function, needs), rtol=1e-10, atol=1e-12
    )


def _negative_class(function: Callable[..., float]) -> Callable[..., float]:
    return lambda y, d, sample_weight: function(
        y, d, sample_weight=sample_weight, pos_label=0, zero_division=0
    )


def _plain(function: Callable[..., float], **options: Any) -> Callable[..., float]:
    return lambda y, d, sample_weight: function(y, d, sample_weight=sample_weight, zero_division=0, **options)


DECIDED = {
    "recall": (_plain(oracle.recall_score), "positive"),
    "precision": (_plain(oracle.precision_score), "positive"),
    "f1": (_plain(oracle.f1_score), "positive"),
    "f2": (_plain(oracle.fbeta_score, beta=2), "positive"),
    "specificity": (_negative_class(oracle.recall_score), "negative"),
    "npv": (_negative_class(oracle.precision_score), "negative"),
    "accuracy": (oracle.accuracy_score, "any"),
    "balanced_accuracy": (oracle.balanced_accuracy_score, "both"),
    "mcc": (oracle.matthews_corrcoef, "both"),
}


@given(columns(), st.sampled_from(sorted(DECIDED)), st.booleans())
def test_scores_of_decisions_agree_with_scikit_learn(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], name: str, weighted: bool
) -> None:
    targets, scores, weights = case
    decisions = scores >= 0.5
    weights = weights if weighted else np.ones(len(weights))
    function, needs = DECIDED[name]
    ours = getattr(metrics, name)(targets, decisions, weights=weights if weighted else None)
    np.testing.assert_allclose(ours, by_column(targets, decisions, weights, function, needs), atol=1e-12)


@given(columns())
def test_combined_scores_agree_with_scikit_learn_where_all_is_scored(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    targets, scores, weights = case
    y, d = np.nan_to_num(targets).astype(int), (scores >= 0.5).astype(int)
    if y.shape[1] == 1:  # scikit-learn takes one column as two classes
        y, d = np.hstack([y, y]), np.hstack([d, d])
    options: dict[str, Any] = {"sample_weight": weights}
    expected = {
        "exact_match": oracle.accuracy_score(y, d, **options),
        "hamming_loss": oracle.hamming_loss(y, d, **options),
    }
    for name, function in {
        "recall": oracle.recall_score,
        "precision": oracle.precision_score,
        "f1": oracle.f1_score,
    }.items():
        if y.any():
            expected[f"micro_{name}"] = function(y, d, average="micro", zero_division=0, **options)
            seen = y.any(axis=0)
            each = function(y, d, average=None, zero_division=0, **options)
            expected[f"macro_{name}"] = each[seen].mean()
        if (has := y.any(axis=1)).any():
            expected[f"sample_{name}"] = function(
                y[has], d[has], average="samples", zero_division=0, sample_weight=weights[has]
            )
    for name, value in expected.items():
        assert getattr(metrics, name)(y, d, weights) == pytest.approx(value, abs=1e-12), name


@given(columns())
def test_unscored_cells_change_nothing(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    targets, scores, _ = case
    other = np.where(np.isnan(targets), 1 - scores, scores)
    for name in RANKED:
        function = getattr(metrics, name)
        np.testing.assert_array_equal(function(targets, scores), function(targets, other))
    for name in ("exact_match", "hamming_loss", "sample_f1", "micro_f1"):
        function = getattr(metrics, name)
        np.testing.assert_array_equal(function(targets, scores >= 0.5), function(targets, other >= 0.5))


@given(columns())
def test_an_integer_weight_is_a_repeated_row(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    targets, scores, weights = case
    times = np.ceil(weights).astype(int)
    long_targets, long_scores = np.repeat(targets, times, 0), np.repeat(scores, times, 0)
    for name in RANKED:
        function = getattr(metrics, name)
        np.testing.assert_allclose(
            function(targets, scores, weights=times),
            function(long_targets, long_scores),
            rtol=1e-12,
            atol=1e-12,
        )


@given(columns())
def test_auc_is_the_share_of_pairs_in_order_exactly(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    targets, scores, _ = case
    for j, auc in enumerate(metrics.roc_auc(targets, scores)):
        high, low = scores[targets[:, j] == 1, j], scores[targets[:, j] == 0, j]
        if len(high) and len(low):
            wins = (high[:, None] > low).sum() + (high[:, None] == low).sum() / 2
            assert auc == wins / (len(high) * len(low))
        else:
            assert np.isnan(auc)


@given(columns(), st.sampled_from([0.01, 0.1, 1 / 3, 0.5, 1.0]))
def test_partial_area_agrees_with_scikit_learn_at_every_reach(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], reach: float
) -> None:
    targets, scores, weights = case

    def theirs(y: np.ndarray, s: np.ndarray, sample_weight: np.ndarray) -> float:
        return oracle.roc_auc_score(y, s, sample_weight=sample_weight, max_fpr=reach)

    ours = metrics.partial_auc(targets, scores, weights, reach)
    np.testing.assert_allclose(ours, by_column(targets, scores, weights, theirs, "both"), atol=1e-11)
    if reach == 1:
        np.testing.assert_allclose(ours, metrics.roc_auc(targets, scores, weights), atol=1e-12)


def test_mcc_of_many_images_does_not_overflow() -> None:
    counts = np.array([2.0**40])
    assert Confusion(counts, counts, counts, counts).mcc[0] == 0
    assert Confusion(counts, 0 * counts, 0 * counts, counts).mcc[0] == pytest.approx(1)


def test_a_perfect_model_scores_one_however_many_images_have_no_finding() -> None:
    y = np.array([[1, 0], [0, 0], [0, 0], [1, 1]])
    assert metrics.sample_recall(y, y) == metrics.sample_precision(y, y) == metrics.sample_f1(y, y) == 1
    assert metrics.exact_match(y, y) == 1
    assert metrics.hamming_loss(y, y) == 0


def test_a_model_that_never_says_yes_has_precision_zero() -> None:
    y = np.array([[1], [0], [0]])
    never = np.zeros((3, 1), dtype=bool)
    assert metrics.precision(y, never)[0] == 0
    assert metrics.f1(y, never)[0] == 0
    assert np.isnan(metrics.precision(np.zeros((3, 1)), never)[0])


def test_f2_is_scikit_learns_and_not_the_weighted_mean_of_inverses() -> None:
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    d = np.array([1, 0, 0, 0, 1, 0, 0, 0], dtype=bool)
    recall, precision = 0.25, 0.5
    assert metrics.f2(y, d)[0] == pytest.approx(5 * precision * recall / (4 * precision + recall))
    assert metrics.f2(y, d)[0] == pytest.approx(oracle.fbeta_score(y, d, beta=2))
    assert confusion(y, d).f_beta(1)[0] == metrics.f1(y, d)[0]


def test_images_and_findings_without_a_label_are_left_out() -> None:
    y = np.array([[1, NAN], [NAN, NAN], [0, NAN]])
    d = np.array([[1, 1], [1, 1], [0, 0]], dtype=bool)
    assert metrics.exact_match(y, d) == 1
    np.testing.assert_array_equal(metrics.accuracy(y, d), [1, NAN])
    assert mean_over_findings(metrics.recall(y, d)) == 1
    nothing = np.full((2, 1), NAN)
    assert np.isnan(metrics.macro_f1(nothing, d[:2, :1]))
    assert np.isnan(metrics.exact_match(nothing, d[:2, :1]))
    assert np.isnan(metrics.micro_recall(nothing, d[:2, :1]))


def test_no_rows_give_nan() -> None:
    empty = np.zeros((0, 2))
    assert np.isnan(metrics.roc_auc(empty, empty)).all()
    assert np.isnan(metrics.average_precision(empty, empty)).all()
    assert np.isnan(metrics.partial_auc(empty, empty)).all()
    assert np.isnan(metrics.brier(empty, empty)).all()
    assert np.isnan(metrics.ece(empty, empty)).all()
    assert np.isnan(metrics.mcc(empty, empty > 0)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.roc_auc([[-1], [1]], [[0.1], [0.2]]), "expected 1 .positive.*uncertain"),
        (lambda: metrics.roc_auc([0, 1], [0.1, 0.2, 0.3]), "must be the same"),
        (lambda: metrics.roc_auc([0, 1], [0.1, NAN]), "column 0 hold NaN"),
        (lambda: metrics.roc_auc(np.zeros((2, 2, 2)), [0.1]), "rows by findings"),
        (lambda: metrics.partial_auc([0, 1], [0.1, 0.2], max_fpr=0), "above 0 and at most 1; it is 0"),
        (lambda: metrics.partial_auc([0, 1], [0.1, 0.2], max_fpr=1.5), "it is 1.5"),
        (lambda: metrics.brier([0, 1], [-3.0, 2.0]), "range from -3 to 2"),
        (lambda: metrics.recall([0, 1], [0.3, 0.9]), "true or false"),
        (lambda: metrics.recall([0, 1], [True]), "must be the same"),
        (lambda: metrics.roc_auc([0, 1], [0.1, 0.2], weights=[1.0]), "one number a row"),
        (lambda: metrics.roc_auc([0, 1], [0.1, 0.2], weights=[1.0, -1.0]), "at least 0"),
    ],
)
def test_wrong_input_is_told(call: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
