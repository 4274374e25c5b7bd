from __future__ import annotations

import csv
import gzip
import io
import os
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.table.sources.delimited import _SEPARATORS, csv_columns, read_csv, read_lines

PLAIN = "path,patient,Edema\na.png,1,1\nb.png,2,0\n"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
CELLS = (
    st.text(st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=("Cs",)), max_size=9)
    .map(lambda text: text if text.strip() else "")
    # An apostrophe before a formula is hilum's own, and taken back.
    .filter(lambda text: not re.match(r"'+[=+\-@\t]", text))
)


def read(tmp_path: Path, data: str | bytes, encoding: str = "utf-8") -> tuple[pl.DataFrame, list[str]]:
    path = tmp_path / "table.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode(encoding))
    notes: list[str] = []
    return read_csv(path, notes), notes


def written(rows: list[list[str]], separator: str, quoting: int, ending: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=ending).writerows(rows)
    return out.getvalue()


@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8),
    st.sampled_from([*_SEPARATORS]),
    st.sampled_from(ENCODINGS),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.booleans(),
)
def test_any_table_comes_back_the_same_from_any_encoding_separator_and_quoting(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[list[str]],
    separator: str,
    encoding: str,
    quoting: int,
    ending: str,
    zipped: bool,
    told: bool,
) -> None:
    rows = [[f"i{at}.png", *row] for at, row in enumerate(cells)]
    # Python's writer leaves a line break without quotes where lines end in another way.
    quoting = csv.QUOTE_ALL if ending == "\r" else quoting
    text = written([["path", "patient", "Edema", "note"], *rows], separator, quoting, ending)
    if told:
        text = f"sep={separator}{ending}{text}"
    path = tmp_path_factory.mktemp("csv") / ("t.csv.gz" if zipped else "t.csv")
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data, 1) if zipped else data)
    frame = read_csv(path, [])
    assert frame.columns == ["path", "patient", "Edema", "note"] == csv_columns(path)
    assert frame.rows() == [tuple(cell or None for cell in row) for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN + "\n\n",
        PLAIN + ",,\n,,\n",
        PLAIN + "  ,\t,\n",
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("a.png,1,1", '"a.png","1","1"'),
        PLAIN.replace("a.png,1,1", "a.png,1,1,,"),
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace(",", " , ", 2).replace("Edema\n", "Edema \n"),
        "\n\n" + PLAIN,
        "sep=,\n" + PLAIN,
        '"sep=,"\r\n' + PLAIN,
        "SEP=;\n" + PLAIN.replace(",", ";"),
        PLAIN.replace("path", "\ufeffpath"),
        PLAIN.replace("path", '\ufeff\ufeff"path"'),
        PLAIN.replace("path", "\xef\xbb\xbfpath"),
        PLAIN.replace("Edema", "Ede\u200bma\xa0"),
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str) -> None:
    frame, notes = read(tmp_path, text)
    assert frame.columns == ["path", "patient", "Edema"]
    assert frame.rows() == [("a.png", "1", "1"), ("b.png", "2", "0")]
    assert notes == []


def test_headings_in_any_unicode_form_are_one(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "path,O\u0308dem\na,1\n")
    assert frame.columns == ["path", "\xd6dem"]


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "vertical bar")])
def test_another_separator_is_said(tmp_path: Path, sign: str, name: str) -> None:
    frame, notes = read(tmp_path, PLAIN.replace(",", sign))
    assert frame.columns == ["path", "patient", "Edema"]
    assert notes == [f"table.csv was read with {name}s between its cells, not commas."]


def test_decimal_commas_do_not_hide_semicolons(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "path;age;Edema\na.png;45,5;1\nb.png;60,0;0\n")
    assert frame["age"].to_list() == ["45,5", "60,0"]


def test_lists_in_cells_do_not_hide_commas(tmp_path: Path) -> None:
    frame, notes = read(tmp_path, "path,labels\na.png,Mass|Nodule\nb.png,Mass;x|y\n")
    assert (frame.width, notes) == (2, [])


def test_western_letters_are_read_and_said(tmp_path: Path) -> None:
    frame, notes = read(tmp_path, PLAIN.replace("2,0", "M\xfcller\x80,0"), "latin-1")
    assert frame["patient"][1] == "M\xfcller\u20ac"
    assert len(notes) == 1
    assert "line 3" in notes[0]
    assert "Windows-1252" in notes[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (bytes(64), "it is empty"),
        (PLAIN.encode() + bytes(64), "line 4 holds NUL bytes"),
        (PLAIN.replace("2", "\x00").encode(), "line 3 holds NUL bytes"),
        (b"path,Edema,Edema\na,1,1\n", "the heading 'Edema' 2 times"),
        (b"path,Edema, Edema \na,1,1\n", "the heading 'Edema' 2 times"),
        ((PLAIN + "c.png,3\n").encode(), "line 4 has 2 cells, the headings have 3. It is cut short"),
        ((PLAIN + "c.png").encode(), "line 4 has 1 cell, the headings have 3"),
        ((PLAIN + "c.png,3,1,7\n").encode(), "line 4 has 4 cells, the headings have 3"),
        ((PLAIN + '"c.png,3,1\n').encode(), "a quote may be opened and not closed"),
        ((PLAIN + '"c"x,3,1\n').encode(), "line 4"),
        ("path,na\xefve\n".encode() + b"\xe9,1\n", "it is UTF-8 but for line 2"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "Excel workbook"),
        (b"PAR1rest", "a Parquet file"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\xff\xfea\x00b", "is marked as UTF-16"),
        (gzip.compress(PLAIN.encode() * 50, mtime=0)[:-20], "cannot be read as CSV"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_cause(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(DataError) as told:
        read(tmp_path, data)
    assert said in str(told.value)
    assert "table.csv" in str(told.value)


def test_no_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name, said in {"pipe.csv": "a pipe", "folder.csv": "a folder", "nothing.csv": "no file"}.items():
        with pytest.raises(DataError, match=said):
            read_csv(tmp_path / name)
        assert csv_columns(tmp_path / name) == []


def test_a_guess_is_said_on_standard_error_where_nobody_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text(PLAIN.replace(",", ";"))
    read_csv(tmp_path / "t.csv")
    assert "semicolons" in capsys.readouterr().err


def test_columns_without_heading_are_called_by_their_place_and_left_out_when_empty(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, ",path,x,\n0,a,1,\n1,b,0,\n")
    assert frame.columns == ["column 1", "path", "x"]
    assert read(tmp_path, "path,x,,\na,1\nb,0,\n")[0].columns == ["path", "x"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lists_of_names_are_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "l.txt").write_bytes(" a.png\xa0\r\n\r\nb c.png\n".encode(encoding))
    assert read_lines(tmp_path / "l.txt") == ["a.png", "b c.png"]
