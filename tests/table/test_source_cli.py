from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hilum_phantom import make_phantom

Command = Callable[..., Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("normal/a.png", "sick/b.png", "sick/c.png"):
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "films" / name).write_bytes(name.encode())
    return tmp_path / "films"


def test_sources_are_listed(hilum: Command) -> None:
    done = hilum("sources")
    assert done.code == 0
    for word in ("chexpert", "NIH ChestX-ray14", "CC BY 4.0"):
        assert word in done.out


def test_one_source_is_shown_in_full(hilum: Command) -> None:
    done = hilum("sources", "chexpert")
    assert done.code == 0
    for word in ("train/patient00001/study1/view1_frontal.jpg", "Irvin", "Research Use", "study_number"):
        assert word in done.out
    assert "patient_pattern = ''" in hilum("sources", "folder").out


def test_sources_as_json(hilum: Command) -> None:
    listed = json.loads(hilum("sources", "--json").out)
    assert [source["name"] for source in listed][:3] == ["chexpert", "nih", "pneumonia"]
    one = json.loads(hilum("sources", "nih", "--json").out)
    assert one["options"]["only_present"]["default"] is True


def test_an_unknown_source(hilum: Command) -> None:
    done = hilum("sources", "chexprt")
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'chexpert'" in done.err


def test_arrange_and_again(hilum: Command, root: Path, tmp_path: Path) -> None:
    done = hilum("arrange", "folder", root, "--out", tmp_path / "out", "--option", "positive=normal")
    assert done.code == 0, done.err
    assert "3 images in" in done.out
    assert "3 copied" in done.out
    assert "hilum pack csv" in done.out
    again = hilum("arrange", "folder", root, "--out", tmp_path / "out")
    assert "3 already there." in again.out
    again = hilum("arrange", "folder", root, "--out", tmp_path / "out", "--json")
    assert json.loads(again.out) == {
        "out": str(tmp_path / "out"), "images": 3, "copied": 0, "replaced": 0, "kept": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "clean.studies_below=5"), "filters by study_number"),
        (("--set", "clean.vews=1"), "did you mean 'views'"),
        (("--option", "positive"), "expected NAME=VALUE"),
        (("--option", "positve=x"), "did you mean 'positive'"),
    ],
)
def test_arrange_says_what_is_wrong(
    hilum: Command, root: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = hilum("arrange", "folder", root, "--out", tmp_path / "out", *arguments)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "out").exists()


def test_arrange_filters_and_says_so(hilum: Command, root: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    (parts / "test" / "sick").mkdir(parents=True)
    (parts / "test" / "sick" / "d.png").write_bytes(b"d")
    root.rename(parts / "train")
    done = hilum("arrange", "folder", parts, "--out", tmp_path / "out", "--set", 'clean.parts=["train"]')
    assert done.code == 0, done.err
    assert "clean.parts: 4 -> 3 images" in done.out


def test_arrange_says_that_dicom_headers_are_kept(hilum: Command, root: Path, tmp_path: Path) -> None:
    said = "names and dates in their headers"
    assert said not in hilum("arrange", "folder", root, "--out", tmp_path / "plain").out
    make_phantom(tmp_path / "of-dicom", 20, layout="dicom", size=64, workers=1)
    assert said in hilum("arrange", "dicom", tmp_path / "of-dicom", "--out", tmp_path / "out").out
