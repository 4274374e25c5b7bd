"""Headers of DICOM files: what a Table needs of them, read without the pixels."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.errors import MissingExtra
from hilum.files import open_file
from hilum.progress import progress
from hilum.table.sources.base import DICOM_SUFFIXES, walk

TAGS = [
    "SOPInstanceUID",
    "StudyInstanceUID",
    "PatientID",
    "PatientSex",
    "PatientAge",
    "PatientBirthDate",
    "StudyDate",
    "ViewPosition",
    "ViewCodeSequence",
    "Rows",
]
VIEW_CODES = {
    "R-10206": "AP", "399348003": "AP",
    "R-10214": "PA", "272479007": "PA",
    "R-10236": "LL", "399173006": "LL",
    "R-10232": "RL", "399198007": "RL",
}  # fmt: skip
"""Codes of the ViewCodeSequence (SNOMED RT and CT, DICOM CID 4010)."""

READERS = 4
"""Threads. Parsing holds the interpreter lock (0.5 ms a file, serial or not); threads hide a slow disk's waits."""

MAGIC_AT, MAGIC = 128, b"DICM"


@dataclass(frozen=True)
class Scan:
    """What a tree of files holds.

    Attributes:
        headers: one mapping per DICOM image, of `path` and what the Table needs, in the clear.
        unreadable: files that end in .dcm or begin as DICOM does, and cannot be read as an image.
        others: how many files are no DICOM.
        passed: how many pipes, sockets and links to nothing lie there, by kind.
    """

    headers: list[dict[str, Any]]
    unreadable: tuple[str, ...]
    others: int
    passed: Counter[str]


def scan(root: Path) -> Scan:
    """Read the headers of all DICOM images under `root`.

    Raises:
        MissingExtra: pydicom is not installed.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise MissingExtra("pydicom", "dicom", "Reading DICOM files") from error
    passed: Counter[str] = Counter()
    names = walk(root, passed)
    headers: list[dict[str, Any]] = []
    unreadable: list[str] = []
    claims = [name for name in names if claims_dicom(root / name)]
    with (
        warnings.catch_warnings(),
        progress("reading headers", len(claims), "files") as advance,
        ThreadPoolExecutor(READERS) as pool,
    ):
        # A value that breaks the standard (an age of "34") is a warning of pydicom's; it is read all the same.
        warnings.simplefilter("ignore")
        for name, header in zip(claims, pool.map(_header, [root / name for name in claims]), strict=True):
            advance(1)
            if header is None:
                unreadable.append(name)
            else:
                headers.append({"path": name, **header})
    return Scan(headers, tuple(unreadable), len(names) - len(claims), passed)


def pixel_digest(path: Path) -> str:
    """A sha256 of a file's stored pixels; its path where they cannot be read, so that it is no copy of another."""
    import pydicom

    try:
        with warnings.catch_warnings(), open_file(path) as file:
            warnings.simplefilter("ignore")
            pixels = pydicom.dcmread(file, force=True).get("PixelData", b"")
        return hashlib.sha256(pixels).hexdigest()
    # As for headers: a damaged element raises anything.
    except Exception:
        return str(path)


def claims_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does, or is called so; DICOMDIR is an index, not an image."""
    if path.name.upper() == "DICOMDIR":
        return False
    if path.name.lower().endswith(DICOM_SUFFIXES):
        return True
    try:
        with open_file(path) as file:
            return file.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC
    except OSError:
        return False


def _header(path: Path) -> dict[str, Any] | None:
    """What the Table needs of one file; None where it is not a readable DICOM image."""
    import pydicom

    try:
        with open_file(path) as file:
            data = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=TAGS, force=True)
        if not data.get("Rows"):
            return None
        return {
            "uid": _text(data, "SOPInstanceUID"),
            "study": _text(data, "StudyInstanceUID"),
            "patient": _text(data, "PatientID"),
            "sex": _text(data, "PatientSex"),
            "age": _text(data, "PatientAge")
            or _age(_text(data, "PatientBirthDate"), _text(data, "StudyDate")),
            "position": _position(data),
        }
    # pydicom parses lazily and raises whatever a damaged element leads to; the file is counted as unreadable.
    except Exception:
        return None


def _text(data: Any, keyword: str) -> str | None:
    value = data.get(keyword)
    return str(value).strip() or None if value is not None else None


def _position(data: Any) -> str | None:
    """AP, PA, LL, RL or what ViewPosition says."""
    if said := _text(data, "ViewPosition"):
        return said
    codes = (item.get("CodeValue") for item in data.get("ViewCodeSequence") or [])
    return next((VIEW_CODES[str(code)] for code in codes if str(code) in VIEW_CODES), None)


def _age(born: str | None, studied: str | None) -> str | None:
    """Full years between two DICOM dates (YYYYMMDD), as an age string."""
    if not (born and studied and len(born) == len(studied) == 8 and born.isdigit() and studied.isdigit()):
        return None
    years = int(studied[:4]) - int(born[:4]) - (studied[4:] < born[4:])
    return f"{years:03}Y" if years >= 0 else None
