"""What a user sees of a training: a bar while an epoch runs, a line of validation scores after it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

COLUMNS = (
    ("roc_auc", "AUC"),
    ("average_precision", "AP"),
    ("recall", "recall"),
    ("precision", "prec."),
    ("f1", "F1"),
    ("accuracy", "acc."),
)
SECONDS_BETWEEN_UPDATES = 0.5

Step = Callable[[int, Callable[[], float]], None]
"""Called after each step with its number of images and a function that gives (perhaps waits for) the loss."""


class Watch:
    """Tells the user on standard error; `quiet` tells nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._heading_shown = False

    def say(self, text: str) -> None:
        """One line."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def epoch(self, entry: dict[str, Any], epochs: int) -> None:
        """The line of a finished epoch: losses, mean validation scores, speed."""
        if not self._heading_shown:
            self._heading_shown = True
            names = " ".join(f"{title:>7}" for _, title in COLUMNS)
            self.say(f"{'epoch':>7} {'lr':>9} {'train':>8} {'valid':>8} {names} {'images/s':>10} {'s':>7}")
        means = {name: found["value"] for name, found in entry["valid"]["scores"]["mean"].items()}
        cells = [
            f"{entry['epoch']:>4}/{epochs:<2}",
            f"{entry['lr']:>9.2e}",
            f"{entry['train']['loss']:>8.4f}",
            f"{entry['valid']['loss']:>8.4f}",
            *(_number(means.get(name)) for name, _ in COLUMNS),
            f"{entry['images_per_second']:>10.1f}",
            f"{entry['seconds']:>7.1f}",
            "best" if entry["improved"] else "",
        ]
        self.say(" ".join(cells).rstrip())

    @contextmanager
    def steps(self, title: str, images: int, done: int) -> Iterator[Step]:
        """While an epoch runs: a bar with loss, images/s and time left, where there is a terminal."""
        if self.quiet or not sys.stderr.isatty():
            yield _ignore
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:.1f} images/s"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=images, completed=done, loss=math.nan, rate=0.0)
            started = updated = time.monotonic()
            seen = waiting = 0

            def step(count: int, loss: Callable[[], float]) -> None:
                nonlocal seen, waiting, updated
                seen, waiting = seen + count, waiting + count
                now = time.monotonic()
                if now - updated >= SECONDS_BETWEEN_UPDATES:
                    bar.update(task, advance=waiting, loss=loss(), rate=seen / (now - started))
                    waiting, updated = 0, now

            yield step


def _number(value: float | None) -> str:
    return f"{value:>7.3f}" if value is not None else f"{'–':>7}"


def _ignore(count: int, loss: Callable[[], float]) -> None:
    """Where there is no bar."""
