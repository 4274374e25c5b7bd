from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_images import make_table, write_pictures

from hilum.config import PrepareConfig
from hilum.doctor import doctor
from hilum.doctor.examine import _identity
from hilum.doctor.report import Check
from hilum.pixels import Pack, build_pack
from hilum.table import Table, read_source


def checks_of(table: Table) -> dict[str, Check]:
    return {check.name: check for check in _identity(table)}


def table_of(n: int, **columns: object) -> Table:
    return make_table(Path(), [f"{i}.png" for i in range(n)], **columns)


def test_nothing_is_said_of_a_sound_table():
    same = [f"p{at // 2}" for at in range(8)]
    assert checks_of(table_of(8, patient_id=same, sex=["F", "F", "M", "M"] * 2, age=[40.0, 58.0] * 4)) == {}


@pytest.mark.parametrize(
    "ids", [["P1", "p1", "x", "y"], ["007", "7", "x", "y"], ["A 1", "A_1", "x", "y"], ["a", "A", "b", "B"]]
)
def test_patients_whose_ids_are_alike_are_a_warning(ids: list[str]):
    check = checks_of(table_of(8, patient_id=ids * 2))["alike-patients"]
    assert check.level == "warning"
    assert f"{ids[1]!r}" in check.message
    assert ids[:2] == sorted(check.details["patients"][0], key=ids.index)


def test_ids_of_two_sources_and_files_that_name_nobody_are_not_compared():
    assert checks_of(table_of(2, patient_id=["P1", "p1"], source=["a", "b"])) == {}
    assert checks_of(table_of(2, image_id=["P1", "p1"], patient_id=["P1", "p1"])) == {}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"sex": ["F", "M", "F", "F"]}, "1 patient of two sexes (p0)"),
        ({"age": [30.0, 60.0, 40.0, 41.0]}, "1 patient of ages over 20 years apart (p0)"),
        (
            {"sex": ["F", "M"] * 2, "age": [1.0, 90.0, 2.0, None]},
            "2 patients of two sexes (p0, p1) and 1 patient of ages over 20 years apart (p0)",
        ),
    ],
)
def test_a_patient_who_is_two_people_is_a_warning(columns: dict[str, object], said: str):
    check = checks_of(table_of(4, patient_id=["p0", "p0", "p1", "p1"], **columns))["two-people"]
    assert check.level == "warning"
    assert check.message.startswith(said)


def test_notes_of_a_source_are_told_by_doctor_kept_by_a_pack_and_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_pictures(tmp_path, 4)
    text = "path;patient;Finding;remark\n" + "".join(f"{at}.png;{at};{at % 2};x{at}\n" for at in range(4))
    (tmp_path / "table.csv").write_text(text)
    report = doctor("csv", tmp_path, images=False)
    told = [check.message for check in report.checks if check.name == "source"]
    assert any("semicolons" in note for note in told)
    assert any("1 of text (remark)" in note for note in told)
    assert (
        told
        == [check["message"] for check in json.loads(json.dumps(report.to_json()))["checks"]][: len(told)]
    )
    assert capsys.readouterr().err == ""
    table = read_source("csv", tmp_path)
    assert capsys.readouterr().err.count("semicolons") == 1
    build_pack(table, tmp_path / "pack", PrepareConfig(size=32), workers=1)
    assert Pack(tmp_path / "pack").table.notes == table.notes == tuple(told)
