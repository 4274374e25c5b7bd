from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_images import make_table

from hilum.doctor.labels import label_checks
from hilum.doctor.report import Check
from hilum.table import Table
from hilum.text import many


def checks_of(table: Table) -> dict[str, Check]:
    return {check.name: check for check in label_checks(table)}


def table_of(n: int, **columns: object) -> Table:
    return make_table(Path(), [f"{i}.png" for i in range(n)], **columns)


def test_a_sound_table_is_fine():
    checks = checks_of(table_of(80, official_split=["train"] * 40 + ["test"] * 40))
    assert {name: check.level for name, check in checks.items()} == {
        "findings": "ok",
        "patients-in-two-parts": "ok",
    }


def test_findings_that_teach_nothing():
    assert "no positive: Finding" in checks_of(table_of(9, Finding=[0] * 9))["findings"].message
    assert "nothing but positives: Finding" in checks_of(table_of(9, Finding=[1] * 9))["findings"].message
    few = checks_of(table_of(9))
    assert few["few-positives"].message.endswith("Finding (4).")
    assert "findings" not in few
    table = Table.make(table_of(3).frame.drop("Finding"), [])
    assert "no findings" in checks_of(table)["findings"].message


def test_blank_is_all_that_is_not_positive():
    checks = checks_of(table_of(60, Finding=[1, None] * 30))
    assert checks["no-negatives"].level == "note"
    assert "Finding" in checks["no-negatives"].message
    assert "no-negatives" not in checks_of(table_of(60))


def test_images_without_patients():
    ids = [f"i{i}" for i in range(4)]
    assert checks_of(table_of(4, patient_id=ids))["patients"].level == "note"
    assert "patients" not in checks_of(table_of(4))


def test_class_folders_without_a_pattern_name_no_patients():
    """The source takes file names for patients: that is told, and that no patient is in two parts is not."""
    ids, names = ["train/a/x", "train/b/y", "test/a/z", "test/b/w"], ["x", "y", "z", "w"]
    columns = {
        "image_id": ids,
        "source": ["folder"] * 4,
        "official_split": ["train", "train", "test", "test"],
    }
    checks = checks_of(table_of(4, **columns, patient_id=names))
    assert checks["patients"].level == "note"
    assert "patients-in-two-parts" not in checks
    named = checks_of(table_of(4, **columns, patient_id=["p", "p", "q", "q"]))
    assert "patients" not in named
    assert named["patients-in-two-parts"].level == "ok"


def test_patients_in_two_official_parts_are_a_fault_unless_names_may_have_been_given_anew():
    columns = {
        "patient_id": [f"p{i % 70}" for i in range(80)],
        "official_split": ["train"] * 70 + ["test"] * 10,
    }
    check = checks_of(table_of(80, **columns))["patients-in-two-parts"]
    assert check.level == "fault"
    assert "10 in both train and test" in check.message
    assert check.details["train+test"] == [f"p{i}" for i in range(10)]
    check = checks_of(table_of(80, **columns, source=["pneumonia"] * 80))["patients-in-two-parts"]
    assert check.level == "warning"
    assert "not known" in check.message


@pytest.mark.parametrize("source", ["folder", "pneumonia", "csv"])
def test_patients_that_the_user_named_are_the_same_persons(source: str):
    table = table_of(
        80,
        patient_id=[f"p{i % 70}" for i in range(80)],
        official_split=["train"] * 70 + ["test"] * 10,
        source=[source] * 80,
    )
    checks = {check.name: check.level for check in label_checks(table, patients_given=True)}
    assert checks["patients-in-two-parts"] == "fault"


def test_patients_of_class_folders_are_the_users_unless_they_are_whole_names():
    """As a pack has them, which does not say what the source was asked."""
    parts = ["train"] * 70 + ["test"] * 10
    ids = [f"{part}/a/f{i % 70}" for i, part in enumerate(parts)]
    columns = {"image_id": ids, "source": ["folder"] * 80, "official_split": parts}
    whole = checks_of(table_of(80, **columns, patient_id=[name.split("/")[-1] for name in ids]))
    assert whole["patients-in-two-parts"].level == "warning"
    found = checks_of(table_of(80, **columns, patient_id=[name.split("/f")[-1] for name in ids]))
    assert found["patients-in-two-parts"].level == "fault"


@given(patients=st.integers(1, 40), each=st.integers(1, 30))
def test_few_is_counted_in_patients(patients: int, each: int):
    """However many images a patient has: under 10 patients a note, with 10 images or more a warning."""
    positive = patients * each
    ids = [f"p{i % patients}" for i in range(positive)] + [f"q{i}" for i in range(60)]
    checks = checks_of(table_of(positive + 60, Finding=[1] * positive + [0] * 60, patient_id=ids))
    told = {name for name in checks if name.startswith("few")}
    if patients >= 10:
        assert told == set()
        assert checks["findings"].level == "ok"
    elif positive >= 10:
        assert told == {"few-patients"}
        assert f"Finding ({positive} images of {many(patients, 'patient')})" in checks["few-patients"].message
    else:
        assert told == {"few-positives"}
        assert f"Finding ({patients})" in checks["few-positives"].message


def test_rates_that_differ_between_official_parts():
    parts = ["train"] * 50 + ["test"] * 50
    checks = checks_of(table_of(100, Finding=[1] * 30 + [0] * 20 + [1] * 20 + [0] * 30, official_split=parts))
    assert "train and test: Finding 60.0% against 40.0%" in checks["rates-of-parts"].message


def test_one_file_in_two_rows():
    table = make_table(Path(), ["a.png", "b.png", "a.png"])
    assert checks_of(table)["paths"].level == "fault"
    assert checks_of(table)["paths"].details == {"paths": ["a.png"]}


def test_values_that_are_unknown_or_strange():
    checks = checks_of(table_of(4, sex=["F", None, "M", None], age=[3, 414, 50, None], view=[None] * 4))
    assert checks["unknown"].details == {"sex": 2, "age": 1}
    assert checks["ages"].details == {"image_ids": ["i1"]}


def test_details_are_json_values():
    table = table_of(30, official_split=["train"] * 15 + ["test"] * 15, sex=["F", None] * 15)
    details = [dict(check.details) for check in label_checks(table)]
    assert any(details)
    assert json.loads(json.dumps(details, allow_nan=False)) == details
