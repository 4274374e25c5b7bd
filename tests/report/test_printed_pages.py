"""On paper nothing is cut: every page's print layout, with many findings of long names, at two sizes of paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser import needs_chromium, run_in
from report_runs import CHEXPERT
from report_suspects import make_suspects

from hilum.compare import compare_runs
from hilum.pixels import Pack
from hilum.report import write_report
from hilum.report.compare_page import write_comparison
from hilum.report.dataset.page import write_data_report
from hilum.report.suspects_page import write_suspects
from hilum.runs import Run
from hilum.table import Table

LONG = {
    "Enlarged Cardiomediastinum": "Enlarged cardiomediastinum, seen on frontal films, not explained by rotation",
    "Lung Opacity": "Lung_Opacity_without_any_space_in_its_very_long_machine_made_name_v2",
    "Pleural Other": "$x_1$ <img src=x onerror=alert(1)> & 'quotes'",
}
FINDINGS = tuple(LONG.get(name, name) for name in CHEXPERT)
PAPER = {"A4": 718, "Letter": 739}
"""Width of what is printed, in CSS pixels: the paper less Chromium's margins of 1 cm."""
WIDER = """
const edge = document.body.getBoundingClientRect().right, out = [];
for (const one of document.querySelectorAll("body *")) {
  const box = one.getBoundingClientRect();
  const shown = one.clientWidth && getComputedStyle(one).overflowX === "visible";
  const wider = box.right > edge + 1 || (shown && one.scrollWidth > one.clientWidth + 1);
  if (box.width && wider) out.push([one.tagName, one.className, one.textContent.slice(0, 60)]);
}
tell(out);
"""

pytestmark = [pytest.mark.slow, needs_chromium]


def of_run(make_run: Callable[..., Run], pack: Pack, _folder: Path) -> Path:
    return write_report(make_run(FINDINGS, pack=pack))


def of_data(_make_run: Callable[..., Run], pack: Pack, folder: Path) -> Path:
    codes = [pack.table.frame["Edema"].rename(name) for name in FINDINGS]
    frame = pack.table.frame.drop("Edema").with_columns(codes)
    table = Table(frame, FINDINGS, pack.table.root)
    return write_data_report(pack._replaced(table=table), folder / "data.html")


def of_comparison(make_run: Callable[..., Run], _pack: Pack, folder: Path) -> Path:
    runs = [make_run(FINDINGS, config={"optimizer": {"lr": lr}}) for lr in (0.01, 0.001)]
    return write_comparison(compare_runs(runs), folder)


def of_suspects(_make_run: Callable[..., Run], pack: Pack, folder: Path) -> Path:
    return write_suspects(make_suspects(pack, FINDINGS), folder)


@pytest.mark.parametrize(
    "page", [of_run, of_data, of_comparison, of_suspects], ids=lambda page: page.__name__
)
@pytest.mark.parametrize("paper", PAPER)
def test_no_column_is_cut(
    make_run: Callable[..., Run], small_pack: Pack, tmp_path: Path, page: Callable[..., Path], paper: str
) -> None:
    made = page(make_run, small_pack, tmp_path)
    text = made.read_text(encoding="utf-8").replace("<details", "<details open")
    assert "@media print" in text
    for screen in ("@media (max-width: 34rem)", "@media (max-width: 48rem)"):
        text = text.replace(screen, "@media not all")
    printed = tmp_path / "printed.html"
    printed.write_text(text.replace("@media print", "@media all"), encoding="utf-8")
    assert run_in(printed, WIDER, tmp_path, width=PAPER[paper]) == []
