"""Killed commands lose nothing and leave nothing; `python -m benchmarks.kills` tells more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hilum.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.kills import CASES, MADE_OF, SILENT  # noqa: E402

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="needs Linux's list of processes"
)


def test_every_command_is_killed_or_is_known_to_write_nothing() -> None:
    commands = {
        (function.info.name if hasattr(function, "info") else function.__name__).replace("_", "-")
        for functions in COMMANDS.values()
        for function in functions
    }
    assert commands == {*CASES, *SILENT, *MADE_OF}
    assert {part for parts in MADE_OF.values() for part in parts} <= {*CASES, *SILENT}


def killed(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", *words],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_few_kills_lose_nothing_and_leave_nothing() -> None:
    killed("3", "1", "phantom", "pack", "augment")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_kills_of_all_commands() -> None:
    killed("45", "2", *CASES)
