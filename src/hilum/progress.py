"""What a user sees of a long job: a progress bar on a terminal, plain lines elsewhere.

Lines are logged, by `hilum` and `hilum.progress`. The command line shows them on standard error, so that `--json`
stays clean; where nobody reads that any more, the work goes on.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from hilum.text import visible

SECONDS_BETWEEN_LINES = 15.0
SECONDS_BEFORE_FIRST_LINE = 2.0
SECONDS_OF_SILENCE = 25.0
"""After so long without a line, `heartbeat` tells what is being done: a line in every 30 s at least."""

_steps: list[_Step] = []
_last_line = time.monotonic()


@dataclass
class _Step:
    """A part of a long job that is under way."""

    description: str
    total: int
    unit: str
    done: int = 0
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        spent = time.monotonic() - self.started
        if not self.total:
            return f"{self.description}: {spent:,.0f} s so far"
        counted = f"{self.description}: {self.done:,} of {self.total:,} {self.unit}"
        if not self.done:
            return f"{counted}, {spent:,.0f} s so far"
        rate = self.done / max(spent, 1e-6)
        left = (self.total - self.done) / max(rate, 1e-6)
        return f"{counted}, {_told(rate)} {self.unit}/s, {left:,.0f} s left"


class _OnScreen(logging.Handler):
    """A line on standard error for each message, in which names are only text."""

    def emit(self, record: logging.LogRecord) -> None:
        line = f"hilum: {record.getMessage()}" if record.name == "hilum" else record.getMessage()
        with suppress(BrokenPipeError):
            print(visible(line, keep="\n\t"), file=sys.stderr, flush=True)  # noqa: T201


def say(message: str) -> None:
    """Tell the user one thing, through the logger `hilum`."""
    _log("hilum", message)


def tell(line: str) -> None:
    """A line of a long job or a table, through the logger `hilum.progress`."""
    _log("hilum.progress", line)


def _log(name: str, message: str) -> None:
    global _last_line
    _last_line = time.monotonic()
    logger = logging.getLogger(name)
    if logger.hasHandlers():
        logger.info("%s", message)
    else:
        # Nobody has set up logging, as in a notebook: a message is seen all the same.
        _OnScreen().emit(logging.LogRecord(name, logging.INFO, __file__, 0, "%s", (message,), None))


@contextmanager
def on_screen() -> Iterator[None]:
    """Within the block, all that hilum logs is on standard error too: what the command line does."""
    logger, handler = logging.getLogger("hilum"), _OnScreen()
    if any(isinstance(one, _OnScreen) for one in logger.handlers):
        yield
        return
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def progress(
    description: str, total: int = 0, unit: str = "images", *, patience: float | None = None
) -> Iterator[Callable[[int], None]]:
    """Show how far a long job is.

    Args:
        description: what is being done, e.g. `packing`.
        total: how many units there are; 0 where they cannot be counted.
        unit: what is counted.
        patience: seconds before the first line, off a terminal; 2 by default.

    Yields:
        A function to call with the number of units newly done.
    """
    step = _Step(description, total, unit)
    lines = _on_terminal if total and sys.stderr.isatty() else _plain
    patience = SECONDS_BEFORE_FIRST_LINE if patience is None else patience
    _steps.append(step)
    try:
        with lines(step, patience) as advance:
            yield advance
    finally:
        _steps.remove(step)


@contextmanager
def if_stopped(told: str) -> Iterator[None]:
    """Within the block, Ctrl-C or SIGTERM takes along what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(told)
        raise


@contextmanager
def heartbeat(what: str) -> Iterator[None]:
    """Within the block, off a terminal, what is being done is told where nothing else was for a while."""
    if sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    begun = _Step(what, 0, "")

    def beat() -> None:
        while not over.wait(1.0):
            if time.monotonic() - _last_line >= SECONDS_OF_SILENCE:
                tell(str(_steps[-1] if _steps else begun))

    global _last_line
    _last_line = time.monotonic()
    thread = threading.Thread(target=beat, name="hilum-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _on_terminal(step: _Step, _: float) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(visible(step.description), total=step.total, rate="")

        def advance(count: int) -> None:
            bar.update(task, advance=count)
            done = bar.tasks[0].completed
            rate = done / max(time.monotonic() - step.started, 1e-6)
            bar.update(task, rate=f"{_told(rate)} {step.unit}/s")

        yield advance


@contextmanager
def _plain(step: _Step, patience: float) -> Iterator[Callable[[int], None]]:
    next_line = step.started + patience

    def advance(count: int) -> None:
        nonlocal next_line
        step.done += count
        now = time.monotonic()
        if now >= next_line and step.done < step.total:
            next_line = now + SECONDS_BETWEEN_LINES
            tell(str(step))

    yield advance


def _told(rate: float) -> str:
    """`412`, `3`, `0.25`: slow work has a rate too."""
    return f"{rate:,.0f}" if rate >= 1 else f"{rate:.2g}"
