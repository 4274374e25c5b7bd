"""The house stands: import order, file sizes, a light start."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

from benchmarks.house import file_lengths, long_functions
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]


def test_rooms_import_downwards_only(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(ROOT)
    for name in ("hilum", "hilum.progress"):  # import-linter sets logging up anew, and silences all others
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
    assert lint_imports(cache_dir=None) == 0


def test_no_file_is_over_400_lines() -> None:
    assert {name: lines for name, lines in file_lengths(ROOT / "src").items() if lines > 400} == {}


def test_no_function_is_over_40_lines() -> None:
    assert long_functions(ROOT / "src") == {}


def test_help_does_not_import_torch() -> None:
    code = """
import sys
from hilum.cli import main
main(["--help"])
print("heavy:", sorted({"torch", "polars", "cv2", "matplotlib", "numpy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout
