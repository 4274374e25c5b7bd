"""Progress off a terminal: few plain lines, on standard error."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hilum.progress as module
from hilum.progress import progress, say, tell


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


def test_what_hilum_says_is_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    say("one thing")
    tell("a line of a table")
    assert [(one.name, one.levelname, one.getMessage()) for one in caplog.records] == [
        ("hilum", "INFO", "one thing"),
        ("hilum.progress", "INFO", "a line of a table"),
    ]
    assert capfd.readouterr().err == "hilum: one thing\na line of a table\n"


@pytest.mark.parametrize(
    ("setup", "seen"),
    [
        ("pass", "hilum: \\x1b one\n"),
        ("logging.basicConfig()", ""),
        ("logging.basicConfig(level='INFO')", "INFO:hilum:\x1b one\n"),
        ("logging.getLogger('hilum').addHandler(logging.NullHandler())", ""),
    ],
)
def test_without_the_command_line_the_users_logging_decides(setup: str, seen: str) -> None:
    code = f"import logging\nfrom hilum.progress import say\n{setup}\nsay('\\x1b one')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == seen
