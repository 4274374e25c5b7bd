"""What `import hilum` offers is explicit and there (ruff keeps it sorted)."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import hilum
from hilum import api


@pytest.mark.parametrize("module", [hilum, api])
def test_all_that_is_offered_is_there(module) -> None:  # type: ignore[no-untyped-def]
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(AttributeError, match="No hilum attribute trane"):
        _ = hilum.trane


def test_importing_hilum_is_light() -> None:
    code = "import sys, hilum; print(sorted({'torch', 'polars', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_example_of_the_api_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lancedb")
    pytest.importorskip("cleanlab")
    monkeypatch.chdir(tmp_path)
    done = doctest.testmod(api, optionflags=doctest.ELLIPSIS)
    assert (done.failed, done.attempted > 10) == (0, True)
    assert (tmp_path / "suspects" / "suspects.html").is_file()


@pytest.mark.parametrize("name", [name for name in api.__all__ if name[0].islower()])
def test_every_argument_of_the_api_is_told(name: str) -> None:
    function = getattr(api, name)
    told = function.__doc__ or ""
    names = list(inspect.signature(function).parameters)
    missing = [one for one in names if f" {one}: " not in told]
    elsewhere = "with the same arguments" in told or "see `" in told
    assert len(names) == 1 or not missing or elsewhere, missing


def test_the_citation_names_this_version() -> None:
    text = (Path(__file__).parents[1] / "CITATION.cff").read_text()
    assert f"\nversion: {hilum.__version__}\n" in text


def test_the_face_of_hilum_is_small_and_sorted() -> None:
    assert hilum.__all__ == sorted(hilum.__all__)
    assert len(hilum.__all__) <= 12
