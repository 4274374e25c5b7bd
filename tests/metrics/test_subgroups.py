"""Scores by group: the same numbers as on the group's rows alone, and gaps that are real ones."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from subgroup_data import Drawn, draw_part

from hilum.errors import DataError
from hilum.metrics.by_group.attributes import attributes_of, in_words
from hilum.metrics.by_group.scores import Subgroups, subgroups


def of(drawn: Drawn) -> Subgroups:
    return subgroups(drawn.predictions, drawn.thresholds, drawn.images)


@pytest.fixture(scope="module")
def plain() -> Drawn:
    return draw_part(300, 3)


def test_a_cell_is_what_scikit_learn_gives_on_its_rows(plain: Drawn) -> None:
    cells = {(c.attribute, c.value, c.finding): c for c in of(plain).cells}
    rows = (plain.images["sex"] == "F").to_numpy()
    predictions = plain.predictions
    for j, finding in enumerate(predictions.findings):
        cell, known = cells["sex", "F", finding], rows & np.isfinite(predictions.targets[:, j])
        truth, logits = predictions.targets[known, j], predictions.logits[known, j]
        decided = plain.thresholds.decide(predictions)[known, j]
        assert cell.images == known.sum()
        assert cell.positives == (truth == 1).sum()
        assert cell.negatives == (truth == 0).sum()
        wanted = {
            "roc_auc": roc_auc_score(truth, logits),
            "recall": recall_score(truth, decided),
            "specificity": recall_score(1 - truth, ~decided),
            "precision": precision_score(truth, decided, zero_division=0),
            "prevalence": truth.mean(),
        }
        assert cell.scores == pytest.approx(wanted)
        for name, value in cell.scores.items():
            low, high = cell.intervals[name]
            assert 0 <= low <= value <= high <= 1
        assert cell.few or min(cell.positives, cell.negatives) >= 10


def test_without_a_gap_none_is_named(plain: Drawn) -> None:
    found = of(plain)
    assert found.gaps == ()
    assert found.tests > 50
    assert set(found.shown) == {"roc_auc", "recall", "specificity"}
    assert all(found.floor < size < 1 for size in found.shown.values())
    assert f"{found.tests} differences" in found.tested
    assert f"{found.shown['recall']:.2f} in recall" in found.tested
    few = of(replace(plain, images=plain.images[["image_id"]]))
    assert few.tested.startswith("No group had enough patients")


def test_an_age_gap_is_named_once_and_in_those_who_are_missed() -> None:
    (gap,) = of(draw_part(500, 1, old=0.7)).gaps
    assert (gap.attribute, gap.value, gap.finding, gap.score) == ("age", "60+", "Finding 1", "recall")
    assert [other.score for other in gap.also] == ["roc_auc"]
    assert not gap.shortcut
    assert gap.difference == pytest.approx(gap.inside - gap.outside)
    assert gap.low < gap.difference < gap.high < 0
    assert gap.p_adjusted < 0.001
    assert gap.sentence == (
        "Finding 1 in patients aged 60+ (129 positive, 257 negative images): recall 0.40 against 0.82 in the "
        "others, 0.43 lower [0.31 to 0.54]; ROC AUC 0.65 against 0.90, 0.25 lower [0.18 to 0.32]."
    )


def test_of_several_wards_the_one_that_fails_is_named_and_not_that_others_do_not(plain: Drawn) -> None:
    predictions = plain.predictions
    ward = np.random.default_rng(4).integers(0, 3, len(predictions))
    images = plain.images.with_columns(ward=pl.Series(np.array(["A", "B", "C"])[ward]))
    blind = predictions.logits.copy()
    blind[ward == 1, 0] = np.random.default_rng(0).normal(size=(ward == 1).sum())
    found = of(replace(plain, predictions=replace(predictions, logits=blind), images=images))
    assert [(gap.attribute, gap.value, gap.finding) for gap in found.gaps] == [("ward", "B", "Finding 1")]
    blind[ward == 2, 0] = np.random.default_rng(1).normal(size=(ward == 2).sum())
    found = of(replace(plain, predictions=replace(predictions, logits=blind), images=images))
    assert {(gap.attribute, gap.finding) for gap in found.gaps} == {("ward", "Finding 1")}


def test_the_same_rows_under_two_names_are_tested_once(plain: Drawn) -> None:
    twice = plain.images.with_columns(again=pl.col("sex"), third=pl.col("sex").replace({"F": "b", "M": "a"}))
    assert of(replace(plain, images=twice)).tests == of(plain).tests


def test_a_shortcut_is_named_as_one_and_with_its_device() -> None:
    (gap,) = of(draw_part(500, 1, leads=0.6)).gaps
    assert (gap.attribute, gap.value, gap.finding, gap.shortcut) == ("leads", "yes", "Finding 1", True)
    directions = {g.score: np.sign(g.difference) for g in (gap, *gap.also)}
    assert directions == {"specificity": -1, "recall": 1}
    assert "more readily in images with leads, ill or not" in gap.sentence
    assert "shortcut" in gap.sentence


def test_of_two_sexes_the_worse_is_named_and_a_shift_is_no_shortcut(plain: Drawn) -> None:
    predictions = plain.predictions
    men = (plain.images["sex"] == "M").to_numpy()
    blind = predictions.logits.copy()
    blind[men, 0] = np.random.default_rng(0).normal(size=men.sum())
    (gap,) = of(replace(plain, predictions=replace(predictions, logits=blind))).gaps
    assert (gap.attribute, gap.value) == ("sex", "M")
    assert gap.difference < 0
    shifted = predictions.logits.copy()
    shifted[men, 0] += 3
    (gap,) = of(replace(plain, predictions=replace(predictions, logits=shifted))).gaps
    assert not gap.shortcut
    assert "one threshold does not suit all" in gap.sentence


def test_a_difference_below_the_floor_is_not_named() -> None:
    drawn = draw_part(300, 5, findings=1)
    rows = 60_000
    targets = np.tile([[1.0], [0.0]], (rows // 2, 1)).astype(np.float32)
    women = np.arange(rows) % 4 < 2
    rng = np.random.default_rng(0)
    hit = rng.random(rows) < np.where(women, 0.84, 0.80)
    predictions = replace(
        drawn.predictions,
        image_ids=np.arange(rows).astype(str).astype(object),
        logits=np.where(hit[:, None] == (targets == 1), 3.0, -3.0).astype(np.float32),
        targets=targets,
        patient_ids=None,
        study_ids=None,
    )
    images = pl.DataFrame({"image_id": predictions.image_ids.astype(str), "sex": np.where(women, "F", "M")})
    assert subgroups(predictions, drawn.thresholds, images).gaps == ()


def test_images_of_one_patient_are_no_independent_witnesses() -> None:
    """Four patients with 30 images each, all missed, against 200 patients with one: no gap among patients."""
    drawn = draw_part(300, 5, findings=1)
    patients = np.concatenate([np.repeat(np.arange(12), 30), np.arange(12, 212)])
    rows, device = len(patients), np.concatenate([np.ones(360, bool), np.zeros(200, bool)])
    found = np.concatenate([np.repeat(np.arange(12) < 6, 30), np.arange(200) < 150])
    predictions = replace(
        drawn.predictions,
        image_ids=np.arange(rows).astype(str).astype(object),
        logits=np.where(found, 3.0, -3.0)[:, None].astype(np.float32),
        targets=np.ones((rows, 1), np.float32),
        patient_ids=patients.astype(str).astype(object),
        study_ids=None,
    )
    images = pl.DataFrame({"image_id": predictions.image_ids.astype(str), "drain": device})
    together = subgroups(predictions, drawn.thresholds, images)
    apart = subgroups(replace(predictions, patient_ids=None), drawn.thresholds, images)
    assert together.gaps == ()
    assert [gap.attribute for gap in apart.gaps] == ["drain"]
    low, high = together.cells[0].intervals["recall"]
    assert high - low > 0.4


def test_json_and_frame_hold_everything(plain: Drawn) -> None:
    for found in (of(plain), of(draw_part(500, 1, old=0.7))):
        held = json.loads(json.dumps(found.to_json(), allow_nan=False))
        assert held["cells"] == found.frame().to_dicts()
        assert [gap["sentence"] for gap in held["gaps"]] == [gap.sentence for gap in found.gaps]
        assert (held["tests"], held["floor"], held["level"]) == (found.tests, found.floor, found.level)
        assert found.frame().height == len(found.cells)


def test_predictions_of_other_images_are_refused(plain: Drawn) -> None:
    others = plain.images.with_columns(image_id="x" + pl.col("image_id"))
    with pytest.raises(DataError, match="different data"):
        subgroups(plain.predictions, plain.thresholds, others)
    with pytest.raises(DataError, match="no column image_id"):
        subgroups(plain.predictions, plain.thresholds, others.drop("image_id"))


def test_a_patient_has_a_device_where_any_image_has_it(plain: Drawn) -> None:
    per = plain.predictions.per("patient")
    by_name = {a.name: a for a in attributes_of(per, plain.images)}
    leads = plain.images.group_by("patient_id").agg(pl.col("leads").any(), pl.col("view").n_unique())
    wanted = dict(leads.select("patient_id", "leads").iter_rows())
    assert [value == 0 for value in by_name["leads"].code] == [wanted[p] for p in per.image_ids]
    mixed = dict(leads.select("patient_id", pl.col("view") > 1).iter_rows())
    assert [value == -1 for value in by_name["view"].code] == [mixed[p] for p in per.image_ids]
    assert of(replace(plain, predictions=per)).cells


def test_codes_of_devices_and_ages_of_children(plain: Drawn) -> None:
    predictions = plain.predictions.take(np.arange(6))
    images = pl.DataFrame(
        {
            "image_id": predictions.image_ids.astype(str),
            "Support Devices": [1, 0, -1, None, 1, 0],
            "age": [0.5, 3.0, 17.9, None, 11.0, 2.0],
            "sex": ["F"] * 6,
            "number": [f"{n}" for n in range(6)],
        }
    )
    by_name = {a.name: a for a in attributes_of(predictions, images)}
    assert by_name["Support Devices"].code.tolist() == [0, 1, -1, 1, 0, 1]
    assert by_name["age"].values == ("0-1", "2-5", "6-11", "12-17")
    assert by_name["age"].code.tolist() == [0, 1, 3, -1, 2, 1]
    assert "sex" not in by_name


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sex", "F", "female patients"),
        ("age", "80+", "patients aged 80+"),
        ("age", "under 60", "patients under 60"),
        ("projection", "AP", "AP films"),
        ("leads", "no", "images without leads"),
        ("ward", "ICU", "images of ward ICU"),
        ("view", "lateral", "lateral views"),
    ],
)
def test_groups_are_said_in_words(name: str, value: str, words: str) -> None:
    assert in_words(name, value) == words
