"""The search of heads in a run's report: what was tried, on one scale, and how sure the choice is."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from hilum.heads import Candidate, SearchRecord, TriedHead
from hilum.report import write_report
from hilum.report.search_figure import _limits, _search_plot, search_panel
from hilum.runs import Run


def make_record(candidates: Sequence[Candidate], by: str = "roc_auc", **other: Any) -> SearchRecord:
    """Heads that are the better the nearer C is to 0.1, those of L1 with a small C of no use."""
    entries = []
    for candidate in candidates:
        off = abs(math.log10(candidate.C) + 1)
        useless = candidate.penalty == "l1" and candidate.C < 0.002
        score = 0.5 if useless else 0.95 - 0.005 * off - 0.001 * (candidate.pooling == "max")
        entries.append(TriedHead(candidate, score, score - 0.01, score + 0.01, {"Edema": score}, 0.1))
    entries.sort(key=lambda entry: -entry.score)
    encoder = {"name": "tiny net", "origin": "runs/a", "fingerprint": "ab12"}
    record = SearchRecord(tuple(entries), by, 5, 0, 3, 4800, 2500, "features", encoder, "", 9.0)
    return replace(record, **other)


def marks(figure: Figure, size: int = 4) -> list[list[tuple[float, float]]]:
    """Places of the marks of each panel; of size 11 is the winner's ring."""
    return [
        [
            (float(x), float(y))
            for line in axes.lines
            if line.get_markersize() == size
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        ]
        for axes in figure.axes
    ]


def test_every_head_has_a_mark_of_its_own_place() -> None:
    record = make_record(Candidate.grid())
    figure = _search_plot(record)
    found = marks(figure)
    assert [len(panel) for panel in found] == [78, 42, 66, 18, 36]
    for panel in found:
        assert len({x for x, _ in panel}) == len(panel), "no interval hides another"
    (ring,) = (place for panel in marks(figure, 11) for place in panel)
    assert ring[1] == record.winner.score


def test_useless_heads_do_not_flatten_the_others() -> None:
    record = make_record(Candidate.grid(["logistic"]))
    low, high = _limits(record)
    assert 0.75 < low < high < 1
    edge = [y for panel in marks(_search_plot(record)) for _, y in panel if math.isclose(y, low)]
    assert len(edge) == sum(entry.score == 0.5 for entry in record.tried) > 0


@pytest.mark.parametrize(
    "candidates", [Candidate.grid(["knn"], ["avg"]), Candidate.drawn(40, 1), Candidate.grid(["svm"])[:1]]
)
def test_any_search_can_be_drawn(candidates: tuple[Candidate, ...]) -> None:
    figure = _search_plot(make_record(candidates))
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert axes.get_xticklabels()
        assert all(low <= tick <= high for tick in axes.get_xticks())


def test_scores_and_intervals_may_be_missing() -> None:
    record = make_record(Candidate.grid(["svm"], ["avg"]))
    known = [replace(entry, low=math.nan, high=math.nan) for entry in record.tried]
    none = [replace(entry, score=math.nan) for entry in known]
    assert len(marks(_search_plot(replace(record, tried=tuple(known))))[0]) == len(known)
    assert len(marks(_search_plot(replace(record, tried=(*known[:2], *none[2:]))))[0]) == 2
    panel = search_panel(replace(record, tried=tuple(none)))
    assert panel["best"].text == "–"


@pytest.mark.parametrize(
    ("count", "within", "said"),
    [
        (22, 3, "3 of the 21 other heads cannot be told from it"),
        (22, 21, "All 21 other heads cannot be told from it"),
        (22, 0, "None of the 21 other heads comes near enough"),
        (2, 1, "The other head cannot be told from it"),
        (2, 0, "The other head is worse."),
        (1, 0, "No other head was tried."),
    ],
)
def test_how_sure_the_choice_is(count: int, within: int, said: str) -> None:
    record = make_record(Candidate.grid(["svm"], ["avg"])[:count], within_noise=within)
    assert search_panel(record)["tied"].startswith(said)


def test_a_run_that_was_trained_has_no_search(make_run: Callable[..., Run]) -> None:
    assert search_panel(None) == {}
    assert 'id="search"' not in write_report(make_run(("Edema",))).read_text()


def test_the_report_of_a_head_shows_its_search(make_run: Callable[..., Run]) -> None:
    run = make_run(("Edema",), epochs=1)
    shutil.rmtree(run.path / "epochs")
    record = make_record(Candidate.grid(["logistic", "knn"]))
    record.save(run)
    run.write_info({**run.info, "head": record.brief()})
    html = write_report(run).read_text()
    assert '<a href="#search">Search of heads</a>' in html
    assert 'id="progression"' not in html
    assert "138 heads were tried on the vectors of <code>tiny net</code>" in html
    assert "in 5 folds by patient over 4,800 training images of 2,500 patients, by ROC AUC." in html
    assert f"<strong>{record.winner.candidate.describe()}</strong>: 0.950 (0.940–0.960)" in html
    assert html.count('<th scope="row">10. ') == 1
    assert "Best of each kind: Logistic, L2 0.950 (0.940–0.960); Logistic, L1" in html


def test_the_same_search_is_the_same_picture() -> None:
    record = make_record(Candidate.drawn(30, 2))
    assert search_panel(record)["image"] == search_panel(record)["image"]
    rng = np.random.default_rng(0)
    shuffled = replace(record, tried=tuple(record.tried[i] for i in rng.permutation(30)))
    assert search_panel(shuffled)["image"] != search_panel(record)["image"], "the ring is elsewhere"
