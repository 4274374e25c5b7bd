"""Several problems at once on the CPU, one thread each.

Torch's own threads wait for each other at every operation. Where other programs use the machine too that costs far
more than they bring: with four of them a search of 200 heads took 10 times as long there as with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from hilum.cores import cores

Given = TypeVar("Given")
Result = TypeVar("Result")


def in_threads(work: Callable[[Given], Result], items: Sequence[Given], device: torch.device) -> list[Result]:
    """Results in order. On the CPU every item has a thread; elsewhere, or alone, it is done as torch does it."""
    workers = min(torch.get_num_threads(), cores(), len(items))
    if device.type != "cpu" or workers < 2:
        return [work(item) for item in items]
    with one_thread(), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, items))


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch's operations on the CPU take no threads of their own meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
