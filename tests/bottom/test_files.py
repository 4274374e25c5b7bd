"""Files are whole or not there; a refused write says so."""

from __future__ import annotations

import csv
import io
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hilum.errors import DiskError, InputError, did_you_mean, nearest
from hilum.files import csv_text, read_json, remove_leftovers, unquoted, whole_file, write_json, write_text


def test_a_failed_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "before")

    def fail_in_the_middle() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail_in_the_middle()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_json_round_trip_and_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"é": [1, None]})
    assert read_json(tmp_path / "deep" / "a.json") == {"é": [1, None]}
    with pytest.raises(ValueError):
        write_json(tmp_path / "nan.json", float("nan"))


def test_a_full_disk_is_one_clear_message(tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    code = """
import sys
from pathlib import Path
from hilum.errors import DiskError
from hilum.files import write_text
try:
    write_text(Path(sys.argv[1]), "x" * 50_000)
except DiskError as error:
    print(error)
"""
    path = tmp_path / "big.txt"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], preexec_fn=limit, capture_output=True, text=True, check=True
    )
    assert "could not write" in done.stdout
    assert "Free some space" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="could not write"):
        write_text(tmp_path / "file" / "below.txt", "x")


def test_nearest_name() -> None:
    assert nearest("oedema", ["Edema", "Fracture"]) == "Edema"
    assert nearest("zzz", ["Edema"]) is None
    assert did_you_mean("zzz", ["Edema", "Fracture"]) == "known: Edema, Fracture"


def test_what_a_killed_write_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    deep = tmp_path / "checkpoints"
    deep.mkdir()
    left = [tmp_path / ".run.json.12-34.partial", deep / ".last.safetensors.1-2.partial"]
    kept = [tmp_path / "run.json", deep / "a.partial", deep / ".hidden"]
    for path in [*left, *kept]:
        path.write_text("")
    remove_leftovers(tmp_path)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)


TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from("=+-@\t\r'\"1.e, \n"), st.characters(codec="utf-8")), max_size=8
)


@given(st.lists(TEXTS, min_size=1, max_size=6), TEXTS)
def test_texts_go_through_a_csv_and_are_no_formula_in_it(texts: list[str], heading: str) -> None:
    assume(heading.strip() and heading not in {"number", "\ufeff"} and "\ufeff" not in heading)
    frame = pl.DataFrame(
        {heading: texts, "number": [-1.5] * len(texts)}, schema_overrides={heading: pl.String}
    )
    rows = list(csv.reader(io.StringIO(csv_text(frame), newline="")))
    written = [row[0] for row in rows]
    read = pl.DataFrame({"first": written}).select(unquoted(pl.col("first")))
    assert read["first"].to_list() == [heading, *texts]
    assert [row[1] for row in rows[1:]] == ["-1.5"] * len(texts)
    for text in written:
        assert text[:1] not in set("=+-@\t\r") or re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", '"\'\r=1"'),
        ("'=1", "''=1"),
        ("'-1", "''-1"),
        ("'60s", "'60s"),
        ("-1", "-1"),
        ("+1.5e-3", "+1.5e-3"),
        ("a=b", "a=b"),
        ("", '""'),
    ],
)
def test_the_rule_for_formulas(text: str, written: str) -> None:
    assert csv_text(pl.DataFrame({"a": [text]})) == f"a\n{written}\n"


def test_a_name_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot hold the name .*x\udcff.png.*not UTF-8"):
        write_json(tmp_path / "a.json", {"path": "films/x\udcff.png"})
    assert not list(tmp_path.iterdir())
