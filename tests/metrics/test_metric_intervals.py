"""Intervals: known values, what is left without one, and what they must never do."""

from __future__ import annotations

import json
from statistics import NormalDist

import numpy as np
import pytest
from clustered import clustered, made, simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hilum.errors import DataError
from hilum.metrics import SCORES, Predictions, influence, intervals_of, over_all, per_finding, wilson
from hilum.metrics.uncertainty.intervals import (
    Evidence,
    Interval,
    Intervals,
    acceleration,
    bootstrapped,
    by_error,
    effective_trials,
)


@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(trials: int, part: float, level: float) -> None:
    found = round(part * trials)
    theirs = stats.binomtest(found, trials).proportion_ci(level, method="wilson")
    ours = wilson(np.array([found / trials]), np.array([float(trials)]), level)
    assert ours.low[0] == pytest.approx(theirs.low, abs=1e-12)
    assert ours.high[0] == pytest.approx(theirs.high, abs=1e-12)
    assert ours.low[0] <= found / trials <= ours.high[0]


@settings(max_examples=25)
@given(st.integers(0, 1000), st.booleans())
def test_bca_is_scipys(seed: int, percentile: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.exponential(size=30)
    drawn = rng.choice(values, (499, 30)).mean(axis=1)
    # scipy takes the acceleration from the jackknife, which for a mean is its influence.
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=0,
        bootstrap_result=_Drawn(drawn),
        method="percentile" if percentile else "bca",
    ).confidence_interval
    ours = bootstrapped(
        np.array([values.mean()]),
        drawn[:, None],
        ((values - values.mean()) / 30)[:, None],
        0.95,
        "percentile" if percentile else "bca",
    )
    assert ours.low[0] == pytest.approx(theirs.low, abs=1e-9)
    assert ours.high[0] == pytest.approx(theirs.high, abs=1e-9)


class _Drawn:
    """What scipy's bootstrap goes on from."""

    def __init__(self, drawn: np.ndarray) -> None:
        self.bootstrap_distribution = drawn
        self.standard_error = drawn.std()


@settings(max_examples=15)
@given(clustered(), st.sampled_from(["auto", "percentile", "bca"]))
def test_intervals_are_ordered_in_range_and_missing_where_the_score_is(
    predictions: Predictions, method: str
) -> None:
    decisions = predictions.probabilities >= 0.5
    found = intervals_of(predictions, decisions, method=method, replicates=100)
    assert set(found.columns) == set(found.means) == set(per_finding())
    assert set(found.combined) == set(over_all())
    for name, one in found.columns.items():
        value, _ = influence(predictions, decisions, name)
        there = ~np.isnan(one.low)
        assert (there == ~np.isnan(one.high)).all()
        assert (one.low[there] <= one.high[there]).all()
        assert not there[np.isnan(value)].any()
        score = SCORES[name]
        assert (one.low[there] >= score.limits[0]).all()
        assert (one.high[there] <= score.limits[1]).all()
        if score.slow or (score.interval != "bootstrap" and method == "auto"):
            assert one.method == score.interval
            assert ((one.low <= value + 1e-12) & (value <= one.high + 1e-12))[there].all()
        else:
            assert one.method.startswith("bootstrap")
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.dumps(Intervals.from_json(json.loads(text)).to_json()) == text


def test_one_class_and_one_patient_have_no_interval() -> None:
    one_class = made([[0], [0], [0]], [[1], [2], [3]])
    found = intervals_of(one_class, one_class.logits > 1.5, replicates=100)
    for name in ("roc_auc", "average_precision", "recall"):
        assert np.isnan(found.columns[name].low[0])
        assert np.isnan(found.means[name].low)
    assert found.columns["specificity"].low[0] < 1 / 3 < found.columns["specificity"].high[0]
    one_patient = made([[0], [1]], [[1], [2]], [7, 7])
    found = intervals_of(one_patient, one_patient.logits > 0, replicates=100)
    assert found.patients == 1
    assert all(np.isnan(one.low[0]) for one in found.columns.values())
    assert np.isnan(found.combined["exact_match"].low)


def test_a_perfect_auc_has_a_one_sided_interval_that_narrows() -> None:
    lows = []
    for positives in (2, 10, 100):
        part = made([[1]] * positives + [[0]] * 300, [[1]] * positives + [[0]] * 300)
        one = intervals_of(part, part.logits > 0.5, replicates=100).columns["roc_auc"]
        assert one.high[0] == 1
        lows.append(float(one.low[0]))
    z = NormalDist().inv_cdf(0.975)
    assert lows == pytest.approx([n / (n + z**2) for n in (2, 10, 100)])
    some = np.ones(1)
    worst = by_error(
        Evidence(SCORES["roc_auc"], np.zeros(1), np.zeros((5, 1)), np.empty((0, 1)), 3 * some, some, some),
        0.95,
    )
    assert (worst.low[0], worst.high[0]) == (0, pytest.approx(z**2 / (3 + z**2)))


def test_delong_on_many_images_is_the_logit_interval() -> None:
    part = simulated(4_000, 1, 4_000, shift=2)
    part = Predictions(part.image_ids, part.findings, part.logits, part.targets, "test")
    value, each = influence(part, part.logits > 0, "roc_auc")
    error = np.sqrt(4000 / 3999 * (each**2).sum())
    ends = [
        1 / (1 + np.exp(-(np.log(value / (1 - value)) + side * 1.96 * error / (value * (1 - value)))))
        for side in (-1, 1)
    ]
    one = intervals_of(part, part.logits > 0, replicates=100).columns["roc_auc"]
    assert one.low[0] == pytest.approx(ends[0][0], abs=2e-4)
    assert one.high[0] == pytest.approx(ends[1][0], abs=2e-4)
    narrow = intervals_of(part, part.logits > 0, replicates=100, level=0.8).columns["roc_auc"]
    assert one.low[0] < narrow.low[0] < narrow.high[0] < one.high[0]


def test_effective_trials_are_the_patients_where_their_images_are_the_same() -> None:
    """Each patient's three images decided alike: the design effect is 3, but for the jackknife's small factor."""
    rng = np.random.default_rng(0)
    hit = np.repeat(rng.random(400) < 0.7, 3)
    part = made(np.ones((1200, 1)), np.where(hit, 1, -1)[:, None], np.repeat(np.arange(400), 3))
    value, each = influence(part, part.logits > 0, "recall")
    error = np.sqrt(400 / 399 * (each**2).sum(axis=0))
    trials = effective_trials(value, error, np.array([1200.0]), np.array([400.0]))
    assert trials[0] == pytest.approx(400, rel=0.01)
    # Independent images keep their number, and those without a spread count a patient once.
    assert effective_trials(np.array([0.5]), np.array([0.01]), np.array([9.0]), np.array([5.0]))[0] == 9
    assert effective_trials(np.array([1.0]), np.array([0.0]), np.array([9.0]), np.array([5.0]))[0] == 5


def test_a_score_beyond_all_its_replicates_is_within_its_interval() -> None:
    drawn = np.linspace(0.2, 0.4, 200)[:, None]
    each = np.array([[0.1], [-0.1], [0.0]])
    for value in (0.1, 0.9):
        one = bootstrapped(np.array([value]), drawn, each, 0.95, "bca")
        assert one.low[0] <= value <= one.high[0]
        assert (one.low[0] == value) == (value < 0.2)
    half = np.where(np.arange(200)[:, None] < 101, np.nan, drawn)
    assert np.isnan(bootstrapped(np.array([0.3]), half, each, 0.95, "bca").low[0])
    assert acceleration(np.zeros(4)) == 0


def test_the_bootstrap_gives_no_interval_where_every_sample_is_perfect() -> None:
    targets = np.repeat([1.0, 0.0], 20)[:, None]
    perfect = np.where(targets == 1, 3.0, -3.0)
    ids = np.arange(40).astype(str).astype(object)
    part = Predictions(ids, ("Edema",), perfect, targets.astype(np.float32), "test", ids)
    found = intervals_of(part, perfect > 0, replicates=100)
    assert np.isnan(found.columns["f1"].low[0])
    assert np.isnan(found.columns["partial_auc"].high[0])
    # Wilson's and DeLong's know how many images that is.
    assert 0.8 < found.columns["recall"].low[0] < 0.9
    assert 0.8 < found.columns["roc_auc"].low[0] < 0.9
    assert found.columns["roc_auc"].high[0] == 1


def test_what_is_no_interval_is_refused() -> None:
    with pytest.raises(DataError, match="not intervals"):
        Intervals.from_json({"level": 0.95})
    assert Interval(np.array(0.25), np.array(np.nan), "Wilson").to_json() == {
        "low": 0.25,
        "high": None,
        "method": "Wilson",
    }
