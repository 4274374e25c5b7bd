"""From a gray image to the square that a network sees: one preparation, for training and for inference."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hilum.config import LimitsConfig, PrepareConfig
from hilum.errors import ImageError
from hilum.pixels.decoding import LIMITS, Gray
from hilum.pixels.film import no_film
from hilum.pixels.read import read_picture

_TILES = (8, 8)


def load_image(
    image: str | Path | npt.ArrayLike, config: PrepareConfig, limits: LimitsConfig = LIMITS
) -> Gray:
    """Read an image file and prepare it; see `read_picture` and `prepare`.

    Args:
        image: a file; or pixels, [h, w] or [h, w, 3] (RGB), uint8 or floats of 0 to 1.
        config: how it is prepared.
        limits: what a file may cost.

    Returns:
        uint8 [size, size].

    Raises:
        ImageError: the file cannot be decoded, or not within the limits; or the pixels are no such picture.
    """
    gray = (
        read_picture(image, config.size, limits).gray
        if isinstance(image, str | Path)
        else _gray(np.asarray(image))
    )
    return prepare(gray, config)


def _gray(pixels: npt.NDArray[Any]) -> Gray:
    """Pixels as those of a file: floats of 0 to 1 are rounded to the nearest of 256 grays, colour becomes luma."""
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    numbers = pixels.dtype.kind in "fiub"
    shares = pixels.dtype.kind == "f" and pixels.size and 0 <= pixels.min() <= pixels.max() <= 1
    if not (colour or pixels.ndim == 2) or not pixels.size or not (shares or pixels.dtype == np.uint8):
        raise ImageError(
            "a picture is uint8, or floats of 0 to 1, of shape [h, w] or [h, w, 3]; this one is "
            f"{pixels.dtype} {list(pixels.shape)}"
            + (f" of {pixels.min():g} to {pixels.max():g}." if pixels.size and numbers else ".")
        )
    grays = np.rint(pixels * 255).astype(np.uint8) if shares else np.ascontiguousarray(pixels)
    return np.asarray(cv2.cvtColor(grays, cv2.COLOR_RGB2GRAY) if colour else grays, np.uint8)


def load_film(
    path: str | Path,
    config: PrepareConfig,
    limits: LimitsConfig = LIMITS,
    *,
    films: bool = True,
    learned: Collection[str] | None = None,
) -> tuple[Gray, str | None, tuple[str, ...]]:
    """`load_image`; why the picture is no chest film, None where it is one, see `no_film`; and what was guessed.

    Without `films` any picture will do.
    """
    picture = read_picture(path, config.size, limits)
    why = no_film(picture.gray, picture.data, picture.suffix, learned=learned) if films else None
    return prepare(picture.gray, config), why, picture.notes


def unlike(first: PrepareConfig, second: PrepareConfig) -> dict[str, tuple[Any, Any]]:
    """Settings in which two preparations differ: name -> both values."""
    pairs = {name: (getattr(first, name), getattr(second, name)) for name in PrepareConfig.model_fields}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def prepare(gray: Gray, config: PrepareConfig) -> Gray:
    """Fit a gray image into a square.

    Shrinking averages over areas, enlarging is bilinear. CLAHE (Zuiderveld 1994) acts on the resized picture,
    before any padding, which would be part of the histograms.

    Args:
        gray: uint8 [h, w].
        config: size, fit and CLAHE.

    Returns:
        uint8 [size, size], contiguous.
    """
    size = config.size
    if config.fit == "pad":
        return _padded(gray, config)
    if config.fit == "crop":
        gray = _centre(gray)
    return np.ascontiguousarray(_equalise(_resize(gray, size, size), config.clahe))


def _resize(gray: Gray, height: int, width: int) -> Gray:
    """Resize each axis by what suits it: area average where it shrinks, bilinear where it grows.

    OpenCV's area mode is wrong for a picture that shrinks along one axis and grows along the other.
    """
    smaller = (min(width, gray.shape[1]), min(height, gray.shape[0]))
    if smaller != gray.shape[::-1]:
        gray = cv2.resize(gray, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (width, height):
        gray = cv2.resize(gray, (width, height), interpolation=cv2.INTER_LINEAR)
    return gray


def _centre(gray: Gray) -> Gray:
    height, width = gray.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return gray[top : top + side, left : left + side]


def _padded(gray: Gray, config: PrepareConfig) -> Gray:
    longer = max(gray.shape)
    height, width = (max(1, round(side * config.size / longer)) for side in gray.shape)
    top, left = (config.size - height) // 2, (config.size - width) // 2
    square = np.zeros((config.size, config.size), np.uint8)
    picture = _equalise(_resize(gray, height, width), config.clahe)
    square[top : top + height, left : left + width] = picture
    return square


def _equalise(gray: Gray, limit: float) -> Gray:
    if not limit:
        return gray
    return np.asarray(cv2.createCLAHE(clipLimit=limit, tileGridSize=_TILES).apply(gray), np.uint8)
