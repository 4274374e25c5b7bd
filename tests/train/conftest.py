"""A small pack whose two findings can be learned: a bright left half, a bright top half."""

from __future__ import annotations

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.config import Config, PrepareConfig, make_config
from hilum.pixels.build import build_pack
from hilum.pixels.pack import Pack
from hilum.table.table import Table

SIZE = 32


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """96 images of 48 patients at 32 px; a tenth of the labels is uncertain, a tenth blank."""
    folder = tmp_path_factory.mktemp("study")
    random = np.random.default_rng(0)
    rows = []
    for i in range(96):
        left, top = random.integers(0, 2, 2)
        image = random.normal(90, 20, (40, 40))
        image[:, :20] += 60 * left
        image[:20] += 60 * top
        cv2.imwrite(str(folder / f"{i}.png"), np.clip(image, 0, 255).astype(np.uint8))
        codes = [
            None if draw > 0.9 else -1 if draw > 0.8 else int(code)
            for code, draw in zip((left, top), random.random(2), strict=True)
        ]
        rows.append(
            {
                "image_id": f"image{i}",
                "path": f"{i}.png",
                "patient_id": f"patient{i // 2}",
                "source": "test",
                "Left": codes[0],
                "Top": codes[1],
            }
        )
    table = Table.make(pl.DataFrame(rows, infer_schema_length=None), ("Left", "Top"), folder)
    return build_pack(table, folder / "pack", PrepareConfig(size=SIZE), workers=1)


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
