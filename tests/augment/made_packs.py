"""A small pack with official parts, several images a patient and labels of all kinds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import polars as pl

from hilum.config import PrepareConfig
from hilum.pixels import Pack, build_pack
from hilum.table import Table

PARTS = (None, "train", "train", "valid", "test")


def made_pack(folder: Path, images: int, *, size: int = 24, official: bool = True) -> Pack:
    """Noise with a bright half where `Left` or `Top` is positive; patients of two images, some of a part."""
    random = np.random.default_rng(0)
    rows = []
    for i in range(images):
        left, top = random.integers(0, 2, 2)
        image = random.normal(90, 20, (size, size))
        image[:, : size // 2] += 60 * left
        image[: size // 2] += 60 * top
        cv2.imwrite(str(folder / f"{i}.png"), np.clip(image, 0, 255).astype(np.uint8))
        rows.append({
            "image_id": f"image{i}", "path": f"{i}.png", "patient_id": f"patient{i // 2}", "study_id": f"study{i}",
            "age": 40.0 + i, "sex": "F" if i % 3 else None, "source": "test",
            "official_split": PARTS[i // 2 % len(PARTS)] if official else None, "extra": i * 7,
            "Left": int(left), "Top": int(top) if i % 7 else None,
        })  # fmt: skip
    table = Table.make(pl.DataFrame(rows, infer_schema_length=None), ("Left", "Top"), folder)
    return build_pack(table, folder / "pack", PrepareConfig(size=size), workers=1)
