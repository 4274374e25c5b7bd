"""A small trained run and the pack that it was trained on, shared by the tests of a session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bright_halves import bright_halves
from hilum.config import make_config
from hilum.ensemble import ensemble as make_ensemble
from hilum.pixels import Pack
from hilum.runs import Run
from hilum.train import train

SIZE = 32


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """48 images of 24 patients at 32 px."""
    return bright_halves(tmp_path_factory.mktemp("study"), 48, side=40, size=SIZE, gain=60, per_patient=2)


@pytest.fixture(scope="session")
def run(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One epoch of a small network with an MLP on both poolings, in fp32."""
    config = make_config(
        {
            "name": "small",
            "data": {"path": str(pack.path)},
            "prepare": {"size": SIZE},
            "model": {"name": "densenet-small", "pooling": "both", "classifier": "mlp", "hidden": 8},
            "train": {"epochs": 1, "batch": 16, "precision": "fp32", "device": "cpu"},
            "scores": {"replicates": 100},
            "track": {"tensorboard": "off"},
        }
    )
    return train(config, folder=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.fixture(scope="session")
def unfinished(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped before its first epoch ended."""
    path = tmp_path_factory.mktemp("unfinished") / "stopped"
    shutil.copytree(run.path, path)
    shutil.rmtree(path / "epochs")
    (path / "checkpoints" / "best.safetensors").unlink()
    return path


@pytest.fixture(scope="session")
def ensemble(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run and a copy of it."""
    folder = tmp_path_factory.mktemp("ensembles")
    shutil.copytree(run.path, folder / "other")
    return make_ensemble([str(run.path), str(folder / "other")], folder / "both").path
