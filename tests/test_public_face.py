"""What `import hilum` offers is explicit and there (ruff keeps it sorted)."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hilum
from hilum import api


@pytest.mark.parametrize("module", [hilum, api])
def test_all_that_is_offered_is_there(module) -> None:  # type: ignore[no-untyped-def]
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'trane'"):
        _ = hilum.trane


def test_importing_hilum_is_light() -> None:
    code = "import sys, hilum; print(sorted({'torch', 'polars', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
