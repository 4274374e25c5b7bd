"""A store with planted errors, made once."""

from __future__ import annotations

import pytest
from planted_labels import Planted, planted_store


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """See `planted_labels`."""
    return planted_store(tmp_path_factory.mktemp("planted"))
