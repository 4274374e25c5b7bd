"""What heads are tried."""

import numpy as np
import pytest

from hilum.errors import DataError
from hilum.heads.candidates import KINDS, POOLINGS, Candidate
from hilum.records import from_json, to_json


def test_the_grid_has_hundreds_of_different_candidates_of_every_kind_and_pooling():
    found = Candidate.grid()
    assert 200 <= len(found) == len(set(found)) <= 400
    assert {(one.kind, one.pooling) for one in found} == {(a, b) for a in KINDS for b in POOLINGS}
    assert {one.penalty for one in found if one.kind == "logistic"} == {"l1", "l2"}


def test_the_grid_of_some_kinds_has_these_alone():
    assert {(one.kind, one.pooling) for one in Candidate.grid(["svm"], ["max"])} == {("svm", "max")}


def test_drawn_candidates_follow_from_the_seed_and_stay_within_the_grids_range():
    found = Candidate.drawn(100, seed=3)
    assert found == Candidate.drawn(100, seed=3) != Candidate.drawn(100, seed=4)
    assert len(set(found)) == 100
    lines = [one.C for one in found if one.kind == "logistic" and one.penalty == "l2"]
    assert min(lines) >= 1e-4
    assert max(lines) <= 100
    assert np.std(np.log(lines)) > 2  # spread over the logarithm: uniform over C it would be below 1.5


def test_drawing_more_than_there_are_ends():
    assert 0 < len(Candidate.drawn(500, kinds=["knn"], poolings=["avg"])) <= 96


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
    assert len({one.describe() for one in Candidate.grid()}) == len(Candidate.grid())


def test_a_candidate_is_read_back_from_json():
    one = Candidate("mlp", "both", hidden=7)
    assert from_json(Candidate, to_json(one)) == one


def test_something_else_is_no_candidate():
    with pytest.raises(DataError, match="depth"):
        from_json(Candidate, {"depth": 3})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "logisic"}, "kind"),
        ({"pooling": "mean"}, "pooling"),
        ({"penalty": "l3"}, "penalty"),
        ({"class_weight": "even"}, "class_weight"),
        ({"C": 0.0}, "greater than 0"),
        ({"C": float("inf")}, "finite"),
        ({"neighbours": 0}, "neighbours"),
        ({"dropout": 1.0}, "less than 1"),
    ],
)
def test_wrong_values_are_told(fields, message):
    with pytest.raises(ValueError, match=message):
        Candidate(**fields)


def test_the_classifier_is_what_the_model_section_calls_it():
    assert [Candidate(kind).classifier for kind in KINDS] == ["linear", "linear", "knn", "mlp"]


def test_the_model_section_has_what_a_head_is_made_of():
    assert Candidate("mlp", "max", hidden=7, dropout=0.2).model_settings == {
        "pooling": "max", "classifier": "mlp", "hidden": 7, "dropout": 0.2,
    }  # fmt: skip
    assert Candidate("svm").model_settings == {"pooling": "avg", "classifier": "linear"}
    assert Candidate("knn", neighbours=3).model_settings["neighbours"] == 3
