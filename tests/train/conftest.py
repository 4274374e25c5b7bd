"""A small pack whose two findings can be learned: a bright left half, a bright top half."""

from __future__ import annotations

import pytest

from bright_halves import bright_halves
from hilum.config import Config, make_config
from hilum.pixels import Pack

SIZE = 32


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """96 images of 48 patients at 32 px; a tenth of the labels is uncertain, a tenth blank."""
    folder = tmp_path_factory.mktemp("study")
    return bright_halves(folder, 96, side=40, size=SIZE, gain=60, per_patient=2)


@pytest.fixture
def config(pack: Pack) -> Config:
    """Three short epochs of a small network on the pack."""
    return make_config(
        {
            "name": "small",
            "data": {"path": str(pack.path)},
            "prepare": {"size": SIZE},
            "model": {"name": "densenet-small", "dropout": 0.2},
            "augment": {"share": 0.5},
            "train": {"epochs": 3, "batch": 16, "precision": "fp32"},
        }
    )
