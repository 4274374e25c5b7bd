"""One reader for every image file: whatever the encoding, the same picture becomes the same gray image.

What is decided here and in the modules of each format, and tested:

- Colour becomes luma (0.299 R + 0.587 G + 0.114 B); an alpha channel is dropped, so that a pixel is what was
  stored in it, whatever its opacity.
- 16-bit pixels of a PNG or TIFF come out as `to_uint8` says: by their depth, which is
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
from hilum.files import open_file
from hilum.pixels.decoding import LIMITS, Gray, check_size, decode, read_file, to_uint8, turned
from hilum.pixels.dicom import dicom_gray, dicom_header, is_dicom
from hilum.pixels.jpeg_png import (
    JPEG_START,
    PNG_START,
    ImageInfo,
    jpeg_gray,
    jpeg_header,
    png_gray,
    png_header,
)
from hilum.pixels.sizes import TIFF_STARTS, check_end, kind_of, size_of
from hilum.pixels.tiff import tiff_header, tiff_image

READER = 2
"""Raised when some file becomes another picture than before, so that no older pack is taken from the cache."""


class _Picture(NamedTuple):
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
    """The picture alone, uint8 [height, width]; see `read_picture`."""
    return read_picture(path, at_least, limits).gray


def read_picture(path: str | Path, at_least: int | None = None, limits: LimitsConfig = LIMITS) -> _Picture:
    """Read an image file: JPEG, PNG, TIFF, BMP, WebP, GIF, JPEG 2000 or DICOM, told by content.

    Args:
        path: the file.
        at_least: the size in pixels that both sides are needed at; a JPEG larger than that may come back
            reduced by 2, 4 or 8, both sides still at least 1.5 times as long. None means full size.
        limits: what it may cost.

    Raises:
        ImageError: missing, empty, cut short, damaged, too large, or not an image file; one sentence that
            begins with the path.
        MissingExtra: a DICOM file, and the packages to read it are not installed.
    """
    suffix = os.path.splitext(path)[1]  # noqa: PTH122 (4 us less than by a Path, of 150)
    try:
        return _decode_picture(read_file(path, limits), suffix, at_least, limits)
    except OSError as error:
        raise ImageError(f"{path} {_unreadable(error)}") from error
    except ImageError as error:
        raise ImageError(f"{path} {error}") from error


def info_and_picture(
    path: str | Path, at_least: int | None = None, limits: LimitsConfig = LIMITS
) -> tuple[ImageInfo, _Picture]:
    """What a file says of itself, and `read_picture` of it; errors do not name the file."""
    suffix = os.path.splitext(path)[1]  # noqa: PTH122
    try:
        data = read_file(path, limits)
        return _info_of(data, suffix), _decode_picture(data, suffix, at_least, limits)
    except OSError as error:
        raise ImageError(_unreadable(error)) from error


def _decode_picture(
    data: bytes, suffix: str = "", at_least: int | None = None, limits: LimitsConfig = LIMITS
) -> _Picture:
    """`read_picture` of a file's bytes."""
    notes: list[str] = []
    return _Picture(_gray(data, suffix, at_least, limits, notes), tuple(notes), data, suffix)


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
        raise ImageError(_NOT_AN_IMAGE)
    check_size(*size_of(data, kind), limits)
    if kind == "JPEG 2000":
        check_end(data)
    image = decode(data, cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise ImageError(_NOT_AN_IMAGE)
    return to_uint8(image, image.dtype.itemsize * 8)


_NOT_AN_IMAGE = "is not an image, or is damaged; expected JPEG, PNG, TIFF, BMP, WebP, GIF, JPEG 2000 or DICOM"
_FIRST_READ = 1 << 16
"""Bytes read before the whole file is: JPEG and PNG headers end within, but for very large EXIF blocks."""


def image_info(path: str | Path) -> ImageInfo:
    """Read the header of an image file; BMP, WebP, GIF and JPEG 2000 are decoded for it.

    Raises:
        ImageError: missing, empty, not an image, or cut short within the header.
        MissingExtra: a DICOM file, and pydicom is not installed.
    """
    path = Path(path)
    try:
        with open_file(path) as file:
            data = file.read(_FIRST_READ)
            try:
                return _info_of(data, path.suffix)
            except ImageError:
                rest = file.read(LIMITS.bytes)
                if not rest:
                    raise
            return _info_of(data + rest, path.suffix)
    except OSError as error:
        raise ImageError(f"{path} {_unreadable(error)}") from error
    except ImageError as error:
        raise ImageError(f"{path} {error}") from error


def _info_of(data: bytes, suffix: str = "") -> ImageInfo:
    """`image_info` of the beginning of a file, or all of it; errors do not name the file."""
    if not data:
        raise ImageError("is empty (0 bytes)")
    if data.startswith(JPEG_START):
        header = jpeg_header(data)
        return header.info.upright(header.orientation)
    if data.startswith(PNG_START):
        return png_header(data)
    if is_dicom(data, suffix):
        return ImageInfo(*dicom_header(data), format="dicom")
    if data.startswith(TIFF_STARTS):
        return tiff_header(data)
    return _decoded(data)


def _unreadable(error: OSError) -> str:
    """What is wrong with a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not an image"
    return f"cannot be read: {error.strerror or error}"


def _decoded(data: bytes) -> ImageInfo:
    kind = kind_of(data)
    if kind is None:
        raise ImageError(_NOT_AN_IMAGE)
    check_size(*size_of(data, kind), LIMITS)
    stored, upright = decode(data, cv2.IMREAD_UNCHANGED), decode(data, cv2.IMREAD_ANYDEPTH)
    if stored is None or upright is None:
        raise ImageError(_NOT_AN_IMAGE)
    mode = {1: "gray", 2: "gray+alpha", 3: "rgb", 4: "rgba"}[1 if stored.ndim == 2 else stored.shape[2]]
    return ImageInfo(upright.shape[1], upright.shape[0], stored.dtype.itemsize * 8, mode, "other")
