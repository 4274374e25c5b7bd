"""Fuzz hilum: `python -m tests.fuzz`, or one input again: `python -m tests.fuzz --kind png --seed 123`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from tests.fuzz.homes import HOMES
from tests.fuzz.kinds import KINDS
from tests.fuzz.watch import GROWTH, Place, Report, fuzz, tried

from hilum.progress import progress


def tasks_of(kinds: list[str], inputs: int, first: int) -> list[tuple[str, int]]:
    """So many inputs of these kinds by their shares, mixed, with seeds from `first` on; at least one of each."""
    total = sum(KINDS[name].share for name in kinds)
    drawn = [
        (name, first + i) for name in kinds for i in range(max(1, round(inputs * KINDS[name].share / total)))
    ]
    Random(0).shuffle(drawn)
    return drawn


def write_homes(folder: Path, kinds: list[str]) -> None:
    """The healthy files of these kinds, each home in a folder of its name."""
    for home in sorted({KINDS[name].home for name in kinds}):
        HOMES[home](folder / home)


def replay(kind: str, seed: int, folder: Path) -> str:
    """One input in this process, its file left in the folder; what was wrong with it."""
    write_homes(folder / "healthy", [kind])
    place = Place(folder / "healthy" / KINDS[kind].home, folder / "place")
    return tried(KINDS[kind], seed, place, keep=True)


def main() -> int:
    """Exit code 1 where an input was neither read right nor refused, or memory grew."""
    ask = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    ask.add_argument("--kind", action="append", choices=KINDS, help="only this one; may be repeated")
    ask.add_argument("--seed", type=int, help="one input again, by its number")
    ask.add_argument("--inputs", type=int, default=100_000, help="how many")
    ask.add_argument("--first", type=int, default=0, help="number of the first input of each kind")
    ask.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    given = ask.parse_args()
    kinds = given.kind or list(KINDS)
    if given.seed is not None:
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        print(replay(kinds[0], given.seed, folder) or "nothing is wrong")
        print(f"the input is in {folder / 'place'}")
        return 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        return _all(tasks_of(kinds, given.inputs, given.first), Path(scratch), kinds, given.workers)


def _all(tasks: list[tuple[str, int]], folder: Path, kinds: list[str], workers: int) -> int:
    write_homes(folder / "healthy", kinds)
    began, sorts = time.monotonic(), Counter[tuple[str, str]]()
    with progress("fuzzing", len(tasks), "inputs") as advance:
        for found in fuzz(_counted(tasks, advance), folder, workers=workers):
            if isinstance(found, Report):
                break
            sorts[found.sort] += 1
            if sorts[found.sort] == 1:
                print(f"{found.kind} {found.seed}: {found.what}", flush=True)
    seconds = time.monotonic() - began
    print(f"{found.inputs:,} inputs in {seconds:,.0f} s; memory grew by {found.grown:,.0f} MB")
    print(f"{len(found.findings):,} fell short, of {len(sorts):,} sorts:")
    for (kind, what), count in sorts.most_common():
        print(f"{count:6,} {kind}: {what}")
    return int(bool(sorts) or found.grown > GROWTH)


def _counted(tasks: list[tuple[str, int]], advance: Callable[[int], None]) -> Iterator[tuple[str, int]]:
    for task in tasks:
        yield task
        advance(1)


if __name__ == "__main__":
    sys.exit(main())
