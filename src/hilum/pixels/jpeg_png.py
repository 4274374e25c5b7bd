"""JPEG and PNG files: their headers, and their pixels to gray; every sign of damage is an error.

JPEG by libjpeg-turbo. OpenCV decodes by the same library to the same pixels, as fast, but keeps the warnings to
itself (or prints them): a picture that is gray from the middle on would pass. simplejpeg's strict mode stops at a
warning. A changed byte that leaves a valid code is not noticed by any decoder.

PNG is checked chunk by chunk, then decoded by OpenCV. libpng prints what it says of damage, and takes some of it
for a picture. So the checksums of all chunks and the length and checksum of the inflated rows are asked first;
what OpenCV then gets are the same rows, not compressed (inflating by libdeflate and storing takes no longer than
libpng's own inflating), without chunks of no matter.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, starmap
from typing import NamedTuple

import cv2
import imagecodecs
import numpy as np
import simplejpeg

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.pixels.decoding import Gray, check_size, decode, to_uint8, too_much, turned

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"

_CHANNELS = {"gray": 1, "palette": 1, "gray+alpha": 2, "rgb": 3, "rgba": 4, "cmyk": 4}
_PNG_MODES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray+alpha", 6: "rgba"}
_JPEG_MODES = {1: "gray", 3: "rgb", 4: "cmyk"}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_START_OF_FRAME = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


@dataclass(frozen=True)
class ImageInfo:
    """What a file holds.

    Attributes:
        width, height: in pixels, upright (after the EXIF orientation), as `read_picture` gives it.
        bits: per pixel and channel, as stored.
        mode: `gray`, `gray+alpha`, `rgb`, `rgba`, `palette` or `cmyk`.
        format: `jpeg`, `png`, `dicom` or `other`.
    """

    width: int
    height: int
    bits: int
    mode: str
    format: str

    @property
    def channels(self) -> int:
        """How many numbers a pixel has in the file."""
        return _CHANNELS[self.mode]

    def upright(self, orientation: int) -> ImageInfo:
        """Width and height exchanged where EXIF orientation 5 to 8 lays the picture on its side."""
        return replace(self, width=self.height, height=self.width) if orientation >= 5 else self


class _JpegHeader(NamedTuple):
    """What a JPEG file says before its codes: the picture as it lies, its EXIF orientation, where the marker of
    the frame header is, and whether its codes go over the picture several times."""

    info: ImageInfo
    orientation: int
    at: int
    progressive: bool


def jpeg_header(data: bytes) -> _JpegHeader:
    """The header of a JPEG file (ITU-T T.81, annex B; that of JPEG-LS, T.87, has the same layout)."""
    at, orientation = 2, 1
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:  # fill bytes, markers without length
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _START_OF_FRAME and at + 10 <= len(data):
            bits, height, width, components = struct.unpack(">BHHB", data[at + 4 : at + 10])
            info = ImageInfo(width, height, bits, _JPEG_MODES.get(components, "rgb"), "jpeg")
            return _JpegHeader(info, orientation, at, marker in _PROGRESSIVE)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _exif_orientation(data[at + 10 : at + 2 + length])
        at += 2 + length
    raise ImageError("is a JPEG file that is cut short or damaged within its header")


def png_header(data: bytes) -> ImageInfo:
    """The IHDR chunk of a PNG file, and its eXIf chunk where one lies before the pixels."""
    if len(data) < 33 or data[12:16] != b"IHDR" or data[25] not in _PNG_MODES:
        raise ImageError("is a PNG file that is cut short or damaged within its header")
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    at, orientation = 33, 1
    while at + 8 <= len(data) and data[at + 4 : at + 8] not in (b"IDAT", b"IEND"):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
        at += 12 + length
    return ImageInfo(width, height, bits, _PNG_MODES[colour], "png").upright(orientation)


def _exif_orientation(exif: bytes) -> int:
    """Tag 0x0112 of an EXIF block (a small TIFF file), 1 to 8; 1 (upright) where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 10:
        return 1
    (start,) = struct.unpack(order + "I", exif[4:8])
    if start + 2 > len(exif):
        return 1
    (count,) = struct.unpack(order + "H", exif[start : start + 2])
    for at in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        tag, _, _, value = struct.unpack(order + "HHIH", exif[at : at + 10])
        if tag == 0x0112:
            return value if 1 <= value <= 8 else 1
    return 1


_ROOM = 1.5
"""How much larger than needed a reduced JPEG must remain, so that the area average still has pixels to
average. Measured against full decoding: 49 dB or more at 1.5, 42 dB at 1.0; PIL itself differs by 51 dB."""
_MOST_PASSES = 10
"""How often a progressive JPEG of as many pixels as are allowed may go over them; smaller ones more often."""
_SCAN = b"\xff\xda"
_PRECISION_AT = 4
"""Where a frame header holds its bits a sample, counted from its marker."""


def jpeg_gray(data: bytes, at_least: int | None, limits: LimitsConfig) -> Gray:
    """Decode a JPEG file, upright; see `hilum.pixels.read.read_picture`.

    Raises:
        ImageError: not 8 bits a sample, cut short, damaged or too large; the message does not name the file.
    """
    header = jpeg_header(data)
    if header.info.bits != 8:
        raise ImageError(f"is a JPEG file of {header.info.bits} bits a pixel; expected 8")
    gray = luma(data, header, limits, _reduction(header.info, at_least))
    return np.asarray(turned(gray, header.orientation), np.uint8)


def luma(data: bytes, header: _JpegHeader, limits: LimitsConfig, factor: int = 1) -> Gray:
    """Gray of a JPEG stream of 8 bits as it lies, its sides reduced by 1, 2, 4 or 8."""
    info = header.info
    check_size(info.width, info.height, info.channels, limits)
    if header.progressive and info.width * info.height * data.count(_SCAN) > _MOST_PASSES * limits.pixels:
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
    copy[header.at + _PRECISION_AT] = 8
    luma(bytes(copy), header, limits)


def _reduction(info: ImageInfo, at_least: int | None) -> int:
    """The strongest reduction that leaves both sides large enough."""
    if at_least is None:
        return 1
    return next((n for n in (8, 4, 2) if min(info.width, info.height) >= _ROOM * at_least * n), 1)


def _why(said: str) -> str:
    """The refusal that stands for what libjpeg said."""
    if "Premature end of JPEG file" in said:
        return "is a JPEG file that is cut short; copy or download it again"
    return (
        f"is a JPEG file that is damaged ({said.strip() or 'libjpeg refuses it'}); copy or download it again"
    )


_DEPTHS = {"gray": (1, 2, 4, 8, 16), "palette": (1, 2, 4, 8)}
_WHOLE_BYTES = (8, 16)
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: the first column and row of each pass, and the steps between columns and rows."""
_FILTERS = 4
"""The last of the ways in which a row may be filtered."""
_GAMMAS = (1_000, 10_000_000)
_LONGEST = 1_000_000
"""libpng's own limit of a side."""
_STORED = 0


def png_gray(data: bytes, limits: LimitsConfig, notes: list[str]) -> Gray:
    """Decode a PNG file, upright; see `hilum.pixels.read.read_picture`.

    Raises:
        ImageError: cut short, damaged, or too large; the message does not name the file.
    """
    info = png_header(data)
    width, height = struct.unpack(">II", data[16:24])  # as it lies
    check_size(width, height, info.channels * max(1, info.bits // 8), limits)
    if info.bits not in _DEPTHS.get(info.mode, _WHOLE_BYTES) or data[26:28] != b"\0\0" or data[28] > 1:
        raise _damaged("its header is of no PNG")
    if max(width, height) > _LONGEST:
        raise ImageError(f"is a PNG file of {width:,} x {height:,} pixels; expected sides up to {_LONGEST:,}")
    chunks = list(_chunks(data))
    first = dict(reversed(chunks))
    bits = info.bits * (3 if info.mode == "rgb" else info.channels)
    rows = _rows(
        b"".join(content for kind, content in chunks if kind == b"IDAT"), (width, height), bits, data[28]
    )
    parts = [(b"IHDR", data[16:29]), *_colour_chunks(first, info)]
    parts += [(b"IDAT", zlib.compress(rows, _STORED)), (b"IEND", b"")]
    image = decode(b"".join((PNG_START, *chain.from_iterable(starmap(_chunk, parts)))), cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise _damaged("it cannot be decoded")
    gray = to_uint8(image, image.dtype.itemsize * 8, max(first.get(b"sBIT", b"\0")[:4], default=0), notes)
    return np.asarray(turned(gray, _exif_orientation(first.get(b"eXIf", b""))), np.uint8)


def _colour_chunks(first: dict[bytes, bytes], info: ImageInfo) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that say how samples become gray; those on gamma only as libpng takes them without a word."""
    intent, gamma = first.get(b"sRGB", b""), first.get(b"gAMA", b"")
    if len(intent) == 1 and intent[0] < 4:
        yield b"sRGB", intent
    elif len(gamma) == 4 and _GAMMAS[0] <= int.from_bytes(gamma, "big") <= _GAMMAS[1]:
        yield b"gAMA", gamma
    palette = first.get(b"PLTE", b"")
    if info.mode == "palette":
        if not palette or len(palette) % 3 or len(palette) > 3 << info.bits:
            raise _damaged("its palette is missing or of no PNG")
        yield b"PLTE", palette


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk up to the end."""
    at = len(PNG_START)
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise _damaged(f"the checksum of its chunk {kind!r} is wrong")
        if kind == b"IEND":
            return
        yield kind, data[at + 8 : end]
        at = end + 4
    raise ImageError("is a PNG file that is cut short; copy or download it again")


def _rows(packed: bytes, sides: tuple[int, int], bits: int, interlaced: int) -> bytes:
    """The inflated rows, each a byte that says how it is filtered and its pixels of so many bits."""
    sizes = [
        (max(0, -(-(sides[1] - top) // down)), max(0, -(-(sides[0] - left) // across)))
        for left, top, across, down in (_PASSES if interlaced else ((0, 0, 1, 1),))
    ]
    shapes = [(height, 1 + (width * bits + 7) // 8) for height, width in sizes if height and width]
    expected = sum(height * length for height, length in shapes)
    try:
        rows = bytes(imagecodecs.deflate_decode(packed, out=expected + 1))
    except RuntimeError as error:
        raise _damaged("its rows cannot be inflated, or are too many") from error
    if len(rows) != expected:
        raise _damaged(f"it holds {len(rows):,} bytes of rows; its header says {expected:,}")
    at, bytes_of = 0, np.frombuffer(rows, np.uint8)
    for height, length in shapes:
        if bytes_of[at : at + height * length : length].max() > _FILTERS:
            raise _damaged("its rows are filtered in no known way")
        at += height * length
    return rows


def _chunk(kind: bytes, content: bytes) -> tuple[bytes, ...]:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)


def _damaged(why: str) -> ImageError:
    return ImageError(f"is a PNG file that is damaged ({why}); copy or download it again")
