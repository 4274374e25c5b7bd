from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.table.sources import pneumonia
from hilum.table.sources.read import read_source

FILES = (
    "train/NORMAL/IM-0115-0001.jpeg",
    "train/NORMAL/NORMAL2-IM-1427-0001-0002.jpeg",
    "train/PNEUMONIA/person1_bacteria_1.jpeg",
    "train/PNEUMONIA/person1000_virus_1681.jpeg",
    "val/NORMAL/NORMAL2-IM-1430-0001.jpeg",
    "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
    "test/NORMAL/IM-0001-0001.jpeg",
    "test/PNEUMONIA/person1_virus_6.jpeg",
)


def make(root: Path, files: tuple[str, ...] = FILES) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_patients_subtypes_and_parts(tmp_path: Path) -> None:
    make(tmp_path)
    rows = {row["path"]: row for row in read_source("pneumonia", tmp_path).frame.to_dicts()}
    assert [rows[name]["patient_id"] for name in FILES] == [
        "IM-0115",
        "NORMAL2-IM-1427",
        "person1",
        "person1000",
        "NORMAL2-IM-1430",
        "person1946",
        "IM-0001",
        "person1",
    ]
    assert [rows[name]["subtype"] for name in FILES] == [
        None, None, "bacteria", "virus", None, "bacteria", None, "virus",
    ]  # fmt: skip
    assert [rows[name]["official_split"] for name in FILES] == ["train"] * 6 + ["test"] * 2
    assert [rows[name]["Pneumonia"] for name in FILES] == [0, 0, 1, 1, 0, 1, 0, 1]
    assert {row["projection"] for row in rows.values()} == {"AP"}


def test_the_other_release_names_patients_by_number(tmp_path: Path) -> None:
    files = (
        "train/NORMAL/NORMAL-1003233-0001.jpeg",
        "train/PNEUMONIA/BACTERIA-1008087-0001.jpeg",
        "train/PNEUMONIA/VIRUS-1008087-0002.jpeg",
    )
    table = read_source("pneumonia", make(tmp_path, files))
    assert table.frame["patient_id"].to_list() == ["1003233", "1008087", "1008087"]
    assert table.frame["subtype"].to_list() == [None, "bacteria", "virus"]


def test_the_folder_around_it_will_do_and_mac_leftovers_do_not_count(tmp_path: Path) -> None:
    make(tmp_path / "chest_xray")
    make(tmp_path / "__MACOSX", ("train/NORMAL/._IM-0115-0001.jpeg",))
    make(tmp_path / "chest_xray", ("train/NORMAL/.DS_Store", "train/NORMAL/._IM-0115-0001.jpeg"))
    table = read_source("pneumonia", tmp_path)
    assert table.root == tmp_path / "chest_xray"
    assert len(table) == len(FILES)


def test_a_third_class_is_refused(tmp_path: Path) -> None:
    make(tmp_path, (*FILES, "train/COVID/a.png"))
    with pytest.raises(DataError, match=r"NORMAL and PNEUMONIA only; it has train/COVID/a.png"):
        read_source("pneumonia", tmp_path)


def test_missing_class_folders_are_said(tmp_path: Path) -> None:
    make(tmp_path, ("train/NORMAL/a.png",))
    with pytest.raises(DataError, match="folders NORMAL and PNEUMONIA"):
        pneumonia._read(tmp_path)


@given(st.integers(1, 99999), st.sampled_from(["bacteria", "virus"]), st.integers(1, 99999))
def test_all_images_of_a_person_have_one_patient(person: int, subtype: str, number: int) -> None:
    names = pl.Series([f"person{person}_{subtype}_{number}", f"person{person}_{subtype}_{number}_2"])
    assert names.str.extract(pneumonia._PATIENT).to_list() == [f"person{person}"] * 2
    assert names.str.extract(pneumonia._SUBTYPE).to_list() == [subtype] * 2


@pytest.mark.real
def test_the_real_set(real: Path) -> None:
    table = read_source("pneumonia", real / "pneumonia-224")
    frame = table.frame
    counts = {
        (part, code): count
        for part, code, count in frame.group_by("official_split", "Pneumonia").len().iter_rows()
    }
    assert counts == {("train", 0): 1_341, ("train", 1): 3_875, ("test", 0): 234, ("test", 1): 390}
    assert dict(frame["subtype"].value_counts().iter_rows()) == {
        None: 1_575,
        "bacteria": 2_772,
        "virus": 1_493,
    }
    train, test = (set(frame.filter(official_split=part)["patient_id"]) for part in ("train", "test"))
    assert sum(patient.startswith("person") for patient in train & test) == 170
