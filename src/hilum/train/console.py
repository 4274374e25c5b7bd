"""What a user sees of a training: a bar while an epoch runs, lines of scores after it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hilum.config import Config
from hilum.progress import SECONDS_BETWEEN_LINES, progress, tell
from hilum.track import EpochTable

_SECONDS_BETWEEN_UPDATES = 0.5

_Step = Callable[[int, Callable[[], float]], None]
"""Called after each step with its number of images and a function that gives (perhaps waits for) the loss."""


class Console:
    """Tells the user on standard error; `quiet` tells nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._table: EpochTable | None = None

    def say(self, text: str) -> None:
        """One line."""
        if not self.quiet:
            tell(text)

    def epoch(self, entry: Mapping[str, Any], config: Config) -> None:
        """The lines of a finished epoch: losses, scores and speed, as `config.track` asks."""
        if self.quiet:
            return
        if self._table is None:
            self._table = EpochTable(config.track, config.train.epochs)
            if missing := [name for name in self._table.dropped if name in config.track.columns]:
                self.say(f"no room here for {', '.join(missing)}; all is in: hilum runs show RUN --epochs")
        for line in self._table.added(entry):
            self.say(line)

    @contextmanager
    def steps(self, title: str, images: int, done: int) -> Iterator[_Step]:
        """While an epoch runs: a bar with loss, images/s and time left; now and then a line off a terminal."""
        if self.quiet:
            yield _ignore
            return
        if not sys.stderr.isatty():
            with progress(title, images - done, patience=SECONDS_BETWEEN_LINES) as advance:
                yield lambda count, _: advance(count)
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
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
                if now - updated >= _SECONDS_BETWEEN_UPDATES:
                    bar.update(task, advance=waiting, loss=loss(), rate=seen / (now - started))
                    waiting, updated = 0, now

            yield step


def _ignore(count: int, loss: Callable[[], float]) -> None:
    """Where there is no bar."""
