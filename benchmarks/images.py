"""Files and packs to measure on: drawn radiographs at the sizes of the public data sets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import polars as pl

from hilum.config import PrepareConfig
from hilum.pixels import build_pack
from hilum.table import Table

FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")


def write_radiographs(folder: Path, count: int, width: int = 390, height: int = 320) -> list[Path]:
    """Write `count` JPEG files of the size of CheXpert-small: smooth shapes and film noise, quality 90."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    paths = []
    for i in range(count):
        path = folder / f"{i:05d}.jpg"
        coarse = random.uniform(20, 235, (7, 9)).astype(np.float32)
        image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        image += random.normal(0, 6, image.shape)
        cv2.imwrite(str(path), np.clip(image, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
        paths.append(path)
    return paths


def pack_of(files: list[Path], out: Path, size: int, copies: int = 1) -> Path:
    """Pack files with random labels, each `copies` times under another id."""
    return build_pack(table_of(files, copies), out, PrepareConfig(size=size)).path


def table_of(files: list[Path], copies: int = 1) -> Table:
    """A table of files with random labels, each `copies` times under another id."""
    random = np.random.default_rng(1)
    ids = [f"{path.stem}-{copy}" for copy in range(copies) for path in files]
    frame = pl.DataFrame(
        {
            "image_id": ids,
            "path": [path.name for path in files] * copies,
            "patient_id": ids,
            "source": "benchmark",
            **{name: random.integers(0, 2, len(ids)) for name in FINDINGS},
        }
    )
    return Table.make(frame, FINDINGS, files[0].parent)
