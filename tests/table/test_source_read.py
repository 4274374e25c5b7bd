from __future__ import annotations

from pathlib import Path

import pytest

from hilum.errors import ConfigError, DataError
from hilum.table.sources.read import SOURCES, guess_source, parse_options, read_source


def folder(root: Path) -> Path:
    for name in ("normal/a.png", "sick/b.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_every_source_describes_itself() -> None:
    assert list(SOURCES) == ["chexpert", "nih", "pneumonia", "dicom", "csv", "folder"]
    for name, source in SOURCES.items():
        assert source.name == name
        assert len(source.layout.splitlines()) >= 3
        assert source.notes
        assert source.licence
        for option, field in source.options.model_fields.items():
            assert field.description, f"{name}: {option}"


def test_an_unknown_source_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no source 'chexprt'; did you mean 'chexpert'\?$"):
        read_source("chexprt", tmp_path)


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "csv"])
def test_a_file_in_the_place_of_a_folder_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(DataError, match=f"f is a file. Name the folder of your data.*hilum sources {name}$"):
        read_source(name, tmp_path / "f")


@pytest.mark.parametrize(("file", "what"), [("pack.json", "a pack"), ("run.json", "a run")])
def test_what_hilum_made_is_no_data_set(tmp_path: Path, file: str, what: str) -> None:
    (tmp_path / file).write_text("{}")
    for name in SOURCES:
        with pytest.raises(DataError, match=f"{tmp_path.name} is {what}"):
            read_source(name, tmp_path)


def test_a_missing_folder_names_the_nearest(tmp_path: Path) -> None:
    folder(tmp_path / "films")
    with pytest.raises(DataError, match=r"filmz is not there; did you mean '.*films'\?$"):
        read_source("folder", tmp_path / "filmz")
    with pytest.raises(DataError, match="the folder around it is not there"):
        read_source("folder", tmp_path / "no" / "films")


def test_a_missing_folder_does_not_list_what_is_unlike_it(tmp_path: Path) -> None:
    folder(tmp_path / "films")
    with pytest.raises(DataError, match=r"xyzzy is not there. .* hilum sources nih$") as caught:
        read_source("nih", tmp_path / "xyzzy")
    assert "films" not in str(caught.value)


def test_an_empty_folder_shows_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is empty. Expected: NIH ChestX-ray14\n    ROOT/"):
        read_source("nih", tmp_path)


@pytest.mark.parametrize("name", ["chexpert", "nih", "pneumonia", "dicom", "csv"])
def test_the_wrong_source_for_a_folder_says_which_it_looks_like(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"does not look like {name} .* looks like folder"):
        read_source(name, folder(tmp_path))


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_folder_that_looks_like_nothing_is_an_error_of_every_source(tmp_path: Path, name: str) -> None:
    (tmp_path / "readme.txt").write_text("hello")
    assert guess_source(tmp_path) is None
    with pytest.raises(DataError, match=str(tmp_path)):
        read_source(name, tmp_path)


def test_nothing_is_guessed_of_what_is_not_there(tmp_path: Path) -> None:
    assert guess_source(tmp_path / "none") is None


def test_class_folders_with_csv_files_beside_them(tmp_path: Path) -> None:
    folder(tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x\n1\n")
    assert guess_source(tmp_path) == "folder"
    (tmp_path / "labels.csv").write_text("x\n1\n")
    assert guess_source(tmp_path) == "csv"


def test_options_are_checked_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_source("folder", folder(tmp_path), positve="sick", patient_pattern=3)
    assert "positve: unknown option; did you mean 'positive'?" in str(caught.value)
    assert "patient_pattern: input should be a valid string (came: 3)" in str(caught.value)
    with pytest.raises(ConfigError, match="size: unknown option; this source has no options"):
        read_source("chexpert", tmp_path, size=3)


def test_options_from_the_command_line() -> None:
    texts = ["positive=sick", "only_present=false", 'findings=["Edema"]', "patient=", "labels=a=b.csv"]
    assert parse_options(texts) == {
        "positive": "sick",
        "only_present": False,
        "findings": ["Edema"],
        "patient": "",
        "labels": "a=b.csv",
    }
    with pytest.raises(ConfigError, match="expected NAME=VALUE"):
        parse_options(["positive"])


def test_an_unreadable_csv_file_is_no_data_set(tmp_path: Path) -> None:
    folder(tmp_path)
    for name in ("train.csv", "Data_Entry_2017.csv"):
        (tmp_path / name).touch()
    assert guess_source(tmp_path) == "folder"


def test_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder(tmp_path / "films")
    assert len(read_source("folder", "~/films")) == 2


@pytest.mark.real
def test_real_folders_are_recognised(real: Path) -> None:
    guesses = {name: guess_source(real / name) for name in ("pneumonia-224", "nih-320", "dicom")}
    assert guesses == {"pneumonia-224": "pneumonia", "nih-320": "nih", "dicom": "dicom"}


def test_a_table_of_headings_alone_is_no_data_set(tmp_path: Path) -> None:
    for source, name, head, options in (
        ("csv", "table.csv", "path,patient,Edema", {"findings": ["Edema"]}),
        ("nih", "Data_Entry_2017.csv", "Image Index,Finding Labels,Follow-up #,Patient ID", {}),
    ):
        root = tmp_path / source
        root.mkdir()
        (root / name).write_text(head + "\n")
        with pytest.raises(DataError, match="names no image"):
            read_source(source, root, **options)


def test_a_file_whose_name_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "film.png").touch()
    try:
        (tmp_path / "a" / "x\udcff.png").touch()
    except OSError:
        pytest.skip("this file system takes no such names")
    with pytest.raises(DataError, match=r"a/x\udcff.png is a name that is not UTF-8; rename it"):
        read_source("folder", tmp_path)
