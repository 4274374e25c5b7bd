"""The page of a comparison and its figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from compared_runs import FINDINGS, compare_lab, make_lab
from hilum.compare import RunsCompared, compare_runs
from hilum.report.compare_page import _contents


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lab(tmp_path_factory.mktemp("lab") / "runs")


@pytest.fixture(scope="module")
def everything(lab: Path) -> RunsCompared:
    return compare_lab(lab)


def test_the_page_shows_every_pair_and_every_group(everything: RunsCompared) -> None:
    shown = _contents(everything)
    assert [pair["name"] for pair in shown["pairs"]] == ["clahe", "weak-1"]
    assert [row["sign"] for row in shown["pairs"][1]["rows"]][-1] == "▼"
    assert shown["groups"][2]["sd"] is None
    assert shown["groups"][0]["runs"][1][:2] == ("plain-2", 1)


def test_the_figure_has_a_mark_a_verdict(everything: RunsCompared) -> None:
    marks_of = {"better": "^", "worse": "v", "not distinguishable": "o"}
    figure = everything.plot()[0].figure
    assert len(figure.axes) == 2
    for axes, comparison in zip(figure.axes, everything.comparisons, strict=True):
        marks = [line for line in axes.lines if line.get_marker() not in ("None", None, "")]
        assert [mark.get_marker() for mark in marks] == [marks_of[e.verdict] for e in comparison.effects]
        assert [mark.get_xdata()[0] for mark in marks] == [e.difference for e in comparison.effects]
        assert [label.get_text() for label in axes.get_yticklabels()] == [*FINDINGS, "mean over findings"]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < high


def test_lower_is_better_is_said(lab: Path) -> None:
    figure = compare_runs([lab / "plain-1", lab / "clahe-1"], by="brier").plot()[0].figure
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "Difference in Brier (lower is better)" in texts
    assert "← clahe-1 better" in texts
