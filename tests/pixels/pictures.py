"""Pictures and files that the tests of this folder share."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

from hilum.config import LimitsConfig
from hilum.pixels.read import _decode_picture
from hilum.table import Table

Gray = npt.NDArray[np.uint8]


def smooth(height: int, width: int, seed: int = 0, noise: float = 2.0) -> Gray:
    """A picture with structure of every size and a little noise, as radiographs have; darkest 0, lightest 255."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width), np.float32)
    for cells, weight in ((4, 60.0), (16, 25.0), (64, 10.0)):
        grid = rng.normal(0, weight, (cells, cells)).astype(np.float32)
        picture += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    picture += rng.normal(0, noise, (height, width)).astype(np.float32)
    low, high = picture.min(), picture.max()
    return ((picture - low) / max(high - low, 1e-6) * 255).round().astype(np.uint8)


def encode(picture: Image.Image | Gray, form: str, **options: object) -> bytes:
    """A picture as the bytes of a file, written by PIL."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def psnr(a: Gray, b: Gray) -> float:
    """Peak signal-to-noise ratio in dB."""
    error = np.square(a.astype(np.float64) - b).mean()
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def study(folder: Path, count: int, height: int = 40, width: int = 36) -> Table:
    """A folder of small PNG files, all different, and its table."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{index:04d}.png" for index in range(count)]
    for index, name in enumerate(names):
        (folder / name).write_bytes(encode(smooth(height, width, index), "PNG"))
    return table_of(folder, names)


def table_of(folder: Path, names: list[str]) -> Table:
    """A table of files in a folder, with one finding."""
    frame = pl.DataFrame(
        {
            "image_id": [Path(name).stem for name in names],
            "path": names,
            "patient_id": [f"p{index // 2}" for index in range(len(names))],
            "source": ["folder"] * len(names),
            "Edema": [index % 2 for index in range(len(names))],
        }
    )
    return Table.make(frame, ("Edema",), folder)


def decode_gray(
    data: bytes, suffix: str = "", at_least: int | None = None, limits: LimitsConfig | None = None
) -> Gray:
    """The picture of a file's bytes alone; errors do not name the file."""
    return _decode_picture(data, suffix, at_least, limits or LimitsConfig()).gray
