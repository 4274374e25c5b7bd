"""One reader for every image file: whatever the encoding, the same picture becomes the same gray image.

What is decided here, and tested:

- Colour becomes luma (0.299 R + 0.587 G + 0.114 B); an alpha channel is dropped, so that a pixel is what was
  stored in it, whatever its opacity.
- 16-bit pixels are scaled by the depth that the image uses: 0 to 2^b - 1 becomes 0 to 255, where b (at least 8)
  is the number of bits of its largest value. Files that fill the 16 bits and those that carry 10, 12 or 14
  bits of a detector in a 16-bit container both come out right, and equal to their 8-bit copies.
- The EXIF orientation is applied, as every viewer does.
- Of several pages or frames of a TIFF or GIF the first is read; a DICOM file of several frames is refused.
- A file that ends early is an error: decoders would fill the rest with gray.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hilum.errors import ImageError
from hilum.pixels.dicom import dicom_gray, is_dicom
from hilum.pixels.header import JPEG_START, NOT_AN_IMAGE, PNG_START, ImageInfo, jpeg_header, unreadable
from hilum.pixels.opencv import Gray, decode

JPEG_END = b"\xff\xd9"
PNG_END = b"IEND\xaeB`\x82"

REDUCED = (
    (8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
)
ROOM = 1.5
"""How much larger than needed a reduced JPEG must remain, so that the area average still has pixels to
average. Measured against full decoding: 49 dB or more at 1.5, 42 dB at 1.0; PIL itself differs by 51 dB."""


def read_gray(path: str | Path, at_least: int | None = None) -> Gray:
    """Read an image file: JPEG, PNG, TIFF, BMP, WebP, GIF, JPEG 2000 or DICOM, told by content.

    Args:
        path: the file.
        at_least: the size in pixels that both sides are needed at; a JPEG larger than that may come back
            reduced by 2, 4 or 8, both sides still at least 1.5 times as long. None means full size.

    Returns:
        uint8 [height, width].

    Raises:
        ImageError: missing, empty, cut short, damaged or not an image; one sentence that begins with the path.
        MissingExtra: a DICOM file, and the packages to read it are not installed.
    """
    return gray_and_bytes(path, at_least)[0]


def gray_and_bytes(path: str | Path, at_least: int | None = None) -> tuple[Gray, bytes]:
    """`read_gray`, and the file's bytes."""
    path = Path(path)
    try:
        data = path.read_bytes()
        return decode_gray(data, path.suffix, at_least), data
    except OSError as error:
        raise ImageError(f"{path} {unreadable(error)}") from error
    except ImageError as error:
        raise ImageError(f"{path} {error}") from error


def decode_gray(data: bytes, suffix: str = "", at_least: int | None = None) -> Gray:
    """`read_gray` of a file's bytes; `suffix` is the ending of its name. Errors do not name the file."""
    if not data:
        raise ImageError("is empty (0 bytes)")
    if data.startswith(JPEG_START):
        return _jpeg(data, at_least)
    if is_dicom(data, suffix):
        return dicom_gray(data)
    if data.startswith(PNG_START) and data.rfind(PNG_END) < 0:
        raise ImageError("is a PNG file that is cut short; copy or download it again")
    return to_uint8(_decode(data, cv2.IMREAD_ANYDEPTH, NOT_AN_IMAGE))


def to_uint8(image: npt.NDArray[Any]) -> Gray:
    """8 bits of 8 or 16; see the top of this file for the scale."""
    if image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:
        raise ImageError(f"holds {image.dtype} pixels; expected 8 or 16 bits")
    bits = max(8, int(image.max()).bit_length())
    return np.asarray(cv2.convertScaleAbs(image, alpha=255.0 / (2**bits - 1)), np.uint8)


def _jpeg(data: bytes, at_least: int | None) -> Gray:
    info, frame = jpeg_header(data)
    # Within a scan 0xFF is always followed by 0x00 or a restart marker: the end marker cannot occur in it.
    if data.rfind(JPEG_END, frame) < 0:
        raise ImageError("is a JPEG file that is cut short; copy or download it again")
    if info.bits != 8:
        raise ImageError(f"is a JPEG file of {info.bits} bits a pixel; expected 8")
    return _decode(data, _jpeg_flag(info, at_least), "is a JPEG file that is damaged")


def _jpeg_flag(info: ImageInfo, at_least: int | None) -> int:
    """The OpenCV flag of the strongest reduction that leaves both sides large enough."""
    if at_least is not None:
        for factor, flag in REDUCED:
            if min(info.width, info.height) >= ROOM * at_least * factor:
                return int(flag)
    return int(cv2.IMREAD_GRAYSCALE)


def _decode(data: bytes, flag: int, otherwise: str) -> npt.NDArray[Any]:
    image = decode(data, flag)
    if image is None:
        raise ImageError(otherwise)
    return image
