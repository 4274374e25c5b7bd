"""The report: whole, self-contained, and saying what the run's numbers say."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from report_runs import CHEXPERT

from hilum.files import read_json, write_json
from hilum.metrics import over_all
from hilum.pixels import Pack
from hilum.report import write_report
from hilum.report.content import best_epoch
from hilum.report.html import _spans
from hilum.report.numbers import _scored_parts
from hilum.report.page import _duration
from hilum.runs import Run
from hilum.table import BY_IMAGE

MakeRun = Callable[..., Run]
VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Elements, text and faults of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at line {self.getpos()[0]}"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(run: Run) -> Page:
    return Page(write_report(run).read_text(encoding="utf-8"))


@pytest.mark.parametrize("count", [1, 5, 14])
def test_a_report_is_whole_small_and_asks_nobody(make_run: MakeRun, small_pack: Pack, count: int) -> None:
    run = make_run(CHEXPERT[:count], pack=small_pack)
    path = write_report(run)
    assert path == run.path / "report.html"
    assert path.stat().st_size < 5_000_000
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith(("data:", "#"))
    assert not re.search(r"@import|url\(|<script|<link", page.html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {a["href"] for a in page.all("a")} <= {f"#{name}" for name in ids}


def test_a_report_can_be_read_without_seeing_it(make_run: MakeRun, small_pack: Pack) -> None:
    page = page_of(make_run(CHEXPERT[:3], pack=small_pack))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert all(image["alt"] for image in page.all("img"))
    assert all(cell.get("scope") in {"col", "row", "rowgroup"} for cell in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.elements if tag in {"h1", "h2", "h3"}]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    labels = [a.get("aria-labelledby") for _, a in page.elements if a.get("aria-labelledby")]
    assert set(labels) <= {a.get("id") for _, a in page.elements}


def test_scores_of_both_parts_and_their_thresholds_are_shown(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:5], config={"scores": {"threshold": "youden"}})
    page = page_of(run)
    for part in ("test", "valid"):
        scores = run.scores(part)
        assert scores is not None
        for name in ("roc_auc", "average_precision", "recall", "precision", "f1", "f2", "specificity"):
            assert all(f"{value:.3f}" in page.text for value in scores[name]), name
            assert f"{scores.value(name):.3f}" in page.text
        assert all(f"{scores.combined[name]:.3f}" in page.text for name in over_all())
    assert "best Youden index (recall + specificity - 1) on the validation part" in page.text
    assert "With the weights of epoch 4, the mean ROC AUC on the 200 test images is" in page.text
    shown = [
        page.text.index(f"{title}, {images} images") for title, images in (("Test", 200), ("Validation", 160))
    ]
    assert shown == sorted(shown)
    assert "Not a medical device" in page.text


def test_settings_that_differ_come_first(make_run: MakeRun) -> None:
    page = page_of(
        make_run(CHEXPERT[:2], config={"optimizer": {"lr": 3e-4}, "notes": "a trial of <b>mine</b>"})
    )
    changed, unchanged = page.text.split("settings at their defaults", 1)
    assert re.search(r"optimizer\.lr ?0\.0003 ?default 0\.001 ?Peak learning rate", changed)
    assert not re.search(r"optimizer\.lr ?0\.", unchanged), "it is named there in the help of another"
    assert "train.epochs" in unchanged
    assert "a trial of <b>mine</b>" in page.text
    assert "<b>mine" not in page.html
    assert "hilum train trial.toml" in page.text


def test_all_defaults_are_said(make_run: MakeRun) -> None:
    assert "Every setting has its default." in page_of(make_run(CHEXPERT[:1])).text


def test_warnings_are_told_once_and_first(make_run: MakeRun) -> None:
    run = make_run(
        CHEXPERT[:2], warnings=("Edema differs by 4 points.", "Edema differs by 4 points."), test=False
    )
    page = page_of(run)
    assert page.text.count("Edema differs by 4 points.") == 1
    assert page.text.index("Edema differs") < page.text.index("What was asked")
    assert "These are scores of the validation part, which also chose epoch" in page.text


def test_a_split_by_image_is_always_warned_of(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:1])
    data = read_json(run.path / "data.json")
    data["split"]["by"] = "image"
    write_json(run.path / "data.json", data)
    assert BY_IMAGE in page_of(run).text


@pytest.mark.parametrize(("table", "shown"), [("1" * 64, True), ("2" * 64, False)])
def test_a_recipes_figures_are_shown_on_its_own_data_alone(
    make_run: MakeRun, table: str, shown: bool
) -> None:
    run = make_run(CHEXPERT[:1], config={"measured": "ROC AUC 0.9876", "measured_on": table})
    text = page_of(run).text
    assert ("The recipe measured on these data: ROC AUC 0.9876" in text) == shown
    assert ("What the recipe measured is left out: it is of other data." in text) != shown
    assert text.count("0.9876") == shown
    assert "measured" not in page_of(make_run(CHEXPERT[:1])).text.lower()


def test_all_sources_are_named(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:1])
    write_json(run.path / "data.json", {**run.data, "source": "harbour, riverside"})
    text = page_of(run).text
    assert "of 200 patients (harbour, riverside) to recognise" in text
    assert "Sources: harbour, riverside." in text


def test_one_class_only_has_no_curve_and_a_reason(make_run: MakeRun) -> None:
    ids = {
        part: [f"{part}-{row}" for row in range(rows)]
        for part, rows in (("train", 60), ("valid", 4), ("test", 4))
    }
    run = make_run(CHEXPERT, ids=ids, unknown=0.0, epochs=1, best=1)
    page = page_of(run)
    scores = run.scores("test")
    assert scores is not None
    assert scores.reasons
    for finding, reason in scores.reasons.items():
        assert f"{finding}: {reason}." in page.text
    assert "Without both classes in the test part" in page.text


def test_findings_without_a_known_label_do_not_break_it(make_run: MakeRun) -> None:
    page = page_of(make_run(CHEXPERT[:2], unknown=1.0))
    assert "no image of the test part has a known label" in page.text
    assert "so there is no ROC AUC" in page.text


def test_a_run_that_has_just_begun(make_run: MakeRun, small_pack: Pack) -> None:
    page = page_of(make_run(CHEXPERT[:2], epochs=0, pack=small_pack))
    assert "No epoch is finished yet." in page.text
    assert "The run is not finished (status: killed)" in page.text


def test_a_stopped_run_shows_its_best_epoch(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:2], epochs=3, best=2)
    for name in ("valid", "test"):
        (run.path / "scores" / f"{name}.json").unlink()
        (run.path / "predictions" / f"{name}.parquet").unlink()
    run.write_info({**run.info, "status": "stopped"})
    parts = _scored_parts(run)
    assert [part.name for part in parts] == ["valid"]
    assert best_epoch(run) == 2
    assert parts[0].scores.to_json() == run.history[1]["valid"]["scores"]
    assert "The run is not finished (status: stopped)" in page_of(run).text


def test_the_same_run_gives_the_same_bytes(make_run: MakeRun, small_pack: Pack) -> None:
    run = make_run(CHEXPERT[:2], pack=small_pack)
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


def test_names_are_escaped(make_run: MakeRun) -> None:
    page = page_of(make_run(("<script>alert(1)</script>", "A & B")))
    assert "<script" not in page.html
    assert "A & B" in page.text


def test_a_large_report_is_quick(make_run: MakeRun, small_pack: Pack) -> None:
    ids = {
        part: [f"{part}-{row}" for row in range(rows)] for part, rows in (("train", 300), ("valid", 26_000))
    }
    run = make_run(
        CHEXPERT[:12],
        ids={**ids, "test": list(small_pack.table.image_ids)},
        pack=small_pack,
        epochs=2,
        best=1,
    )
    started = time.process_time()
    path = write_report(run)
    assert time.process_time() - started < 15
    assert path.stat().st_size < 5_000_000


def test_small_words() -> None:
    assert [_duration(s) for s in (12.4, 200, 7500)] == ["12 s", "3 min 20 s", "2 h 5 min"]
    assert str(_spans("use `a<b>` or c")) == "use <code>a&lt;b&gt;</code> or c"
    lines = 'of <b>:\n\n  hilum train a --data "b"\n  hilum evaluate `c`\nthen `d`\n  more'
    assert str(_spans(lines)) == (
        'of &lt;b&gt;:\n<code class="line">hilum train a --data &#34;b&#34;</code>'
        '<code class="line">hilum evaluate `c`</code>then <code>d</code><code class="line">more</code>'
    )
