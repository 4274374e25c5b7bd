"""What an image file may cost, asked before it is decoded; the limits are `hilum.config.LimitsConfig`.

Time has no limit of its own. No decoder can be stopped half-way, but each takes time in proportion to the pixels
and, of a progressive JPEG, to its passes over them. At the limits that are set at first (8,000 x 8,000 pixels) the
slowest formats took 1.1 s and 0.5 GB: RLE, deflated and JPEG Lossless DICOM.
"""

from __future__ import annotations

import os
from pathlib import Path

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.files import open_file

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
