"""What a pack under construction has already done, so that a killed build goes on where it was."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

DIGEST_BYTES = 16


@dataclass(frozen=True)
class Chunk:
    """A finished run of consecutive images.

    Attributes:
        index: which chunk.
        stamp: of the image files as they were.
        sums, squares: per image, the sum of its pixels and of their squares (0 where it failed).
        digests: per image, 32 hexadecimal digits of its pixels' sha256 (empty where it failed).
        failed: position in the chunk (as text, for JSON) -> why that image could not be read.
        no_films: the same for images that could be read -> why they are no chest films.
        notes: what was guessed -> of how many images (`hilum.pixels.read.Picture`).
    """

    index: int
    stamp: str = ""
    sums: list[int] = field(default_factory=list)
    squares: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    no_films: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


class Journal:
    """A file of JSON lines: first the key of the build, then one line a finished chunk.

    A line counts when it is whole; a torn last one is cut off. Chunks are written after their pixels are on
    disk, so that a line never promises what is not there.
    """

    def __init__(self, file: BinaryIO, chunks: dict[int, Chunk]) -> None:
        """Use `open_journal`."""
        self._file = file
        self.chunks = chunks

    def add(self, chunks: list[Chunk]) -> None:
        """Write finished chunks and wait until they are on disk."""
        self._file.write(b"".join(_line(asdict(chunk)) for chunk in chunks))
        self._flush()
        self.chunks |= {chunk.index: chunk for chunk in chunks}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def open_journal(path: Path, key: str) -> Journal:
    """Continue a journal of the same key, or begin one (emptying a journal of another key)."""
    chunks, end = _read(path, key) if path.exists() else (None, 0)
    file = path.open("r+b" if chunks is not None else "wb")
    file.truncate(end)
    file.seek(end)
    if chunks is None:
        file.write(_line({"key": key}))
    journal = Journal(file, chunks or {})
    journal._flush()
    return journal


def key_of(path: Path) -> str | None:
    """The key that a journal was begun with; None where there is none."""
    try:
        with path.open("rb") as file:
            line = file.readline()
        return str(json.loads(line)["key"]) if line.endswith(b"\n") else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(path: Path, key: str) -> tuple[dict[int, Chunk] | None, int]:
    """The chunks of a journal and where its last whole line ends; None where it is not of this key."""
    if key_of(path) != key:
        return None, 0
    chunks: dict[int, Chunk] = {}
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            try:
                value = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                value = None
            if value is None:
                break
            end += len(line)
            if number:
                chunks[value["index"]] = Chunk(**value)
    return chunks, end


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
