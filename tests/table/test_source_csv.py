from __future__ import annotations

import json
from pathlib import Path

import pytest

from hilum.errors import ConfigError, DataError
from hilum.table.sources.read import read_source

CSV = """File Name,Subject ID,Gender,Age (years),View,Split,Edema,Mass,Comment
a.png,s1,female,40,PA,train,1,0,x
sub\\b.png,s1,M,12Y,lateral,val,-1,,y
./c.png,s2,,,AP,test,0.0,1,z
"""


def write(root: Path, text: str = CSV, name: str = "labels.csv") -> Path:
    (root / name).write_text(text)
    return root


def test_usual_names_are_guessed(tmp_path: Path) -> None:
    table = read_source("csv", write(tmp_path))
    frame = table.frame
    assert table.findings == ("Edema", "Mass")
    assert frame["path"].to_list() == ["a.png", "sub/b.png", "c.png"]
    assert frame["image_id"].to_list() == ["a", "sub/b", "c"]
    assert frame["patient_id"].to_list() == ["s1", "s1", "s2"]
    assert frame["sex"].to_list() == ["F", "M", None]
    assert frame["age"].to_list() == [40, 12, None]
    assert frame["view"].to_list() == ["frontal", "lateral", "frontal"]
    assert frame["projection"].to_list() == ["PA", None, "AP"]
    assert frame["official_split"].to_list() == ["train", "valid", "test"]
    assert frame["Edema"].to_list() == [1, -1, 0]
    assert frame["Mass"].to_list() == [0, None, 1]
    assert "Comment" not in frame.columns
    assert table.root == tmp_path


def test_columns_can_be_named(tmp_path: Path) -> None:
    write(tmp_path, "scan,who,sick,row\nx/1.png,7,yes,3\nx/2.png,8,no,10\n", "mine.csv")
    table = read_source(
        "csv", tmp_path, path="scan", patient="who", findings=["sick"], keep=["row"], folder="films/"
    )
    assert table.frame["path"].to_list() == ["films/x/1.png", "films/x/2.png"]
    assert table.frame["sick"].to_list() == [1, 0]
    assert table.frame["row"].to_list() == [3, 10]


@pytest.mark.parametrize("name", ["hilum.toml", "hilum.json"])
def test_a_mapping_file_beside_it_is_used_and_options_win(tmp_path: Path, name: str) -> None:
    write(tmp_path, "scan,who,doctor,sick\n1.png,7,d,1\n2.png,8,d,0\n", "mine.csv")
    toml = 'path = "scan"\npatient = "who"\n'
    text = toml if name.endswith("toml") else json.dumps({"path": "scan", "patient": "who"})
    (tmp_path / name).write_text(text)
    assert read_source("csv", tmp_path).frame["patient_id"].to_list() == ["7", "8"]
    assert read_source("csv", tmp_path, patient="doctor").frame["patient_id"].to_list() == ["d", "d"]


def test_a_wrong_mapping_file_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "hilum.toml").write_text('pacient = "x"\n')
    with pytest.raises(ConfigError, match=r"hilum\.toml cannot be used:\n  - pacient: unknown .* 'patient'"):
        read_source("csv", tmp_path)
    (tmp_path / "hilum.toml").write_text("path = ")
    with pytest.raises(DataError, match=r"hilum\.toml cannot be read"):
        read_source("csv", tmp_path)


@pytest.mark.parametrize("none", ["", "image"])
def test_images_without_patients_must_be_accepted(tmp_path: Path, none: str) -> None:
    write(tmp_path, "path,Edema\na/1.png,1\na/2.png,0\n")
    with pytest.raises(DataError, match=r"which column holds the patients.*same person"):
        read_source("csv", tmp_path)
    table = read_source("csv", tmp_path, patient=none)
    assert table.frame["patient_id"].to_list() == ["a/1", "a/2"]


def test_a_column_of_classes_becomes_findings(tmp_path: Path) -> None:
    write(tmp_path, "path,patient,label\n1.png,1,normal\n2.png,2,ill\n")
    assert read_source("csv", tmp_path, classes="label").frame["ill"].to_list() == [0, 1]
    with pytest.raises(DataError, match="no class 'il'; did you mean 'ill'"):
        read_source("csv", tmp_path, classes="label", positive="il")


def test_the_file_itself_can_be_the_root(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, CSV.replace("s1", "t1"), "other.csv")
    assert read_source("csv", tmp_path / "other.csv").frame["patient_id"][0] == "t1"
    assert read_source("csv", tmp_path).frame["patient_id"][0] == "s1"
    assert read_source("csv", tmp_path, file="other.csv").frame["patient_id"][0] == "t1"


def test_leading_zeros_and_uids_stay_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, "path,patient_id,Edema,code\n1.png,007,1,01\n2.png,010,0,12345678901234567890\n")
    table = read_source("csv", tmp_path, keep=["code"])
    assert table.frame["patient_id"].to_list() == ["007", "010"]
    assert table.frame["code"].to_list() == ["01", "12345678901234567890"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (("", ""), {"path": "Fil Name"}, "no column 'Fil Name'; did you mean 'File Name'"),
        (("", ""), {"findings": ["edema"]}, "no column 'edema'; did you mean 'Edema'"),
        (
            ("File Name", "Scan"),
            {},
            "which column holds the paths.* Say --option path=COLUMN; it has Scan, Subject ID",
        ),
        ((",Edema,Mass,", ",view2,words,"), {"findings": ["Comment"]}, "column 'Comment' should hold labels"),
        (("val", "dev"), {"part": "Split"}, "should hold train, valid or test; .* 'dev' in row 2 below"),
        (("", ""), {"file": "label.csv"}, r"no file label\.csv; did you mean 'labels\.csv'"),
        (("sub\\b", "a"), {}, "image_id is not unique: 'a' occurs 2 times"),
    ],
)
def test_faults_are_said(
    tmp_path: Path, change: tuple[str, str], options: dict[str, object], message: str
) -> None:
    write(tmp_path, CSV.replace(*change))
    with pytest.raises(DataError, match=message):
        read_source("csv", tmp_path, **options)


def test_a_split_of_other_names_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, "path,patient,fold,Edema\n1.png,1,0,1\n2.png,2,5,0\n")
    assert read_source("csv", tmp_path).frame["official_split"].null_count() == 2


def test_no_findings_and_several_files_are_said(tmp_path: Path) -> None:
    write(tmp_path, "path,patient,note\n1.png,1,hm\n", "a.csv")
    with pytest.raises(DataError, match="which columns are findings"):
        read_source("csv", tmp_path)
    write(tmp_path, "path,patient,note\n1.png,1,hm\n", "b.csv")
    with pytest.raises(DataError, match=r"several CSV files: a\.csv, b\.csv"):
        read_source("csv", tmp_path)
    (tmp_path / "c.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"c\.csv cannot be read as CSV"):
        read_source("csv", tmp_path, file="c.csv")


def test_boxes_are_read(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "boxes.csv").write_text("image_id,finding,x,y,width,height\na,Edema,0.1,0.2,0.3,0.4\n")
    boxes = read_source("csv", tmp_path, file="labels.csv", boxes="boxes.csv").boxes
    assert boxes is not None
    assert boxes["width"][0] == pytest.approx(0.3)


@pytest.mark.parametrize(
    "cell", ["$.03", "0.15.2", "", "nan", "inf", "1e999", "[/red]", "x" * 70_000, "日本"]
)
def test_a_box_that_is_no_number_is_told_with_its_row(tmp_path: Path, cell: str) -> None:
    write(tmp_path)
    lines = ["image_id,finding,x,y,width,height", "a,Edema,0.1,0.2,0.3,0.4", f"a,Edema,0.1,0.2,{cell},0.4"]
    write(tmp_path, "\n".join(lines) + "\n", "boxes.csv")
    with pytest.raises(DataError, match=r"boxes\.csv: column 'width' should hold numbers; row 2 of 2 holds"):
        read_source("csv", tmp_path, file="labels.csv", boxes="boxes.csv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hilum.json", "[]"),
        ("hilum.json", '"path"'),
        ("hilum.json", '{"path": "a", "path": "b"}'),
        ("hilum.json", "[" * 100_000),
        ("hilum.json", '{"path": NaN}'),
        ("hilum.toml", "a = " + "[" * 100_000),
        ("hilum.toml", "path = 1\npath = 2"),
        ("hilum.toml", "\0"),
    ],
)
def test_a_mapping_that_is_none_is_told(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path)
    write(tmp_path, text, name)
    with pytest.raises(DataError, match=rf"{name} (cannot be read|should hold names)"):
        read_source("csv", tmp_path)


@pytest.mark.parametrize(
    "twice", [{"findings": ("Edema", "Edema")}, {"findings": ("Edema",), "keep": ("Edema",)}]
)
def test_a_column_that_is_asked_for_twice_is_refused(
    tmp_path: Path, twice: dict[str, tuple[str, ...]]
) -> None:
    (tmp_path / "table.csv").write_text("path,patient,Edema\na.png,p,1\nb.png,q,0\n")
    with pytest.raises(DataError, match=r"'Edema' of .* is asked for twice"):
        read_source("csv", tmp_path, **twice)
