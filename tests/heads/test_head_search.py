"""Folds by patient, out-of-fold predictions and the search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hilum.config import ScoresConfig
from hilum.errors import ConfigError, DataError
from hilum.heads.candidates import KINDS, Candidate
from hilum.heads.folds import folds_of
from hilum.heads.judging.cross_fit import cross_fit
from hilum.heads.judging.search import Labelled, search
from hilum.heads.solvers.fit import fit_heads
from hilum.metrics import SCORES, Predictions, Thresholds, compare_predictions, score, sigmoid
from hilum.records import to_json

N, D = 240, 12
LINES = tuple(Candidate(C=C, class_weight=w) for C in (1e-4, 0.01, 1.0) for w in ("none", "balanced"))


def make(seed=0, n=N, findings=2):
    """Two images a patient; findings of two traits that the features carry with noise; some labels unknown."""
    rng = np.random.default_rng(seed)
    owner = np.arange(n) // 2
    traits = rng.normal(size=(n // 2 + 1, 4))[owner] + 0.4 * rng.normal(size=(n, 4))
    vectors = (2 * traits @ rng.normal(size=(4, D)) + 1.5 * rng.normal(size=(n, D)) + 5).astype(np.float32)
    targets = (traits[:, :findings] + 0.7 * rng.normal(size=(n, findings)) > 0.4).astype(np.float32)
    targets[::9, -1] = np.nan
    names = ("Edema", "Mass", "Hernia")[:findings]
    ids = np.array([f"image-{row}" for row in range(n)], dtype=object)
    patients = np.array([f"patient-{number}" for number in owner], dtype=object)
    rows = Labelled(ids, patients, names, targets)
    return {"avg": vectors, "max": vectors[:, :6].copy()}, rows


def out_of_fold(candidate, vectors, targets, fold_of, seed=0):
    """Logits of every row by a head that learned from the other folds."""
    return cross_fit([candidate], vectors, targets, fold_of, seed=seed).logits([0], vectors, targets)[0]


@given(
    patients=st.lists(st.integers(0, 30), min_size=8, max_size=120).filter(
        lambda found: len(set(found)) >= 5
    ),
    folds=st.integers(2, 5),
    seed=st.integers(0, 3),
    rare=st.floats(0.05, 0.9),
)
@settings(deadline=None, max_examples=80)
def test_no_patient_is_in_two_folds_and_no_fold_is_empty(patients, folds, seed, rare):
    rng = np.random.default_rng(seed)
    targets = (rng.random((len(patients), 2)) < rare).astype(np.float32)
    targets[rng.random(targets.shape) < 0.2] = np.nan
    ids = np.array([f"p{number}" for number in patients], dtype=object)
    fold_of = folds_of(ids, targets, folds, seed)
    assert sorted(set(fold_of)) == list(range(folds))
    for patient in set(ids):
        assert len(set(fold_of[ids == patient])) == 1
    order = rng.permutation(len(ids))
    np.testing.assert_array_equal(folds_of(ids[order], targets[order], folds, seed), fold_of[order])


def test_every_finding_is_as_frequent_in_each_fold():
    _, rows = make(n=2000)
    fold_of = folds_of(rows.patient_ids, rows.targets, 5)
    for fold in range(5):
        inside = fold_of == fold
        assert abs(inside.mean() - 0.2) < 0.005
        gap = np.nanmean(rows.targets[inside], axis=0) - np.nanmean(rows.targets, axis=0)
        assert np.abs(gap).max() < 0.01
    assert (fold_of != folds_of(rows.patient_ids, rows.targets, 5, seed=1)).any()


def test_rows_without_a_patient_are_patients_of_their_own():
    fold_of = folds_of(np.array([None] * 10, dtype=object), np.ones((10, 1), np.float32), 5)
    assert np.bincount(fold_of).tolist() == [2] * 5


def test_wrong_numbers_of_folds_are_told():
    ids = np.array(["a", "a", "b"], dtype=object)
    with pytest.raises(ConfigError, match="at least 2 folds"):
        folds_of(ids, np.ones((3, 1), np.float32), 1)
    with pytest.raises(DataError, match="there are 2"):
        folds_of(ids, np.ones((3, 1), np.float32), 3)


def test_out_of_fold_is_scikit_learns_cross_val_predict():
    vectors, rows = make()
    fold_of = folds_of(rows.patient_ids, rows.targets, 4)
    found = out_of_fold(Candidate(C=0.1), vectors, rows.targets, fold_of)
    pipe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-9))
    splits = PredefinedSplit(fold_of)
    expected = cross_val_predict(
        pipe, vectors["avg"], rows.targets[:, 0], cv=splits, method="decision_function"
    )
    np.testing.assert_allclose(found[:, 0], expected, atol=2e-3 * expected.std())


@pytest.mark.parametrize("kind", KINDS)
def test_a_rows_own_label_does_not_reach_its_prediction(kind):
    vectors, rows = make()
    fold_of = folds_of(rows.patient_ids, rows.targets, 4)
    candidate = Candidate(kind, C=0.1, epochs=3)
    first = out_of_fold(candidate, vectors, rows.targets, fold_of)
    changed = rows.targets.copy()
    changed[fold_of == 2] = 1 - changed[fold_of == 2]
    second = out_of_fold(candidate, vectors, changed, fold_of)
    inside = fold_of == 2
    if kind == "svm":
        # Its two numbers of scaling come of other folds' margins, which those labels had a part in.
        order = np.argsort(first[inside], axis=0)
        np.testing.assert_array_equal(order, np.argsort(second[inside], axis=0))
    else:
        np.testing.assert_array_equal(first[inside], second[inside])
    assert np.abs(first[~inside] - second[~inside]).max() > 0.01


def test_svms_out_of_fold_are_probabilities():
    vectors, rows = make(findings=1, n=600)
    targets = np.nan_to_num(rows.targets)
    fold_of = folds_of(rows.patient_ids, targets, 5)
    own = sigmoid(out_of_fold(Candidate("svm", C=0.01), vectors, targets, fold_of))
    line = sigmoid(out_of_fold(Candidate(C=0.1), vectors, targets, fold_of))
    scores = [brier_score_loss(targets[:, 0], each[:, 0]) for each in (own, line)]
    assert abs(scores[0] - scores[1]) < 0.01


def test_scores_are_those_of_grid_search_cv():
    vectors, rows = make(findings=1)
    targets = np.nan_to_num(rows.targets)
    rows = Labelled(rows.image_ids, rows.patient_ids, rows.findings, targets)
    grid = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        {
            "logisticregression__C": [1e-4, 0.01, 1.0],
            "logisticregression__class_weight": [None, "balanced"],
        },
        scoring="roc_auc",
        cv=PredefinedSplit(folds_of(rows.patient_ids, targets, 5)),
    ).fit(vectors["avg"], targets[:, 0])
    fold_of = folds_of(rows.patient_ids, targets, 5)
    for params, expected in zip(grid.cv_results_["params"], grid.cv_results_["mean_test_score"], strict=True):
        weight = params["logisticregression__class_weight"] or "none"
        candidate = Candidate(C=params["logisticregression__C"], class_weight=weight)
        found = out_of_fold(candidate, vectors, targets, fold_of)
        each = [SCORES["roc_auc"](targets[fold_of == fold], found[fold_of == fold])[0] for fold in range(5)]
        assert np.mean(each) == pytest.approx(expected, abs=0.002)


def test_the_search_finds_scores_and_refits_the_best():
    vectors, rows = make()
    candidates = [
        *LINES,
        Candidate("knn", "max"),
        Candidate("svm", C=0.01),
        Candidate("mlp", epochs=5, hidden=8),
    ]
    found = search(vectors, rows, candidates, folds=4, seed=1)
    assert {one.candidate for one in found.tried} == set(candidates)
    assert [one.score for one in found.tried] == sorted((one.score for one in found.tried), reverse=True)
    fold_of = folds_of(rows.patient_ids, rows.targets, 4, 1)
    for one in found.tried:
        logits = out_of_fold(one.candidate, vectors, rows.targets, fold_of, seed=1)
        each = SCORES["roc_auc"](rows.targets, logits)
        assert one.score == pytest.approx(each.mean(), abs=2e-3)
        assert list(one.per_finding.values()) == pytest.approx(each.tolist(), abs=3e-3)
        assert one.low < one.score < one.high
        assert one.seconds > 0
    best = found.tried[0].candidate
    own = fit_heads([best], vectors, rows.targets, fold_of=fold_of, seed=1)[0]
    assert found.winner.candidate == best
    np.testing.assert_allclose(
        found.winner.logits(vectors[best.pooling]), own.logits(vectors[best.pooling]), atol=1e-6
    )
    assert found.out_of_fold.part == "train"
    assert SCORES["roc_auc"](rows.targets, found.out_of_fold.logits).mean() == pytest.approx(
        found.tried[0].score
    )


def test_intervals_and_comparisons_are_those_of_the_metrics():
    vectors, rows = make(3)
    found = search(vectors, rows, LINES, seed=2)
    fold_of = folds_of(rows.patient_ids, rows.targets, 5, 2)
    half = Thresholds(np.full(2, 0.5), rows.findings)

    def predictions(candidate):
        logits = out_of_fold(candidate, vectors, rows.targets, fold_of)
        return Predictions(rows.image_ids, rows.findings, logits, rows.targets, "train", rows.patient_ids)

    config = ScoresConfig(replicates=100)
    for one in found.tried:
        own = score(predictions(one.candidate), half, config)
        assert (one.low, one.high) == pytest.approx(own.interval("roc_auc"), abs=2e-3)
    best = predictions(found.tried[0].candidate)
    p = np.array(
        [
            compare_predictions([(best, half)], [(predictions(one.candidate), half)], replicates=0).overall.p
            for one in found.tried[1:]
        ]
    )
    holm = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1))
    assert found.within_noise == (holm >= 0.05).sum()
    assert 0 < found.within_noise < len(LINES) - 1


@pytest.mark.parametrize(
    ("by", "function", "lower"),
    [
        ("f1", SCORES["f1"], False),
        ("average_precision", SCORES["average_precision"], False),
        ("brier", None, True),
    ],
)
def test_searching_by_another_score(by, function, lower):
    vectors, rows = make()
    found = search(vectors, rows, LINES, by=by)
    values = [one.score for one in found.tried]
    assert values == sorted(values, reverse=not lower)
    own = found.out_of_fold
    if function is not None:
        inputs = own.logits if by == "average_precision" else own.probabilities >= 0.5
        assert values[0] == pytest.approx(function(rows.targets, inputs).mean())
    else:
        assert values[0] == pytest.approx(np.nanmean((own.probabilities - rows.targets) ** 2, axis=0).mean())
    assert found.tried[0].low < values[0] < found.tried[0].high


def test_every_candidate_has_an_interval():
    vectors, rows = make()
    found = search(vectors, rows, LINES, by="mcc")
    assert all(one.low < one.score < one.high for one in found.tried)


def test_the_same_seed_gives_the_same_numbers():
    vectors, rows = make()
    candidates = [*LINES[:2], Candidate("mlp", epochs=2), Candidate("svm")]
    first, second = (search(vectors, rows, candidates, seed=5) for _ in range(2))
    assert [(one.candidate, one.score, one.low) for one in first.tried] == [
        (one.candidate, one.score, one.low) for one in second.tried
    ]
    np.testing.assert_array_equal(first.winner.logits(vectors["avg"]), second.winner.logits(vectors["avg"]))


def test_a_candidate_given_twice_is_tried_once():
    vectors, rows = make()
    assert len(search(vectors, rows, [LINES[0], LINES[1], LINES[0]]).tried) == 2


def test_a_finding_of_one_class_is_left_out_of_the_mean_and_named():
    vectors, rows = make()
    targets = rows.targets.copy()
    targets[:, 1] = np.where(np.isnan(targets[:, 1]), np.nan, 0)
    found = search(vectors, Labelled(rows.image_ids, rows.patient_ids, rows.findings, targets), LINES[:3])
    assert "no positive" in found.reasons["Mass"]
    best = found.tried[0]
    assert np.isnan(best.per_finding["Mass"])
    assert best.score == best.per_finding["Edema"]
    assert to_json(best)["per_finding"]["Mass"] is None


def test_positives_that_are_all_in_one_fold_are_named():
    vectors, rows = make()
    targets = np.nan_to_num(rows.targets)
    targets[:, 1] = np.isin(rows.patient_ids, ["patient-3"])
    found = search(vectors, Labelled(rows.image_ids, rows.patient_ids, rows.findings, targets), LINES[:3])
    assert "of one patient" in found.reasons["Mass"]
    fold_of = folds_of(rows.patient_ids, targets, 5)
    inside = fold_of == fold_of[6]
    constant = found.out_of_fold.logits[inside, 1]
    np.testing.assert_allclose(constant, np.log(0.5 / ((~inside).sum() + 0.5)), rtol=1e-5)


def test_nothing_to_score_is_told():
    vectors, rows = make()
    empty = Labelled(rows.image_ids, rows.patient_ids, rows.findings, np.zeros((N, 2), np.float32))
    with pytest.raises(DataError, match="there are no positive images"):
        search(vectors, empty, LINES[:1])


def test_wrong_scores_and_no_candidates_are_told():
    vectors, rows = make()
    with pytest.raises(ConfigError, match="did you mean 'roc_auc'"):
        search(vectors, rows, LINES, by="roc_acu")
    with pytest.raises(ConfigError, match="no head to try"):
        search(vectors, rows, [])


def test_progress_is_told_by_heads_fitted():
    vectors, rows = make()
    steps = []
    candidates = [*LINES[:2], Candidate("knn"), Candidate("logistic", "max")]
    search(vectors, rows, candidates, folds=3, advance=steps.append)
    assert steps == [2, 1, 1] * 3
