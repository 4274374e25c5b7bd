"""JPEG files to gray by libjpeg-turbo, whose every warning of damage is an error.

OpenCV decodes by the same library to the same pixels, as fast, but keeps the warnings to itself (or prints
them): a picture that is gray from the middle on would pass. simplejpeg's strict mode stops at a warning.
A changed byte that leaves a valid code is not noticed by any decoder.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.pixels.limits import check_size, too_much
from hilum.pixels.opencv import Gray, decode, turned
from hilum.pixels.parse import ImageInfo, JpegHeader, jpeg_header

ROOM = 1.5
"""How much larger than needed a reduced JPEG must remain, so that the area average still has pixels to
average. Measured against full decoding: 49 dB or more at 1.5, 42 dB at 1.0; PIL itself differs by 51 dB."""
PASSES = 10
"""How often a progressive JPEG of as many pixels as are allowed may go over them; smaller ones more often."""
SCAN = b"\xff\xda"
PRECISION_AT = 4
"""Where a frame header holds its bits a sample, counted from its marker."""


def jpeg_gray(data: bytes, at_least: int | None, limits: LimitsConfig) -> Gray:
    """Decode a JPEG file, upright; see `hilum.pixels.read.read_gray`.

    Raises:
        ImageError: not 8 bits a sample, cut short, damaged or too large; the message does not name the file.
    """
    header = jpeg_header(data)
    if header.info.bits != 8:
        raise ImageError(f"is a JPEG file of {header.info.bits} bits a pixel; expected 8")
    gray = luma(data, header, limits, _reduction(header.info, at_least))
    return np.asarray(turned(gray, header.orientation), np.uint8)


def luma(data: bytes, header: JpegHeader, limits: LimitsConfig, factor: int = 1) -> Gray:
    """Gray of a JPEG stream of 8 bits as it lies, its sides reduced by 1, 2, 4 or 8."""
    info = header.info
    check_size(info.width, info.height, info.channels, limits)
    if header.progressive and info.width * info.height * data.count(SCAN) > PASSES * limits.pixels:
        raise too_much("is a JPEG file of so many passes that it counts for more pixels", "pixels")
    colour = "CMYK" if info.channels == 4 else "GRAY"
    sides = [-(-side // factor) for side in (info.height, info.width)]
    try:
        gray = simplejpeg.decode_jpeg(data, colour, min_height=sides[0], min_width=sides[1], strict=True)
    except ValueError as error:
        raise ImageError(_why(str(error))) from error
    if colour == "GRAY":
        return np.asarray(gray[..., 0], np.uint8)
    # libjpeg has no way from CMYK to gray; OpenCV has, and heeds the orientation unless told not to.
    reduced = {1: cv2.IMREAD_GRAYSCALE, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4}
    flag = reduced.get(factor, cv2.IMREAD_REDUCED_GRAYSCALE_8) | cv2.IMREAD_IGNORE_ORIENTATION
    image = decode(data, flag)
    if image is None:
        raise ImageError("is a JPEG file that is damaged")
    return np.asarray(image, np.uint8)


def check_stream(data: bytes, limits: LimitsConfig) -> None:
    """Refuse a damaged JPEG stream of any precision.

    Decoders of more than 8 bits tell of no damage. How samples are coded does not hang on their precision, so
    a copy that claims 8 bits shows whether the codes are whole, whatever its pixels become.
    """
    header = jpeg_header(data)
    copy = bytearray(data)
    copy[header.at + PRECISION_AT] = 8
    luma(bytes(copy), header, limits)


def _reduction(info: ImageInfo, at_least: int | None) -> int:
    """The strongest reduction that leaves both sides large enough."""
    if at_least is None:
        return 1
    return next((n for n in (8, 4, 2) if min(info.width, info.height) >= ROOM * at_least * n), 1)


def _why(said: str) -> str:
    """The refusal that stands for what libjpeg said."""
    if "Premature end of JPEG file" in said:
        return "is a JPEG file that is cut short; copy or download it again"
    return (
        f"is a JPEG file that is damaged ({said.strip() or 'libjpeg refuses it'}); copy or download it again"
    )
