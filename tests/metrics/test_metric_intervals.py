"""Intervals: known values, what is left without one, and what they must never do."""

from __future__ import annotations

import json

import numpy as np
import pytest
from clustered import clustered, made, simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hilum.errors import DataError
from hilum.metrics import SCORES, Predictions, influence, intervals_of, over_all, per_finding, wilson
from hilum.metrics.uncertainty.interval import Interval, Intervals
from hilum.metrics.uncertainty.rules import (
    BETA,
    FREED,
    STUDENT,
    _acceleration,
    bootstrapped,
    by_t,
    effective_trials,
    of_mean,
    within,
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
        if score.slow or method == "auto":
            assert one.method in (BETA, STUDENT, FREED)
            assert ((one.low <= value + 1e-6) & (value <= one.high + 1e-6))[there].all()
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
    # As of so many trials of which all succeeded; an exact interval would begin at 0.025 ** (1 / n).
    assert lows == pytest.approx([stats.beta.ppf(0.025, n + 0.2, 0.8) for n in (2, 10, 100)])
    assert all(0.025 ** (1 / n) < low < 0.05 ** (1 / n) for low, n in zip(lows, (2, 10, 100), strict=True))
    three = np.full(1, 3.0)
    worst = within(np.zeros(1), np.zeros((5, 1)), three, three, (0.0, 1.0), 0.95)
    assert (worst.low[0], worst.high[0]) == (0, pytest.approx(stats.beta.ppf(0.975, 0.8, 3.2)))


def test_on_many_images_it_is_the_normal_interval() -> None:
    part = simulated(20_000, 1, 20_000, shift=2)
    part = Predictions(part.image_ids, part.findings, part.logits, part.targets, "test")
    for name in ("roc_auc", "recall", "brier", "log_loss", "average_precision"):
        value, each = influence(part, part.logits > 0, name)
        reach = 1.96 * np.sqrt((each**2).sum())
        one = intervals_of(part, part.logits > 0, names=[name]).columns[name]
        assert one.high[0] - one.low[0] == pytest.approx(2 * reach, rel=0.03)
        assert (one.high[0] + one.low[0]) / 2 == pytest.approx(value[0], abs=0.1 * reach)
        narrow = intervals_of(part, part.logits > 0, names=[name], level=0.8).columns[name]
        assert one.low[0] < narrow.low[0] < narrow.high[0] < one.high[0]


def test_images_that_are_all_alike_count_once_a_patient() -> None:
    hit = np.arange(40) < 30
    once = made(np.ones((40, 1)), np.where(hit, 1, -1)[:, None])
    thrice = made(np.ones((120, 1)), np.repeat(np.where(hit, 1, -1), 3)[:, None], np.repeat(np.arange(40), 3))
    both = [
        intervals_of(part, part.logits > 0, names=["recall"]).columns["recall"] for part in (once, thrice)
    ]
    assert both[0].low[0] == pytest.approx(both[1].low[0], abs=1e-9)
    theirs = stats.binomtest(30, 40).proportion_ci(0.95)
    assert theirs.low < both[0].low[0] < 0.75 < both[0].high[0] < theirs.high
    # Images as alike as those of different patients are worth more, but not as if nobody could doubt it.
    rng = np.random.default_rng(0)
    loose = made(
        np.ones((120, 1)), np.where(rng.random(120) < 0.75, 1, -1)[:, None], np.repeat(np.arange(40), 3)
    )
    one = intervals_of(loose, loose.logits > 0, names=["recall"]).columns["recall"]
    exact = stats.binomtest(int((loose.logits > 0).sum()), 120).proportion_ci(0.95)
    assert exact.high - exact.low < one.high[0] - one.low[0] < both[0].high[0] - both[0].low[0]


def test_a_mean_over_findings_is_as_sure_as_they_are_apart() -> None:
    rng = np.random.default_rng(0)
    one, limits = Interval(np.full(4, 0.4), np.full(4, 0.7), BETA), (0.0, 1.0)
    apart = rng.normal(size=(100_000, 4))
    found = of_mean(np.full(4, 0.5), apart, one, limits)
    assert (found.low[0], found.high[0]) == pytest.approx((0.45, 0.6), abs=0.002)
    found = of_mean(np.full(4, 0.5), np.repeat(apart[:, :1], 4, axis=1), one, limits)
    assert (found.low[0], found.high[0]) == pytest.approx((0.4, 0.7))
    # A finding without an interval may lie anywhere; one without a value is not in the mean.
    one = Interval(np.array([0.4, np.nan, np.nan]), np.array([0.7, np.nan, np.nan]), BETA)
    found = of_mean(np.array([0.5, 0.5, np.nan]), np.zeros((9, 3)), one, limits)
    assert (found.low[0], found.high[0]) == pytest.approx((0.2, 0.85))


def test_students_interval_is_cut_at_a_limit() -> None:
    each = np.random.default_rng(0).normal(size=(50, 1)) / 50
    one = by_t(np.array([0.05]), each, np.full(1, 50.0), (0.0, np.inf), 0.95)
    assert one.low[0] == 0
    assert one.high[0] == pytest.approx(0.05 + 2.03 * np.sqrt(50 / 49 * (each**2).sum()), rel=0.02)


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
    assert _acceleration(np.zeros(4)) == 0


def test_the_bootstrap_gives_no_interval_where_every_sample_is_perfect() -> None:
    targets = np.repeat([1.0, 0.0], 20)[:, None]
    perfect = np.where(targets == 1, 3.0, -3.0)
    ids = np.arange(40).astype(str).astype(object)
    part = Predictions(ids, ("Edema",), perfect, targets.astype(np.float32), "test", ids)
    found = intervals_of(part, perfect > 0, replicates=100, method="bca")
    assert np.isnan(found.columns["f1"].low[0])
    assert np.isnan(found.columns["partial_auc"].high[0])
    own = intervals_of(part, perfect > 0)
    for name in ("f1", "partial_auc", "recall", "roc_auc"):
        assert 0.8 < own.columns[name].low[0] < 0.9
        assert own.columns[name].high[0] == 1


def test_what_is_no_interval_is_refused() -> None:
    with pytest.raises(DataError, match="not intervals"):
        Intervals.from_json({"level": 0.95})
    assert Interval(np.array(0.25), np.array(np.nan), "Wilson").to_json() == {
        "low": 0.25,
        "high": None,
        "method": "Wilson",
    }
