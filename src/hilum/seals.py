"""Checksums inside the files themselves: a sealed file says whether it still is what was written.

A seal is the sha256 of the whole file, computed while its own 64 digits are zeros and then put in their place. It
lies in the metadata of a safetensors or Parquet file, so it goes wherever the file goes and is written in the same
step. What other programs wrote, and what hilum wrote before it sealed files, has none.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal

_KEY, _BLANK = "hilum-sha256", "0" * 64
UNSEALED = {_KEY: _BLANK}
"""Metadata that a file is written with before it is sealed."""
_PLACE = re.compile(_KEY.encode() + rb'(?:":"|\x18@)([0-9a-f]{64})')
"""As safetensors writes it (JSON), and as Parquet does (Thrift: a string, its length 64)."""
_MIB = 2**20


def seal(path: Path) -> None:
    """Put the checksum of a file that was written with `UNSEALED` in its metadata into it."""
    if not (place := _place(_header(path))):
        raise ValueError(f"{path} has no place for a checksum: write it with {_KEY} in its metadata.")
    digest = _digest(path, place)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(digest)


def state_of(path: Path) -> Literal["whole", "changed", "torn", "unsealed"]:
    """Whether a file is what was sealed; `unsealed` where it has no seal, `torn` where it is cut short.

    Raises:
        OSError: it cannot be read.
    """
    header = _header(path)
    place = _place(header)
    if place is None:
        return "torn" if header is None else "unsealed"
    with path.open("rb") as file:
        file.seek(place)
        return "whole" if place and file.read(len(_BLANK)) == _digest(path, place) else "changed"


def _place(header: tuple[int, bytes] | None) -> int | None:
    """Where the checksum lies: in the footer of Parquet, in the header of safetensors; 0 where it is torn."""
    if header is None:
        return None
    start, text = header
    if found := _PLACE.search(text):
        return start + found.start(1)
    return 0 if _KEY.encode() in text else None


def _header(path: Path) -> tuple[int, bytes] | None:
    """The footer of Parquet or the header of safetensors, and where it begins; None where a file is too short."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(0)
        first = file.read(8)
        start, size = 8, int.from_bytes(first, "little")
        file.seek(max(length - 8, 0))
        last = file.read(8)
        if b"PAR1" in (first[:4], last[4:]):
            size = int.from_bytes(last[:4], "little")
            start = length - 8 - size
        if not 0 <= start <= start + size <= length:
            return None
        file.seek(start)
        return start, file.read(size)


def _digest(path: Path, place: int) -> bytes:
    """The checksum of a file as if the 64 digits at `place` were zeros."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        found.update(file.read(place))
        found.update(_BLANK.encode())
        file.seek(len(_BLANK), 1)
        while block := file.read(8 * _MIB):
            found.update(block)
    return found.hexdigest().encode()
