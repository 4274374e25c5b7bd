"""One reader for every image file: whatever the encoding, the same picture becomes the same gray image.

What is decided here and in the modules of each format, and tested:

- Colour becomes luma (0.299 R + 0.587 G + 0.114 B); an alpha channel is dropped, so that a pixel is what was
  stored in it, whatever its opacity.
- 16-bit pixels of a PNG or TIFF come out as `hilum.pixels.depth.to_uint8` says: by their depth, which is
  guessed and said where the file does not tell it.
- The EXIF orientation is applied, as every viewer does.
- Of several pages or frames of a TIFF or GIF the first is read; a DICOM file of several frames is refused.
- What a decoder notices of damage is an error: decoders would fill the rest with gray. That is nearly all in
  JPEG, PNG, GIF and packed TIFF, and a cut in any format. A hole of zeros within WebP or JPEG 2000, or within
  pixels that are not compressed (BMP, plain TIFF, plain DICOM), is a valid picture and cannot be seen.
- A file that would take more memory or time than `LimitsConfig` allows is refused before it is decoded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import cv2

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.pixels.depth import to_uint8
from hilum.pixels.dicom import dicom_gray, is_dicom
from hilum.pixels.header import NOT_AN_IMAGE, unreadable
from hilum.pixels.jpeg import jpeg_gray
from hilum.pixels.limits import LIMITS, check_size, read_file
from hilum.pixels.opencv import Gray, decode, turned
from hilum.pixels.parse import JPEG_START, PNG_START
from hilum.pixels.png import png_gray
from hilum.pixels.sizes import check_end, kind_of, size_of
from hilum.pixels.tiff import TIFF_STARTS, tiff_image

READER = 2
"""Raised when some file becomes another picture than before, so that no older pack is taken from the cache."""


class Picture(NamedTuple):
    """What came of an image file.

    Attributes:
        gray: uint8 [height, width].
        notes: what was guessed or left out on the way, each a clause that follows the file's name.
        data: the file's bytes.
        suffix: the ending of its name.
    """

    gray: Gray
    notes: tuple[str, ...] = ()
    data: bytes = b""
    suffix: str = ""


def read_gray(path: str | Path, at_least: int | None = None, limits: LimitsConfig = LIMITS) -> Gray:
    """Read an image file: JPEG, PNG, TIFF, BMP, WebP, GIF, JPEG 2000 or DICOM, told by content.

    Args:
        path: the file.
        at_least: the size in pixels that both sides are needed at; a JPEG larger than that may come back
            reduced by 2, 4 or 8, both sides still at least 1.5 times as long. None means full size.
        limits: what it may cost.

    Returns:
        uint8 [height, width].

    Raises:
        ImageError: missing, empty, cut short, damaged, too large, or not an image file; one sentence that
            begins with the path.
        MissingExtra: a DICOM file, and the packages to read it are not installed.
    """
    return read_picture(path, at_least, limits).gray


def read_picture(path: str | Path, at_least: int | None = None, limits: LimitsConfig = LIMITS) -> Picture:
    """`read_gray`, with what was guessed on the way."""
    suffix = os.path.splitext(path)[1]  # noqa: PTH122 (4 us less than by a Path, of 150)
    try:
        return decode_picture(read_file(path, limits), suffix, at_least, limits)
    except OSError as error:
        raise ImageError(f"{path} {unreadable(error)}") from error
    except ImageError as error:
        raise ImageError(f"{path} {error}") from error


def decode_gray(
    data: bytes, suffix: str = "", at_least: int | None = None, limits: LimitsConfig = LIMITS
) -> Gray:
    """`read_gray` of a file's bytes; `suffix` is the ending of its name. Errors do not name the file."""
    return decode_picture(data, suffix, at_least, limits).gray


def decode_picture(
    data: bytes, suffix: str = "", at_least: int | None = None, limits: LimitsConfig = LIMITS
) -> Picture:
    """`read_picture` of a file's bytes."""
    notes: list[str] = []
    return Picture(_gray(data, suffix, at_least, limits, notes), tuple(notes), data, suffix)


def _gray(data: bytes, suffix: str, at_least: int | None, limits: LimitsConfig, notes: list[str]) -> Gray:
    if not data:
        raise ImageError("is empty (0 bytes)")
    if data.startswith(JPEG_START):
        return jpeg_gray(data, at_least, limits)
    if is_dicom(data, suffix):
        return dicom_gray(data, limits, notes)
    if data.startswith(PNG_START):
        return png_gray(data, limits, notes)
    if data.startswith(TIFF_STARTS):
        image, bits, orientation = tiff_image(data, limits, notes)
        return turned(to_uint8(image, bits, notes=notes), orientation)
    return _other(data, limits)


def _other(data: bytes, limits: LimitsConfig) -> Gray:
    kind = kind_of(data)
    if kind is None:
        raise ImageError(NOT_AN_IMAGE)
    check_size(*size_of(data, kind), limits)
    if kind == "JPEG 2000":
        check_end(data)
    image = decode(data, cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise ImageError(NOT_AN_IMAGE)
    return to_uint8(image, image.dtype.itemsize * 8)
