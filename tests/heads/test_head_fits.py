"""Heads of all kinds: scikit-learn and torch as oracles."""

import numpy as np
import pytest
import torch
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hilum.config import ModelConfig
from hilum.errors import ConfigError, DataError
from hilum.heads.candidates import KINDS, Candidate
from hilum.heads.solvers.fit import fit_heads, fit_margins
from hilum.heads.solvers.lines import INTERCEPT
from hilum.heads.solvers.platt import platt
from hilum.metrics import SCORES
from hilum.models import make_classifier

N, D, K = 300, 24, 3


@pytest.fixture(scope="module")
def data():
    """Correlated features off zero and of different scales; three findings, some labels unknown."""
    rng = np.random.default_rng(5)
    traits = rng.normal(size=(N, 6))
    vectors = np.maximum(traits @ rng.normal(size=(6, D)) + 0.5 * rng.normal(size=(N, D)), 0)
    vectors = (vectors * rng.uniform(0.1, 5, D) + rng.normal(size=D)).astype(np.float32)
    targets = (traits[:, :K] + rng.normal(size=(N, K)) > [0, 0.8, 1.2]).astype(np.float32)
    targets[::5, 1] = np.nan
    return vectors, targets


def oracle(estimator, vectors, targets, j):
    """scikit-learn's decision function for all rows; standardised by all rows, fitted on those with a label."""
    scaled = StandardScaler().fit_transform(vectors.astype(np.float64))
    known = ~np.isnan(targets[:, j])
    return estimator.fit(scaled[known], targets[known, j]).decision_function(scaled)


@pytest.mark.parametrize("C", [1e-4, 0.03, 1.0, 300.0])
@pytest.mark.parametrize("weight", ["none", "balanced"])
def test_logistic_l2_is_scikit_learns(data, C, weight):
    vectors, targets = data
    own = fit_heads([Candidate(C=C, class_weight=weight)], {"avg": vectors}, targets)[0].logits(vectors)
    for j in range(K):
        theirs = LogisticRegression(
            C=C, class_weight=None if weight == "none" else weight, solver="newton-cholesky", tol=1e-10
        )
        expected = oracle(theirs, vectors, targets, j)
        np.testing.assert_allclose(own[:, j], expected, atol=2e-3 * expected.std() + 1e-5)


@pytest.mark.parametrize("C", [0.03, 0.3])
@pytest.mark.parametrize("weight", ["none", "balanced"])
def test_logistic_l1_is_scikit_learns_with_the_same_zeros(data, C, weight):
    vectors, targets = data
    found = fit_heads([Candidate(penalty="l1", C=C, class_weight=weight)], {"avg": vectors}, targets)[0]
    for j in range(K):
        theirs = LogisticRegression(
            l1_ratio=1, C=C, class_weight=None if weight == "none" else weight, solver="saga",
            tol=1e-7, max_iter=100_000, random_state=0,
        )  # fmt: skip
        expected = oracle(theirs, vectors, targets, j)
        np.testing.assert_allclose(found.logits(vectors)[:, j], expected, atol=0.03 * expected.std())
        zeros = found.parameters["weight"][j] == 0
        assert (zeros != (np.abs(theirs.coef_[0]) < 1e-6)).sum() <= 1
        assert zeros.any()


@pytest.mark.parametrize("C", [0.003, 0.01, 0.1, 3.0])
def test_logistic_l1_meets_its_conditions_of_optimality(data, C):
    """saga is nowhere near the minimum where all weights are zero, so it is no oracle there."""
    vectors, targets = data
    found = fit_heads([Candidate(penalty="l1", C=C)], {"avg": vectors}, targets)[0]
    standard = StandardScaler().fit_transform(vectors.astype(np.float64))
    for j in range(K):
        known = ~np.isnan(targets[:, j])
        miss = targets[known, j] - 1 / (1 + np.exp(-found.logits(vectors[known])[:, j]))
        pull = standard[known].T @ miss / known.sum()
        weight, limit = found.parameters["weight"][j], 1 / (C * known.sum())
        # liblinear penalises the intercept, by so much less than the weights.
        assert abs(miss.mean()) < 3e-4 + limit / INTERCEPT
        assert (np.abs(pull[weight == 0]) < limit + 3e-4).all()
        np.testing.assert_allclose(pull[weight != 0], limit * np.sign(weight[weight != 0]), atol=3e-4)


@pytest.mark.parametrize("C", [1e-4, 0.01, 1.0])
@pytest.mark.parametrize("weight", ["none", "balanced"])
def test_svm_margins_are_scikit_learns(data, C, weight):
    vectors, targets = data
    candidate = Candidate("svm", C=C, class_weight=weight)
    own = fit_margins([candidate], {"avg": vectors}, targets, rows=np.arange(N))[0].logits(vectors)
    for j in range(K):
        # LIBLINEAR penalises the intercept too; with so large a scale that is as good as nothing.
        theirs = LinearSVC(
            C=C, class_weight=None if weight == "none" else weight, dual=False, intercept_scaling=300,
            tol=1e-9, max_iter=20_000,
        )  # fmt: skip
        expected = oracle(theirs, vectors, targets, j)
        np.testing.assert_allclose(own[:, j], expected, atol=7e-3 * max(expected.std(), 0.1))


def test_svms_become_logits_by_margins_of_other_folds(data):
    vectors, targets = data
    fold_of = np.arange(N) % 4
    candidate = Candidate("svm", C=0.01)
    margins = np.empty((N, K))
    for fold in range(4):
        rows = np.flatnonzero(fold_of != fold)
        head = fit_margins([candidate], {"avg": vectors}, targets, rows=rows)[0]
        margins[fold_of == fold] = head.logits(vectors[fold_of == fold])
    slope, offset = platt(margins, targets)
    whole = fit_margins([candidate], {"avg": vectors}, targets, rows=np.arange(N))[0].logits(vectors)
    found = fit_heads([candidate], {"avg": vectors}, targets, fold_of=fold_of)[0]
    np.testing.assert_allclose(found.logits(vectors), whole * slope + offset, atol=1e-4)


def test_svms_without_folds_give_fair_probabilities(data):
    vectors, targets = data
    chance = 1 / (
        1 + np.exp(-fit_heads([Candidate("svm", C=0.01)], {"avg": vectors}, targets)[0].logits(vectors))
    )
    np.testing.assert_allclose(chance.mean(axis=0), np.nanmean(targets, axis=0), atol=0.04)


def test_platts_scaling_is_scikit_learns():
    rng = np.random.default_rng(0)
    margins, targets = rng.normal(size=(400, 1)) * 3 + 1, np.zeros((400, 1), np.float32)
    targets[:, 0] = rng.random(400) < 1 / (1 + np.exp(-0.7 * margins[:, 0] + 1))
    slope, offset = platt(margins, targets)
    theirs = _SigmoidCalibration().fit(margins[:, 0], targets[:, 0])
    np.testing.assert_allclose([slope[0], offset[0]], [-theirs.a_, -theirs.b_], rtol=1e-3)


def test_platts_scaling_never_turns_the_order_round_and_leaves_one_class_alone():
    margins = np.arange(20.0)[:, None].repeat(2, 1)
    targets = np.stack([np.arange(20) < 10, np.ones(20)], axis=1).astype(np.float32)
    slope, offset = platt(margins, targets)
    assert slope[0] == 0
    assert offset[0] == pytest.approx(0)  # as many positive as negative
    assert (slope[1], offset[1]) == (1, 0)


def test_knn_votes_of_the_nearest_by_cosine(data):
    vectors, targets = data
    rows, others = np.arange(200), np.arange(200, N)
    found = fit_heads([Candidate("knn", neighbours=7)], {"avg": vectors}, targets, rows=rows)[0]
    scaler = StandardScaler().fit(vectors[rows].astype(np.float64))
    near = NearestNeighbors(n_neighbors=7, metric="cosine").fit(scaler.transform(vectors[rows]))
    votes = targets[near.kneighbors(scaler.transform(vectors[others]), return_distance=False)]
    expected = np.log(((votes == 1).sum(1) + 0.5) / ((votes == 0).sum(1) + 0.5))
    np.testing.assert_allclose(found.logits(vectors[others]), expected, atol=1e-6)


def test_an_mlp_learns_what_no_line_can():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(600, 4)).astype(np.float32) * [1, 5, 0.1, 1] + 3
    vectors = vectors.astype(np.float32)
    targets = ((vectors[:, 0] > 3) != (vectors[:, 1] > 3)).astype(np.float32)[:, None]
    candidates = [Candidate("mlp", hidden=32, lr=1e-2, epochs=40, dropout=drop) for drop in (0.0, 0.5)]
    heads = fit_heads([Candidate(), *candidates], {"avg": vectors}, targets, rows=np.arange(400))
    line, *networks = (SCORES["roc_auc"](targets[400:], head.logits(vectors[400:]))[0] for head in heads)
    assert line < 0.65
    assert min(networks) > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_the_module_with_these_parameters_gives_these_logits(data, kind):
    vectors, targets = data
    found = fit_heads([Candidate(kind, epochs=3, hidden=16)], {"avg": vectors}, targets)[0]
    config = ModelConfig(classifier=found.candidate.classifier, hidden=16, neighbours=15)
    module = make_classifier(config, D, K).eval()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in found.parameters.items()})
    with torch.inference_mode():
        given = module(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(given, found.logits(vectors), atol=1e-5, rtol=1e-5)
    assert all(value.dtype == np.float32 for value in found.parameters.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_candidate_does_not_depend_on_what_is_tried_beside_it(data, kind):
    vectors, targets = data
    pools = {"avg": vectors, "max": vectors[:, ::2]}
    others = [Candidate(other, pooling, epochs=3) for other in KINDS for pooling in ("avg", "max")]
    one = Candidate(kind, epochs=3, hidden=16, dropout=0.3, C=0.5)
    alone = fit_heads([one], pools, targets, seed=2)[0].logits(vectors)
    among = fit_heads([*others, one, Candidate(kind, epochs=3, hidden=16, C=50)], pools, targets, seed=2)[-2]
    assert among.candidate == one
    np.testing.assert_allclose(among.logits(vectors), alone, atol=2e-3 * alone.std())


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_numbers(data, kind):
    vectors, targets = data
    one = [Candidate(kind, epochs=2, dropout=0.2)]
    first, second = (fit_heads(one, {"avg": vectors}, targets, seed=1)[0].logits(vectors) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_not_learned_from_do_not_matter(data, kind):
    vectors, targets = data
    rows = np.arange(0, N, 2)
    other_vectors, other_targets = vectors.copy(), targets.copy()
    other_vectors[1::2] *= 100
    other_targets[1::2] = 1 - other_targets[1::2]
    one = [Candidate(kind, epochs=2)]
    first = fit_heads(one, {"avg": vectors}, targets, rows=rows)[0].logits(vectors)
    second = fit_heads(one, {"avg": other_vectors}, other_targets, rows=rows)[0].logits(vectors)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", ["logistic", "svm"])
def test_a_finding_of_one_class_gets_the_log_odds_of_its_counts(data, kind):
    vectors, targets = data
    targets = np.column_stack([targets[:, 0], np.zeros(N), np.full(N, np.nan)]).astype(np.float32)
    found = fit_heads([Candidate(kind)], {"avg": vectors}, targets)[0]
    assert not found.parameters["weight"][1:].any()
    np.testing.assert_allclose(found.parameters["bias"][1:], [np.log(0.5 / (N + 0.5)), 0], atol=1e-6)
    assert found.parameters["weight"][0].any()


@pytest.mark.parametrize("kind", KINDS)
def test_constant_features_and_more_features_than_rows(kind):
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(40, 100)).astype(np.float32)
    vectors[:, 10:20] = 7.3
    targets = (vectors[:, :1] > 0).astype(np.float32)
    found = fit_heads([Candidate(kind, epochs=20)], {"avg": vectors}, targets)[0].logits(vectors)
    assert np.isfinite(found).all()
    assert SCORES["roc_auc"](targets, found)[0] > 0.8


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_more_features_than_rows_is_still_scikit_learns(C):
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(60, 100)).astype(np.float32)
    targets = (vectors[:, :1] + rng.normal(size=(60, 1)) > 0).astype(np.float32)
    expected = oracle(LogisticRegression(C=C, tol=1e-10, solver="newton-cg"), vectors, targets, 0)
    found = fit_heads([Candidate(C=C)], {"avg": vectors}, targets)[0].logits(vectors)[:, 0]
    np.testing.assert_allclose(found, expected, atol=2e-3 * expected.std())


def test_many_columns_are_solved_in_blocks_as_in_one(data, monkeypatch):
    vectors, targets = data
    candidates = [Candidate(C=C) for C in np.geomspace(1e-3, 10, 9)]
    whole = fit_heads(candidates, {"avg": vectors}, targets)
    monkeypatch.setattr("hilum.heads.solvers.newton.WIDTH", {"cpu": 5, "cuda": 5})
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    for one, two in zip(whole, fit_heads(candidates, {"avg": vectors}, targets), strict=True):
        logits = one.logits(vectors)
        np.testing.assert_allclose(two.logits(vectors), logits, atol=1e-3 * logits.std())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"candidates": []}, ConfigError, "no head to try"),
        ({"candidates": [Candidate(pooling="max")]}, ConfigError, "there are avg"),
        ({"rows": np.array([], np.int64)}, DataError, "no row to learn from"),
        ({"vectors": {"avg": np.zeros((N - 1, D), np.float32)}}, DataError, "300 rows of labels need"),
        ({"vectors": {"avg": np.full((N, D), np.nan, np.float32)}}, DataError, "not finite"),
        ({"device": "tpu9"}, ConfigError, "no device"),
    ],
)
def test_wrong_input_is_told(data, change, error, message):
    given = {"candidates": [Candidate()], "vectors": {"avg": data[0]}, "targets": data[1]} | change
    with pytest.raises(error, match=message):
        fit_heads(given.pop("candidates"), given.pop("vectors"), given.pop("targets"), **given)
