"""A backbone, the vectors that it gave of a small study, and heads on them, shared by the tests of a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bright_halves import bright_halves
from hilum import api
from hilum.config import make_config
from hilum.features import FeatureStore, embed
from hilum.pixels import Pack
from hilum.predict import Encoder
from hilum.runs import Run
from hilum.train import train

SIZE = 48


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """160 images of 80 patients; `Left` and `Top` are bright halves, two tenths unknown."""
    return bright_halves(
        tmp_path_factory.mktemp("study"), 160, side=SIZE, size=SIZE, gain=25, per_patient=2, per_study=1
    )


@pytest.fixture(scope="session")
def backbone(study: Pack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One epoch of a small network, in fp32."""
    config = make_config(
        {
            "name": "backbone",
            "data": {"path": str(study.path)},
            "prepare": {"size": SIZE},
            "model": {"name": "resnet18"},
            "train": {"epochs": 1, "batch": 16, "precision": "fp32", "device": "cpu"},
            "scores": {"replicates": 100},
            "track": {"tensorboard": "off"},
        }
    )
    return train(config, folder=tmp_path_factory.mktemp("backbones"), quiet=True)


@pytest.fixture(scope="session")
def store(study: Pack, backbone: Run, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Its vectors of all images, in fp32. Tests only read it."""
    opened = FeatureStore(tmp_path_factory.mktemp("store") / "features", create=True)
    embed(Encoder.open(backbone.path, device="cpu", precision="fp32"), study, opened)
    return opened


@pytest.fixture(scope="session")
def found(store: FeatureStore, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """`found("mlp")`: the best of a few heads of a kind, a fifth of the patients kept back for the test part."""
    folder = tmp_path_factory.mktemp("heads")
    runs: dict[str, Run] = {}

    def make(kind: str) -> Run:
        if kind not in runs:
            runs[kind] = api.heads(
                store.url,
                search="random",
                candidates=3,
                kinds=[kind],
                folds=3,
                change=["split.test=0.2", "scores.replicates=100"],
                out=folder,
                name=kind,
                device="cpu",
            )
        return runs[kind]

    return make


@pytest.fixture
def heads_folder(tmp_path: Path) -> Path:
    """Where a test makes heads of its own."""
    return tmp_path / "heads"
