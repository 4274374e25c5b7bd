"""Names in pages, figures and notebooks are text: no tag, no formula, nothing left out."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from hilum.drawing import fitted, new_figure, png, svg
from hilum.errors import RunError
from hilum.files import read_json, write_json
from hilum.metrics import Cell
from hilum.report import write_report
from hilum.report.drawing import subgroup_plot
from hilum.report.html import render
from hilum.runs import Run
from hilum.text import UNSEEN, visible
from nasty_names import NASTY

TAG = "<img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """The attributes of all tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.handlers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handlers += [f"{tag} {name}" for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_a_figure_shows_the_name_and_no_more(name: str) -> None:
    figure, axes = new_figure((4, 3), name, name)
    axes.set_title(name)
    axes.set_yticks([0, 1], [name, "other"])
    drawn = svg(figure).decode()
    texts = "".join(
        "".join(part.itertext()) for part in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
    )
    for line in visible(name, "\n\t").split("\n"):
        assert texts.count(line.strip().replace("\t", "")) or texts.count(line.strip()) >= 3
    assert not UNSEEN.search(drawn.replace("\n", "").replace("\t", ""))
    assert png(figure, dpi=40)


def test_a_group_whose_name_begins_with_an_underscore_is_in_the_legend() -> None:
    scores = {"roc_auc": 0.8}
    cells = [
        Cell("view", value, "Edema", 90, 40, 50, scores, {"roc_auc": (0.7, 0.9)}, False)
        for value in ("_a", "$b$")
    ]
    drawn = svg(subgroup_plot(cells, "roc_auc", "ROC AUC", {"Edema": 0.8})).decode()
    assert ">_a<" in drawn
    assert ">$b$<" in drawn


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("Edema", 1, "Edema"),
        ("Enlarged Cardiomediastinum", 2, "Enlarged\nCardiomediastinum"),
        ("Enlarged Cardiomediastinum", 1, "Enlarged …iastinum"),
        ("x" * 30 + "one", 1, "xxxxxxxxx…xxxxxone"),
        ("", 1, ""),
    ],
)
def test_a_long_name_keeps_both_ends(name: str, lines: int, said: str) -> None:
    assert fitted(name, 18, lines) == said
    assert all(len(line) <= 18 for line in said.split("\n"))


def test_two_long_names_that_begin_alike_stay_apart() -> None:
    names = [f"{'Opacity of the lung, ' * 4}{side}" for side in ("left", "right")]
    assert len({fitted(name, 18, 2) for name in names}) == 2


def test_a_report_of_such_findings(make_run: Callable[..., Run]) -> None:
    names = (TAG, "{{ 7*7 }}", "\x1b[31mRed\x00", "a\u202eb", "$x$")
    run = make_run(names, warnings=(f"{TAG} is few",))
    page = Tags(write_report(run).read_text(encoding="utf-8"))
    assert page.handlers == []
    for name in names:
        assert visible(name) in page.text
    assert not UNSEEN.search(page.text.replace("\n", "").replace("\t", ""))


def test_a_page_shows_controls_and_keeps_its_own_tags() -> None:
    page = render("base.html", {})
    assert "&lt;" not in page.split("<footer>")[1]


def test_a_notebook_shows_a_run_without_tags(make_run: Callable[..., Run]) -> None:
    run = make_run((TAG, "\x1b[31mRed"), config={"name": "r"})
    path = run.path / "run.json"
    write_json(path, {**read_json(path), "status": f"done{TAG}"})
    with pytest.raises(RunError, match="status"):
        Run(run.path)
    write_json(path, {**read_json(path), "status": "done"})
    told = Run(run.path)._repr_html_() + run.predictions("test")._repr_html_()
    assert Tags(told).handlers == []
    assert TAG in Tags(told).text
    assert r"\x1b[31mRed" in told
