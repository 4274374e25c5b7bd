"""What heads are tried."""

import numpy as np
import pytest

from hilum.errors import ConfigError
from hilum.heads.candidates import KINDS, POOLINGS, Candidate, drawn, grid


def test_the_grid_has_hundreds_of_different_candidates_of_every_kind_and_pooling():
    found = grid()
    assert 200 <= len(found) == len(set(found)) <= 400
    assert {(one.kind, one.pooling) for one in found} == {(a, b) for a in KINDS for b in POOLINGS}
    assert {one.penalty for one in found if one.kind == "logistic"} == {"l1", "l2"}


def test_the_grid_of_some_kinds_has_these_alone():
    assert {(one.kind, one.pooling) for one in grid(["svm"], ["max"])} == {("svm", "max")}


def test_drawn_candidates_follow_from_the_seed_and_stay_within_the_grids_range():
    found = drawn(100, seed=3)
    assert found == drawn(100, seed=3) != drawn(100, seed=4)
    assert len(set(found)) == 100
    lines = [one.C for one in found if one.kind == "logistic" and one.penalty == "l2"]
    assert min(lines) >= 1e-4
    assert max(lines) <= 100
    assert np.std(np.log(lines)) > 2  # spread over the logarithm: uniform over C it would be below 1.5


def test_drawing_more_than_there_are_ends():
    assert 0 < len(drawn(500, kinds=["knn"], poolings=["avg"])) <= 96


@pytest.mark.parametrize(
    ("candidate", "text"),
    [
        (Candidate(C=0.1, class_weight="balanced"), "logistic L2, C = 0.1, balanced, avg"),
        (Candidate("svm", "max", C=1e-4), "linear SVM, C = 0.0001, max"),
        (Candidate("knn", "both", neighbours=5, class_weight="balanced"), "k-NN, k = 5, both"),
        (Candidate("mlp", hidden=64, dropout=0.5), "MLP of 64, dropout 0.5, 30 epochs at 0.001, avg"),
    ],
)
def test_a_candidate_is_described_in_a_few_words(candidate, text):
    assert candidate.describe() == text


def test_descriptions_of_the_grid_differ():
    assert len({one.describe() for one in grid()}) == len(grid())


def test_a_candidate_is_read_back_from_json():
    one = Candidate("mlp", "both", hidden=7)
    assert Candidate.from_json(one.to_json()) == one


def test_something_else_is_no_candidate():
    with pytest.raises(ConfigError, match="no description of a head"):
        Candidate.from_json({"depth": 3})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "logisic"}, "did you mean 'logistic'"),
        ({"pooling": "mean"}, "pooling = 'mean' is not known"),
        ({"penalty": "l3"}, "penalty"),
        ({"class_weight": "even"}, "class_weight"),
        ({"C": 0.0}, "C has to be above 0"),
        ({"C": float("inf")}, "C has to be above 0"),
        ({"neighbours": 0}, "neighbours has to be above 0"),
        ({"dropout": 1.0}, "dropout has to be within"),
    ],
)
def test_wrong_values_are_told(fields, message):
    with pytest.raises(ConfigError, match=message):
        Candidate(**fields)


@pytest.mark.parametrize("make", [grid, lambda *lists: drawn(3, 0, *lists)])
def test_unknown_and_missing_kinds_are_told(make):
    with pytest.raises(ConfigError, match="did you mean 'svm'"):
        make(["svn"], ["avg"])
    with pytest.raises(ConfigError, match="there is no pooling"):
        make(["svm"], ["lse"])
    with pytest.raises(ConfigError, match="at least one kind"):
        make([], ["avg"])


def test_drawing_none_is_told():
    with pytest.raises(ConfigError, match="at least one head"):
        drawn(0)


def test_the_classifier_is_what_the_model_section_calls_it():
    assert [Candidate(kind).classifier for kind in KINDS] == ["linear", "linear", "knn", "mlp"]
