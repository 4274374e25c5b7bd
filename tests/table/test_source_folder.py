from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import ConfigError, DataError
from hilum.table.sources.classes import _NEGATIVE, _positive_class, class_findings
from hilum.table.sources.read import read_source


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_two_classes_become_one_finding(tmp_path: Path) -> None:
    make(tmp_path, "normal/a.png", "sick/b.JPG", "sick/more/c.jpeg", "sick/notes.txt", ".hidden/d.png")
    table = read_source("folder", tmp_path)
    assert table.findings == ("sick",)
    assert dict(table.frame.select("path", "sick").iter_rows()) == {
        "normal/a.png": 0,
        "sick/b.JPG": 1,
        "sick/more/c.jpeg": 1,
    }
    assert table.frame["patient_id"].to_list() == ["a", "b", "c"]
    assert table.frame["official_split"].null_count() == 3


def test_more_classes_become_one_finding_each(tmp_path: Path) -> None:
    make(tmp_path, "covid/a.png", "normal/b.png", "tb/c.png")
    table = read_source("folder", tmp_path)
    assert table.findings == ("covid", "normal", "tb")
    assert table.codes.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    one = read_source("folder", tmp_path, positive="tb")
    assert one.findings == ("tb",)
    assert one.codes.tolist() == [[0], [0], [1]]


def test_folders_for_the_parts_become_the_official_split(tmp_path: Path) -> None:
    make(tmp_path, "Training/no/a.png", "Training/yes/b.png", "val/yes/c.png", "test/no/a.png", "other/x.png")
    table = read_source("folder", tmp_path)
    assert dict(table.frame.select("image_id", "official_split").iter_rows()) == {
        "Training/no/a": "train",
        "Training/yes/b": "train",
        "val/yes/c": "valid",
        "test/no/a": "test",
    }


def test_files_that_differ_by_suffix_alone_are_two_images(tmp_path: Path) -> None:
    make(tmp_path, "no/a.png", "no/a.jpg", "yes/b.png")
    assert read_source("folder", tmp_path).image_ids.tolist() == ["no/a.jpg", "no/a.png", "yes/b"]


@pytest.mark.parametrize(
    ("pattern", "patients"), [(r"^(p\d+)_", ["p1", "p1", "p22"]), (r"^p\d+", ["p1", "p1", "p22"])]
)
def test_patients_from_file_names(tmp_path: Path, pattern: str, patients: list[str]) -> None:
    make(tmp_path, "no/p1_1.png", "no/p1_2.png", "yes/p22_1.png")
    table = read_source("folder", tmp_path, patient_pattern=pattern)
    assert table.frame["patient_id"].to_list() == patients


def test_a_file_name_without_a_patient_is_named(tmp_path: Path) -> None:
    make(tmp_path, "no/p1_1.png", "yes/scan.png")
    with pytest.raises(DataError, match="finds no patient in 1 of 2 file names, the first 'scan'"):
        read_source("folder", tmp_path, patient_pattern=r"^(p\d+)_")
    with pytest.raises(ConfigError, match="not a regular expression"):
        read_source("folder", tmp_path, patient_pattern="(")


def test_what_is_no_folder_of_classes_is_said(tmp_path: Path) -> None:
    make(tmp_path, "readme.txt", "only/a.png")
    with pytest.raises(DataError, match="two classes or more are needed; there is only"):
        read_source("folder", tmp_path)
    with pytest.raises(DataError, match="no folder there holds an image"):
        read_source("folder", make(tmp_path / "none", "x/readme.txt"))
    make(tmp_path, "age/b.png", "other/c.png")
    with pytest.raises(DataError, match="no class 'agee'; did you mean 'age'"):
        read_source("folder", tmp_path, positive="agee")


def test_a_class_may_not_be_called_as_a_column(tmp_path: Path) -> None:
    make(tmp_path, "normal/a.png", "path/b.png")
    with pytest.raises(DataError, match="cannot be called 'path'"):
        read_source("folder", tmp_path)


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (("empty", "not empty"), "not empty"),
        (("NORMAL", "PNEUMONIA"), "PNEUMONIA"),
        (("covid", "no covid"), "covid"),
        (("effusion", "non-effusion"), "effusion"),
        (("Abnormal", "Normal"), "Abnormal"),
        (("No Finding", "Cardiomegaly"), "Cardiomegaly"),
        (("a", "b"), "b"),
        (("0", "1"), "1"),
    ],
)
def test_the_positive_class_is_told_by_the_names(classes: tuple[str, str], positive: str) -> None:
    assert _positive_class(classes) == positive
    assert _positive_class(classes[::-1]) == positive


@given(st.sampled_from(_NEGATIVE), st.text("abcdefgh", min_size=4))
def test_a_negative_name_is_never_the_finding(negative: str, other: str) -> None:
    findings, (column,) = class_findings(pl.Series([negative.title(), other]))
    assert findings == (other,)
    assert column.to_list() == [0, 1]
