"""PNG files to gray: checked chunk by chunk, then decoded by OpenCV.

libpng prints what it says of damage, and takes some of it for a picture. So the checksums of all chunks and the
length and checksum of the inflated rows are asked first; what OpenCV then gets are the same rows, not compressed
(inflating by libdeflate and storing takes no longer than libpng's own inflating), without chunks of no matter.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import chain, starmap

import cv2
import imagecodecs
import numpy as np

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.pixels.depth import to_uint8
from hilum.pixels.limits import check_size
from hilum.pixels.opencv import Gray, decode, turned
from hilum.pixels.parse import PNG_START, ImageInfo, exif_orientation, png_header

DEPTHS = {"gray": (1, 2, 4, 8, 16), "palette": (1, 2, 4, 8)}
WHOLE_BYTES = (8, 16)
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: the first column and row of each pass, and the steps between columns and rows."""
FILTERS = 4
"""The last of the ways in which a row may be filtered."""
GAMMAS = (1_000, 10_000_000)
LONGEST = 1_000_000
"""libpng's own limit of a side."""
STORED = 0


def png_gray(data: bytes, limits: LimitsConfig, notes: list[str]) -> Gray:
    """Decode a PNG file, upright; see `hilum.pixels.read.read_gray`.

    Raises:
        ImageError: cut short, damaged, or too large; the message does not name the file.
    """
    info = png_header(data)
    width, height = struct.unpack(">II", data[16:24])  # as it lies
    check_size(width, height, info.channels * max(1, info.bits // 8), limits)
    if info.bits not in DEPTHS.get(info.mode, WHOLE_BYTES) or data[26:28] != b"\0\0" or data[28] > 1:
        raise _damaged("its header is of no PNG")
    if max(width, height) > LONGEST:
        raise ImageError(f"is a PNG file of {width:,} x {height:,} pixels; expected sides up to {LONGEST:,}")
    chunks = list(_chunks(data))
    first = dict(reversed(chunks))
    bits = info.bits * (3 if info.mode == "rgb" else info.channels)
    rows = _rows(
        b"".join(content for kind, content in chunks if kind == b"IDAT"), (width, height), bits, data[28]
    )
    parts = [(b"IHDR", data[16:29]), *_colour_chunks(first, info)]
    parts += [(b"IDAT", zlib.compress(rows, STORED)), (b"IEND", b"")]
    image = decode(b"".join((PNG_START, *chain.from_iterable(starmap(_chunk, parts)))), cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise _damaged("it cannot be decoded")
    gray = to_uint8(image, image.dtype.itemsize * 8, max(first.get(b"sBIT", b"\0")[:4], default=0), notes)
    return np.asarray(turned(gray, exif_orientation(first.get(b"eXIf", b""))), np.uint8)


def _colour_chunks(first: dict[bytes, bytes], info: ImageInfo) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that say how samples become gray; those on gamma only as libpng takes them without a word."""
    intent, gamma = first.get(b"sRGB", b""), first.get(b"gAMA", b"")
    if len(intent) == 1 and intent[0] < 4:
        yield b"sRGB", intent
    elif len(gamma) == 4 and GAMMAS[0] <= int.from_bytes(gamma, "big") <= GAMMAS[1]:
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
        for left, top, across, down in (PASSES if interlaced else ((0, 0, 1, 1),))
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
        if bytes_of[at : at + height * length : length].max() > FILTERS:
            raise _damaged("its rows are filtered in no known way")
        at += height * length
    return rows


def _chunk(kind: bytes, content: bytes) -> tuple[bytes, ...]:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)


def _damaged(why: str) -> ImageError:
    return ImageError(f"is a PNG file that is damaged ({why}); copy or download it again")
