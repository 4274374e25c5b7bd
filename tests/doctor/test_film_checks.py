from __future__ import annotations

from pathlib import Path

import pytest
from made_images import make_table

from film_pictures import mixed
from hilum.config import CleanConfig
from hilum.doctor import doctor
from hilum.doctor.files import file_checks
from hilum.doctor.pictures import read_pictures
from hilum.doctor.report import Check


def found(
    root: Path, films: int, others: tuple[str, ...], max_bad: float = 0.01, **columns: object
) -> Check | None:
    table = mixed(root, films, others, **columns)
    checks = [c for c in file_checks(table, read_pictures(table), 0, max_bad) if c.name == "no-films"]
    return checks[0] if checks else None


def test_films_alone_are_nothing_to_say(tmp_path: Path):
    assert found(tmp_path, 8, ()) is None


def test_more_than_a_few_are_a_fault(tmp_path: Path):
    check = found(tmp_path, 6, ("mask", "abdomen"))
    assert check is not None
    assert check.level == "fault"
    assert "2 images are of no chest" in check.message
    assert "mask0.png, abdomen1.png" in check.message
    assert list(check.details["images"]) == ["mask0.png", "abdomen1.png"]
    assert "clean.films" in check.what_to_do


def test_a_few_are_a_warning(tmp_path: Path):
    check = found(tmp_path, 6, ("mask",), max_bad=0.2)
    assert check is not None
    assert check.level == "warning"


@pytest.mark.parametrize(("source", "level"), [("csv", "note"), ("folder", "note"), ("nih", "warning")])
def test_most_are_said_and_kept(tmp_path: Path, source: str, level: str):
    check = found(tmp_path, 1, ("limb", "texture"), source=[source] * 3)
    assert check is not None
    assert check.level == level
    assert "Most images, 2 of 3" in check.message


def test_the_knob_asks_nothing(tmp_path: Path):
    table = mixed(tmp_path, 6, ("mask", "abdomen"))
    table.frame.select("path", "patient_id", "Edema").write_csv(tmp_path / "table.csv")
    assert doctor("csv", tmp_path, filters=CleanConfig(films="any")).check("no-films") is None
    assert doctor("csv", tmp_path).check("no-films") is not None


def test_nothing_is_asked_of_what_cannot_be_read(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    table = make_table(tmp_path, ["a.png", "missing.png"])
    assert read_pictures(table).frame["no_film"].null_count() == 2
