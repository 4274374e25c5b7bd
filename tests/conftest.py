"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

# As many test processes as cores run side by side: more threads would only wait. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hilum.cli import main
from hilum.progress import on_screen

# How long an example takes depends on what else the machine does. CI tries the same examples every time, so that
# what passed once passes again; everybody else tries new ones, and many with HILUM_EXAMPLES=2000.
settings.register_profile(
    "hilum",
    deadline=None,
    derandomize="CI" in os.environ,
    max_examples=int(os.environ.get("HILUM_EXAMPLES", "100")),
)
settings.load_profile("hilum")

REAL = Path(os.environ.get("HILUM_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""Where the real images and label tables lie; tests marked `real` are skipped without it."""


class Outcome(NamedTuple):
    """What a command did: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Packs made on the way go into a folder of this session, never into the user's cache."""
    os.environ["HILUM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def shown() -> Iterator[None]:
    """What hilum logs is on standard error, as on the command line: pytest's own log handlers would take it."""
    with on_screen():
        yield


@pytest.fixture
def hilum(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command as a user would: `hilum("doctor", "folder", root)`."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data; skips the test where it is missing."""
    if not REAL.is_dir():
        pytest.skip("the real data are not here")
    return REAL
