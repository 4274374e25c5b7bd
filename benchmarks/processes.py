"""Commands in processes of their own that can be killed, and what is left of them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path


def start(work: Sequence[str] | Callable[[], object], folder: Path) -> int:
    """Do something in a new process, in a session of its own, with what it says in a file; returns its id.

    It is a copy of this process, which has imported what takes long, so that kills hit the work.
    """
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setsid()
        said = os.open(folder / f"said-{os.getpid()}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        if callable(work):
            work()
            code = 0
        else:
            from hilum.cli import main

            sys.argv = ["hilum", *work]
            code = main(list(work))
        sys.stdout.flush()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(code)


def wait(process: int) -> tuple[int, str]:
    """Exit code and last line of what was said."""
    _, status = os.waitpid(process, 0)
    said = Path.cwd() / f"said-{process}"
    text = said.read_text(errors="replace").strip() if said.exists() else ""
    return os.waitstatus_to_exitcode(status), text[-400:]


def session(process: int, seconds: float = 60) -> list[int]:
    """Processes of a killed command's session that are still there after so long."""
    end = time.monotonic() + seconds
    while (there := [pid for pid, of in sessions() if of == process]) and time.monotonic() < end:
        time.sleep(0.2)
    return there


def sessions() -> Iterator[tuple[int, int]]:
    """Process ids and their sessions; zombies are none."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = path.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if state != "Z":
            yield int(path.parent.name), int(of)
