"""What all decoders share: what a file may cost, the one call to OpenCV, how 16 bits become 8, which way is up.

The limits are `hilum.config.LimitsConfig`. Time has none of its own. No decoder can be stopped half-way, but each
takes time in proportion to the pixels and, of a progressive JPEG, to its passes over them. At the first limits
(8,000 x 8,000 pixels) the slowest formats took 1.1 s and 0.5 GB: RLE, deflated and JPEG Lossless DICOM.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.files import open_file

Gray = npt.NDArray[np.uint8]
"""A gray image, [height, width]."""

_SILENT = 0


def decode(data: bytes, flag: int) -> npt.NDArray[Any] | None:
    """Decode a file's bytes under one of OpenCV's IMREAD flags; None where it cannot.

    OpenCV's own log is switched off: its lines would say nothing that our errors do not.
    """
    if hasattr(cv2, "setLogLevel"):  # OpenCV 4
        cv2.setLogLevel(_SILENT)
    else:
        cv2.utils.logging.setLogLevel(_SILENT)
    try:
        image: npt.NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None
    return image


def turned(image: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """A picture upright, by its EXIF orientation, 1 to 8."""
    if orientation == 1:
        return np.ascontiguousarray(image)
    if orientation >= 5:
        image = image.T
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


LIMITS = LimitsConfig()


def read_file(path: str | Path, limits: LimitsConfig = LIMITS) -> bytes:
    """All bytes of a file.

    Raises:
        OSError: missing, no file (a pipe, a device, ...), or not readable.
        ImageError: larger than the limit.
    """
    with open_file(path, buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limits.bytes:
            raise too_much(f"is a file of {size:,} bytes", "bytes")
        return file.read()


def check_size(width: int, height: int, pixel_bytes: float, limits: LimitsConfig) -> None:
    """Refuse a picture that would be too large.

    Args:
        width, height: in pixels, as the header says.
        pixel_bytes: bytes of one pixel once decoded, all channels.
        limits: pixels and bytes of one picture.

    Raises:
        ImageError: no pixels, too many, or too many bytes.
    """
    if width < 1 or height < 1:
        raise ImageError(f"says that it is {width} x {height} pixels; expected at least one each way")
    what = f"says that it is {width:,} x {height:,} pixels"
    if width * height > limits.pixels:
        raise too_much(what, "pixels")
    if width * height * pixel_bytes > limits.bytes:
        raise too_much(f"{what} of {pixel_bytes:g} bytes", "bytes")


def too_much(what: str, limit: str) -> ImageError:
    """The refusal of a file beyond a limit, a field of `LimitsConfig`."""
    return ImageError(f"{what}, more than limits.{limit} allows; raise that if the file is right")


_DEPTHS = (14, 12, 10, 8)
_STRAY = 1000
"""One pixel of so many may lie above a depth: a burnt-in letter or a dead pixel does not decide."""


def to_uint8(image: npt.NDArray[Any], bits: int = 16, said: int = 0, notes: list[str] | None = None) -> Gray:
    """8 bits of pixels that span 0 to 2^bits - 1.

    A 16-bit file often carries 10, 12 or 14 bits of a detector and does not say so; by its header it would come
    out nearly black. So 16 bits are taken for the least of 8, 10, 12, 14 and 16 that holds all but one pixel in
    1,000. That is a guess, and said; single pixels do not change it. Depths between (11, 13, 15) come out up to
    half as bright: guessing finer would hang on how much a film was exposed. Where the file says a depth
    (`said`, the sBIT of a PNG), only that one and the full range come into question.

    Args:
        image: uint8 or uint16 [height, width].
        bits: depth of the samples, by the header.
        said: bits that were in use, as the file says; 0 where it does not.
        notes: takes a sentence on what was guessed.
    """
    if image.dtype == np.uint8 and bits == 8:
        return np.asarray(image, np.uint8)
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"holds {image.dtype} pixels; expected 8 or 16 bits")
    if bits == 16:
        bits = _in_use(image, (said,) if 8 <= said < 16 else _DEPTHS)
        if bits < 16 and not said and notes is not None:
            notes.append(
                f"16-bit pixels of unknown depth: taken for {bits} bits, which hold nearly all of them"
            )
    return np.asarray(cv2.convertScaleAbs(image, alpha=255.0 / (2**bits - 1)), np.uint8)


def _in_use(image: npt.NDArray[Any], depths: tuple[int, ...]) -> int:
    bits = 16
    for lower in depths:
        if np.count_nonzero(image >= 1 << lower) * _STRAY > image.size:
            break
        bits = lower
    return bits
