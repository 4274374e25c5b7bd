"""Ctrl-C and SIGTERM stop a training after the batch under way, not in the middle of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")


class Asked(Exception):
    """A stop was asked for by a signal, in the middle of something that can be done again."""

    def __init__(self, by: int) -> None:
        super().__init__(by)
        self.by = by


def until_asked(items: Iterable[Item], asked: Callable[[], int]) -> Iterator[Item]:
    """The items, until a stop is asked for.

    Raises:
        Asked: it was.
    """
    for item in items:
        if by := asked():
            raise Asked(by)
        yield item


@contextmanager
def stop_requests() -> Iterator[Callable[[], int]]:
    """Within the block, SIGINT and SIGTERM are only noted; a second SIGINT interrupts at once.

    Yields:
        A function that gives the signal by which a stop was asked for; 0 where none was. Outside the main thread,
        where Python allows no handlers, it is never so.
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return

    def ask(number: int, _frame: FrameType | None) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked[0] if asked else 0
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
