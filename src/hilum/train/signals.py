"""Ctrl-C and SIGTERM stop a training after the batch under way, not in the middle of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TypeVar

_Item = TypeVar("_Item")


class Asked(Exception):
    """A stop was asked for by a signal, in the middle of something that can be done again."""


class StopRequests:
    """Within its block, SIGINT and SIGTERM are only noted; a second SIGINT interrupts at once.

    Outside the main thread, where Python allows no handlers, nothing is noted.

    Attributes:
        by: the signal by which a stop was asked for; 0 where none was.
    """

    by = 0

    def __enter__(self) -> StopRequests:
        main = threading.current_thread() is threading.main_thread()
        wanted = (signal.SIGINT, signal.SIGTERM) if main else ()
        self._former = {number: signal.signal(number, self._ask) for number in wanted}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def until(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """The items, until a stop is asked for.

        Raises:
            Asked: it was.
        """
        for item in items:
            if self.by:
                raise Asked
            yield item

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.by and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.by = self.by or number
