"""A short share of the fuzzing (the long one is `make fuzz`), and that it finds what it looks for."""

from __future__ import annotations

import os
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.fuzz.__main__ import tasks_of, write_homes
from tests.fuzz.kinds import KINDS, READERS, Kind
from tests.fuzz.watch import Finding, Report, fuzz

from hilum.errors import DataError

pytestmark = pytest.mark.xdist_group("fuzz")  # the healthy files are written once

SHORT = 500
"""Inputs of every test run."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz")
    write_homes(made / "healthy", list(KINDS))
    return made


def test_every_input_is_read_or_refused(folder: Path) -> None:
    *found, report = fuzz(tasks_of(list(KINDS), SHORT, first=0), folder)
    assert not found
    assert isinstance(report, Report)
    assert report.inputs >= SHORT


def test_healthy_files_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in READERS.values():
        home = folder / "healthy" / kind.home
        monkeypatch.chdir(home)
        files = [file for path in sorted(home.rglob("*")) if kind.takes(file := path.relative_to(home))]
        assert files
        for file in files:
            kind.ask(file, Random(0))


def test_a_seed_gives_the_same_input(folder: Path) -> None:
    for kind in KINDS.values():
        home = folder / "healthy" / kind.home
        data = next(
            path for path in sorted(home.rglob("*")) if kind.takes(path.relative_to(home))
        ).read_bytes()
        for seed in range(5):
            once, again = (kind.mutated(data, Random(str(seed))) for _ in range(2))
            assert once == again


class Does:
    """Something that no reader may do."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __call__(self, file: Path, random: Random) -> None:
        del random
        match self.what:
            case "raises":
                raise ValueError(file.name)
            case "refuses":
                raise DataError(file.name)
            case "warns":
                warnings.warn("odd", stacklevel=1)
            case "prints":
                os.write(2, b"libodd: odd\n")
            case "leaves":
                Path(".odd.partial").touch()
            case "traces":
                sys.stderr.write("Traceback (most recent call last)")
            case "exits":
                sys.exit(3)
            case "dies":
                os._exit(7)
            case "hangs":
                time.sleep(100)
            case "eats":
                len(b"x" * (1100 << 20))


CAUGHT = {
    "raises": "ValueError at fuzz/test_fuzz.py",
    "refuses": "",
    "warns": "warns in test_fuzz.py: odd",
    "prints": "prints past Python: libodd: odd",
    "leaves": "leaves .odd.partial",
    "traces": "says: Traceback",
    "exits": "SystemExit",
    "dies": "dies with 7",
    "hangs": "hangs",
    "eats": "memory: ",
}


def test_whatever_is_wrong_is_found_and_the_rest_goes_on(folder: Path) -> None:
    kinds: dict[str, Kind] = {name: replace(KINDS["config"], ask=Does(name)) for name in CAUGHT}
    tasks = [(name, 1) for name in kinds] + [("raises", 2)]
    *found, report = fuzz(tasks, folder, kinds, seconds=5.0)
    came = {(finding.kind, finding.seed): finding.what for finding in found if isinstance(finding, Finding)}
    for task in tasks:
        assert came.get(task, "").startswith(CAUGHT[task[0]])
    assert isinstance(report, Report)
    assert (report.inputs, len(found)) == (len(tasks), len(tasks) - 1)
