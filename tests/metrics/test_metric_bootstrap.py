"""Replicates are those of a plain loop over weighted scores; draws are paired; memory stays flat."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from clustered import clustered, made, simulated
from hypothesis import given, settings

from hilum.errors import ConfigError
from hilum.metrics import SCORES, Predictions, over_all, per_finding
from hilum.metrics.uncertainty.bootstrap import BLOCK, _draw, replicate
from hilum.metrics.uncertainty.patients import clusters
from hilum.metrics.values.engine import Gapped


def naive(predictions: Predictions, decisions: np.ndarray, name: str, weights: np.ndarray) -> np.ndarray:
    given = {"scores": predictions.logits, "probabilities": predictions.probabilities, "decisions": decisions}
    return SCORES[name](predictions.targets, given[SCORES[name].of], weights=weights)


@settings(max_examples=25)
@given(clustered())
def test_replicates_are_those_of_a_loop_over_weighted_scores(predictions: Predictions) -> None:
    decisions = predictions.probabilities >= 0.5
    names = tuple(name for name, score in SCORES.items() if not isinstance(score.way, Gapped))
    count = BLOCK + 2
    found = replicate(predictions, decisions, names, replicates=count, seed=3)
    patients = clusters(predictions)
    for row in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1):
        counts = _draw(patients.count, row // BLOCK, BLOCK, 3)[row % BLOCK]
        assert counts.sum() == patients.count
        for name in names:
            expected = naive(predictions, decisions, name, counts[patients.code])
            np.testing.assert_allclose(found[name][row], expected, rtol=0, atol=1e-12, err_msg=name)
    k = len(predictions.findings)
    assert all(found[name].shape == (count, k) for name in per_finding() if name in names)
    assert all(found[name].shape == (count, 1) for name in over_all())


def test_the_same_patients_are_drawn_whatever_is_scored() -> None:
    """Two models on the same patients differ by less, replicate by replicate, than each varies."""
    first = simulated(300, 1, 100)
    rng = np.random.default_rng(1)
    second = made(first.targets, first.logits + 0.1 * rng.normal(size=first.logits.shape))
    second = Predictions(
        second.image_ids, second.findings, second.logits, second.targets, "test", first.patient_ids
    )
    order = rng.permutation(300)
    none = np.zeros((300, 1), dtype=bool)
    one, two, shuffled = (
        replicate(part, none, ["roc_auc"], replicates=200)["roc_auc"][:, 0]
        for part in (first, second, first.take(order))
    )
    assert np.std(one - two) < 0.3 * np.std(one)
    np.testing.assert_allclose(one, shuffled, atol=1e-12)
    other = replicate(first, none, ["roc_auc"], replicates=200, seed=1)["roc_auc"][:, 0]
    assert not np.allclose(one, other)
    longer = replicate(first, none, ["roc_auc"], replicates=230)["roc_auc"][:, 0]
    np.testing.assert_array_equal(longer[:200], one)


def test_patients_are_sorted_and_rows_without_one_stand_alone() -> None:
    ids = np.array(["b", None, "a", "b", None], dtype=object)
    none = np.zeros((5, 1), np.float32)
    part = Predictions(np.array(list("vwxyz"), dtype=object), ("A",), none, none, "test", ids)
    found = clusters(part)
    assert found.count == 4
    np.testing.assert_array_equal(found.code, [1, 2, 0, 1, 3])
    alone = clusters(made(np.zeros((3, 1)), np.zeros((3, 1))))
    np.testing.assert_array_equal(alone.code, [0, 1, 2])


def test_no_rows_and_unknown_names() -> None:
    nothing = made(np.zeros((0, 2)), np.zeros((0, 2)))
    found = replicate(nothing, np.zeros((0, 2), bool), ["roc_auc", "exact_match"], replicates=5)
    assert found["roc_auc"].shape == (5, 2)
    assert np.isnan(found["roc_auc"]).all()
    assert np.isnan(found["exact_match"]).all()
    with pytest.raises(ConfigError, match="did you mean 'roc_auc'"):
        replicate(nothing, np.zeros((0, 2), bool), ["roc_acu"], replicates=5)


def test_memory_is_that_of_a_few_blocks() -> None:
    part = simulated(5_000, 4, 2_000)
    decisions = part.probabilities >= 0.5
    tracemalloc.start()
    replicate(part, decisions, ["roc_auc", "average_precision", "recall"], replicates=1_500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # How often each patient is drawn, for all replicates at once, would be 24 MB alone.
    assert peak < 16e6
