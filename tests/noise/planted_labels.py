"""A store of drawn pictures whose labels are known to be right but for some that are planted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import torch

from hilum.config import ModelConfig, PrepareConfig
from hilum.features import FeatureStore, embed
from hilum.models import Normalisation, build_model
from hilum.pixels import build_pack
from hilum.predict import Encoder
from hilum.table import Table

SIZE, IMAGES = 32, 160
PLANTED = (3, 30, 57, 84, 111, 138)
"""Images whose label of `Left` is wrong."""
TWINS = (5, 6)
"""Images of which another patient has a copy, labelled otherwise."""
TESTED = tuple(range(40, 60))
"""Official test images; planted 57 among them."""


@dataclass(frozen=True)
class Planted:
    """A store, and which labels of `Left` are wrong among those that are not of the test part."""

    store: FeatureStore
    wrong: frozenset[str]


def planted_store(folder: Path) -> Planted:
    """Bright left halves: `Left` with planted errors, `Some` known of a third, `Once` with one class only."""
    random = np.random.default_rng(0)
    left = random.integers(0, 2, IMAGES)
    pictures = [_picture(random, bool(code)) for code in left]
    given = np.array([1 - code if i in PLANTED else code for i, code in enumerate(left)])
    rows = [_row(i, f"p{i // 2}", int(code)) for i, code in enumerate(given)]
    for number, i in enumerate(TWINS):
        pictures.append(
            np.clip(pictures[i].astype(int) + random.normal(0, 3, (40, 40)), 0, 255).astype(np.uint8)
        )
        rows.append(_row(IMAGES + number, f"twin{i}", int(1 - given[i])))
    for row, picture in zip(rows, pictures, strict=True):
        cv2.imwrite(str(folder / str(row["path"])), picture)
    table = Table.make(pl.DataFrame(rows, infer_schema_length=None), ("Left", "Some", "Once"), folder)
    pack = build_pack(table, folder / "pack", PrepareConfig(size=SIZE), workers=1)
    store = FeatureStore(folder / "features", create=True)
    embed(_encoder(), pack, store)
    wrong = {f"i{i}" for i in PLANTED if i not in TESTED} | {f"i{IMAGES + n}" for n in range(len(TWINS))}
    return Planted(store, frozenset(wrong))


def _picture(random: np.random.Generator, left: bool) -> np.ndarray:
    """Noise in large and small patches, no two alike, with a bright left half or a bright right one."""
    coarse = cv2.resize(random.normal(0, 25, (10, 10)), (40, 40), interpolation=cv2.INTER_CUBIC)
    image = 110 + coarse + random.normal(0, 10, (40, 40))
    image[:, :20] += 60 * left
    return np.clip(image, 0, 255).astype(np.uint8)


def _row(i: int, patient: str, code: int) -> dict[str, object]:
    return {
        "image_id": f"i{i}",
        "path": f"{i}.png",
        "patient_id": patient,
        "source": "test",
        "official_split": "test" if i in TESTED else "train",
        "sex": "F" if i % 4 < 2 else "M",
        "Left": code,
        "Some": None if i % 3 else (-1 if i % 9 == 0 else code),
        "Once": 1 if i == 0 else None,
    }


def _encoder() -> Encoder:
    config = ModelConfig(name="resnet18")
    torch.manual_seed(0)
    return Encoder(
        "random",
        "drawn",
        build_model(config, 2, SIZE),
        config,
        Normalisation((0.5,), (0.2,)),
        prepare=PrepareConfig(size=SIZE),
        device=torch.device("cpu"),
        precision="fp32",
    )
