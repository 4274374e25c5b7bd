"""A drawn study with a shortcut and an age gap, up to its report: both are named, and without them nothing is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from hilum.report import write_report

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "planted.py"


@pytest.fixture(scope="module")
def planted() -> ModuleType:
    """The benchmark that makes such studies; docs/subgroups.md has its figures over twenty seeds."""
    spec = importlib.util.spec_from_file_location("planted_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("faults", [True, False])
def test_the_report_names_what_was_planted_and_nothing_else(
    planted: ModuleType, tmp_path: Path, faults: bool
) -> None:
    run = planted.trained(tmp_path, 3, faults, patients=1200, epochs=8, size=64)
    page = write_report(run).read_text()
    first = (
        page[page.index("Read this first") : page.index("What was asked")]
        if "Read this first" in page
        else ""
    )
    assert ("pneumothorax in images with leads" in first) == faults
    assert ("cardiomegaly in patients aged 60" in first) == faults
    assert bool(planted.judged(run).gaps) == faults
