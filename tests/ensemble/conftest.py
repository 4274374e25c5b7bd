"""Two small trained runs of one recipe, on a pack whose patients have studies of two images."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from hilum import api
from hilum.config import Config, PrepareConfig, make_config
from hilum.pixels.build import build_pack
from hilum.pixels.pack import Pack
from hilum.runs import Run
from hilum.table.table import Table
from hilum.train.session import train

SIZE = 32


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """160 images of 80 studies of 40 patients; `Left` and `Top` are bright halves, two tenths unknown."""
    folder = tmp_path_factory.mktemp("studies")
    random = np.random.default_rng(0)
    rows = []
    for i in range(160):
        left, top = random.integers(0, 2, 2)
        image = random.normal(90, 20, (SIZE, SIZE))
        image[:, : SIZE // 2] += 30 * left
        image[: SIZE // 2] += 30 * top
        cv2.imwrite(str(folder / f"{i}.png"), np.clip(image, 0, 255).astype(np.uint8))
        codes = [
            None if draw > 0.9 else -1 if draw > 0.8 else int(code)
            for code, draw in zip((left, top), random.random(2), strict=True)
        ]
        rows.append(
            {
                "image_id": f"image{i}",
                "path": f"{i}.png",
                "patient_id": f"patient{i // 4}",
                "study_id": f"study{i // 2}",
                "source": "test",
                "Left": codes[0],
                "Top": codes[1],
            }
        )
    table = Table.make(pl.DataFrame(rows, infer_schema_length=None), ("Left", "Top"), folder)
    return build_pack(table, folder / "pack", PrepareConfig(size=SIZE), workers=1)


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
