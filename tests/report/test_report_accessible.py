"""axe-core finds nothing serious in the pages, and a browser asks nobody for anything. Needs Chromium and axe.

`npm pack axe-core`, unpack it, and name its axe.min.js in AXE; or have it in node_modules.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from browser import needs_chromium, run_in
from report_runs import CHEXPERT
from report_suspects import make_suspects

from hilum.pixels import Pack
from hilum.report import write_report
from hilum.report.similar_page import write_similar
from hilum.report.suspects_page import write_suspects
from hilum.runs import Run

AXE = Path(os.environ.get("AXE", Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"))
CHECK = """
const found = await axe.run();
tell({
  violations: found.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html.slice(0, 200))]),
  passes: found.passes.length,
  requests: performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith("data:")),
  wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
});
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AXE.is_file(), reason="axe.min.js is not here; see AXE"),
    needs_chromium,
]


def look(page: Path, folder: Path, width: int, before: str = "") -> dict[str, Any]:
    """What axe says of the page in a window of `width` pixels, all details open, after a script of `before`."""
    page.write_text(page.read_text(encoding="utf-8").replace("<details", "<details open"), encoding="utf-8")
    found: dict[str, Any] = run_in(
        page, f"{before}\n{AXE.read_text(encoding='utf-8')}\n{CHECK}", folder, width=width
    )
    return found


def assert_accessible(found: dict[str, Any], passes: int = 20) -> None:
    assert [v for v in found["violations"] if v[1] in {"serious", "critical"}] == []
    assert found["passes"] > passes
    assert found["requests"] == []
    assert found["wider"] <= 0


@pytest.mark.parametrize("width", [1400, 400])
def test_axe_finds_nothing_serious(
    make_run: Callable[..., Run], small_pack: Pack, tmp_path: Path, width: int
) -> None:
    run = make_run(
        CHEXPERT[:5], pack=small_pack, config={"scores": {"calibrate": "platt", "threshold": "f1"}}
    )
    assert_accessible(look(write_report(run), tmp_path, width))


@pytest.mark.parametrize("width", [1400, 400])
def test_nor_in_the_suspects_reviewed_or_not(small_pack: Pack, tmp_path: Path, width: int) -> None:
    page = write_suspects(make_suspects(small_pack, CHEXPERT[:3], each=4), tmp_path)
    review = """document.querySelectorAll(".suspect")[1].querySelector("input").click();
    document.getElementById("download").click();"""
    assert_accessible(look(page, tmp_path, width, review))


@pytest.mark.parametrize("width", [1400, 400])
def test_nor_in_similar_images(small_pack: Pack, tmp_path: Path, width: int) -> None:
    rows = pl.DataFrame({"similarity": [0.9, 0.8, 0.7], "Fracture": [1, None, -1]})
    found = small_pack.table.frame.head(3).hstack(rows)
    pictures = list(small_pack.pixels[:3])
    page = write_similar(
        "asked/for.png", small_pack.pixels[9], found, pictures, ("Edema", "Fracture"), tmp_path
    )
    assert_accessible(look(page, tmp_path, width), 12)
