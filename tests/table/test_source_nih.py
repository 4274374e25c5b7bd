from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.table.sources import nih
from hilum.table.sources.read import read_source

HEAD = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
ROWS = (
    "00000001_000.png,Cardiomegaly|Emphysema,0,1,57,M,PA,2682,2749,0.143,0.143",
    "00000001_001.png,No Finding,1,1,058Y,M,AP,2682,2749,0.143,0.143",
    "00000002_000.png,Pleural_Thickening,0,2,411,F,PA,2500,2048,0.171,0.171",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join([HEAD, *ROWS]))
    (tmp_path / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n")
    (tmp_path / "test_list.txt").write_text("00000002_000.png")
    (tmp_path / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        "00000001_000.png,Infiltrate,256,512.0,128,1024,,,\n".replace(",,,\n", "\n")
        + "00000009_000.png,Mass,0,0,1,1\n"
    )
    return tmp_path


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_without_images_every_row_is_kept(root: Path) -> None:
    table = read_source("nih", root)
    rows = table.frame.to_dicts()
    assert table.findings == nih._FINDINGS
    assert [row["path"] for row in rows] == [f"images/{line.split(',')[0]}" for line in ROWS]
    assert [row["patient_id"] for row in rows] == ["00000001", "00000001", "00000002"]
    assert [row["age"] for row in rows] == [57, 58, None]
    assert [row["projection"] for row in rows] == ["PA", "AP", "PA"]
    assert [row["official_split"] for row in rows] == ["train", "train", "test"]
    assert [row["row"] for row in rows] == [0, 1, 2]
    assert rows[0]["Cardiomegaly"] == rows[0]["Emphysema"] == 1
    assert sum(rows[0][name] for name in nih._FINDINGS) == 2
    assert sum(rows[1][name] for name in nih._FINDINGS) == 0


def test_images_are_matched_by_stem_in_all_image_folders(root: Path) -> None:
    put(
        root,
        "images_001/images/00000001_000.jpg",
        "images_002/images/00000002_000.png",
        "masks/00000001_000.png",
    )
    table = read_source("nih", root)
    assert table.frame["path"].to_list() == [
        "images_001/images/00000001_000.jpg",
        "images_002/images/00000002_000.png",
    ]
    assert table.frame["row"].to_list() == [0, 2]
    every = read_source("nih", root, only_present=False)
    assert every.frame["path"][1] == "images/00000001_001.png"


def test_an_image_that_is_there_twice_is_refused(root: Path) -> None:
    put(root, "images/00000001_000.jpg", "images/small/00000001_000.png")
    with pytest.raises(DataError, match=r"00000001_000 twice: images/00000001_000.jpg and images/small"):
        read_source("nih", root)


def test_boxes_become_shares_of_the_rows_there_are(root: Path) -> None:
    boxes = read_source("nih", root).boxes
    assert boxes is not None
    assert boxes.rows() == [("00000001_000", "Infiltration", 0.25, 0.5, 0.125, 1.0)]


def test_no_finding_can_be_a_finding(root: Path) -> None:
    table = read_source("nih", root, no_finding=True)
    assert table.findings == (*nih._FINDINGS, "No Finding")
    assert table.frame["No Finding"].to_list() == [0, 1, 0]


def test_lists_and_boxes_are_optional(root: Path) -> None:
    for name in ("train_val_list.txt", "test_list.txt", "BBox_List_2017.csv"):
        (root / name).unlink()
    table = read_source("nih", root)
    assert table.boxes is None
    assert table.frame["official_split"].null_count() == 3


def test_an_unknown_label_names_the_nearest(root: Path) -> None:
    path = root / "Data_Entry_2017.csv"
    path.write_text(path.read_text().replace("Emphysema", "Emphisema"))
    with pytest.raises(DataError, match="unknown label 'Emphisema'; did you mean 'Emphysema'"):
        read_source("nih", root)


@given(st.lists(st.sets(st.sampled_from(nih._FINDINGS)), min_size=1, max_size=12))
def test_label_strings_say_what_they_say(sets: list[set[str]]) -> None:
    labels = pl.Series(["|".join(sorted(names)) or "No Finding" for names in sets])
    columns = nih._label_columns(labels, (*nih._FINDINGS, nih._NO_FINDING), Path("labels.csv"))
    for column in columns[:-1]:
        assert column.to_list() == [int(column.name in names) for names in sets]
    assert columns[-1].to_list() == [int(not names) for names in sets]


@pytest.mark.real
def test_the_real_table(real: Path) -> None:
    table = read_source("nih", real / "nih-320")
    assert (len(table), table.patients) == (621, 621)
    assert table.frame["official_split"].value_counts().sort("count")["count"].to_list() == [75, 546]
    assert table.boxes is not None
    assert len(table.boxes) == 12
    assert all((table.root / path).is_file() for path in table.frame["path"])


@pytest.mark.real
def test_the_real_metadata(real: Path) -> None:
    table = read_source("nih", real / "nih-320", only_present=False, no_finding=True)
    assert (len(table), table.patients) == (112_120, 30_805)
    counts = dict(table.frame["official_split"].value_counts().iter_rows())
    assert counts == {"train": 86_524, "test": 25_596}
    positive = dict(table.counts().select("finding", "positive").iter_rows())
    assert (positive["Infiltration"], positive["Hernia"], positive["No Finding"]) == (19_894, 227, 60_361)
    assert table.boxes is not None
    assert len(table.boxes) == 984


@pytest.mark.parametrize(
    "other",
    [
        "Data_Entry_2017_v2020.csv~",
        "Data_Entry_2017_v2020.csv.bak",
        "Data_Entry_2017_v2020.csv.part",
        "Data_Entry_2017_v2020.csv.crdownload",
        "Data_Entry_2017_v2020 (1).csv",
        "Data_Entry_2017_v2020.csv.old.csv",
        "Data_Entry_2017_copy.csv",
    ],
)
def test_the_label_file_is_read_and_no_copy_of_it(root: Path, other: str) -> None:
    (root / other).write_text("\n".join([HEAD, ROWS[0]]))
    table = read_source("nih", root)
    assert len(table) == 3
    assert table.notes == (f"Data_Entry_2017.csv was read; beside it and not read: {other}.",)
    (root / "Data_Entry_2017.csv").unlink()
    with pytest.raises(DataError):
        nih._read(root)


def test_the_newer_release_comes_first_and_the_other_is_said(root: Path) -> None:
    (root / "Data_Entry_2017_v2020.csv").write_text("\n".join([HEAD, *ROWS[:2]]))
    table = read_source("nih", root)
    assert len(table) == 2
    assert "Data_Entry_2017_v2020.csv was read; beside it and not read: Data_Entry_2017.csv." in table.notes


def test_kaggles_sample_is_read_by_its_own_name(root: Path) -> None:
    (root / "Data_Entry_2017.csv").rename(root / "sample_labels.csv")
    put(root, "sample/images/00000001_000.png")
    assert read_source("nih", root).frame["path"].to_list() == ["sample/images/00000001_000.png"]


def test_rows_in_no_official_list_are_counted(root: Path) -> None:
    (root / "test_list.txt").unlink()
    assert read_source("nih", root).notes == (
        "1 of 3 rows are in none of the official lists that are there.",
    )


@pytest.mark.parametrize("form", ["{}.0", " {}\xa0", "{:08d}"])
def test_a_patients_number_is_one_in_every_form(root: Path, form: str) -> None:
    text = "\n".join([HEAD, *ROWS]).replace(",1,1,058Y", f",1,{form.format(1)},058Y")
    (root / "Data_Entry_2017.csv").write_text(text)
    assert read_source("nih", root).frame["patient_id"].to_list() == ["00000001", "00000001", "00000002"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_official_lists_and_labels_are_read_in_any_encoding(root: Path, encoding: str) -> None:
    for name in ("Data_Entry_2017.csv", "train_val_list.txt", "test_list.txt"):
        (root / name).write_bytes((root / name).read_text().replace("\n", "\r\n").encode(encoding))
    assert read_source("nih", root).frame["official_split"].to_list() == ["train", "train", "test"]


@pytest.mark.parametrize("cell", ["日本", "<img src=x>", "", "nan", "-inf"])
def test_a_box_that_is_no_number_is_told_with_its_row(root: Path, cell: str) -> None:
    boxes = root / "BBox_List_2017.csv"
    boxes.write_text(boxes.read_text() + f"00000001_000.png,Mass,0,0,{cell},1\n")
    with pytest.raises(
        DataError, match=r"BBox_List_2017\.csv: column 'w' should hold numbers; row 3 of 3 holds"
    ):
        read_source("nih", root)
