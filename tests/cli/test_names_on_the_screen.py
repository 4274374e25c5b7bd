"""What commands print of names: the names, and nothing that a terminal or a reader would obey."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest

from hilum import api
from hilum.cli import main
from hilum.config import PrepareConfig
from hilum.files import csv_text
from hilum.pixels import Pack, build_pack
from hilum.table import Table
from hilum.text import UNSEEN, visible
from nasty_names import NASTY

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
NAMES = [
    "[bold]M[/bold] \x1b[31mR",
    "<img src=x> :smile: [/i]",
    "../a/b $x$ $y$",
    "=1+1 \x9b31m \u202edef",
    "\x1b]8;;x\x07two\nlines, a\ttab",
    "quo\"te's \U0001f600 {{7*7}}",
    NASTY["long"],
]
"""Several kinds in each, because every finding costs a command time; SHORT are those that no table folds."""
SHORT = set(NAMES[:-1])
ROWS = 72
RECIPE = """
name = "../=r [red]\\u001b[31m/x"
prepare.size = 32
split.valid = 0.3
split.test = 0.3
model.name = "densenet-small"
train.epochs = 1
train.batch = 32
train.device = "cpu"
scores.replicates = 100
"""


def said(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack whose findings are all of NASTY and whose images and patients are called so, and two runs on it."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "films").mkdir()
    rng = np.random.default_rng(0)
    for row in range(ROWS):
        cv2.imwrite(str(folder / "films" / f"{row}.png"), rng.integers(0, 255, (32, 32), dtype=np.uint8))
    ids = [f"{NAMES[row % len(NAMES)]} {row}" for row in range(ROWS)]
    frame: dict[str, Any] = {"image_id": ids, "path": [f"{row}.png" for row in range(ROWS)]}
    frame |= {"patient_id": ids, "source": ["csv"] * ROWS}
    columns = {name: pl.Series(rng.integers(0, 2, ROWS), dtype=pl.Int8) for name in NAMES}
    table = Table.make(pl.DataFrame(frame | columns), NAMES, folder / "films")
    build_pack(table, folder / "pack", PrepareConfig(size=32))
    (folder / "r.toml").write_text(RECIPE)
    for rate in ("0.01", "0.001"):
        command = ["train", folder / "r.toml", "--data", folder / "pack", "--out", folder / "runs", "--quiet"]
        assert main([*map(str, command), "--set", f"optimizer.lr={rate}", "--json"]) == 0
    for run in (folder / "runs").iterdir():
        assert said("evaluate", run, "--device", "cpu")[0] == 0
    return folder


@pytest.fixture(scope="module")
def run(lab: Path) -> Path:
    """The first run's folder."""
    return min((lab / "runs").iterdir())


@pytest.fixture(scope="module")
def store(lab: Path, run: Path) -> Path:
    """Vectors of the pack's images by the first run."""
    assert said("embed", run, "--data", lab / "pack", "--out", lab / "store", "--device", "cpu")[0] == 0
    return lab / "store"


def check(code: int, out: str, err: str) -> None:
    assert code == 0, err
    assert "Traceback" not in err
    assert not OBEYED.findall(out + err)


def named(text: str) -> set[str]:
    """Which of the names stand in a text as they are."""
    flat = "".join(text.split())
    return {name for name in SHORT if "".join(visible(name).split()) in flat}


@pytest.mark.parametrize(
    "command",
    ["evaluate RUN", "runs show RUN", "compare RUN OTHER"],
)
def test_every_finding_is_printed_as_it_is(lab: Path, run: Path, command: str) -> None:
    places = {"RUN": run, "OTHER": lab / "runs" / f"{run.name[:-1]}2"}
    if "OTHER" in command:
        api.judge(places["OTHER"], "test", device="cpu")
    found = said(*(places.get(word, word) for word in command.split()))
    check(*found)
    assert named(found[1]) == SHORT


@pytest.mark.parametrize(
    "command",
    ["evaluate RUN", "runs show RUN", "runs show RUN --epochs", "predict RUN FILM", "data-report PACK"],
)
def test_every_name_is_whole_in_json(lab: Path, run: Path, command: str) -> None:
    places = {"RUN": run, "PACK": lab / "pack", "FILM": lab / "films" / "0.png"}
    code, out, err = said(*(places.get(word, word) for word in command.split()), "--json")
    check(code, out, err)
    text = json.dumps(json.loads(out))
    assert [name for name in NAMES if json.dumps(name)[1:-1] not in text] == []


@pytest.mark.parametrize(
    "command",
    [
        "runs --folder RUNS",
        "report RUN",
        "data-report PACK",
        "predict RUN FILM",
        "runs show RUN --epochs --per-finding",
    ],
)
def test_what_cuts_or_folds_names_is_harmless(lab: Path, run: Path, command: str) -> None:
    places = {"RUN": run, "RUNS": lab / "runs", "PACK": lab / "pack", "FILM": lab / "films" / "0.png"}
    check(*said(*(places.get(word, word) for word in command.split())))


def test_a_recipe_s_name_is_no_path(lab: Path) -> None:
    assert sorted(path.name for path in (lab / "runs").iterdir()) == ["r-red-31m-x-1", "r-red-31m-x-2"]
    assert sorted(path.name for path in lab.iterdir() if path.is_dir()) >= ["films", "pack", "runs"]


def test_heads_noise_and_similar(lab: Path, store: Path, tmp_path: Path) -> None:
    some = [word for name in NAMES[:2] for word in ("--finding", name)]
    how = ["--kind", "logistic", "--pooling", "avg", "--folds", "2"]
    found = said("heads", store, "--recipe", lab / "r.toml", "--out", tmp_path, *some, *how)
    check(*found)
    assert named(found[1]) == set(NAMES[:2])
    found = said(
        "noise", store, *some, "--repeats", "1", "--folds", "2", "--top", "1", "--out", tmp_path / "out"
    )
    check(*found)
    assert named(found[1]) >= set(NAMES[:2])
    ids = Pack(lab / "pack").table.image_ids
    found = said("similar", store, ids[1], "--top", "60", "--out", tmp_path / "similar.html")
    check(*found)
    assert "<img src=x> :smile: [/i]" in found[1]


def test_ensemble(lab: Path, tmp_path: Path) -> None:
    found = said("ensemble", *sorted((lab / "runs").iterdir()), "--out", tmp_path / "mean")
    check(*found)
    assert named(found[1]) == SHORT


@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_a_table_with_this_heading_is_read_or_refused(tmp_path: Path, name: str) -> None:
    columns = {
        "path": [f"{n}.png" for n in range(80)],
        "patient": range(80),
        name: [n % 2 for n in range(80)],
    }
    (tmp_path / "table.csv").write_text(csv_text(pl.DataFrame(columns)), encoding="utf-8", newline="")
    code, out, err = said("doctor", "csv", tmp_path, "--fast")
    assert code in (0, 1, 2)
    assert not OBEYED.findall(out + err)
    told = "".join((out + err).split())
    ways = (visible(name), UNSEEN.sub("", name))  # shown, or left out where ids and headings get one spelling
    assert any("".join(way[:20].split()) in told for way in ways)


def refuse(commands: Iterable[Sequence[object]]) -> None:
    for command in commands:
        code, out, err = said(*command)
        assert code == 2, command
        assert not OBEYED.findall(out + err)
        assert "Traceback" not in err


@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_a_wrong_command_line_is_told_as_it_is(tmp_path: Path, name: str) -> None:
    refuse([["runs", "--folder", tmp_path / f"no{name}"], [f"--{name}"], [name]])


@pytest.mark.parametrize("part", range(4))
def test_a_wrong_command_line_of_several_names_is_told_as_it_is(tmp_path: Path, part: int) -> None:
    name = " ".join([*NASTY.values()][part::4])
    refuse(
        [
            *(["train", name, "--data", name], ["evaluate", name, name], ["doctor", name, name]),
            ["pack", "csv", ".", "--out", "p", "--size", name],
            ["doctor", "csv", tmp_path, "--option", f"{name}=1"],
        ]
    )


def test_colours_still_reach_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    (tmp_path / "table.csv").write_text("path,patient,\x1b[31mRed\x1b[0m\na.png,1,1\nb.png,2,0\n")
    _, out, _ = said("sources")
    assert "\x1b[1m" in out
    assert "\x1b[" in said("--help")[1]
    assert "\x1b[31mRed" not in said("doctor", "csv", tmp_path, "--fast")[1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_that_an_encoding_lacks_are_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    monkeypatch.setattr("sys.stdout", stream)
    name = "\u80f8\u6c34"
    (tmp_path / "table.csv").write_text(f"path,patient,{name}\na.png,1,1\nb.png,2,0\n", encoding="utf-8")
    assert main(["doctor", "csv", str(tmp_path), "--fast"]) in (0, 1)
    told = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert (name if encoding == "utf-8" else r"\u80f8\u6c34") in told
    stream.seek(0)
    stream.truncate()
    assert main(["doctor", "csv", str(tmp_path), "--fast", "--json"]) in (0, 1)
    assert name in json.dumps(json.loads(stream.buffer.getvalue()), ensure_ascii=False)  # type: ignore[attr-defined]
