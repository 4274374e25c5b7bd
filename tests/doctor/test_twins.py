from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from made_images import make_table, picture, write

from hilum.doctor.pictures import read_pictures
from hilum.doctor.report import Check
from hilum.doctor.twins import twin_checks

COPIES = ["a.png", "same.png", "b.png", "near.jpg", "c.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a = same, b ~ near, and c."""
    for name, seed in {"a": 0, "same": 0, "b": 1, "c": 2}.items():
        write(tmp_path / f"{name}.png", picture(seed))
    cv2.imwrite(str(tmp_path / "near.jpg"), picture(1), [cv2.IMWRITE_JPEG_QUALITY, 60])
    return tmp_path


def checks_of(folder: Path, **columns: object) -> dict[str, Check]:
    columns = {"Finding": [0] * 5} | columns
    table = make_table(folder, COPIES, **columns)
    return {check.name: check for check in twin_checks(table, read_pictures(table))}


def test_no_twins(tmp_path: Path):
    for seed in range(3):
        write(tmp_path / f"{seed}.png", picture(seed))
    table = make_table(tmp_path, ["0.png", "1.png", "2.png"])
    assert [check.level for check in twin_checks(table, read_pictures(table))] == ["ok", "ok"]


def test_across_official_parts_the_same_file_is_a_fault(folder: Path):
    checks = checks_of(folder, official_split=["train", "test", "train", "test", None])
    assert checks["exact-duplicates"].level == "fault"
    assert checks["exact-duplicates"].details["images"] == [["i0", "i1"]]
    assert "1 group of identical files lies in two official parts" in checks["exact-duplicates"].message
    assert "(a.png = same.png)" in checks["exact-duplicates"].message
    assert checks["near-duplicates"].level == "warning"
    assert checks["near-duplicates"].details["images"] == [["i2", "i3"]]
    assert checks["near-duplicates"].details["bits"][0] <= 32
    assert checks["near-duplicates"].details["correlation"][0] > 0.99


def test_across_patients_it_is_a_warning_and_of_one_patient_a_note(folder: Path):
    assert [check.level for check in checks_of(folder).values()] == ["warning", "warning"]
    same = checks_of(folder, patient_id=["p", "p", "q", "q", "r"], official_split=["train"] * 5)
    assert [check.level for check in same.values()] == ["note", "note"]


def test_contradicting_labels_of_one_file(folder: Path):
    checks = checks_of(folder, Finding=[1, 0, 1, 0, 0])
    assert checks["contradicting-labels"].level == "fault"
    assert checks["contradicting-labels"].details == {"images": [["i0", "i1"]]}
    assert "contradicting-labels" not in checks_of(folder, Finding=[1, -1, 1, 0, 0])
