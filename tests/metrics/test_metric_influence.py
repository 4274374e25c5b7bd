"""Influence: numerical derivatives, DeLong's placements pair by pair, and the naive jackknife as oracles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clustered import clustered, made, simulated
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import ConfigError
from hilum.metrics import SCORES, Predictions, influence
from hilum.metrics.uncertainty.bootstrap import replicate
from hilum.metrics.uncertainty.influence import standard_error
from hilum.metrics.uncertainty.patients import clusters
from hilum.metrics.values.engine import Summed

SUMMED = [name for name, score in SCORES.items() if isinstance(score.way, Summed)]


def derivative(predictions: Predictions, name: str, step: float = 1e-6) -> np.ndarray:
    """Change of a score with the weight of each patient, [patients, k]."""
    patients = clusters(predictions)
    function = SCORES[name]
    changes = []
    for patient in range(patients.count):
        of = patients.code == patient
        ends = [
            function(predictions.targets, predictions.logits, weights=1.0 + side * step * of)
            for side in (1, -1)
        ]
        changes.append((ends[0] - ends[1]) / (2 * step))
    return np.array(changes)


@settings(max_examples=40)
@given(clustered())
def test_average_precision_is_its_derivative(predictions: Predictions) -> None:
    value, each = influence(predictions, predictions.logits > 0, "average_precision")
    np.testing.assert_allclose(
        value, SCORES["average_precision"](predictions.targets, predictions.logits), atol=1e-12
    )
    np.testing.assert_allclose(each, derivative(predictions, "average_precision"), atol=1e-7)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", ["roc_auc", "partial_auc"])
def test_areas_are_their_derivatives_but_for_the_unbiasing_factors(name: str, ties: bool) -> None:
    """Every patient has positives only or negatives only, so that the factors can be told apart."""
    rng = np.random.default_rng(5)
    owner = rng.integers(0, 40, 97)
    targets = (owner % 4 == 0)[:, None].astype(float)
    logits = rng.normal(size=(97, 1)) + targets
    part = made(targets, np.round(2 * logits) / 2 if ties else logits, owner)
    value, each = influence(part, part.logits > 0, name)
    np.testing.assert_allclose(value, SCORES[name](part.targets, part.logits), atol=1e-12)
    patients = clusters(part)
    ill = np.bincount(patients.code, part.targets[:, 0]) > 0
    p, expected = patients.count, derivative(part, name)
    for side in (ill, ~ill):
        m = side.sum()
        factor = np.sqrt(m / (m - 1) * (p - 1) / p)
        np.testing.assert_allclose(each[side], factor * expected[side], atol=1e-7)
    np.testing.assert_allclose(each.sum(axis=0), 0, atol=1e-12)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.booleans(), st.integers(2, 9), st.integers(2, 9))
def test_the_error_of_an_auc_is_delongs(seed: int, ties: bool, positives: int, negatives: int) -> None:
    rng = np.random.default_rng(seed)
    high, low = rng.normal(1, 1, positives), rng.normal(0, 1, negatives)
    if ties:
        high, low = np.round(high), np.round(low)
    wins = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    variance = wins.mean(axis=1).var(ddof=1) / positives + wins.mean(axis=0).var(ddof=1) / negatives
    part = made(np.repeat([1, 0], [positives, negatives])[:, None], np.concatenate([high, low])[:, None])
    value, each = influence(part, part.logits > 0, "roc_auc")
    assert value[0] == pytest.approx(wins.mean(), abs=1e-6)
    assert standard_error(each)[0] == pytest.approx(np.sqrt(variance), abs=1e-6)


@settings(max_examples=15)
@given(clustered(rows=12))
def test_scores_of_sums_leave_out_one_patient_after_the_other(predictions: Predictions) -> None:
    decisions = predictions.probabilities >= 0.5
    patients = clusters(predictions)
    for name in SUMMED:
        value, each = influence(predictions, decisions, name)
        shown = decisions if SCORES[name].of == "decisions" else predictions.probabilities

        def naive(weights: np.ndarray | None, name: str = name, shown: np.ndarray = shown) -> np.ndarray:
            return np.atleast_1d(SCORES[name](predictions.targets, shown, weights=weights))

        np.testing.assert_allclose(value, naive(None), atol=1e-12)
        assert each.shape == (patients.count, len(value))
        if patients.count == 1:
            assert np.isnan(each).all()
            continue
        without = np.array([naive((patients.code != p).astype(float)) for p in range(patients.count)])
        share = (patients.count - 1) / patients.count
        np.testing.assert_allclose(each, share * (without.mean(axis=0) - without), atol=1e-12)


def test_the_error_is_that_of_the_bootstrap() -> None:
    part = simulated(3_000, 2, 1_000)
    decisions = part.probabilities >= 0.5
    drawn = replicate(part, decisions, [*SCORES], replicates=400)
    for name in SCORES:
        _, each = influence(part, decisions, name)
        spread = np.atleast_1d(drawn[name].std(axis=0, ddof=1))
        np.testing.assert_allclose(standard_error(each), spread, rtol=0.2, err_msg=name)


def test_images_of_one_patient_are_not_independent() -> None:
    """Every image twice: the error of the patients stays, that of the images would shrink by the root of 2."""
    part = simulated(200, 1, 200)
    part = replace(part, part="train").take(np.repeat(np.arange(200), 2))
    together = standard_error(influence(part, part.logits > 0, "roc_auc")[1])
    alone = replace(part, patient_ids=None)
    apart = standard_error(influence(alone, alone.logits > 0, "roc_auc")[1])
    assert together[0] / apart[0] > 1.35


def test_a_score_that_hangs_on_one_patient_has_no_error() -> None:
    part = made([[1], [0], [0], [1]], [[1], [0.5], [0], [2]], [0, 1, 2, 0])
    for name in ("roc_auc", "partial_auc"):
        value, each = influence(part, part.logits > 0, name)
        assert value[0] == 1
        assert np.isnan(standard_error(each)[0])
    assert np.isnan(standard_error(influence(part, part.logits > 0, "recall")[1])[0])
    one = made([[1], [0]], [[1], [0]], [0, 0])
    assert np.isnan(standard_error(influence(one, one.logits > 0, "accuracy")[1])[0])
    with pytest.raises(ConfigError, match="did you mean 'recall'"):
        influence(part, part.logits > 0, "recal")
