"""Calibration: against scikit-learn, order kept, fitted on validation alone, and of use."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from hilum import metrics
from hilum.errors import DataError
from hilum.metrics import Calibration, Predictions, fit_calibration, reliability, sigmoid
from hilum.metrics.values.logistic import fit_line

FITTED = ("temperature", "platt", "isotonic")


def made(logits: object, targets: object, part: str = "valid") -> Predictions:
    logits = np.asarray(logits, dtype=np.float32)
    names = tuple("ABCDEFGH"[: logits.shape[1]])
    ids = np.array([f"i{row}" for row in range(len(logits))], dtype=object)
    return Predictions(ids, names, logits, np.asarray(targets, dtype=np.float32), part)


def overconfident(rows: int, part: str, seed: int, scale: float = 3.0, shift: float = 1.0) -> Predictions:
    """Two findings whose logits are `scale` times too large and `shift` off."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1, 1.5, (rows, 2))
    targets = rng.random(truth.shape) < sigmoid(truth)
    return made(scale * truth + shift, targets, part)


@st.composite
def valid_parts(draw: st.DrawFn) -> Predictions:
    n, k = draw(st.integers(1, 30)), draw(st.integers(1, 3))
    value = (
        st.sampled_from([-50.0, -3.0, -1.0, 0.0, 0.5, 4.0])
        if draw(st.booleans())
        else st.floats(-30, 30, width=32)
    )
    logits = draw(hnp.arrays(np.float32, (n, k), elements=value))
    targets = draw(hnp.arrays(np.float32, (n, k), elements=st.sampled_from([0.0, 1.0, float("nan")])))
    return made(logits, targets)


@given(valid_parts(), st.sampled_from(FITTED))
@example(made([[0.5], [-50]], [[0], [1]]), "temperature")  # the wrong way round
@example(made([[0.01], [-1], [-0.01]], [[1], [1], [1]]), "platt")
def test_order_is_kept_and_probabilities_are_probabilities(valid: Predictions, method: str) -> None:
    calibration = fit_calibration(valid, method)
    after = calibration.apply(valid)
    assert np.isfinite(after.logits).all()
    assert ((after.probabilities >= 0) & (after.probabilities <= 1)).all()
    for j in range(len(valid.findings)):
        order = np.argsort(valid.logits[:, j], kind="stable")
        assert (np.diff(after.logits[order, j]) >= 0).all()
    assert set(calibration.parameters) | set(calibration.fallbacks) == set(valid.findings)
    assert not set(calibration.parameters) & set(calibration.fallbacks)


@pytest.mark.parametrize("method", FITTED)
def test_auc_stays_to_the_last_bit(method: str) -> None:
    valid, test = overconfident(400, "valid", 1), overconfident(300, "test", 2)
    after = fit_calibration(valid, method).apply(test)
    np.testing.assert_array_equal(
        metrics.roc_auc(test.targets, after.logits), metrics.roc_auc(test.targets, test.logits)
    )


@pytest.mark.parametrize("method", FITTED)
def test_calibration_mends_overconfidence_on_other_data(method: str) -> None:
    valid, test = overconfident(1500, "valid", 1), overconfident(1500, "test", 2)
    after = fit_calibration(valid, method).apply(test)
    for cost in (metrics.brier, metrics.log_loss):
        before, now = cost(test.targets, test.probabilities), cost(test.targets, after.probabilities)
        assert (now < before - 0.01).all()


def test_temperature_and_platt_find_what_was_done() -> None:
    temperature = fit_calibration(overconfident(4000, "valid", 3, scale=2.5, shift=0), "temperature")
    platt = fit_calibration(overconfident(4000, "valid", 3, scale=2.5, shift=1), "platt")
    for finding in ("A", "B"):
        assert temperature.parameters[finding].scale == pytest.approx(1 / 2.5, rel=0.08)
        assert temperature.parameters[finding].shift == 0
        assert platt.parameters[finding].scale == pytest.approx(1 / 2.5, rel=0.08)
        assert platt.parameters[finding].shift == pytest.approx(-1 / 2.5, abs=0.1)


@pytest.mark.parametrize(("method", "intercept"), [("temperature", False), ("platt", True)])
def test_lines_are_scikit_learns(method: str, intercept: bool) -> None:
    valid = overconfident(250, "valid", 4)
    known = valid.targets.copy()
    known[::7, 0] = np.nan
    valid = replace(valid, targets=known)
    found = fit_calibration(valid, method).apply(valid)
    for j in range(2):
        scored = ~np.isnan(known[:, j])
        model = LogisticRegression(C=np.inf, fit_intercept=intercept, tol=1e-10, max_iter=10_000)
        model.fit(valid.logits[scored][:, [j]].astype(float), known[scored, j])
        theirs = model.predict_proba(valid.logits[:, [j]].astype(float))[:, 1]
        np.testing.assert_allclose(found.probabilities[:, j], theirs, atol=2e-5)


@given(st.integers(0, 10_000), st.floats(0.001, 1000), st.floats(-30, 30), st.booleans())
def test_lines_are_the_best_there_are(seed: int, scale: float, shift: float, intercept: bool) -> None:
    rng = np.random.default_rng(seed)
    x = scale * rng.normal(shift if intercept else 0, 1, 60)
    goal = np.where(rng.random(60) < sigmoid(8 * (x - x.mean()) / x.std()), 0.99, 0.02)
    slope, offset = fit_line(x, goal, intercept=intercept)
    assert intercept or offset == 0

    def cost(logit: np.ndarray) -> float:
        return float((np.logaddexp(0, logit) - goal * logit).sum())

    best = cost(slope * x + offset)
    for turn in (-1e-3, 1e-3):
        assert cost(slope * (1 + turn) * x + offset) >= best
        assert not intercept or cost(slope * x + offset + turn) >= best


def test_isotonic_is_scikit_learns_but_for_the_ends_and_ties() -> None:
    valid, test = overconfident(300, "valid", 5), overconfident(200, "test", 6)
    found = fit_calibration(valid, "isotonic").apply(test).probabilities
    for j in range(2):
        oracle = IsotonicRegression(out_of_bounds="clip").fit(valid.logits[:, j], valid.targets[:, j])
        theirs = np.clip(oracle.predict(test.logits[:, j]), 1 / 302, 1 - 1 / 302)
        np.testing.assert_allclose(found[:, j], theirs, atol=0.005)
        assert found[:, j].min() > 0
        assert found[:, j].max() < 1


@pytest.mark.parametrize("method", FITTED)
@pytest.mark.parametrize(
    ("logits", "targets", "why"),
    [
        ([-1, 0, 1, 2], [0, 0, 0, 0], "no positive image"),
        ([-1, 0, 1, 2], [1, 1, np.nan, 1], "no negative image"),
        ([-1, 0, 1, 2], [np.nan] * 4, "no positive image"),
        ([1, 1, 1, 1], [0, 1, 0, 1], "all its validation logits are equal"),
        ([-1, 0.5, 1, np.inf], [0, 1, 0, 1], "infinite"),
    ],
)
def test_what_cannot_be_fitted_stays_as_it_is(
    method: str, logits: list[float], targets: list[float], why: str
) -> None:
    valid = made(np.array([logits, [-1, 1, 2, 1.5]]).T, np.array([targets, [0, 1, 1, 0]]).T)
    calibration = fit_calibration(valid, method)
    assert why in calibration.fallbacks["A"]
    np.testing.assert_array_equal(calibration.apply(valid).logits[:, 0], valid.logits[:, 0])
    assert "B" in calibration.parameters


@pytest.mark.parametrize("method", FITTED)
def test_a_model_that_is_wrong_way_round_is_not_turned_round(method: str) -> None:
    valid = made([[-2], [-1], [0], [1], [2]], [[1], [1], [0], [1], [0]])
    calibration = fit_calibration(valid, method)
    assert "more positives" in calibration.fallbacks["A"] or "fewer positives" in calibration.fallbacks["A"]
    apart = made([[-2], [-1], [1], [2]], [[1], [1], [0], [0]])
    assert "positives on the validation part" in fit_calibration(apart, method).fallbacks["A"]


def test_classes_wholly_apart_have_no_best_line() -> None:
    apart = made([[-2], [-1], [1], [2]], [[0], [0], [1], [1]])
    for method in ("temperature", "platt"):
        assert "wholly apart" in fit_calibration(apart, method).fallbacks["A"]
    # Isotonic has: one step, and six images say no more than 1/6 and 5/6.
    after = fit_calibration(apart, "isotonic").apply(apart).probabilities[:, 0]
    np.testing.assert_allclose(after, [1 / 6, 1 / 6, 5 / 6, 5 / 6], atol=0.001)
    # No temperature is best either where the line would be at 0, but Platt's is finite where classes overlap.
    shifted = made([[1], [2], [3], [4]], [[0], [1], [0], [1]])
    assert fit_calibration(shifted, "platt").parameters["A"].shift < 0


@pytest.mark.parametrize("part", ["train", "test", "new"])
@pytest.mark.parametrize("method", ["none", *FITTED])
def test_only_the_validation_part_can_be_fitted(part: str, method: str) -> None:
    with pytest.raises(DataError, match=f"on the validation part, never .* this is '{part}'"):
        fit_calibration(overconfident(50, part, 1), method)
    with pytest.raises(DataError, match="never on the part that is reported"):
        Calibration(method, ("A",), part=part)
    written = fit_calibration(overconfident(50, "valid", 1), method).to_json()
    with pytest.raises(DataError, match="never on the part that is reported"):
        Calibration.from_json({**written, "part": part})


@pytest.mark.parametrize("method", ["none", *FITTED])
def test_json_holds_all_of_it(method: str) -> None:
    valid, test = overconfident(60, "valid", 1), overconfident(40, "test", 2)
    calibration = fit_calibration(valid, method)
    again = Calibration.from_json(json.loads(json.dumps(calibration.to_json(), allow_nan=False)))
    assert again == calibration
    np.testing.assert_array_equal(again.apply(test).logits, calibration.apply(test).logits)


def test_none_changes_nothing() -> None:
    valid = overconfident(50, "valid", 1)
    assert fit_calibration(valid, "none").apply(valid) is valid
    assert fit_calibration(valid, "none").text == "none: probabilities as the model gives them"
    assert fit_calibration(valid, "platt").text == "Platt scaling, fitted on the validation part"


def test_select_keeps_maps_with_names() -> None:
    valid = overconfident(80, "valid", 1)
    calibration = fit_calibration(valid, "platt")
    one = calibration.select(["B"])
    np.testing.assert_array_equal(
        one.apply(valid.select(["B"])).logits[:, 0], calibration.apply(valid).logits[:, 1]
    )
    with pytest.raises(DataError, match="no calibration for 'Edema'"):
        calibration.select(["Edema"])
    with pytest.raises(DataError, match="the calibration is for B; the predictions are of A, B"):
        one.apply(valid)


def test_wrong_input_is_told() -> None:
    with pytest.raises(DataError, match="did you mean 'isotonic'"):
        fit_calibration(overconfident(9, "valid", 1), "isotonik")
    with pytest.raises(DataError, match="the model gave no number"):
        fit_calibration(made([[np.nan], [1.0]], [[0], [1]]), "platt")
    for value in ({}, {"method": "platt"}, {"method": "platt", "parameters": 3}, []):
        with pytest.raises(DataError, match="this is no calibration"):
            Calibration.from_json(value)
    platt = fit_calibration(overconfident(60, "valid", 1), "platt").to_json()
    steps = {"logits": [0.0, 1.0], "probabilities": [0.2, 0.7]}
    for wrong in (
        {"findings": "A"},
        {"findings": [["A"]]},
        {"findings": ["B"]},
        {"fallbacks": {"C": "why"}},
        {"parameters": {"A": {"scale": -1.0, "shift": 0.0}}},
        {"parameters": {"A": {"scale": "x", "shift": 0.0}}},
        {"parameters": {"A": {**steps, "logits": [1.0, 0.0]}}},
        {"parameters": {"A": {**steps, "logits": [0.0]}}},
        {"parameters": {"A": {**steps, "probabilities": [0.7, 0.2]}}},
        {"parameters": {"A": {**steps, "probabilities": [0.2, 1.0]}}},
        {"parameters": {"A": {"logits": [], "probabilities": []}}},
    ):
        with pytest.raises(DataError, match="this is no calibration"):
            Calibration.from_json(platt | wrong)
    with pytest.raises(DataError, match="'mass' or in 'width'"):
        reliability(overconfident(9, "valid", 1), equal="size")


@pytest.mark.parametrize(("equal", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_reliability_is_scikit_learns(equal: str, strategy: str) -> None:
    test = overconfident(500, "test", 7)
    for j, (finding, diagram) in enumerate(reliability(test, 10, equal).items()):
        share, mean = calibration_curve(
            test.targets[:, j], test.probabilities[:, j], n_bins=10, strategy=strategy
        )
        full = diagram.count > 0
        np.testing.assert_allclose(diagram.share_positive[full], share, err_msg=finding)
        np.testing.assert_allclose(diagram.mean_probability[full], mean)
        assert diagram.count.sum() == 500
        assert len(diagram.edges) == len(diagram.count) + 1


def test_reliability_of_few_and_of_equal_probabilities() -> None:
    test = made([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]], [[0, np.nan], [1, np.nan], [1, np.nan]], "test")
    found = reliability(test)
    assert list(found) == ["A"]
    assert found["A"].count.tolist() == [3]
    assert found["A"].share_positive == pytest.approx([2 / 3])
    wide = reliability(test, equal="width")["A"]
    assert wide.count.tolist() == [0, 0, 0, 0, 0, 3, 0, 0, 0, 0]
    assert np.isnan(wide.mean_probability).sum() == 9
