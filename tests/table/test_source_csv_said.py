"""What the source `csv` refuses by row and value, and what it says of its guesses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from hilum.errors import ConfigError, DataError
from hilum.table.sources.read import read_quietly, read_source
from hilum.table.sources.values import _WORDS, BLANK
from hilum.table.table import Table

Line = Callable[[int], str]


def written(root: Path, head: str, line: Line, count: int = 20, images: bool = True) -> Path:
    (root / "table.csv").write_text("\n".join([head, *map(line, range(count))]) + "\n")
    for at in range(count if images else 0):
        (root / f"i{at}.png").touch()
    return root


def labelled(root: Path, label: Line, **options: object) -> Table:
    made = written(root, "path,patient,Edema,Mass", lambda n: f"i{n}.png,{n},{n % 2},{label(n)}")
    return read_quietly("csv", made, **options)


# --- labels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", _WORDS)
def test_every_spelling_of_a_label_is_read(tmp_path: Path, code: int) -> None:
    for word in _WORDS[code]:
        for spelled in {word, word.upper(), word.title(), f" {word}\xa0"}:
            table = labelled(tmp_path, lambda n, spelled=spelled: (spelled, "+", "1")[n % 3])
            assert table.frame["Mass"].to_list() == [(code, 1, 1)[n % 3] for n in range(20)], spelled


@pytest.mark.parametrize("word", [word for word in BLANK if word])
def test_every_spelling_of_nothing_is_blank(tmp_path: Path, word: str) -> None:
    table = labelled(tmp_path, lambda n: (word, word.upper(), "0", "1")[n % 4])
    assert table.frame["Mass"].to_list()[:4] == [None, None, 0, 1]


@pytest.mark.parametrize("form", ["{}.0", "{}.00", "{}.", "+{}", "0{}", '" {} "'])
def test_numbers_of_any_form_are_labels(tmp_path: Path, form: str) -> None:
    if form == "0{}":
        with pytest.raises(DataError):
            labelled(tmp_path, lambda n: form.format(n // 2 % 2), findings=["Mass"])
    else:
        table = labelled(tmp_path, lambda n: form.format(n // 2 % 2))
        assert table.frame["Mass"].to_list() == [n // 2 % 2 for n in range(20)]


def test_a_dash_is_negative_beside_a_plus_only(tmp_path: Path) -> None:
    assert labelled(tmp_path, lambda n: "+-"[n % 2]).frame["Mass"].to_list()[:2] == [1, 0]
    with pytest.raises(DataError, match="the first '-' in row 8"):
        labelled(tmp_path, lambda n: "-" if n == 7 else str(n % 2))


@pytest.mark.parametrize("bad", ["11", "2", "o", "yess", "1;", "0.5", "#REF!", "10"])
def test_one_bad_cell_of_a_finding_is_named_and_the_finding_not_dropped(tmp_path: Path, bad: str) -> None:
    with pytest.raises(
        DataError, match=r"column 'Mass' .* 1 row with .* in row 8 below the headings"
    ) as told:
        labelled(tmp_path, lambda n: bad if n == 7 else str(n // 2 % 2))
    assert repr(bad) in str(told.value)
    table = labelled(tmp_path, lambda n: bad if n == 7 else str(n // 2 % 2), findings=["Edema"])
    assert table.findings == ("Edema",)


def test_columns_that_are_not_taken_are_listed_by_what_they_hold(tmp_path: Path) -> None:
    head = "path,patient,Edema,weight,seen,remark,nothing"
    root = written(
        tmp_path, head, lambda n: f"i{n}.png,{n},{n % 2},{50 + n / 2},2020-01-{n + 1:02},word {n},"
    )
    table = read_quietly("csv", root)
    assert table.findings == ("Edema",)
    assert table.notes == (
        "Columns that hold no label codes were left out (keep=[...] keeps some): 1 of numbers (weight), 1 of "
        "dates (seen), 1 of text (remark), 1 blank (nothing).",
    )
    assert read_quietly("csv", root, findings=["Edema"]).notes == ()


def test_notes_are_said_once_and_hold_no_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = written(tmp_path, "path,patient,Edema,name", lambda n: f"i{n}.png,{n},{n % 2},Jane Doe {n}")
    read_source("csv", root)
    said = capsys.readouterr().err
    assert said.count("left out") == 1
    assert "Jane" not in said


# --- patients ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["", "nan", "NA", "None", " ", "\xa0"])
def test_rows_without_a_patient_are_refused_by_row(tmp_path: Path, missing: str) -> None:
    root = written(
        tmp_path, "path,patient,Edema", lambda n: f"i{n}.png,{missing if n % 2 else n},{n // 2 % 2}"
    )
    with pytest.raises(DataError, match=r"10 of 20 rows name no patient in column 'patient', .* row 2 below"):
        read_quietly("csv", root)
    assert read_quietly("csv", root, patient="image").patients == 20


@pytest.mark.parametrize(
    ("one", "two"),
    [("P{}", "P{} "), ("P{}", "P{}\xa0"), ("{}", "{}.0"), ("\xe9{}", "e\u0301{}"), ("P{}", "\u200bP{}")],
)
def test_one_patient_in_two_spellings_is_one(tmp_path: Path, one: str, two: str) -> None:
    root = written(
        tmp_path, "path,patient,Edema", lambda n: f"i{n}.png,{(one, two)[n % 2].format(n // 2)},{n % 2}"
    )
    table = read_quietly("csv", root)
    assert table.patients == 10
    assert "10 patient ids written in two ways" in table.notes[0]


def test_patients_whose_ids_are_alike_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = written(tmp_path, "path,patient,Edema", lambda n: f"i{n}.png,{'Pp'[n % 2]}{n // 2},{n % 2}")
    assert read_source("csv", root).patients == 20
    assert "20 patient ids differ only in case" in capsys.readouterr().err
    assert not any("differ" in note for note in read_source("csv", root, patient="image").notes)


def test_patterns_find_patients_and_studies_in_paths(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("path,Edema\ns1/p7_v1.png,1\ns2/p7_v2.png,0\ns2/p8_v1.png,0\n")
    table = read_quietly("csv", tmp_path, patient_pattern=r"^(p\d+)_", study_pattern=r"(s\d)/")
    assert table.frame["patient_id"].to_list() == ["p7", "p7", "p8"]
    assert table.frame["study_id"].to_list() == ["s1", "s2", "s2"]
    with pytest.raises(DataError, match=r"patient_pattern '\^q' finds no patient in 3 of 3 file names"):
        read_quietly("csv", tmp_path, patient_pattern="^q")
    with pytest.raises(ConfigError, match=r"study_pattern: .* is not a regular expression"):
        read_quietly("csv", tmp_path, patient="image", study_pattern="(")


def test_views_that_are_no_projection_are_no_loss(tmp_path: Path) -> None:
    root = written(
        tmp_path,
        "path,patient,projection,Edema",
        lambda n: f"i{n}.png,{n},{('PA', 'L', 'RL', 'COSTAL')[n % 4]},{n % 2}",
    )
    assert read_quietly("csv", root).notes == (
        "5 of 20 values of 'projection' say no projection that can be read.",
    )


def test_values_of_age_sex_and_view_that_say_nothing_are_counted(tmp_path: Path) -> None:
    root = written(
        tmp_path, "path,patient,sex,age,view,Edema", lambda n: f"i{n}.png,{n},{n % 2 + 1},forty,up,{n % 2}"
    )
    assert read_quietly("csv", root).notes == (
        "20 of 20 values of 'age' say no age that can be read.",
        "20 of 20 values of 'sex' say no sex that can be read.",
        "20 of 20 values of 'view' say no view that can be read.",
    )


# --- parts -------------------------------------------------------------------------------------------------------


def parts(root: Path, column: str, value: Line, **options: object) -> Table:
    made = written(root, f"path,patient,Edema,{column}", lambda n: f"i{n}.png,{n},{n // 2 % 2},{value(n)}")
    return read_quietly("csv", made, **options)


@pytest.mark.parametrize("column", ["split", "Subset", "official_split", "part", "fold"])
@pytest.mark.parametrize("strange", ["tset", "holdout", "dev", "train2", "0"])
def test_a_column_of_parts_with_a_strange_value_is_refused(tmp_path: Path, column: str, strange: str) -> None:
    value: Line = lambda n: strange if n == 19 else ("train", "test")[n % 2]  # noqa: E731
    with pytest.raises(
        DataError, match=f"column '{column}' should hold train, valid or test; 1 row .* in row 20"
    ):
        parts(tmp_path, column, value)
    table = parts(tmp_path, column, value, part="")
    assert table.frame["official_split"].null_count() == 20


@pytest.mark.parametrize("values", [("internal", "external"), ("0", "1"), ("A", "B")])
def test_a_column_called_split_is_never_dropped(tmp_path: Path, values: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="column 'split' should hold train, valid or test"):
        parts(tmp_path, "split", lambda n: values[n % 2])


@pytest.mark.parametrize(("column", "values"), [("fold", ("2", "3")), ("part", ("chest", "thorax"))])
def test_folds_and_parts_of_the_body_are_no_parts_of_the_data(
    tmp_path: Path, column: str, values: tuple[str, str]
) -> None:
    table = parts(tmp_path, column, lambda n: values[n % 2])
    assert table.frame["official_split"].null_count() == 20
    assert column in table.notes[0]


@pytest.mark.parametrize("column", ["Set Id", "phase", "usage", "dataset", "partition"])
def test_a_column_of_parts_is_known_by_what_it_holds(tmp_path: Path, column: str) -> None:
    table = parts(tmp_path, column, lambda n: ("train", "validation", "test")[n % 3])
    assert table.frame["official_split"].to_list()[:3] == ["train", "valid", "test"]
    assert table.notes == (f"Column '{column}' was read as the official split.",)
    with pytest.raises(DataError, match=r"should hold train, valid or test; 1 row .* 'dev' in row 20"):
        parts(tmp_path, column, lambda n: "dev" if n == 19 else ("train", "test")[n % 2])
    head = f"path,patient,Edema,{column},other"
    written(
        tmp_path,
        head,
        lambda n: f"i{n}.png,{n},{n // 2 % 2},{('train', 'test')[n % 2]},{('test', 'val')[n % 2]}",
    )
    with pytest.raises(DataError, match=f"Say --option part=COLUMN: {column}, other"):
        read_quietly("csv", tmp_path)


@pytest.mark.parametrize("missing", ["", "nan", "NA"])
def test_rows_without_a_part_are_counted(tmp_path: Path, missing: str) -> None:
    table = parts(tmp_path, "split", lambda n: ("train", "TEST ", missing, "val")[n % 4])
    assert table.frame["official_split"].to_list()[:4] == ["train", "test", None, "valid"]
    assert table.notes == ("5 of 20 rows name no part in 'split': they may be trained on.",)
    assert parts(tmp_path, "split", lambda _: missing, part="split").notes == ()


# --- several labels in a cell ------------------------------------------------------------------------------------

SETS = [("Edema",), ("Edema", "Mass"), ("Mass",), ("Nodule", "Mass"), ("Big Mass",)]
NAMES = ("Big Mass", "Edema", "Mass", "Nodule")


@pytest.mark.parametrize(
    ("sign", "cell"),
    [
        ("|", "{}"),
        (";", "{}"),
        (",", '"{}"'),
        ("/", "{}"),
        (" | ", "{}"),
        ("', '", "\"['{}']\""),
        ("', '", "\"('{}')\""),
        (", ", '"[{}]"'),
    ],
)
def test_several_labels_in_a_cell_become_one_finding_each(tmp_path: Path, sign: str, cell: str) -> None:
    root = written(
        tmp_path, "path,patient,labels", lambda n: f"i{n}.png,{n}," + cell.format(sign.join(SETS[n % 5])), 25
    )
    table = read_quietly("csv", root, classes="labels")
    assert table.findings == NAMES
    assert table.codes.tolist() == [[int(name in SETS[n % 5]) for name in NAMES] for n in range(25)]
    assert "Cells of 'labels' were read as" in table.notes[0]
    assert read_quietly("csv", root, classes="labels", positive="Mass").findings == ("Mass",)


def test_the_sign_between_labels_can_be_told_or_denied(tmp_path: Path) -> None:
    root = written(tmp_path, "path,patient,labels", lambda n: f"i{n}.png,{n}," + ("A~B", "A", "C")[n % 3])
    assert read_quietly("csv", root, classes="labels").findings == ("A", "A~B", "C")
    told = read_quietly("csv", root, classes="labels", separator="~")
    assert (told.findings, told.notes) == (("A", "B", "C"), ())
    (tmp_path / "table.csv").write_text((tmp_path / "table.csv").read_text().replace("~", "|"))
    assert read_quietly("csv", root, classes="labels").findings == ("A", "B", "C")
    assert read_quietly("csv", root, classes="labels", separator="").findings == ("A", "A|B", "C")


def test_class_names_with_a_sign_of_their_own_are_not_divided(tmp_path: Path) -> None:
    root = written(
        tmp_path, "path,patient,kind", lambda n: f"i{n}.png,{n}," + ("COVID-19/viral", "normal")[n % 2]
    )
    assert read_quietly("csv", root, classes="kind").findings == ("COVID-19/viral",)


@pytest.mark.parametrize("word", ["none", "None", "normal"])
def test_none_is_a_class_and_no_blank(tmp_path: Path, word: str) -> None:
    root = written(
        tmp_path, "path,patient,kind", lambda n: f"i{n}.png,{n}," + (word, "Edema", "", "nan")[n % 4]
    )
    table = read_quietly("csv", root, classes="kind")
    assert table.findings == ("Edema",)
    assert table.frame["Edema"].to_list()[:4] == [0, 1, None, None]


def test_classes_that_differ_in_case_are_said_and_spaces_make_no_other_class(tmp_path: Path) -> None:
    root = written(
        tmp_path, "path,patient,kind", lambda n: f"i{n}.png,{n}," + ("sick", "sick ", "Sick", "well")[n % 4]
    )
    table = read_quietly("csv", root, classes="kind")
    assert table.findings == ("Sick", "sick", "well")
    assert "2 class ids differ only in case" in table.notes[0]


# --- where the images are ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("say", "there", "how"),
    [
        ("i{}.png", "i{}.jpg", "12 by its path, under another suffix"),
        ("i{}", "i{}.dcm", "12 by its path, under another suffix"),
        ("1.2.3.{}", "1.2.3.{}.dcm", "12 by its path, under another suffix"),
        ("i{}.png", "images/deep/i{}.png", "12 by its name, in another folder"),
        ("old/i{}.png", "new/i{}.png", "12 by its name, in another folder"),
        ("i{}.png", "images/i{}.JPG", "12 by its name without suffix"),
    ],
)
def test_images_are_found_by_name_then_by_stem_and_that_is_said(
    tmp_path: Path, say: str, there: str, how: str
) -> None:
    written(tmp_path, "path,patient,Edema", lambda n: f"{say.format(n)},{n},{n % 2}", 12, images=False)
    for at in range(12):
        place = tmp_path / there.format(at)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    table = read_quietly("csv", tmp_path)
    assert table.frame["path"].to_list() == [there.format(at) for at in range(12)]
    assert how in table.notes[-1]
    assert "12 images of 12 not where" in table.notes[-1]


def test_what_is_in_two_places_or_nowhere_is_left_as_written(tmp_path: Path) -> None:
    for name in ("a/i0.png", "b/i0.png", "a/i1.png", "masks/i1.png", "i2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    written(tmp_path, "path,patient,Edema", lambda n: f"i{n}.png,{n},{n % 2}", 4, images=False)
    table = read_quietly("csv", tmp_path)
    assert table.frame["path"].to_list() == ["i0.png", "a/i1.png", "i2.png", "i3.png"]
    assert "1 image of 4 not where the table says" in table.notes[0]
    assert "1 where it says, 2 not at all" in table.notes[0]


def test_one_file_is_one_rows(tmp_path: Path) -> None:
    for name in ("c/i0.png", "i1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    paths = ["a/i0.png", "b/i0.png", "i1.png", "d/i1.png", "i1.jpg"]
    written(
        tmp_path, "path,image_id,patient,Edema", lambda n: f"{paths[n]},x{n},{n},{n % 2}", 5, images=False
    )
    table = read_quietly("csv", tmp_path)
    assert table.frame["path"].to_list() == paths
    assert table.notes == ()


def test_a_column_of_ids_serves_where_there_are_no_paths(tmp_path: Path) -> None:
    written(tmp_path, "ImageID,patient,Edema", lambda n: f"x.{n},{n},{n % 2}", 3, images=False)
    for at in range(3):
        (tmp_path / f"x.{at}.png").touch()
    table = read_quietly("csv", tmp_path)
    assert table.frame["image_id"].to_list() == ["x.0", "x.1", "x.2"]
    assert table.frame["path"].to_list() == ["x.0.png", "x.1.png", "x.2.png"]
    assert "No column of paths" in table.notes[0]


@pytest.mark.parametrize("name", ["list.tsv", "list.txt", "list.CSV", "list.csv"])
def test_a_file_that_is_named_may_end_in_other_ways(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("path\tpatient\tEdema\ni0.png\t1\t1\ni1.png\t2\t0\n")
    assert len(read_quietly("csv", tmp_path / name)) == 2
    (tmp_path / name).rename(tmp_path / "list.zip")
    with pytest.raises(DataError, match=r"list\.zip is no CSV file: its name should end in"):
        read_quietly("csv", tmp_path / "list.zip")


def test_spaces_around_paths_are_no_part_of_them(tmp_path: Path) -> None:
    root = written(tmp_path, "path,patient,Edema", lambda n: f" i{n}.png\xa0,{n},{n % 2}")
    table = read_quietly("csv", root)
    assert table.frame["path"][0] == "i0.png"
    assert table.notes == ()


def test_kept_columns_and_label_words_do_not_change_a_fingerprint(tmp_path: Path) -> None:
    written(tmp_path, "path,patient,Edema", lambda n: f"i{n}.png,{n},{n % 2}")
    numbers = read_quietly("csv", tmp_path)
    written(tmp_path, "path,patient,Edema", lambda n: f"i{n}.png,{n}.0,{'NY'[n % 2]}")
    assert read_quietly("csv", tmp_path).fingerprint() == numbers.fingerprint()
    assert isinstance(numbers.frame, pl.DataFrame)
