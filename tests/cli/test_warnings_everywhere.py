"""Every kind of warning of a run, in every command that shows the run's scores."""

from __future__ import annotations

import html
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import polars as pl
import pytest

from bright_halves import bright_halves
from hilum import api
from hilum.cli import main
from hilum.config import Config, make_config, write_config
from hilum.files import read_json, write_json
from hilum.metrics import of_part
from hilum.pixels import build_pack
from hilum.runs import Run
from hilum.table import BY_IMAGE, Table

SIZE = 32
DUPLICATES = "12 images of the test part are copies of training images."
KINDS = {
    "split by image": BY_IMAGE,
    "several sources": "The images are of 2 sources: harbour (32 images), riverside (32 images). ",
    "a backbone that saw them": "/base-1 was trained on ",
    "what train found": DUPLICATES,
}
TEST = ("evaluate", "evaluate --json", "evaluate --finding", "api.evaluate", "compare", "compare --json")
VALID = ("train", "train --json", "ensemble", "ensemble --json", "runs show of the ensemble")
BOTH = ("runs", "runs --json", "runs show", "runs show --json", "report.html", "a notebook")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of two sources, a run on it, and a recipe that starts from that run with another split."""
    folder = tmp_path_factory.mktemp("warned")
    pack = bright_halves(folder, 64, side=SIZE, size=SIZE, gain=60, per_patient=2)
    source = pl.Series("source", ["harbour", "harbour", "riverside", "riverside"] * 16)
    table = Table.make(pack.table.frame.with_columns(source), pack.table.findings, pack.table.root)
    pack = build_pack(table, folder / "two", pack.prepare, workers=1)
    api.train(recipe(pack.path, "base"), out=folder / "runs", quiet=True)
    write_config(recipe(pack.path, "warned"), folder / "warned.toml")
    return folder


def recipe(pack: Path, name: str) -> Config:
    return make_config(
        {
            "name": name,
            "data": {"path": str(pack)},
            "split": {"test": 0.3, "seed": 3},
            "prepare": {"size": SIZE},
            "model": {"name": "densenet-small"},
            "train": {"epochs": 1, "batch": 16, "precision": "fp32", "device": "cpu"},
            "scores": {"replicates": 100},
            "track": {"tensorboard": "off"},
        }
    )


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, str]:
    """Command -> what it printed, of JSON what stands under `warnings`."""
    runs = folder / "runs"
    changes = ["--set", "split.by=image", "--set", f"model.weights={runs / 'base-1'}"]
    train = ["train", folder / "warned.toml", *changes, "--out", runs, "--quiet"]
    found = {"train": call(*train), "train --json": under(call(*train, "--set", "seed=1", "--json"))}
    for name in ("warned-1", "warned-2"):
        info = read_json(runs / name / "run.json")
        write_json(runs / name / "run.json", {**info, "warnings": [*info["warnings"], DUPLICATES]})
    one, two = runs / "warned-1", runs / "warned-2"
    commands: dict[str, list[object]] = {
        "evaluate": ["evaluate", one],
        "evaluate --finding": ["evaluate", one, "--finding", "Top"],
        "runs": ["runs", "--folder", runs],
        "runs show": ["runs", "show", one],
        "ensemble": ["ensemble", one, two, "--out", runs / "mean"],
        "runs show of the ensemble": ["runs", "show", runs / "mean"],
    }
    call("evaluate", two)
    found |= {name: call(*words) for name, words in commands.items()}
    found["compare"] = call("compare", one, two)
    found["evaluate --json"] = under(call("evaluate", one, "--json"))
    found["compare --json"] = under(call("compare", one, two, "--json"))
    found["runs show --json"] = under(call("runs", "show", one, "--json"))
    found["ensemble --json"] = under(call("ensemble", one, two, "--out", runs / "mean-2", "--json"))
    rows = json.loads(call("runs", "--folder", runs, "--json"))
    found["runs --json"] = "\n".join(next(row["warnings"] for row in rows if row["run"] == "warned-1"))
    found["report.html"] = html.unescape((one / "report.html").read_text())
    found["a notebook"] = html.unescape(Run(one)._repr_html_())
    found["api.evaluate"] = "\n".join(api.evaluate(one, "test").select(["Left"]).warnings)
    return found


def call(*words: object) -> str:
    """What a command prints on both streams."""
    told = StringIO()
    with redirect_stdout(told), redirect_stderr(told):
        assert main([str(word) for word in words]) == 0, told.getvalue()
    return told.getvalue()


def under(text: str) -> str:
    return "\n".join(json.loads(text[text.index("{") :])["warnings"])


CASES = [
    (kind, command)
    for kind in KINDS
    for command in (*TEST, *VALID, *BOTH)
    if not (kind == "what train found" and command.startswith("train"))
]


@pytest.mark.parametrize(("kind", "command"), CASES)
def test_said(said: dict[str, str], kind: str, command: str) -> None:
    assert said[command].count(KINDS[kind]) == 1, said[command]


@pytest.mark.parametrize("command", ["train", "ensemble", "runs", "runs show"])
def test_scores_of_validation_say_that_it_chose(said: dict[str, str], command: str) -> None:
    assert of_part("valid")[0] in said[command]
    assert said[command].count(of_part("valid")[0]) == 1


@pytest.mark.parametrize("command", ["evaluate", "api.evaluate", "compare"])
def test_scores_of_test_do_not(said: dict[str, str], command: str) -> None:
    assert of_part("valid")[0] not in said[command]


@pytest.mark.parametrize("command", ["evaluate", "report.html", "runs", "runs show"])
def test_how_often_the_test_part_was_scored(said: dict[str, str], command: str) -> None:
    assert "images) was scored by 2 runs of this folder: the best of them looks better" in said[command]


def test_a_healthy_run_is_not_warned_of(folder: Path, said: dict[str, str], tmp_path: Path) -> None:  # noqa: ARG001
    run = Run(Path(shutil.copytree(folder / "runs" / "warned-1", tmp_path / "healthy-1")))
    run.write_info({**run.info, "warnings": []})
    data = read_json(run.path / "data.json")
    write_json(run.path / "data.json", {**data, "split": {**data["split"], "by": "patient"}})
    assert run.warnings == ()
    told = [call("evaluate", run.path), call("runs", "show", run.path), call("runs", "--folder", tmp_path)]
    assert not any(sentence in text for sentence in KINDS.values() for text in told)
    assert "scored by 1 run of this folder." in told[0]


def test_an_unfinished_run_says_so_everywhere(folder: Path, said: dict[str, str], tmp_path: Path) -> None:  # noqa: ARG001
    run = Run(Path(shutil.copytree(folder / "runs" / "warned-1", tmp_path / "half-1")))
    run.write_info({**run.info, "status": "stopped"})
    sentence = "The run is not finished (status: stopped); its scores are provisional."
    for words in (["evaluate", run.path], ["runs", "show", run.path], ["runs", "--folder", tmp_path]):
        assert call(*words).count(sentence) == 1
    assert f"half-1: {sentence}" in call("compare", folder / "runs" / "warned-2", run.path)
