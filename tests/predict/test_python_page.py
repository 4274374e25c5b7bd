"""What the page on Python shows is run, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.slow
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["images"].shape == (4, 1, 64, 64)
    assert names["logits"].shape == (4, 2)
    frame = pl.read_csv(tmp_path / "predictions.csv")
    documented = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert frame.columns == documented == names["predicted"].frame().columns
    assert frame.height == 2 * (1 + len(names["pack"]))
    assert "<table" in names["run"]._repr_html_()
