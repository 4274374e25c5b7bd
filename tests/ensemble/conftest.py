"""Two small trained runs of one recipe, on a pack whose patients have studies of two images."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bright_halves import bright_halves
from hilum import api
from hilum.config import Config, make_config
from hilum.pixels import Pack
from hilum.runs import Run
from hilum.train import train

SIZE = 32


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """160 images of 80 studies of 40 patients; `Left` and `Top` are bright halves, two tenths unknown."""
    folder = tmp_path_factory.mktemp("studies")
    return bright_halves(folder, 160, side=SIZE, size=SIZE, gain=30, per_patient=4, per_study=2)


@pytest.fixture(scope="session")
def recipe(studies: Pack) -> Config:
    """Two epochs of a small network, calibrated, with every knob of prediction turned on."""
    return make_config(
        {
            "name": "small",
            "data": {"path": str(studies.path)},
            "prepare": {"size": SIZE},
            "model": {"name": "densenet-small"},
            "split": {"valid": 0.3, "test": 0.3},
            "train": {"epochs": 2, "batch": 16, "precision": "fp32", "keep_epochs": True, "device": "cpu"},
            "scores": {"calibrate": "platt", "threshold": "youden", "replicates": 100},
            "predict": {"flip": True, "shift": 0.1},
            "track": {"tensorboard": "off"},
        }
    )


@pytest.fixture(scope="session")
def trained(recipe: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Seeds 0 and 1. Tests only read them."""
    folder = tmp_path_factory.mktemp("trained")
    runs = [
        train(make_config({**recipe.model_dump(), "seed": seed}), folder=folder, quiet=True)
        for seed in (0, 1)
    ]
    for run in runs:
        api.evaluate(run, "test", device="cpu")
    return runs[0], runs[1]


@pytest.fixture
def copied(trained: tuple[Run, Run], tmp_path: Path) -> Callable[[int], Run]:
    """`copied(0)`: a copy of the first run, to be changed."""

    def copy(which: int) -> Run:
        return Run(Path(shutil.copytree(trained[which].path, tmp_path / f"run{which}")))

    return copy
