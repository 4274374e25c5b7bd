"""Several problems at once on the CPU, one core each.

Torch's own threads wait for each other at every operation. Where other programs use the machine too that costs far
more than they bring: with four of them a search of 200 heads took 10 times as long there as with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from hilum.cores import cores
from hilum.device import one_core_workers

Given = TypeVar("Given")
Result = TypeVar("Result")


def in_threads(
    work: Callable[[Given], Result], items: Sequence[Given], device: torch.device, most: int | None = None
) -> list[Result]:
    """Results in order. On the CPU every item has a core; elsewhere, or alone, it is done as torch does it.

    Args:
        work: what is done with each.
        items: what there is.
        device: where the work is done.
        most: threads at the same time; by default as many as torch takes.
    """
    workers = min(most or len(items), torch.get_num_threads(), cores(), len(items))
    if device.type != "cpu" or workers < 2:
        return [work(item) for item in items]
    with one_core_workers(workers, "hilum-heads") as pool:
        return list(pool.map(work, items))
