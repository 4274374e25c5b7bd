"""A progress bar on a terminal, plain lines elsewhere; on standard error, so that `--json` stays clean."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hilum.text import visible

SECONDS_BETWEEN_LINES = 15.0
SECONDS_BEFORE_FIRST_LINE = 2.0


def say(message: str) -> None:
    """Tell the user one thing, on standard error."""
    tell(f"hilum: {message}")


def tell(line: str) -> None:
    """A line on standard error, in which names are only text."""
    print(visible(line, keep="\n\t"), file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def progress(description: str, total: int, unit: str = "images") -> Iterator[Callable[[int], None]]:
    """Show how far a long job is.

    Args:
        description: what is being done, e.g. `packing`.
        total: how many units there are.
        unit: what is counted.

    Yields:
        A function to call with the number of units newly done.
    """
    lines = _on_terminal if sys.stderr.isatty() else _plain
    with lines(description, total, unit) as advance:
        yield advance


@contextmanager
def _on_terminal(description: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
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
        task = bar.add_task(visible(description), total=total, rate="")
        started = time.monotonic()

        def advance(count: int) -> None:
            bar.update(task, advance=count)
            done = bar.tasks[0].completed
            rate = done / max(time.monotonic() - started, 1e-6)
            bar.update(task, rate=f"{_told(rate)} {unit}/s")

        yield advance


@contextmanager
def _plain(description: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    started = time.monotonic()
    done = 0
    next_line = started + SECONDS_BEFORE_FIRST_LINE

    def advance(count: int) -> None:
        nonlocal done, next_line
        done += count
        now = time.monotonic()
        if now >= next_line and done < total:
            next_line = now + SECONDS_BETWEEN_LINES
            rate = done / max(now - started, 1e-6)
            left = (total - done) / max(rate, 1e-6)
            line = f"{description}: {done:,} of {total:,} {unit}, {_told(rate)} {unit}/s, {left:,.0f} s left"
            tell(line)

    yield advance


def _told(rate: float) -> str:
    """`412`, `3`, `0.25`: slow work has a rate too."""
    return f"{rate:,.0f}" if rate >= 1 else f"{rate:.2g}"
