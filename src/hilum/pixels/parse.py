"""Headers of JPEG and PNG files, and what an image file says of itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import NamedTuple

from hilum.errors import ImageError

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"

CHANNELS = {"gray": 1, "palette": 1, "gray+alpha": 2, "rgb": 3, "rgba": 4, "cmyk": 4}
PNG_MODES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray+alpha", 6: "rgba"}
JPEG_MODES = {1: "gray", 3: "rgb", 4: "cmyk"}
PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
START_OF_FRAME = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


@dataclass(frozen=True)
class ImageInfo:
    """What a file holds.

    Attributes:
        width, height: in pixels, upright (after the EXIF orientation), as `read_gray` gives it.
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
        return CHANNELS[self.mode]

    def upright(self, orientation: int) -> ImageInfo:
        """Width and height exchanged where EXIF orientation 5 to 8 lays the picture on its side."""
        return replace(self, width=self.height, height=self.width) if orientation >= 5 else self


class JpegHeader(NamedTuple):
    """What a JPEG file says before its codes: the picture as it lies, its EXIF orientation, where the marker of
    the frame header is, and whether its codes go over the picture several times."""

    info: ImageInfo
    orientation: int
    at: int
    progressive: bool


def jpeg_header(data: bytes) -> JpegHeader:
    """The header of a JPEG file (ITU-T T.81, annex B; that of JPEG-LS, T.87, has the same layout)."""
    at, orientation = 2, 1
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:  # fill bytes, markers without length
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in START_OF_FRAME and at + 10 <= len(data):
            bits, height, width, components = struct.unpack(">BHHB", data[at + 4 : at + 10])
            info = ImageInfo(width, height, bits, JPEG_MODES.get(components, "rgb"), "jpeg")
            return JpegHeader(info, orientation, at, marker in PROGRESSIVE)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = exif_orientation(data[at + 10 : at + 2 + length])
        at += 2 + length
    raise ImageError("is a JPEG file that is cut short or damaged within its header")


def png_header(data: bytes) -> ImageInfo:
    """The IHDR chunk of a PNG file, and its eXIf chunk where one lies before the pixels."""
    if len(data) < 33 or data[12:16] != b"IHDR" or data[25] not in PNG_MODES:
        raise ImageError("is a PNG file that is cut short or damaged within its header")
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    at, orientation = 33, 1
    while at + 8 <= len(data) and data[at + 4 : at + 8] not in (b"IDAT", b"IEND"):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"eXIf":
            orientation = exif_orientation(data[at + 8 : at + 8 + length])
        at += 12 + length
    return ImageInfo(width, height, bits, PNG_MODES[colour], "png").upright(orientation)


def exif_orientation(exif: bytes) -> int:
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
