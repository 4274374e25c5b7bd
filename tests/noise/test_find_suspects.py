"""Planted errors are found, test images are left alone, and what cannot be looked at is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest
from planted_labels import IMAGES, TESTED, Planted
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from hilum.config import NoiseConfig, PrepareConfig
from hilum.errors import DataError, MissingExtra
from hilum.features import FeatureStore, neighbours
from hilum.heads import Candidate, folds_of
from hilum.noise.confident import confident_learning, out_of_sample
from hilum.noise.find import find_suspects as _find_suspects
from hilum.noise.find import suspects_among
from hilum.noise.pictures import look_at_pictures, twin_evidence
from hilum.noise.reviewed import Reviewed
from hilum.noise.suspects import REASONS, Suspects
from hilum.pixels import build_pack
from hilum.table import Table

ONE = Candidate("logistic", "avg", "l2", 0.01)
DUPLICATE = REASONS[2]


def find_suspects(
    store: FeatureStore, findings: Sequence[str] = (), candidate: Candidate | None = None, **settings: Any
) -> Suspects:
    """With the fields of the section as keywords."""
    return _find_suspects(store, NoiseConfig(findings=tuple(findings), **settings), candidate)


@pytest.fixture(scope="module")
def found(planted: Planted) -> Suspects:
    return find_suspects(planted.store, ["Left"], candidate=ONE, repeats=2, device="cpu")


def test_planted_errors_come_first(planted: Planted, found: Suspects) -> None:
    first = {one.image_id for one in found.suspects[: len(planted.wrong) + 2]}
    assert planted.wrong <= first
    assert [one.rank for one in found.suspects] == list(range(1, len(found.suspects) + 1))
    assert found.suspects[0].reasons
    assert {reason for one in found.suspects for reason in one.reasons} == set(REASONS)


def test_rates_and_settings_are_told(planted: Planted, found: Suspects) -> None:
    (rate,) = found.rates
    assert rate.images == IMAGES - len(TESTED) + 2 == rate.positives + rate.negatives
    assert rate.suspects == len(found.suspects)
    assert rate.wrong == pytest.approx(len(planted.wrong) / rate.images, abs=0.04)
    assert found.encoder == "random"
    assert found.candidate == ONE.describe()
    assert found.store == planted.store.url


def test_official_test_images_are_looked_at_only_when_asked(planted: Planted, found: Suspects) -> None:
    tested = {f"i{i}" for i in TESTED}
    seen = {one.image_id for one in found.suspects} | {
        near.image_id for one in found.suspects for near in one.neighbours
    }
    assert not seen & tested
    every = find_suspects(planted.store, ["Left"], candidate=ONE, repeats=1, test=True, top=IMAGES + 2)
    assert tested <= {one.image_id for one in every.suspects}


def test_neighbours_are_the_nearest_others_with_their_labels(planted: Planted, found: Suspects) -> None:
    features = planted.store.features(where="official_split <> 'test'")
    index, similarity = neighbours(features.avg, 5)
    worst = found.suspects[0]
    (row,) = features.rows([worst.image_id])
    assert [near.image_id for near in worst.neighbours] == features.image_ids[index[row]].tolist()
    np.testing.assert_allclose([near.similarity for near in worst.neighbours], similarity[row], rtol=1e-5)
    labels = dict(features.frame.select("image_id", "Left").iter_rows())
    assert all(near.label == labels[near.image_id] for near in worst.neighbours)


def test_a_twin_labelled_otherwise_is_a_reason(found: Suspects) -> None:
    named = {one.image_id for one in found.suspects if DUPLICATE in one.reasons}
    assert named == {"i5", "i6", f"i{IMAGES}", f"i{IMAGES + 1}"}
    ranks = {one.image_id: one.rank for one in found.suspects}
    # Of both twins, the one that the classifiers disagree with is the worse suspect.
    assert ranks[f"i{IMAGES}"] < ranks["i5"]
    assert ranks[f"i{IMAGES + 1}"] < ranks["i6"]


def test_a_twin_labelled_otherwise_is_shown_first_however_unlike_its_vector(planted: Planted) -> None:
    features = planted.store.features(where="official_split <> 'test'")
    row, twin = features.rows(["i5", f"i{IMAGES}"])
    vectors = features.avg.copy()
    vectors[twin] = -vectors[row]
    apart = replace(features, avg=vectors)
    found = suspects_among(Reviewed(apart), NoiseConfig(findings=("Left",), repeats=1, neighbours=2), ONE)
    (one,) = (one for one in found.suspects if one.image_id == "i5")
    assert one.neighbours[0].image_id == f"i{IMAGES}"
    assert one.neighbours[0].similarity == pytest.approx(-1)
    assert len({near.image_id for near in one.neighbours}) == 2


def test_unknown_labels_are_neither_learned_nor_suspect(planted: Planted) -> None:
    some = find_suspects(planted.store, ["Some"], candidate=ONE, repeats=1, blank="ignore", top=500)
    known = planted.store.features(where="official_split <> 'test'").frame["Some"].is_in([0, 1]).sum()
    assert len(some.suspects) == some.rates[0].images == known
    zeros = find_suspects(planted.store, ["Some"], candidate=ONE, repeats=1, top=1)
    assert zeros.rates[0].images > known
    assert len(zeros.suspects) == 1


def test_without_names_what_can_be_learned_is_looked_at(planted: Planted) -> None:
    found = find_suspects(planted.store, candidate=ONE, repeats=1, blank="ignore")
    assert [rate.finding for rate in found.rates] == ["Left", "Some"]
    assert [warning for warning in found.warnings if "Once has no negative" in warning], found.warnings


def test_the_default_classifier_is_chosen_among_several(planted: Planted) -> None:
    found = find_suspects(planted.store, ["Left", "Some"], repeats=1, where="sex = 'F'")
    assert "logistic L2" in found.candidate


@pytest.mark.parametrize(
    ("finding", "blank", "folds", "said"),
    [
        ("Once", "ignore", 5, "no negative label among 1 known"),
        ("Once", "zeros", 5, "positive labels of 1 patient only, too few for 5 folds"),
        ("Lefft", "ignore", 5, "did you mean 'Left'"),
        ("Some", "ignore", 60, "too few for 60 folds"),
    ],
)
def test_what_cannot_be_looked_at_is_told(
    planted: Planted, finding: str, blank: str, folds: int, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        find_suspects(planted.store, [finding], blank=blank, folds=folds)


def test_nothing_left_is_told(planted: Planted) -> None:
    with pytest.raises(DataError, match="none of the images is left"):
        find_suspects(planted.store, ["Left"], where="official_split = 'test'")
    with pytest.raises(DataError, match="no finding can be looked at"):
        find_suspects(planted.store, where="image_id in ('i0', 'i1')")


def test_a_missing_cleanlab_is_told(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(MissingExtra, match=r"hilum\[noise\]"):
        find_suspects(planted.store, ["Left"])


def test_no_patient_helps_to_predict_himself() -> None:
    """A patient's images share a picture and a random label: who has seen the patient knows it."""
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 3)
    given = random.integers(0, 2, 60)[patient]
    vectors = random.normal(size=(60, 64))[patient].astype(np.float32)
    probability, _ = out_of_sample(
        {"avg": vectors}, given, patient.astype(str).astype(object), [Candidate("logistic", "avg", "l2", 100.0)],
        NoiseConfig(repeats=2, device="cpu"),
    )  # fmt: skip
    right = (probability > 0.5) == given
    assert 0.3 < right.mean() < 0.7


def test_probabilities_are_the_mean_over_folds_of_scikit_learns_classifier() -> None:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(90, 8)).astype(np.float32)
    given = (vectors[:, 0] + random.normal(size=90) > 0).astype(np.int64)
    patients = np.array([f"p{i // 2}" for i in range(90)], object)
    candidates = [Candidate("logistic", "avg", "l2", C) for C in (1e-4, 0.5)]
    settings = NoiseConfig(folds=3, repeats=2, seed=4, device="cpu")
    probability, best = out_of_sample({"avg": vectors}, given, patients, candidates, settings)
    assert best == candidates[1]
    expected = np.zeros(90)
    for seed in (4, 5):
        fold_of = folds_of(patients, given[:, None].astype(np.float32), 3, seed)
        for fold in range(3):
            inside, others = fold_of == fold, fold_of != fold
            scale = StandardScaler().fit(vectors[others])
            model = LogisticRegression(C=0.5, tol=1e-8).fit(scale.transform(vectors[others]), given[others])
            expected[inside] += model.predict_proba(scale.transform(vectors[inside]))[:, 1] / 2
    np.testing.assert_allclose(probability, expected, atol=2e-3)


def test_confident_learning_estimates_planted_rates() -> None:
    """The true posterior is given: estimated shares are near the planted ones."""
    random = np.random.default_rng(2)
    probability = random.beta(0.3, 0.3, 4000)
    truth = random.random(4000) < probability
    wrong = random.random(4000) < 0.1
    given = (truth != wrong).astype(np.int64)
    noisy = 0.1 + 0.8 * probability
    found = confident_learning(given, noisy)
    assert found.quality == pytest.approx(np.where(given == 1, noisy, 1 - noisy))
    shares = [(wrong & (given == code)).sum() / (given == code).sum() for code in (1, 0)]
    assert (found.wrong_positive, found.wrong_negative) == pytest.approx(shares, abs=0.06)
    assert wrong[found.issues].mean() > 3 * wrong.mean()


def test_what_twins_say_is_bayes() -> None:
    """Three twins, two of which agree, and one whose label is unknown."""
    pairs = np.array([[0, 1], [0, 2], [1, 2], [0, 3]])
    evidence, contradicted = twin_evidence(pairs, np.array([1, 1, 0, -1]), 0.2)
    np.testing.assert_allclose(evidence, [0, 0, -2 * np.log(4), 0], atol=1e-12)
    assert contradicted.tolist() == [True, True, True, False]


def test_near_duplicates_are_found_in_packs_and_a_lost_pack_is_told(planted: Planted) -> None:
    frame = planted.store.features().frame
    pairs, _ = look_at_pictures(frame)
    ids = frame["image_id"].to_list()
    assert {frozenset((ids[a], ids[b])) for a, b in pairs} == {
        frozenset(("i5", f"i{IMAGES}")),
        frozenset(("i6", f"i{IMAGES + 1}")),
    }
    none, warnings = look_at_pictures(frame.with_columns(pack=pl.lit("/nowhere")))
    assert len(none) == 0
    assert "Near duplicates were not looked for among 162 images" in warnings[0]


def test_where_pictures_look_alike_only_equal_ones_are_twins(tmp_path: Path) -> None:
    """A common scene and a little of its own in each of 120 pictures; the last is the first again."""
    random = np.random.default_rng(0)
    coarse = [cv2.resize(random.normal(0, 1, (12, 12)), (40, 40)) for _ in range(121)]
    for i in range(121):
        image = 128 + 40 * coarse[120] + 8 * coarse[i % 120]
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.clip(image, 0, 255).astype(np.uint8))
    rows = [
        {"image_id": f"i{i}", "path": f"{i}.png", "patient_id": f"p{i}", "source": "test"} for i in range(121)
    ]
    pack = build_pack(
        Table.make(pl.DataFrame(rows), (), tmp_path), tmp_path / "pack", PrepareConfig(size=32), workers=1
    )
    frame = pack.table.frame.with_columns(pack=pl.lit(str(pack.path)), slot=pl.Series(pack.slots))
    pairs, warnings = look_at_pictures(frame)
    assert pairs.tolist() == [[0, 120]]
    assert "look alike" in warnings[0]


def test_copies_of_an_augmented_pack_take_no_part(planted: Planted) -> None:
    features = planted.store.features()
    copied = pl.Series("copy_of", ["i1" if i % 2 else None for i in range(len(features))], pl.String)
    some = replace(features, frame=features.frame.with_columns(copied))
    found = suspects_among(Reviewed(some), NoiseConfig(findings=("Left",), repeats=1, test=True), ONE)
    assert found.rates[0].images == 81
