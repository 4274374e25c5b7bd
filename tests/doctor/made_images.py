"""Small pictures and tables for the tests of the doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.table import Table


def picture(seed: int, width: int = 96, height: int = 80) -> npt.NDArray[np.uint8]:
    """A smooth random picture; those of two seeds have nothing in common."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def write(path: Path, image: npt.NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def write_pictures(root: Path, count: int, **size: int) -> list[str]:
    """0.png, 1.png, ...: their names."""
    return [write(root / f"{i}.png", picture(i, **size)).name for i in range(count)]


def make_table(root: Path, paths: list[str], **columns: Any) -> Table:
    n = len(paths)
    frame = {
        "image_id": [f"i{i}" for i in range(n)],
        "path": paths,
        "patient_id": [f"p{i}" for i in range(n)],
        "source": ["test"] * n,
        "Finding": [i % 2 for i in range(n)],
    } | columns
    return Table.make(pl.DataFrame(frame), ["Finding"], root)
