"""What an image file is, from its header: cheap enough to ask of every file of a data set."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from hilum.errors import ImageError
from hilum.pixels.dicom import dicom_header, is_dicom
from hilum.pixels.opencv import decode

NOT_AN_IMAGE = "is not an image, or is damaged; expected JPEG, PNG, TIFF, BMP, WebP, GIF, JPEG 2000 or DICOM"
JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"
FIRST_READ = 1 << 16
"""Bytes read before the whole file is: JPEG and PNG headers end within, but for very large EXIF blocks."""

CHANNELS = {"gray": 1, "palette": 1, "gray+alpha": 2, "rgb": 3, "rgba": 4, "cmyk": 4}
PNG_MODES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray+alpha", 6: "rgba"}
JPEG_MODES = {1: "gray", 3: "rgb", 4: "cmyk"}
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


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


def image_info(path: str | Path) -> ImageInfo:
    """Read the header of an image file; formats other than JPEG, PNG and DICOM are decoded for it.

    Raises:
        ImageError: missing, empty, not an image, or cut short within the header.
        MissingExtra: a DICOM file, and pydicom is not installed.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(FIRST_READ)
            try:
                return info_of(data, path.suffix)
            except ImageError:
                rest = file.read()
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
        return jpeg_header(data)[0]
    if data.startswith(PNG_START):
        return png_header(data)
    if is_dicom(data, suffix):
        return ImageInfo(*dicom_header(data), format="dicom")
    return _decoded(data)


def unreadable(error: OSError) -> str:
    """What is wrong with a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not an image"
    return f"cannot be read: {error.strerror or error}"


def jpeg_header(data: bytes) -> tuple[ImageInfo, int]:
    """The frame header of a JPEG file and the offset at which it begins (ITU-T T.81, annex B)."""
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
            return info.upright(orientation), at
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


def _decoded(data: bytes) -> ImageInfo:
    stored, upright = decode(data, cv2.IMREAD_UNCHANGED), decode(data, cv2.IMREAD_ANYDEPTH)
    if stored is None or upright is None:
        raise ImageError(NOT_AN_IMAGE)
    mode = {1: "gray", 2: "gray+alpha", 3: "rgb", 4: "rgba"}[1 if stored.ndim == 2 else stored.shape[2]]
    return ImageInfo(upright.shape[1], upright.shape[0], stored.dtype.itemsize * 8, mode, "other")
