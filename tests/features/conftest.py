"""A pack of drawn images that the tests of a session share; stores are their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_store import SIZE, random_encoder

from bright_halves import bright_halves
from hilum.features import FeatureStore
from hilum.features.embedding import embed
from hilum.pixels import Pack


@pytest.fixture(scope="session")
def drawn_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return bright_halves(
        tmp_path_factory.mktemp("drawn"), 40, side=64, size=SIZE, gain=40, per_patient=2, per_study=1
    )


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, drawn_pack: Pack) -> FeatureStore:
    """A store with all of `drawn_pack`; not to be written to."""
    store = FeatureStore(tmp_path_factory.mktemp("filled") / "features", create=True)
    embed(random_encoder(), drawn_pack, store)
    return store


@pytest.fixture
def empty(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features", create=True)
