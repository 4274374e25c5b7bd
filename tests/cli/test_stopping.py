"""Ctrl-C, SIGTERM and a reader that has gone: one message or none, no traceback, and nothing half-done is left."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

import hilum.progress
from hilum.cli import app, main
from hilum.progress import heartbeat, if_stopped, progress, tell

HILUM = [sys.executable, "-m", "hilum"]


def hearing() -> None:
    """A shell that begins the tests in the background has all of them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(command: list[object], folder: Path, until: str) -> subprocess.Popen[str]:
    """A command in a session of its own, once a folder has something that matches."""
    process = subprocess.Popen(
        [*HILUM, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hearing,
    )
    end = time.monotonic() + 60
    while not list(folder.glob(until)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_study_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    out = tmp_path / "study"
    process = started(["phantom", "--out", out, "--patients", 4000], tmp_path, ".study.*.partial/*")
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    try:
        said, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert err.count("hilum: stopped. What was there before is as it was") == 1
    assert said == ""
    assert not list(tmp_path.iterdir())


def raising(error: BaseException, note: str = "") -> object:
    def command() -> None:
        with if_stopped(note) if note else if_stopped("-"):
            raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped. It keeps a. Go on."),
        (app.Terminated(), 143, "stopped. It keeps a. Go on."),
    ],
)
def test_what_is_kept_is_said_once(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(app, "COMMANDS", {"Start": (named(raising(error, "It keeps a. Go on.")),)})
    assert main(["only"]) == code
    assert capsys.readouterr().err.strip().splitlines() == [f"hilum: {said}"]


def named(function: object) -> object:
    function.__name__ = "only"  # type: ignore[attr-defined]
    return function


def test_a_reader_that_has_gone_is_no_error() -> None:
    """As `hilum ... | head` does, with little and with much to print."""
    script = (
        "import sys\n"
        "from hilum.cli import app\n"
        "import typer\n"
        "def only():\n"
        "    for number in range({}):\n"
        "        typer.echo(f'row {{number}}')\n"
        "app.COMMANDS = {{'Start': (only,)}}\n"
        "sys.exit(app.main(['only']))\n"
    )
    for rows in (1, 100_000):
        code = f'set -o pipefail; {shlex.quote(sys.executable)} -c "$1" | true'
        done = subprocess.run(
            ["bash", "-c", code, "-", script.format(rows)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_table_for_a_reader_that_has_gone() -> None:
    code = f"set -o pipefail; {shlex.quote(sys.executable)} -m hilum models | head -1"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("command", ["sources", "models", "sources csv"])
def test_a_full_disk_under_what_is_printed_is_one_sentence(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*HILUM, *command.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    said = "what was printed, or a file, could not be read or written: No space left on device."
    assert done.stderr == f"hilum: {said}\n"


def test_work_goes_on_where_nobody_reads_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, _: str) -> None:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    tell("a line")


def test_a_silent_step_is_told_of(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(hilum.progress, "SECONDS_OF_SILENCE", 0.5)
    with heartbeat("hilum evaluate"):
        time.sleep(1.2)
        with progress("scoring"):
            time.sleep(1.2)
        with progress("fitting", 10, "heads") as advance:
            advance(5)
            time.sleep(1.2)
    first, second, third, *_ = (line for line in capfd.readouterr().err.splitlines())
    assert first.startswith("hilum evaluate: ")
    assert second.startswith("scoring: ")
    assert third.startswith("fitting: 5 of 10 heads")


def test_an_ordinary_exit_is_none_of_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def only() -> None:
        raise typer.Exit(1)

    monkeypatch.setattr(app, "COMMANDS", {"Start": (only,)})
    assert main(["only"]) == 1
