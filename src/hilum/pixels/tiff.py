"""TIFF files to gray, by tifffile and imagecodecs: strips, tiles and every usual packing.

OpenCV inverts 16-bit files whose zero is white, multiplies colours by an alpha that they were not multiplied
by, and takes damaged codes for a picture; Pillow prints what libtiff says of damage. What is uncompressed
carries no checks: a hole in it cannot be seen.
"""

from __future__ import annotations

import io
import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.pixels.decoding import check_size
from hilum.pixels.jpeg_png import ImageInfo, check_stream

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_MODES = {_WHITE_IS_ZERO: "gray", _BLACK_IS_ZERO: "gray", _RGB: "rgb", _PALETTE: "palette", _YCBCR: "rgb"}
_JPEG = 7
_PACKINGS = {1, 2, 3, 4, 5, _JPEG, 8, 32946, 32773}
"""None, CCITT (2 to 4), LZW, _JPEG, deflate (two numbers), PackBits."""
_REDUCED = 1
"""Bit of NewSubfileType: a smaller copy of another page."""
_UNSIGNED = 1
_KINDS = {2: "signed", 3: "float"}


def tiff_image(data: bytes, limits: LimitsConfig, notes: list[str]) -> tuple[npt.NDArray[Any], int, int]:
    """Decode the first page that is no reduced copy of another.

    Returns:
        gray, uint8 or uint16 [height, width], zero is black; its bits; its orientation, 1 to 8.

    Raises:
        ImageError: damaged, too large, or of a kind that is not read; the message does not name the file.
    """
    with _opened(data) as (page, several):
        info = _info(page)
        check_size(info.width, info.height, page.samplesperpixel * math.ceil(info.bits / 8), limits)
        _check_segments(page, data, limits)
        image = page.asarray(maxworkers=1)
        if several:
            notes.append("holds several pages: the first is read")
        return _gray(_channels_last(image, page), page), _depth(page), _orientation(page)


def tiff_header(data: bytes) -> ImageInfo:
    """What the page that `tiff_image` would read says of itself."""
    with _opened(data) as (page, _):
        return _info(page).upright(_orientation(page))


@contextmanager
def _opened(data: bytes) -> Iterator[tuple[Any, bool]]:
    """The page to be read, and whether there are others; whatever tifffile raises is an ImageError."""
    with _unheard():
        try:
            with tifffile.TiffFile(io.BytesIO(data)) as file:
                yield _first(file)
        except ImageError:
            raise
        except Exception as error:  # of tifffile, imagecodecs and what they lean on
            line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ImageError(f"is a TIFF file that is damaged, or cannot be decoded: {line}") from error


def _first(file: Any) -> tuple[Any, bool]:
    page = file.pages[0]
    try:
        second = file.pages[1]
    except IndexError:
        return page, False
    if page.subfiletype & _REDUCED and not second.subfiletype & _REDUCED:
        return second.aspage(), True
    return page, True


def _info(page: Any) -> ImageInfo:
    mode = _MODES.get(page.photometric)
    if mode is None:
        raise ImageError(
            f"is a TIFF file of {getattr(page.photometric, 'name', '?')} pixels; expected gray or RGB"
        )
    bits, extra = page.bitspersample, page.samplesperpixel - (3 if mode == "rgb" else 1)
    if not isinstance(bits, int) or page.sampleformat != _UNSIGNED or not 1 <= bits <= 16:
        kind = f"{_KINDS.get(page.sampleformat, 'unsigned')} {bits}-bit"
        raise ImageError(f"is a TIFF file of {kind} pixels; expected unsigned integers of up to 16 bits")
    if extra not in (0, 1) or (mode == "palette" and extra) or page.imagedepth != 1:
        raise ImageError(f"is a TIFF file of {page.samplesperpixel} values a pixel; expected gray or RGB")
    mode = {"gray": "gray+alpha", "rgb": "rgba"}[mode] if extra else mode
    if page.compression not in _PACKINGS:
        name = getattr(page.compression, "name", page.compression)
        raise ImageError(
            f"is a TIFF file packed as {name}; expected none, LZW, deflate, PackBits, JPEG or CCITT"
        )
    return ImageInfo(page.imagewidth, page.imagelength, bits, mode, "other")


def _check_segments(page: Any, data: bytes, limits: LimitsConfig) -> None:
    """Strips or tiles that are missing would be filled with zeros; those of JPEG may hold damage."""
    if page.is_tiled:
        check_size(
            page.tilewidth, page.tilelength, page.samplesperpixel * math.ceil(page.bitspersample / 8), limits
        )
    starts, lengths = page.dataoffsets, page.databytecounts
    wanted = math.prod(page.chunked)
    if len(starts) < wanted or len(lengths) < wanted or not all(lengths) or not all(starts):
        raise ImageError("is a TIFF file that lacks a part of its picture; copy or download it again")
    if any(start + length > len(data) for start, length in zip(starts, lengths, strict=False)):
        raise ImageError("is a TIFF file that is cut short; copy or download it again")
    if page.compression == _JPEG:
        tables = (page.jpegtables or b"\xff\xd8\xff\xd9")[:-2]
        for start, length in zip(starts, lengths, strict=False):
            check_stream(tables + data[start + 2 : start + length], limits)


def _channels_last(image: npt.NDArray[Any], page: Any) -> npt.NDArray[Any]:
    """[h, w] or [h, w, channels]."""
    axes = page.axes
    if axes == "SYX":
        return np.moveaxis(image, 0, -1)
    if axes not in ("YX", "YXS"):
        raise ImageError(f"is a TIFF file whose picture lies along {axes}; expected rows and columns")
    return image


def _gray(image: npt.NDArray[Any], page: Any) -> npt.NDArray[Any]:
    """Gray of the page's samples, zero black; alpha is dropped."""
    if page.photometric == _PALETTE:
        colours = np.asarray(page.colormap)
        if colours.max() > 255:  # as the standard wants; some writers fill 8 bits
            colours = colours >> 8
        return _luma(colours.T.astype(np.uint8)[image])
    if page.photometric in (_RGB, _YCBCR):
        return _luma(image[..., :3])
    gray = image[..., 0] if image.ndim == 3 else image
    gray = gray.astype(np.uint8) if gray.dtype == bool else gray
    return 2**page.bitspersample - 1 - gray if page.photometric == _WHITE_IS_ZERO else gray


def _luma(colours: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2GRAY))


def _depth(page: Any) -> int:
    return 8 if page.photometric == _PALETTE else int(page.bitspersample)


def _orientation(page: Any) -> int:
    tag = page.tags.get(274)
    value = tag.value if tag is not None else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


class _Unheard(logging.Filter):
    """Holds back tifffile's log lines of a thread that is reading a picture: an error says what counts."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = threading.local()

    def filter(self, _: logging.LogRecord) -> bool:
        """Whether a line may be printed."""
        return not getattr(self.reading, "now", False)


_UNHEARD = _Unheard()


@contextmanager
def _unheard() -> Iterator[None]:
    logging.getLogger("tifffile").addFilter(_UNHEARD)
    _UNHEARD.reading.now = True
    try:
        yield
    finally:
        _UNHEARD.reading.now = False
