"""What an image file is, from its header: cheap enough to ask of every file of a data set."""

from __future__ import annotations

from pathlib import Path

import cv2

from hilum.errors import ImageError
from hilum.files import open_file
from hilum.pixels.dicom import dicom_header, is_dicom
from hilum.pixels.limits import LIMITS, check_size
from hilum.pixels.opencv import decode
from hilum.pixels.parse import JPEG_START, PNG_START, ImageInfo, jpeg_header, png_header
from hilum.pixels.sizes import kind_of, size_of
from hilum.pixels.tiff import TIFF_STARTS, tiff_header

NOT_AN_IMAGE = "is not an image, or is damaged; expected JPEG, PNG, TIFF, BMP, WebP, GIF, JPEG 2000 or DICOM"
FIRST_READ = 1 << 16
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
            data = file.read(FIRST_READ)
            try:
                return info_of(data, path.suffix)
            except ImageError:
                rest = file.read(LIMITS.bytes)
                if not rest:
                    raise
            return info_of(data + rest, path.suffix)
    except OSError as error:
        raise ImageError(f"{path} {unreadable(error)}") from error
    except ImageError as error:
        raise ImageError(f"{path} {error}") from error


def info_of(data: bytes, suffix: str = "") -> ImageInfo:
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


def unreadable(error: OSError) -> str:
    """What is wrong with a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not an image"
    return f"cannot be read: {error.strerror or error}"


def _decoded(data: bytes) -> ImageInfo:
    kind = kind_of(data)
    if kind is None:
        raise ImageError(NOT_AN_IMAGE)
    check_size(*size_of(data, kind), LIMITS)
    stored, upright = decode(data, cv2.IMREAD_UNCHANGED), decode(data, cv2.IMREAD_ANYDEPTH)
    if stored is None or upright is None:
        raise ImageError(NOT_AN_IMAGE)
    mode = {1: "gray", 2: "gray+alpha", 3: "rgb", 4: "rgba"}[1 if stored.ndim == 2 else stored.shape[2]]
    return ImageInfo(upright.shape[1], upright.shape[0], stored.dtype.itemsize * 8, mode, "other")
