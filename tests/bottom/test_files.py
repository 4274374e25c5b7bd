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
from hilum.files import (
    csv_text,
    read_json,
    read_parquet,
    read_toml,
    remove_leftovers,
    unquoted,
    whole_file,
    write_json,
    write_parquet,
    write_text,
)


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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": [-Infinity]}', "-Infinity is no number"),
        ('{"a": 1e999}', "1e999 is no number"),
        ('{"a": 9223372036854775808}', "no number that 64 bits hold"),
        ('{"a": -' + "9" * 5000 + "}", "no number that 64 bits hold"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "names 'c' twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("", "Expecting value"),
        ("\ufeff{}", "BOM"),
        ("{}\0", "Extra data"),
    ],
)
def test_what_is_no_json_is_a_value_error(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=why):
        read_json(tmp_path / "a.json")


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(plain_values)
def test_json_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "given.json"
    write_json(path, value)
    assert read_json(path) == value


def test_a_parquet_file_is_what_was_written_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pl.DataFrame({"id": ["a", "b"], "n": [1, 2]})
    path = tmp_path / "[a]*.parquet"  # a pattern to polars
    write_parquet(path, frame)
    frame[:1].write_parquet(tmp_path / "a.parquet")
    assert read_parquet(path, {"id": pl.String, "n": pl.Int64}).equals(frame)
    for columns, why in (
        ({"n": pl.Float64}, "column 'n' should be Float64, it is Int64"),
        ({"m": pl.Int64}, "column 'm' should be Int64, it is missing"),
    ):
        with pytest.raises(pl.exceptions.SchemaError, match=why):
            read_parquet(path, columns)

    def panic(source: object) -> None:
        del source
        raise pl.exceptions.PanicException("assertion failed")

    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.raises(pl.exceptions.ComputeError, match="is damaged"):
        read_parquet(path)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "a = " + "{b=" * 100_000, "a = 1\na = 2", "\ufeffa = 1", "a\0"]
)
def test_what_is_no_toml_is_a_value_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"nested|line 1|overwrite|Invalid|Expected"):
        read_toml(tmp_path / "a.toml")


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
