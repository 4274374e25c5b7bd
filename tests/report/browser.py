"""A page in headless Chromium: what it holds after a script has run in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def run_in(page: Path, script: str, folder: Path, *, width: int = 1400) -> Any:
    """What `script` told of the page by `tell(value)`, a value that JSON can hold.

    Args:
        page: an HTML file; a copy of it is opened, with the script at its end.
        script: JavaScript, run in an async function.
        folder: for the copy and the browser's profile.
        width: of the window, in pixels; under 500 the page lies in a frame.
    """
    tell = (
        'const tell = value => { const told = document.createElement("pre"); told.id = "told";'
        "told.textContent = JSON.stringify(value); document.body.replaceChildren(told); };"
    )
    copy, frame = folder / f"copy-{page.name}", folder / "frame.html"
    ending = f"<script>(async () => {{ {tell}\n{script}\n}})();</script></body>"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", ending), encoding="utf-8")
    # A headless window cannot be narrower than 500 pixels; a frame can.
    frame.write_text(
        f'<iframe src="{copy.name}" style="width:{width}px;height:900px"></iframe><script>setInterval(() => {{'
        'const told = frames[0] && frames[0].document.getElementById("told");'
        "if (told) document.body.innerHTML = told.outerHTML; }, 50);</script>",
        encoding="utf-8",
    )
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
    options += ("--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", "--dump-dom")
    options += ("--virtual-time-budget=30000", f"--window-size={max(width, 500)},1000")
    done = subprocess.run(
        [str(CHROMIUM), *options, (copy if width >= 500 else frame).as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, (done.stdout[-500:], done.stderr[-500:])
    return json.loads(unescape(told[1]))
