"""axe-core finds nothing serious in the report, and a browser asks nobody for anything. Needs Chromium and axe.

`npm pack axe-core`, unpack it, and name its axe.min.js in AXE; or have it in node_modules.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from report_runs import CHEXPERT

from hilum.pixels.pack import Pack
from hilum.report import write_report
from hilum.runs import Run

AXE = Path(os.environ.get("AXE", Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHECK = """
axe.run().then(found => {
  const told = {
    violations: found.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html.slice(0, 200))]),
    passes: found.passes.length,
    requests: performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith("data:")),
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
  document.title = "done";
  document.body.innerHTML = "<pre id=told></pre>";
  document.getElementById("told").textContent = JSON.stringify(told);
});
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AXE.is_file(), reason="axe.min.js is not here; see AXE"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


def look(html: str, folder: Path, width: int) -> dict[str, Any]:
    """What axe says of the page in a window of `width` pixels."""
    page, frame = folder / "page.html", folder / "frame.html"
    script = f"<script>{AXE.read_text(encoding='utf-8')}</script><script>{CHECK}</script></body>"
    page.write_text(html.replace("</body>", script), encoding="utf-8")
    # A headless window cannot be narrower than 500 pixels; a frame can.
    frame.write_text(
        f'<iframe src="page.html" style="width:{width}px;height:900px"></iframe><script>setInterval(() => {{'
        'const told = frames[0] && frames[0].document.getElementById("told");'
        "if (told) document.body.innerHTML = told.outerHTML; }, 50);</script>"
    )
    done = subprocess.run(
        [
            *(
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
            ),
            *("--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}"),
            *("--virtual-time-budget=30000", f"--window-size={max(width, 500)},1000", "--dump-dom"),
            (page if width >= 500 else frame).as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stdout[-500:]
    found: dict[str, Any] = json.loads(unescape(told[1]))
    return found


@pytest.mark.parametrize("width", [1400, 400])
def test_axe_finds_nothing_serious(
    make_run: Callable[..., Run], small_pack: Pack, tmp_path: Path, width: int
) -> None:
    run = make_run(
        CHEXPERT[:5], pack=small_pack, config={"scores": {"calibrate": "platt", "threshold": "f1"}}
    )
    html = write_report(run).read_text(encoding="utf-8").replace("<details", "<details open")
    found = look(html, tmp_path, width)
    assert [v for v in found["violations"] if v[1] in {"serious", "critical"}] == []
    assert found["passes"] > 20
    assert found["requests"] == []
    assert found["wider"] <= 0
