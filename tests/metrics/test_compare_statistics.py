"""Effects and verdicts against scipy, by hand and by their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from comparison_draws import Case, draw
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hilum.errors import ConfigError, DataError
from hilum.metrics import SCORES, Predictions, Thresholds
from hilum.metrics.comparison.effects import Comparison, _adjusted, _contrast, compare_predictions
from hilum.metrics.comparison.sides import measure
from hilum.metrics.uncertainty.influence import influence, standard_error
from hilum.metrics.uncertainty.significance import effective_degrees, holm, t_quantile, t_tail, times_as_many
from hilum.records import to_json


def at_half(predictions: Predictions) -> Thresholds:
    return Thresholds(np.full(len(predictions.findings), 0.5), predictions.findings)


def sides(case: Case, seed: int = 0) -> list[list[tuple[Predictions, Thresholds]]]:
    return [[(p, at_half(p)) for p in side] for side in draw(case, np.random.default_rng(seed))]


def compare(case: Case, seed: int = 0, replicates: int = 0) -> Comparison:
    return compare_predictions(*sides(case, seed), case.score, replicates=replicates)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_by_its_definition(p_values: list[float]) -> None:
    """The smallest p is multiplied by n, the next by n - 1, ..., and none falls below one before it."""
    adjusted_p = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    highest = 0.0
    for place, position in enumerate(order):
        highest = max(highest, min(1.0, p_values[position] * (len(p_values) - place)))
        assert adjusted_p[position] == pytest.approx(highest)


def test_holm_by_hand_and_without_what_was_not_tested() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.01, math.nan, 0.04]), [0.02, math.nan, 0.04])


def test_t_is_scipys() -> None:
    np.testing.assert_allclose(t_tail(np.array([-2.1]), np.array([7.0])), 2 * stats.t.sf(2.1, 7))
    np.testing.assert_allclose(t_quantile(0.9, np.array([3.0])), stats.t.ppf(0.95, 3))


def test_degrees_of_freedom_follow_who_carries_the_weight() -> None:
    rng = np.random.default_rng(0)
    everyone = rng.normal(size=(4000, 1))
    assert effective_degrees(everyone)[0] == pytest.approx(4000, rel=0.1)
    few = np.zeros((4000, 1))
    few[:40] = rng.normal(size=(40, 1))
    assert 15 < effective_degrees(few)[0] < 50
    one = np.zeros((50, 1))
    one[0] = 1.0
    assert effective_degrees(one)[0] == pytest.approx(2, abs=0.1)
    assert effective_degrees(np.zeros((50, 1)))[0] == 49


def test_one_image_a_patient_is_delongs_test() -> None:
    """Against the covariance of placements as DeLong et al. 1988 write it, pair by pair."""
    rng = np.random.default_rng(3)
    y = (rng.random(300) < 0.3).astype(np.float32)[:, None]
    ids = np.array([f"i{row}" for row in range(300)], dtype=object)
    logits = [(y * 1.2 + rng.normal(size=(300, 1)) * 1.1).astype(np.float32) for _ in range(2)]
    models = [Predictions(ids, ("A",), x, y, "test") for x in logits]
    effect = compare_predictions([(models[0], at_half(models[0]))], [(models[1], at_half(models[1]))]).overall
    yes = y[:, 0] == 1
    m, n = yes.sum(), (~yes).sum()
    wins = [(x[yes] > x[~yes].T) + 0.5 * (x[yes] == x[~yes].T) for x in logits]
    positive = wins[1].mean(1) - wins[0].mean(1)
    negative = wins[1].mean(0) - wins[0].mean(0)
    error = math.sqrt(positive.var(ddof=1) / m + negative.var(ddof=1) / n)
    assert effect.difference == pytest.approx(wins[1].mean() - wins[0].mean())
    assert effect.error == pytest.approx(error, rel=1e-3)
    assert effect.p == pytest.approx(2 * stats.t.sf(abs(effect.difference / error), effect.degrees), rel=5e-3)
    assert effect.degrees <= m - 1
    assert effect.positives == m


def test_interval_and_p_agree_and_the_bootstrap_is_close() -> None:
    for seed in range(6):
        effect = compare(Case(positives=150, gain=0.2), seed, replicates=400).overall
        assert (effect.low > 0 or effect.high < 0) == (effect.p < 0.05)
        assert effect.low < effect.difference < effect.high
        width = effect.high - effect.low
        assert effect.boot_low == pytest.approx(effect.low, abs=0.15 * width)
        assert effect.boot_high == pytest.approx(effect.high, abs=0.15 * width)
        assert math.isnan(effect.seeds_share)


def test_the_interval_of_a_finding_is_corrected_as_its_p_is() -> None:
    turned = 0
    for seed in range(12):
        for effect in compare(Case(positives=120, findings=5, gain=0.35), seed, replicates=0).per_finding:
            assert (effect.low > 0 or effect.high < 0) == (effect.p_adjusted < 0.05)
            turned += effect.p < 0.05 <= effect.p_adjusted
    assert turned > 3


def test_the_other_way_round_is_the_same_with_the_sign_turned() -> None:
    first, second = sides(Case(findings=3, gain=0.3))
    there, back = (compare_predictions(a, b, replicates=100) for a, b in ((first, second), (second, first)))
    turned = {"better": "worse", "worse": "better", "not distinguishable": "not distinguishable"}
    for one, two in zip(there.effects, back.effects, strict=True):
        assert one.difference == pytest.approx(-two.difference)
        assert (one.low, one.high) == pytest.approx((-two.high, -two.low))
        assert one.p_adjusted == pytest.approx(two.p_adjusted)
        assert one.verdict == turned[two.verdict]


def test_rows_in_another_order_change_nothing() -> None:
    first, second = sides(Case(findings=2, gain=0.3))
    shuffled = [(p.take(np.random.default_rng(1).permutation(len(p))), t) for p, t in second]
    one, two = (compare_predictions(first, other, replicates=100) for other in (second, shuffled))
    for a, b in zip(one.effects, two.effects, strict=True):
        assert (a.difference, a.p, a.boot_low) == pytest.approx((b.difference, b.p, b.boot_low))


def test_a_model_against_itself() -> None:
    first, _ = sides(Case(findings=2))
    comparison = compare_predictions(first, first, replicates=100)
    for effect in comparison.effects:
        assert (effect.difference, effect.p, effect.verdict) == (0.0, 1.0, "not distinguishable")
        assert effect.positives_needed is None


def test_patients_count_once() -> None:
    """Every image twice, under the same patient: as uncertain as once. Under patients of their own: it is not."""
    first, second = sides(Case(positives=60, gain=0.1))
    once = compare_predictions(first, second, replicates=0).overall

    def twice(predictions: Predictions, own: str) -> Predictions:
        assert predictions.patient_ids is not None
        ids = [f"{name}{more}" for more in ("", " again") for name in predictions.image_ids]
        patients = [f"{name}{more}" for more in ("", own) for name in predictions.patient_ids]
        values = (np.tile(each, (2, 1)) for each in (predictions.logits, predictions.targets))
        names = (np.array(each, dtype=object) for each in (ids, patients))
        return Predictions(next(names), predictions.findings, *values, "test", next(names))

    errors = {}
    for own in ("", " too"):
        pair = [[(twice(p, own), t) for p, t in side] for side in (first, second)]
        errors[own] = compare_predictions(*pair, replicates=0).overall.error
    assert errors[""] == pytest.approx(once.error, rel=1e-6)
    assert errors[" too"] == pytest.approx(once.error / math.sqrt(2), rel=0.02)


def test_means_and_corrections_over_findings() -> None:
    comparison = compare(Case(positives=100, findings=4, gain=0.25))
    findings, overall = comparison.per_finding, comparison.overall
    assert overall.finding is None
    assert overall.difference == pytest.approx(np.mean([e.difference for e in findings]))
    assert overall.positives == sum(e.positives for e in findings)
    np.testing.assert_allclose([e.p_adjusted for e in findings], holm([e.p for e in findings]))
    assert overall.p_adjusted == overall.p


def test_the_mean_has_no_more_degrees_of_freedom_than_its_findings() -> None:
    """Five findings of the same 30 patients are not five times as many patients."""
    comparison = compare(Case(positives=30, findings=5))
    own = [effect.degrees for effect in comparison.per_finding]
    assert min(own) <= comparison.overall.degrees <= max(own)


def test_correction_over_groups() -> None:
    first, second = sides(Case(positives=100, findings=2, gain=0.3))
    like, other = (measure(side, "roc_auc", replicates=0) for side in (first, second))
    pairs = _adjusted([_contrast(like, other), _contrast(like, like)])
    assert pairs[0].overall.p_adjusted == pytest.approx(min(1, 2 * pairs[0].overall.p))
    each = holm([e.p for pair in pairs for e in pair.per_finding])
    np.testing.assert_allclose([e.p_adjusted for pair in pairs for e in pair.per_finding], each)


def test_seeds_add_their_own_variance() -> None:
    calm, wild = (compare(Case(positives=300, runs=4, seeds_sd=sd), seed=2).overall for sd in (0.0, 0.6))
    assert calm.error < wild.error
    assert calm.seeds_share < wild.seeds_share
    assert wild.seeds_share > 0.4
    assert 3 <= wild.degrees < 8


def test_variance_of_groups_by_hand() -> None:
    """Patients' variance of the difference of means, and what the seeds spread beyond their own errors."""
    first, second = (
        measure(side, "roc_auc", replicates=0) for side in sides(Case(positives=200, runs=3, seeds_sd=0.5))
    )
    effect = _contrast(first, second).overall
    patients = standard_error(second.influence - first.influence) ** 2
    seeds = []
    for side in (first, second):
        own = max(side.values[:, 0].var(ddof=1) - side.alone[0], 0.0)
        seeds.append(own / 3)
    assert effect.error**2 == pytest.approx(float(patients[0]) + sum(seeds))
    assert effect.seeds_share == pytest.approx(sum(seeds) / effect.error**2)


def test_errors_that_seeds_do_not_share() -> None:
    """`alone` of independent models is their whole variance; of equal ones it is none."""
    model = sides(Case(positives=300, correlated=0.0))[0][0]
    assert measure([model, model], "roc_auc", replicates=0).alone[0] == pytest.approx(0.0, abs=1e-12)
    several = sides(Case(positives=300, correlated=0.0, runs=5))[0]
    predictions = several[0][0]
    value, each = influence(predictions, at_half(predictions).decide(predictions), "roc_auc")
    assert np.isfinite(value).all()
    alone = measure(several, "roc_auc", replicates=0).alone[0]
    assert 0.25 < alone / standard_error(each)[0] ** 2 < 0.75  # half of their errors is of the recipe


def test_a_single_run_borrows_the_spread_of_the_others() -> None:
    first, second = sides(Case(positives=300, runs=4, seeds_sd=0.5))
    groups = compare_predictions(first, second, replicates=0).overall
    mixed = compare_predictions(first[:1], second, replicates=0).overall
    single = compare_predictions(first[:1], second[:1], replicates=0).overall
    assert mixed.error > groups.error
    assert mixed.seeds_share > 0.3
    assert mixed.degrees < single.degrees


def test_positives_needed() -> None:
    """With as many positives as it says, the same difference is seen in about 80 % of tries."""
    assert times_as_many(2.80159, 1.0, 0.0, 0.95, 1) == pytest.approx(1.0, rel=1e-3)
    assert times_as_many(1.4008, 1.0, 0.0, 0.95, 1) == pytest.approx(4.0, rel=1e-3)
    assert times_as_many(1.0, 1.0, 0.2, 0.95, 1) is None
    more = times_as_many(1.0, 1.0, 0.0, 0.95, 12)
    assert more is not None
    assert more > 7.85
    effect = compare(Case(positives=60, gain=0.1), seed=5).overall
    assert effect.verdict == "not distinguishable"
    times = times_as_many(effect.difference, effect.error**2, 0.0, 0.95, 1)
    assert times is not None
    assert effect.positives_needed == math.ceil(effect.positives * times)


@pytest.mark.parametrize("score", [*SCORES])
def test_every_score_can_be_compared(score: str) -> None:
    comparison = compare(Case(positives=100, findings=2, gain=2.5, score=score), replicates=100)
    assert len(comparison.effects) == (1 if SCORES[score].over_all else 3)
    effect = comparison.overall
    assert effect.score == score
    assert effect.low <= effect.difference <= effect.high
    if score not in {"ece", "specificity", "npv"}:  # these need not follow how far classes are apart
        good = SCORES[score].better != "neither"
        assert effect.verdict in (("better",) if good else ("different", "not distinguishable"))
    if score in {"brier", "log_loss", "hamming_loss"}:
        assert effect.difference < 0


def test_all_found_against_none_found() -> None:
    """Every patient moved alike: there is no variance, and the sign test still sees it."""
    truth = np.repeat([[1.0], [0.0]], 20, axis=0).astype(np.float32)
    ids = np.array([f"i{row}" for row in range(40)], dtype=object)
    low, high = (
        Predictions(ids, ("A",), np.full((40, 1), x, dtype=np.float32), truth, "test") for x in (-2, 2)
    )
    effect = compare_predictions(
        [(low, at_half(low))], [(high, at_half(high))], "recall", replicates=0
    ).overall
    assert (effect.difference, effect.verdict) == (1.0, "better")


def test_intervals_of_one_side() -> None:
    side = measure(sides(Case(positives=200, runs=1))[0], "roc_auc", replicates=0)
    low, high = side.interval()
    assert low[0] < side.mean[0] < high[0]
    seeds = measure(sides(Case(positives=200, runs=4, seeds_sd=0.8))[0], "roc_auc", replicates=0)
    wide_low, wide_high = seeds.interval()
    assert wide_high[0] - wide_low[0] > high[0] - low[0]


def test_findings_that_cannot_be_compared_are_said() -> None:
    first, second = sides(Case(findings=3))
    targets = first[0][0].targets.copy()
    targets[:, 0] = 0.0
    patients = first[0][0].patient_ids
    assert patients is not None
    targets[:, 1] = np.where(patients == patients[0], 1.0, 0.0)
    first, second = (
        [(Predictions(p.image_ids, p.findings, p.logits, targets, "test", p.patient_ids), t) for p, t in side]
        for side in (first, second)
    )
    comparison = compare_predictions(first, second, replicates=0)
    assert dict(comparison.unscored) == {
        "F0": "there are no positive images",
        "F1": "its positive images are of one patient",
    }
    assert [effect.finding for effect in comparison.effects] == ["F2"]
    assert to_json(comparison)["unscored"] == dict(comparison.unscored)
    with pytest.raises(DataError, match="no finding of the test part"):
        compare_predictions([(first[0][0].select(["F0"]), first[0][1].select(["F0"]))], second)  # fmt: skip


def test_what_is_refused() -> None:
    first, second = sides(Case(findings=2))
    (one, thresholds), (two, _) = first[0], second[0]
    with pytest.raises(ConfigError, match="did you mean 'roc_auc'"):
        compare_predictions(first, second, "roc_uac")
    with pytest.raises(DataError, match="1 image of the one and 0 of the other"):
        two.take(np.arange(1, len(two))).aligned(one)
    with pytest.raises(DataError, match="findings F0, F1"):
        two.select(["F1"]).aligned(one)
    other = Predictions(two.image_ids, two.findings, two.logits, 1 - two.targets, "test", two.patient_ids)
    with pytest.raises(DataError, match=r"other labels for [\d,]+ images \(F0, F1\)"):
        compare_predictions(first, [(other, thresholds)])
    moved = Predictions(two.image_ids, two.findings, two.logits, two.targets, "test", two.image_ids)
    with pytest.raises(DataError, match="other patients"):
        moved.aligned(one)
    unknown = Predictions(two.image_ids, two.findings, two.logits, two.targets, "test")
    assert unknown.aligned(one).patient_ids is one.patient_ids
    studies = Predictions(two.image_ids, two.findings, two.logits, two.targets, "test", None, None, "study")
    with pytest.raises(DataError, match="per image and the second per study"):
        studies.aligned(one)


def test_json_has_no_nan() -> None:
    import json

    text = json.dumps(to_json(compare(Case(findings=2))), allow_nan=False)
    assert json.loads(text)["effects"][-1]["finding"] is None
