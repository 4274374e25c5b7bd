"""A study that a small network learns in seconds: findings are bright halves of noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import polars as pl

from hilum.config import PrepareConfig
from hilum.pixels import Pack, build_pack
from hilum.table import Table


def bright_halves(
    folder: Path, images: int, *, side: int, size: int, gain: float, per_patient: int, per_study: int = 0
) -> Pack:
    """A pack with the findings `Left` and `Top`; a tenth of the labels is uncertain, a tenth blank.

    Args:
        folder: where files are written.
        images: how many.
        side: pixels of a drawn image.
        size: pixels of a packed one.
        gain: how much brighter a half is, in gray values; the noise has 20.
        per_patient: images of a patient.
        per_study: images of a study; 0 names no studies.
    """
    random = np.random.default_rng(0)
    rows = []
    for i in range(images):
        left, top = random.integers(0, 2, 2)
        image = random.normal(90, 20, (side, side))
        image[:, : side // 2] += gain * left
        image[: side // 2] += gain * top
        cv2.imwrite(str(folder / f"{i}.png"), np.clip(image, 0, 255).astype(np.uint8))
        codes = [
            None if draw > 0.9 else -1 if draw > 0.8 else int(code)
            for code, draw in zip((left, top), random.random(2), strict=True)
        ]
        rows.append(
            {
                "image_id": f"image{i}",
                "path": f"{i}.png",
                "patient_id": f"patient{i // per_patient}",
                "study_id": f"study{i // per_study}" if per_study else None,
                "source": "test",
                "Left": codes[0],
                "Top": codes[1],
            }
        )
    table = Table.make(pl.DataFrame(rows, infer_schema_length=None), ("Left", "Top"), folder)
    return build_pack(table, folder / "pack", PrepareConfig(size=size), workers=1)
