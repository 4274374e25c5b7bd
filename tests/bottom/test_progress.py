"""Progress off a terminal: few plain lines, on standard error."""

from __future__ import annotations

import pytest

import hilum.progress as module
from hilum.progress import progress


def test_plain_lines_only_for_long_jobs(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress("packing", 10) as advance:
        advance(5)
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(module, "SECONDS_BEFORE_FIRST_LINE", 0.0)
    with progress("packing", 10) as advance:
        advance(5)
        advance(5)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("packing: 5 of 10 images, ")
    assert captured.err.count("\n") == 1


def test_bar_on_a_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("packing", 3) as advance:
        advance(3)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "packing" in captured.err
    assert "3/3" in captured.err
