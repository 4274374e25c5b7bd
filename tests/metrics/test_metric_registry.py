"""Every score is one entry; a plain function gets what the others have."""

from __future__ import annotations

import numpy as np
import pytest
from clustered import simulated

import hilum.metrics
from hilum.config import ScoresConfig
from hilum.errors import DataError
from hilum.metrics import (
    SCORES,
    Predictions,
    Score,
    Scores,
    Thresholds,
    compare_predictions,
    fit_thresholds,
    influence,
    intervals_of,
    reliability,
    score,
)
from hilum.metrics.uncertainty.influence import standard_error
from hilum.metrics.values.engine import Plain
from hilum.metrics.values.registry import _OWN


def half(predictions: Predictions) -> Thresholds:
    return Thresholds(np.full(len(predictions.findings), 0.5), predictions.findings)


@pytest.fixture(scope="module")
def part() -> Predictions:
    return simulated(1_500, 2, 500)


def test_a_score_is_there_by_its_name() -> None:
    assert all(getattr(hilum.metrics, name) is entry for name, entry in SCORES.items())
    assert not set(SCORES) & set(hilum.metrics.__all__)
    with pytest.raises(AttributeError):
        hilum.metrics.roc_ouch  # noqa: B018


def test_every_entry_says_what_it_is() -> None:
    for name, entry in SCORES.items():
        assert entry.heading, name
        assert entry.over_all or entry.about.endswith("."), name
        assert 0 < len(entry.short) <= 6, name
        assert entry.limits[0] < entry.limits[1]


def test_a_plain_function_is_a_score_like_any_other(
    part: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its jackknife, in groups, and its bootstrap say what the formula over sums says of the same score."""

    def squares(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        return np.nanmean((probabilities - targets) ** 2, axis=0)

    monkeypatch.setitem(_OWN, "mine", Score("Mine", "mine", Plain(squares), "probabilities", better="lower"))
    decisions = part.probabilities >= 0.5
    value, each = influence(part, decisions, "mine")
    known, formula = influence(part, decisions, "brier")
    np.testing.assert_allclose(value, known, rtol=1e-12)
    assert each.shape == formula.shape
    # 500 patients in 200 groups: the error is estimated, not the same.
    np.testing.assert_allclose(standard_error(each), standard_error(formula), rtol=0.15)
    found = intervals_of(part, decisions, names=("mine", "brier"), replicates=200)
    np.testing.assert_allclose(found.columns["mine"].low, found.columns["brier"].low, rtol=0.01)
    np.testing.assert_allclose(found.means["mine"].high, found.means["brier"].high, rtol=0.01)
    scores = score(part, half(part), ScoresConfig(replicates=100))
    assert scores.value("mine") == pytest.approx(scores.value("brier"))
    assert Scores.from_json(scores.to_json()).text("mine") == scores.text("mine")
    worse = Predictions(
        part.image_ids, part.findings, part.logits * 0.2, part.targets, "test", part.patient_ids
    )
    assert compare_predictions([(part, half(part))], [(worse, half(part))], "mine").overall.verdict == "worse"


def test_slope_and_intercept_say_how_probabilities_were_bent() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(-1, 1.5, (6_000, 1))
    targets = (rng.random(truth.shape) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    ids = np.array([f"i{n}" for n in range(len(truth))], dtype=object)
    for bend, shift in ((1.0, 0.0), (2.0, 0.0), (1.0, 0.7)):
        part = Predictions(ids, ("A",), bend * truth + shift, targets, "test")
        scores = score(part, half(part), ScoresConfig(replicates=100))
        low, high = scores.interval("calibration_slope", 0)
        assert low < 1 / bend < high
        assert high - low < 0.2
        if bend == 1:
            low, high = scores.interval("calibration_intercept", 0)
            assert low < -shift < high
            assert high - low < 0.2


def test_the_error_of_slope_and_intercept_is_that_of_the_bootstrap(part: Predictions) -> None:
    rng = np.random.default_rng(0)
    for name in ("calibration_slope", "calibration_intercept"):
        _, each = influence(part, part.logits > 0, name)
        code = np.unique(part.patient_ids.astype(str), return_inverse=True)[1]
        rows = [np.flatnonzero(code == patient) for patient in range(code.max() + 1)]
        drawn = []
        for _ in range(150):
            chosen = np.concatenate([rows[p] for p in rng.integers(0, len(rows), len(rows))])
            drawn.append(SCORES[name](part.targets[chosen], part.probabilities[chosen]))
        np.testing.assert_allclose(standard_error(each), np.std(drawn, axis=0), rtol=0.25)


def test_skill_and_net_benefit_by_hand() -> None:
    targets, p = np.array([1, 1, 0, 0, 0, 0, 0, 0]), np.array([0.9, 0.05, 0.2, 0.1, 0.05, 0, 0, 0])
    brier, base = np.mean((p - targets) ** 2), 0.25 * 0.75
    assert SCORES["brier_skill"](targets, p)[0] == pytest.approx(1 - brier / base)
    assert SCORES["net_benefit"](targets, p)[0] == pytest.approx((1 - 2 / 9) / 8)
    nothing = np.zeros(8)
    assert SCORES["net_benefit"](targets, nothing)[0] == 0
    assert SCORES["brier_skill"](targets, nothing + 0.25)[0] == pytest.approx(0)
    assert np.isnan(SCORES["brier_skill"](nothing, p)[0])


def test_weights_of_a_plain_score_are_whole() -> None:
    targets, p = [1, 0, 1, 0, 1], [0.9, 0.2, 0.4, 0.5, 0.6]
    twice = SCORES["calibration_slope"](targets, p, weights=[2, 1, 1, 1, 1])
    assert twice == pytest.approx(SCORES["calibration_slope"]([1, *targets], [0.9, *p]))
    with pytest.raises(DataError, match="whole weights"):
        SCORES["calibration_slope"](targets, p, weights=[0.5, 1, 1, 1, 1])


def test_scores_draw_themselves(part: Predictions) -> None:
    scores = score(part, fit_thresholds(Predictions(**{**vars(part), "part": "valid"}), ScoresConfig()))
    lines = scores.plot_roc().lines
    assert [line.get_marker() for line in lines].count("o") == len(part.findings)
    drawn = scores.plot_calibration()
    assert drawn.get_xlabel() == "Probability"
    curves = [line.get_xydata() for line in drawn.lines if line.get_linestyle() == "-"][1:]
    for line, found in zip(curves, reliability(part).values(), strict=True):
        assert np.array_equal(line, found.curve.T)
    legend = [text.get_text() for text in drawn.get_legend().get_texts()]
    assert legend == [f"{name} ICI {scores.text('ici', j)}" for j, name in enumerate(part.findings)]
    legend = [text.get_text() for text in scores.plot_roc().get_legend().get_texts()]
    assert legend == [f"{name} {scores.text('roc_auc', j)}" for j, name in enumerate(part.findings)]
    with pytest.raises(DataError, match="read from a file"):
        Scores.from_json(scores.to_json()).plot_roc()


def test_a_comparison_draws_and_shows_itself(part: Predictions) -> None:
    found = compare_predictions([(part, half(part))], [(part, half(part))], replicates=0)
    axes = found.plot("plain", "<wide>")
    assert [label.get_text() for label in axes.get_yticklabels()] == [*part.findings, "mean over findings"]
    assert "Difference in ROC AUC" in [text.get_text() for text in axes.texts]
    assert "not distinguishable" in found._repr_html_()
    assert found.table("plain", "<wide>")[0][2:4] == ["plain", "<wide>"]
