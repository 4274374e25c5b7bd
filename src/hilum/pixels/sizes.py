"""Width and height of BMP, GIF, WebP and JPEG 2000 files, from their first bytes: asked before decoding."""

from __future__ import annotations

import struct

from hilum.errors import ImageError

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
CODESTREAM = b"\xff\x4f\xff\x51"
"""How JPEG 2000 codes begin (ISO/IEC 15444-1, A.4 and A.5), within a JP2 file or bare."""
_CODESTREAM_END = b"\xff\xd9"
_JP2_START = b"\0\0\0\x0cjP  \r\n\x87\n"
_NAMES = {
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"RIFF": "WebP",
    _JP2_START: "JPEG 2000",
    CODESTREAM: "JPEG 2000",
}


def kind_of(data: bytes) -> str | None:
    """`TIFF`, `BMP`, `GIF`, `WebP` or `JPEG 2000`; None where the bytes begin as none of them does."""
    if data.startswith(TIFF_STARTS):
        return "TIFF"
    found = next((name for start, name in _NAMES.items() if data.startswith(start)), None)
    return found if found != "WebP" or data[8:12] == b"WEBP" else None


def size_of(data: bytes, kind: str) -> tuple[int, int, int]:
    """Width, height and the bytes of a pixel when decoded.

    Raises:
        ImageError: the header is cut short or damaged.
    """
    try:
        return {"BMP": _bmp, "GIF": _gif, "WebP": _webp, "JPEG 2000": _jpeg_2000}[kind](data)
    except (IndexError, struct.error, ValueError) as error:
        raise ImageError(f"is a {kind} file that is cut short or damaged within its header") from error


def check_end(data: bytes) -> None:
    """Refuse JPEG 2000 codes that do not end as they should: decoders fill the rest with gray.

    Zeros within the codes are valid codes: a hole in the middle cannot be seen.
    """
    if not data.rstrip(b"\0").endswith(_CODESTREAM_END):
        raise ImageError("is a JPEG 2000 file that is cut short or damaged; copy or download it again")


def _bmp(data: bytes) -> tuple[int, int, int]:
    if data[14] == 12:  # the header of OS/2
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height), 4


def _gif(data: bytes) -> tuple[int, int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height, 4


def _webp(data: bytes) -> tuple[int, int, int]:
    if data[12:16] == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    elif data[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        low = struct.unpack_from("<HBHB", data, 24)
        width, height = low[0] + (low[1] << 16) + 1, low[2] + (low[3] << 16) + 1
    return width, height, 4


def _jpeg_2000(data: bytes) -> tuple[int, int, int]:
    at = data.index(CODESTREAM)
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    (channels,) = struct.unpack_from(">H", data, at + 40)
    return right - left, bottom - top, 4 * channels
