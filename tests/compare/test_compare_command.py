"""`hilum compare` as a user types it, its page and its files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest

from compared_runs import FINDINGS, compare_lab, make_lab, make_run
from hilum import api
from hilum.compare import RunsCompared

Hilum = Callable[..., Any]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lab(tmp_path_factory.mktemp("lab") / "runs")


@pytest.fixture(scope="module")
def everything(lab: Path) -> RunsCompared:
    return compare_lab(lab)


def test_what_is_printed(lab: Path, hilum: Hilum) -> None:
    code, out, err = hilum(
        "compare", *sorted(lab.glob("plain-*")), *sorted(lab.glob("clahe-*")), lab / "weak-1"
    )
    assert (code, err) == (0, "")
    assert "ROC AUC, mean over findings: test, 400 images of 200 patients" in out
    assert "clahe against plain" in out
    assert "sd over seeds" in out
    assert re.search(r"mean over findings.*better", out)
    assert "They differ in prepare.clahe, model.name (--settings shows how)." in out
    lines = out.strip().splitlines()
    assert lines[-2].startswith("clahe is better than plain: mean ROC AUC 0.")
    assert lines[-1].startswith("weak-1 is worse than plain: mean ROC AUC 0.")


def test_two_single_runs_and_one_finding(lab: Path, hilum: Hilum) -> None:
    code, out, _ = hilum(
        "compare", lab / "plain-1", lab / "clahe-1", "--finding", "Edema", "--by", "average_precision"
    )
    assert code == 0
    assert "AP: test" in out
    assert "sd over seeds" not in out
    assert "mean over findings" not in out
    assert "note: One run each" in out


def test_json(lab: Path, hilum: Hilum, everything: RunsCompared) -> None:
    code, out, _ = hilum("compare", lab / "plain-1", lab / "weak-1", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["comparisons"][0]["effects"][-1]["verdict"] == "worse"
    assert found["settings"] == {"model.name": ["resnet18", "densenet121"]}
    assert len(everything.to_json()["groups"]) == 3


def test_settings_alone(lab: Path, hilum: Hilum) -> None:
    runs = [lab / "plain-1", lab / "plain-2", lab / "clahe-1", lab / "weak-1"]
    code, out, _ = hilum("compare", *runs, "--settings")
    assert code == 0
    assert "plain (2 runs)" in out
    assert re.search(r"model.name +resnet18 +resnet18 +densenet121", out)
    assert "train.epochs" not in out
    assert "better" not in out
    code, out, _ = hilum("compare", *runs, "--settings", "--json")
    assert json.loads(out)["prepare.clahe"] == {"plain": 0.0, "clahe-1": 2.0, "weak-1": 0.0}
    code, out, _ = hilum("compare", lab / "plain-1", lab / "plain-2", "--settings")
    assert (code, out.strip()) == (0, "These runs are of one recipe: they differ in the seed alone.")


def test_settings_of_runs_that_cannot_be_compared(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    other = make_run(
        tmp_path, "other", split="0", config={"data": {"findings": ["Edema"]}}, findings=("Edema",)
    )
    code, out, _ = hilum("compare", lab / "plain-1", other.path, "--settings")
    assert code == 0
    assert re.search(r"data.findings +none +Edema", out)


def test_seeds_of_one_recipe(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    code, out, _ = hilum("compare", lab / "plain-1", lab / "plain-2", "--out", tmp_path / "out")
    assert code == 0
    assert "All 2 runs are of one recipe" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["compare.html", "compare.json"]
    assert "2 seeds of plain" in (tmp_path / "out" / "compare.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{lab}/plain-1"], "two runs at least"),
        (["{lab}/plain-1", "{lab}/plain-1"], "named twice"),
        (["{lab}/plain-1", "{lab}/clahe-9"], "Did you mean"),
        (["{lab}/plain-1", "{lab}/clahe-1", "--by", "roc_acu"], "did you mean 'roc_auc'"),
        (["{lab}/plain-1", "{lab}/clahe-1", "--part", "tests"], "did you mean 'test'"),
        (["{lab}/plain-1", "{lab}/clahe-1", "--part", "train"], "no finished epoch"),
        (["{lab}/plain-1", "{lab}/clahe-1", "--finding", "Hernia"], "no finding 'Hernia'"),
        (["{lab}/plain-1", "{lab}/clahe-1", "--out", "{lab}/plain-1/run.json"], "is a file"),
    ],
)
def test_wrong_input_is_one_message(lab: Path, hilum: Hilum, arguments: list[str], said: str) -> None:
    code, out, err = hilum("compare", *(argument.format(lab=lab) for argument in arguments))
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_files_of_a_comparison(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    code, printed, _ = hilum("compare", lab / "plain-1", lab / "clahe-1", lab / "weak-1", "--out", out)
    assert code == 0
    assert f"page: {out / 'compare.html'}" in printed.replace("\n", "")
    names = ["compare.html", "compare.json", "compare.png", "compare.svg", "effects.parquet"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert (out / "compare.png").read_bytes().startswith(b"\x89PNG")
    ElementTree.parse(out / "compare.svg")
    numbers = json.loads((out / "compare.json").read_text())
    frame = pl.read_parquet(out / "effects.parquet")
    assert frame.height == 2 * (len(FINDINGS) + 1)
    assert frame["p"].to_list() == [e["p"] for c in numbers["comparisons"] for e in c["effects"]]


def test_the_page_stands_alone_and_says_it_all(lab: Path, tmp_path: Path) -> None:
    api.compare([lab / "plain-1", lab / "clahe-1"], out=tmp_path)
    page = unescape((tmp_path / "compare.html").read_text())
    for outside in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert outside.startswith(("data:", "#"))
    compared = api.compare([lab / "plain-1", lab / "clahe-1"])
    assert compared.sentences[0] in page
    assert all(warning in page for warning in compared.warnings)


def test_settings_and_the_level_are_spelled_out_on_the_page(tmp_path: Path) -> None:
    config = {"scores": {"level": 0.9}, "clean": {"views": ["frontal"]}}
    one = make_run(tmp_path, "a", config=config)
    api.compare([one, make_run(tmp_path, "b", config={"scores": {"level": 0.9}}, recipe=1)], out=tmp_path)
    page = (tmp_path / "compare.html").read_text()
    assert "Below 0.1 the verdict is better or worse" in page
    assert '<td class="text">frontal</td><td class="text">none</td>' in page


def test_names_are_escaped(lab: Path, tmp_path: Path) -> None:
    odd = make_run(tmp_path / "runs", "a", config={"notes": "x", "model": {"name": "resnet34"}})
    odd.path.rename(tmp_path / "<b>x")
    api.compare([lab / "plain-1", tmp_path / "<b>x"], out=tmp_path / "out")
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page
