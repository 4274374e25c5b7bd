"""What a file says of how it was made: its kind, the machine, the software, the day. No pixel is decoded.

Sources: JPEG (ITU-T T.81, annex B), EXIF 2.32 (CIPA DC-008), PNG 3rd edition (11.3.3 and 11.3.2.5), DICOM PS3.3
C.7.3.1, C.7.5.1 and C.8. None of what is read names a patient; days, stations and institutions are compared and
never shown.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from datetime import date
from functools import cache

import cv2
import numpy as np
import polars as pl

from hilum.pixels import kind_of

_DICOM = {
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "software": "SoftwareVersions",
    "detector": "DetectorID",
    "modality": "Modality",
    "photometric": "PhotometricInterpretation",
    "station": "StationName",
    "institution": "InstitutionName",
}
_DICOM_DAYS = ("AcquisitionDate", "StudyDate", "ContentDate")
MARKS = dict.fromkeys(("kind", "coding", *_DICOM), pl.String()) | {"day": pl.Float64()}
"""`kind` is the file format; `coding` the quality of a JPEG file and how its colours are thinned; `day` the number
of the day on which the picture was taken."""
_EXIF = {0x010F: "manufacturer", 0x0110: "model", 0x0131: "software", 0x0132: "day", 0x9003: "day"}
_EXIF_FOLDER = 0x8769
_LONGEST = 40
"""Characters of a text that are kept."""

_Marks = dict[str, str | float | None]


def marks_of(data: bytes, format: str) -> _Marks:
    """`MARKS` of a file's bytes, as far as it says them; never an error.

    Args:
        data: the whole file.
        format: `jpeg`, `png`, `dicom` or `other`, as `ImageInfo` has it.
    """
    kind = (kind_of(data) or format).lower() if format == "other" else format
    read = {"jpeg": _jpeg, "png": _png, "dicom": _dicom, "tiff": _exif}.get(kind)
    try:
        said = read(data) if read else {}
    # A header that cannot be read says nothing; whether the picture can be is asked elsewhere.
    except Exception:
        said = {}
    return {"kind": kind} | said


def _jpeg(data: bytes) -> _Marks:
    said: _Marks = {}
    table, thinned = b"", ""
    for marker, segment in _segments(data):
        if marker == 0xDB and segment[:1] == b"\0":
            table = segment[1:65]
        elif marker == 0xE1 and segment[:6] == b"Exif\0\0":
            said |= _exif(segment[6:])
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(segment) >= 9:
            # Blocks of the first component to one of the others, across and down.
            thinned = f"{segment[7] >> 4}x{segment[7] & 15}" if segment[5] > 1 else "gray"
    quality = _qualities().get(table) or hashlib.blake2b(table, digest_size=3).hexdigest()
    return said | {"coding": f"JPEG quality {quality}, {thinned}"}


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and contents of a JPEG file up to its scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and (marker := data[at + 1]) != 0xDA:
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


@cache
def _qualities() -> dict[bytes, int]:
    """The first table of quantisation at each quality of libjpeg -> that quality."""
    dot = np.zeros((8, 8), np.uint8)
    found: dict[bytes, int] = {}
    for quality in range(1, 101):
        coded = cv2.imencode(".jpg", dot, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        found |= {part[1:65]: quality for marker, part in _segments(coded) if marker == 0xDB}
    return found


def _png(data: bytes) -> _Marks:
    said: _Marks = {}
    at = 8
    while at + 8 <= len(data) and (name := data[at + 4 : at + 8]) not in (b"IDAT", b"IEND"):
        length = int.from_bytes(data[at : at + 4], "big")
        content = data[at + 8 : at + 8 + length]
        key, _, value = content.partition(b"\0")
        if name == b"eXIf":
            said |= _exif(content)
        elif name in (b"tEXt", b"iTXt") and key.lower() in (b"software", b"make", b"model"):
            target = "manufacturer" if key.lower() == b"make" else key.decode().lower()
            said[target] = _text(value.rpartition(b"\0")[2].decode("utf-8", "replace"))
        at += 12 + length
    return said


def _exif(data: bytes) -> _Marks:
    """Texts of the first folder of an EXIF block or TIFF file, and of the EXIF folder that it names."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    said: _Marks = {}
    (start,) = struct.unpack(order + "I", data[4:8])
    folders = [start]
    for folder in folders:
        (count,) = struct.unpack(order + "H", data[folder : folder + 2])
        for at in range(folder + 2, folder + 2 + 12 * count, 12):
            tag, kind, size, where = struct.unpack(order + "HHII", data[at : at + 12])
            if tag == _EXIF_FOLDER and len(folders) == 1:
                folders.append(where)
            elif tag in _EXIF and kind == 2:
                begin = at + 8 if size <= 4 else where
                value = data[begin : begin + size].split(b"\0")[0].decode("utf-8", "replace")
                said[_EXIF[tag]] = _day(value.replace(":", "")) if _EXIF[tag] == "day" else _text(value)
    return said


def _dicom(data: bytes) -> _Marks:
    import pydicom

    header = pydicom.dcmread(
        io.BytesIO(data),
        force=data[128:132] != b"DICM",
        stop_before_pixels=True,
        specific_tags=[*_DICOM.values(), *_DICOM_DAYS],
    )

    def raw(tag: str) -> str:
        """As it lies in the file: pydicom warns of odd values when it converts them."""
        value = header.get_item(tag).value if tag in header else b""
        return value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else str(value)

    said: _Marks = {name: _text(raw(tag)) for name, tag in _DICOM.items()}
    return said | {"day": next((day for tag in _DICOM_DAYS if (day := _day(raw(tag))) is not None), None)}


def _text(value: str) -> str | None:
    return " ".join(value.split())[:_LONGEST] or None


def _day(value: str) -> float | None:
    """The number of the day that begins a text as YYYYMMDD."""
    try:
        return float(date(int(value[:4]), int(value[4:6]), int(value[6:8])).toordinal())
    except ValueError:
        return None
