"""Thresholds: chosen on validation alone, and really the best there are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hilum import metrics
from hilum.config import ScoresConfig
from hilum.errors import ConfigError, DataError
from hilum.metrics import Predictions, Thresholds, confusion, fit_thresholds
from hilum.metrics.judging import thresholds
from hilum.metrics.values.curves import counts_by_threshold

LOGITS = [-50.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 4.0, 50.0]


def made(logits: object, targets: object, part: str = "valid") -> Predictions:
    logits = np.asarray(logits, dtype=np.float32)
    names = tuple("ABCDEFGH"[: logits.shape[1]])
    ids = np.array([f"i{row}" for row in range(len(logits))], dtype=object)
    return Predictions(ids, names, logits, np.asarray(targets, dtype=np.float32), part)


@st.composite
def valid_parts(draw: st.DrawFn) -> Predictions:
    n, k = draw(st.integers(1, 25)), draw(st.integers(1, 3))
    value = st.sampled_from(LOGITS) if draw(st.booleans()) else st.floats(-30, 30, width=32)
    logits = draw(hnp.arrays(np.float32, (n, k), elements=value))
    targets = draw(hnp.arrays(np.float32, (n, k), elements=st.sampled_from([0.0, 1.0, float("nan")])))
    return made(logits, targets)


def goodness(rule: str, valid: Predictions, decisions: np.ndarray) -> np.ndarray:
    if rule == "youden":
        return 2 * metrics.balanced_accuracy(valid.targets, decisions) - 1
    functions = {
        "accuracy": metrics.accuracy,
        "f1": metrics.f1,
        "f_beta": lambda targets, decided: confusion(targets, decided).f_beta(2.0),
    }
    return functions[rule](valid.targets, decisions)


@given(valid_parts(), st.sampled_from(["youden", "accuracy", "f1", "f_beta"]))
def test_no_other_threshold_does_better(valid: Predictions, rule: str) -> None:
    fitted = fit_thresholds(valid, ScoresConfig(threshold=rule))
    best = goodness(rule, valid, fitted.decide(valid))
    tried = np.unique(np.concatenate([[0.0, 0.5, 1.0], valid.probabilities.ravel()]))
    for value in tried:
        other = goodness(rule, valid, valid.probabilities >= value)
        fit = ~np.isnan(metrics.roc_auc(valid.targets, valid.logits))
        assert (best[fit] >= other[fit] - 1e-9).all()


@given(valid_parts())
def test_thresholds_survive_json(valid: Predictions) -> None:
    fitted = fit_thresholds(valid, ScoresConfig(threshold="f1"))
    again = Thresholds.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(again.values, fitted.values)
    assert (again.findings, again.rule, again.fallbacks) == (fitted.findings, fitted.rule, fitted.fallbacks)


@pytest.mark.parametrize("part", ["train", "test", "new"])
@pytest.mark.parametrize("rule", ["fixed", "youden", "accuracy", "f1"])
def test_only_the_validation_part_can_be_fitted(part: str, rule: str) -> None:
    with pytest.raises(DataError, match="chosen on the validation part"):
        fit_thresholds(made([[0.0], [1.0]], [[0], [1]], part), ScoresConfig(threshold=rule))
    with pytest.raises(DataError, match="chosen on the validation part"):
        Thresholds(np.array([0.5]), ("A",), rule, part)


def test_a_threshold_lies_midway_and_ties_go_to_the_middle() -> None:
    probabilities = np.array([[0.1], [0.2], [0.6], [0.9]])
    logits = np.log(probabilities / (1 - probabilities))
    fitted = fit_thresholds(made(logits, [[0], [0], [1], [1]]), ScoresConfig(threshold="youden"))
    assert fitted.values[0] == pytest.approx(0.4)
    # A constant order: both ends have accuracy 0.5 and so has every cut; 0.5's neighbourhood wins.
    mixed = fit_thresholds(made(logits, [[1], [0], [1], [0]]), ScoresConfig(threshold="accuracy"))
    assert mixed.values[0] == pytest.approx(0.4)


def test_probabilities_that_differ_in_the_last_bit_are_divided() -> None:
    low = np.float64(0.5)
    high = np.nextafter(low, 1)
    scores, true, false = counts_by_threshold(np.array([0.0, 1.0]), np.array([low, high]))
    candidates = thresholds._candidates(scores)
    assert list(scores >= candidates[1]) == [True, False]
    assert (list(true), list(false)) == ([1, 1], [0, 1])


def test_one_class_falls_back_and_says_so() -> None:
    valid = made([[0.1, 2, 3], [4, 5, 6]], [[0, 1, np.nan], [0, 1, np.nan]])
    fitted = fit_thresholds(valid, ScoresConfig(threshold="youden"))
    assert list(fitted.values) == [0.5, 0.5, 0.5]
    assert fitted.origin("A") == "0.5, because the validation part has no positive image"
    assert fitted.origin("B") == "0.5, because the validation part has no negative image"
    assert "no positive" in fitted.origin("C")


def test_fixed_values() -> None:
    valid = made([[0.0, 0.0]], [[0, 1]])
    assert list(fit_thresholds(valid, ScoresConfig()).values) == [0.5, 0.5]
    each = fit_thresholds(valid, ScoresConfig(value=(0.2, 0.7)))
    assert list(each.decide(valid)[0]) == [True, False]
    assert each.origin("A") == "given in the settings"
    with pytest.raises(ConfigError, match=r"3 thresholds for 2 findings \(A, B\)"):
        fit_thresholds(valid, ScoresConfig(value=(0.2, 0.7, 0.1)))
    assert list(fit_thresholds(valid, ScoresConfig(value=1.0)).decide(valid)[0]) == [False, False]


def test_values_by_name() -> None:
    valid = made([[0.0, 0.0]], [[0, 1]])
    named = fit_thresholds(valid, ScoresConfig(value={"B": 0.3}))
    assert list(named.values) == [0.5, 0.3]
    with pytest.raises(ConfigError, match=r"scores\.value names 'Edema'; known: A, B"):
        fit_thresholds(valid, ScoresConfig(value={"Edema": 0.3}))


def test_a_larger_beta_asks_for_more_recall() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 1)) < 0.3).astype(np.float32)
    valid = made(2 * targets - 1 + rng.normal(0, 1.5, targets.shape), targets)
    low, high = (fit_thresholds(valid, ScoresConfig(threshold="f_beta", beta=beta)) for beta in (0.5, 4))
    assert (
        metrics.recall(targets, high.decide(valid))[0] > metrics.recall(targets, low.decide(valid))[0] + 0.2
    )
    assert low.rule_text == "best F0.5 on the validation part"
    # The same as F1 where beta is 1.
    one = fit_thresholds(valid, ScoresConfig(threshold="f_beta", beta=1))
    assert one.values[0] == fit_thresholds(valid, ScoresConfig(threshold="f1")).values[0]


def test_what_was_asked_for_is_kept_and_said() -> None:
    valid = made([[0.0], [1.0], [2.0]], [[0], [1], [1]])
    fitted = fit_thresholds(valid, ScoresConfig(threshold="recall", at_least=0.9))
    again = Thresholds.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.rule_text == "highest with a recall of at least 0.9 on the validation part"
    assert again.select(["A"]).asked == 0.9
    old = {key: value for key, value in fitted.to_json().items() if key != "asked"}
    assert "at least the one asked for" in Thresholds.from_json(old).rule_text


def test_select_keeps_values_with_names() -> None:
    thresholds = Thresholds(np.array([0.1, 0.2]), ("A", "B"), "f1", fallbacks={"A": "why"})
    assert list(thresholds.select(["B"]).values) == [0.2]
    assert thresholds.select(["A"]).fallbacks == {"A": "why"}
    assert thresholds.origin("B") == "best F1 on the validation part"
    with pytest.raises(DataError, match="no threshold for 'Edema'"):
        thresholds.select(["Edema"])


@pytest.mark.parametrize(
    ("values", "findings", "rule", "message"),
    [
        ([0.5], ("A", "B"), "fixed", "2 findings need 2 thresholds"),
        ([1.5], ("A",), "fixed", "within 0..1"),
        ([float("nan")], ("A",), "fixed", "within 0..1"),
        ([0.5], ("A",), "yuden", "did you mean 'youden'"),
    ],
)
def test_impossible_thresholds_are_refused(
    values: list[float], findings: tuple[str, ...], rule: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Thresholds(np.array(values), findings, rule)


def test_thresholds_of_other_findings_are_refused() -> None:
    with pytest.raises(DataError, match="thresholds are for B; the predictions are of A"):
        Thresholds(np.array([0.5]), ("B",)).decide(made([[0.0]], [[1]]))
    with pytest.raises(DataError, match="not thresholds"):
        Thresholds.from_json({"values": 3})


@pytest.mark.parametrize("at_least", [0.3, 0.5, 0.95, 1.0])
def test_the_highest_threshold_that_reaches_a_recall(at_least: float) -> None:
    targets = np.array([[1], [1], [0], [1], [0], [1], [0]], np.float32)
    logits = np.array([[3], [2], [1.5], [1], [0], [-1], [-2]], np.float32)
    ids = np.array([str(i) for i in range(7)], object)
    valid = Predictions(ids, ("A",), logits, targets, "valid")
    found = fit_thresholds(valid, ScoresConfig(threshold="recall", at_least=at_least))
    recall = found.decide(valid)[targets == 1].mean()
    assert recall >= at_least
    higher = [p for p in valid.probabilities[:, 0] if p > found.values[0]]
    assert all((valid.probabilities[targets == 1] >= p + 1e-9).mean() < at_least for p in higher)


@pytest.mark.parametrize(("at_least", "recall"), [(1.0, 0.5), (0.75, 0.75), (0.6, 1.0)])
def test_the_most_found_at_a_precision(at_least: float, recall: float) -> None:
    targets = np.array([[1], [1], [0], [1], [0], [1], [0]], np.float32)
    logits = np.array([[3], [2], [1.5], [1], [0], [-1], [-2]], np.float32)
    ids = np.array([str(i) for i in range(7)], object)
    valid = Predictions(ids, ("A",), logits, targets, "valid")
    found = fit_thresholds(valid, ScoresConfig(threshold="precision", at_least=at_least))
    assert found.decide(valid)[targets == 1].mean() == recall


def test_an_unreachable_precision_gives_the_most_precise() -> None:
    targets, logits = np.array([[0], [1], [0]], np.float32), np.array([[2], [1], [0]], np.float32)
    valid = Predictions(np.array(list("abc"), object), ("A",), logits, targets, "valid")
    found = fit_thresholds(valid, ScoresConfig(threshold="precision", at_least=0.9))
    assert found.decide(valid)[:, 0].tolist() == [True, True, False]
