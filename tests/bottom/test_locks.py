"""One writer at a time; what killed writers leave is swept; locks of the dead never block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.errors import DiskError, InUse
from hilum.locks import sweep, writing

HOLD = """
import sys, time
from hilum.locks import writing
with writing(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes `tmp_path/run`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_the_second_writer_is_told_who_the_first_is(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(InUse, match=rf"being written by process {holder.pid} on .* since .*: -c .*run"),
        writing(tmp_path / "run"),
    ):
        pass
    sweep(tmp_path)
    assert names(tmp_path) == {".run.hilum-lock"}


def test_a_killed_writers_lock_does_not_block_and_what_it_left_is_swept(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    run = tmp_path / "run"
    (run / "scores").mkdir(parents=True)
    mine = [run / "scores" / f".test.json.{holder.pid}-7.partial", tmp_path / f".run.{holder.pid}.partial"]
    others = [run / ".x.json.1-7.partial", run / f"{holder.pid}.partial", tmp_path / "run.partial"]
    for path in (*mine, *others):
        path.write_text("")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with writing(run):
        assert not any(path.exists() for path in mine)
    assert all(path.exists() for path in others)
    assert not list(tmp_path.glob(".*lock"))


def test_the_next_command_that_meets_them_sweeps_partial_folders(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    (tmp_path / ".ens.4242.partial" / "scores").mkdir(parents=True)
    (tmp_path / ".best.4242.partial").symlink_to("nowhere")
    (tmp_path / f".run.{holder.pid}.partial").mkdir()
    (tmp_path / ".note.4242-1.partial").write_text("")
    with writing(tmp_path / "other"):
        assert names(tmp_path) == {
            f".run.{holder.pid}.partial", ".run.hilum-lock", ".other.hilum-lock", ".note.4242-1.partial",
        }  # fmt: skip


def test_it_may_be_nested_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "run"
    with writing(path), writing(tmp_path / "new" / "deeper" / ".." / "deeper" / "run"):
        assert names(tmp_path) == {"new", "deeper", ".run.hilum-lock"}
    assert not names(tmp_path)


def test_a_link_is_what_it_links_to(tmp_path: Path) -> None:
    (tmp_path / "a-1").mkdir()
    (tmp_path / "best").symlink_to("a-1")
    with writing(tmp_path / "best"):
        assert (tmp_path / ".a-1.hilum-lock").exists()


def test_two_threads_are_two_writers_and_one_may_wait(tmp_path: Path) -> None:
    told: list[str] = []

    def refused() -> None:
        with pytest.raises(InUse), writing(tmp_path / "run"):
            pass
        with writing(tmp_path / "run", wait=True):
            told.append("second")

    with writing(tmp_path / "run"):
        thread = threading.Thread(target=refused)
        thread.start()
        time.sleep(0.2)
        told.append("first")
    thread.join(10)
    assert told == ["first", "second"]


def test_a_lock_file_that_says_nothing_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".run.hilum-lock").write_text("[1")
    with writing(tmp_path / "run"):
        pass
    assert not names(tmp_path)


def test_a_folder_that_cannot_be_made_or_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="could not write"), writing(tmp_path / "file" / "below"):
        pass


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(38, os.strerror(38))

    monkeypatch.setattr("filelock._unix.lock_fd_nonblocking", no_locks)
    with writing(tmp_path / "run"):
        pass
    assert "file system without locks" in capsys.readouterr().err
    assert not names(tmp_path)
