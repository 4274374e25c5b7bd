"""Reading CSV files as people and spreadsheets write them: every encoding and separator, or one clear refusal.

Encodings: UTF-8, UTF-16 and UTF-32 with or without a byte order mark, else Windows-1252 (Latin-1 is part of
it), which is said. Separators: comma, semicolon, tab or |, whichever divides the first rows alike; a line `sep=;`
before the headings tells it. Quotes as in RFC 4180. Files may be gzipped. Rows without any value are nothing,
cells without one are null, and headings lose the spaces around them. An apostrophe that keeps a spreadsheet from
taking a cell for a formula (`hilum.files.csv_text`) is taken back. Everything is text: `007` is no number.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from hilum.errors import DataError
from hilum.files import is_regular, unquoted
from hilum.progress import say
from hilum.table.identity import tidy
from hilum.table.sources.base import missing_file
from hilum.text import listed, many

if TYPE_CHECKING:
    from _csv import Reader

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What a file begins with -> its encoding; UTF-32 before UTF-16, whose mark begins alike."""
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook (.xlsx): unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls): save the sheet as CSV",
    b"PAR1": "a Parquet file: write it as CSV",
    b"%PDF": "a PDF file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
"""What files of other kinds begin with -> what they are."""
_UNNAMED = "column {}"
"""What a column without a heading is called, by its place from 1."""
_HEAD = 2**18
"""Bytes that are read to learn the headings."""
_SAMPLE = 200
"""Rows by which the separator is told."""
_LONGEST_CELL = 2**27


def read_csv(path: Path, notes: list[str] | None = None) -> pl.DataFrame:
    """Read a CSV file, all columns as text.

    Args:
        path: the file, gzipped or not.
        notes: where a guess is added as a sentence; None says it on standard error.

    Raises:
        DataError: it is missing, no CSV file, damaged, or a row or heading cannot be understood; the message names
            the line.
    """
    told: list[str] = []
    text = _decoded(_bytes(path), path, told)
    text, separator = _separator(text, path, told)
    frame = _plain_frame(text, separator, path)
    if frame is None:
        frame = _quoted_frame(text, separator, path)
    if "'" in text:
        frame = frame.with_columns(unquoted(pl.all()))
    for note in told if notes is None else ():
        say(note)
    if notes is not None:
        notes += [note for note in told if note not in notes]
    return frame


def csv_columns(path: Path) -> list[str]:
    """The headings of a CSV file; none where it cannot be read as one."""
    try:
        text = _decoded(_bytes(path, _HEAD), path, [], cut=True)
        text, separator = _separator(text, path, [])
        return _headings(next(filter(None, _rows(text, separator))), path)
    except (DataError, StopIteration, csv.Error):
        return []


def read_lines(path: Path) -> list[str]:
    """The lines of a text file of names, in any encoding, without what surrounds them; empty ones are left out.

    Raises:
        DataError: it is missing or no text.
    """
    lines = pl.Series("line", _decoded(_bytes(path), path, []).splitlines(), pl.String)
    return [line for line in lines.to_frame().select(tidy(pl.col("line"))).to_series() if line]


def _bytes(path: Path, most: int = -1) -> bytes:
    """The file's bytes, unpacked."""
    try:
        if path.exists() and not is_regular(path):
            what = "a folder" if path.is_dir() else "no file but a pipe, a socket or a device"
            raise DataError(f"{path} cannot be read as CSV: it is {what}.")
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError as error:
        raise missing_file(path.parent, path.name) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{path} cannot be read as CSV: {reason}") from error


def _decoded(data: bytes, path: Path, notes: list[str], *, cut: bool = False) -> str:
    """The text of the bytes; `cut` says that they may end within a letter."""
    if not data.strip(b"\0 \r\n\t"):
        raise DataError(f"{path} cannot be read as CSV: it is empty.")
    if kind := next((kind for start, kind in _OTHERS.items() if data.startswith(start)), ""):
        raise DataError(f"{path} cannot be read as CSV: it is {kind}.")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), _without_mark(data))
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        text = decoder.decode(data, final=not cut)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise DataError(
                f"{path} cannot be read as CSV: it is marked as {encoding.upper()} and is not, from byte "
                f"{error.start:,} on; copy it again, or save it as UTF-8."
            ) from error
        text = _windows(data, error.start, path, notes)
    # A mark that was taken for letters once, or written twice, would be part of the first heading.
    text = text.lstrip("\ufeff").removeprefix("\xef\xbb\xbf")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{path} cannot be read as CSV: line {line:,} holds NUL bytes, so that it is damaged or no text; "
            "copy it again."
        )
    return text


def _without_mark(data: bytes) -> str:
    """UTF-16 without a mark has a zero in every other byte of a Western text; anything else is tried as UTF-8."""
    start = np.frombuffer(data[: _HEAD - _HEAD % 2], np.uint8)
    zeros = [float((start[at::2] == 0).mean()) if len(start) > 1 else 0.0 for at in (0, 1)]
    if max(zeros) > 0.3 and min(zeros) < 0.05:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return "utf-8"


def _windows(data: bytes, start: int, path: Path, notes: list[str]) -> str:
    line = data.count(b"\n", 0, start) + 1
    if any(letter > "\x7f" and letter != "\ufffd" for letter in data.decode("utf-8", "replace")):
        raise DataError(
            f"{path} cannot be read as CSV: it is UTF-8 but for line {line:,}, which is in another encoding or "
            "damaged; correct that line."
        )
    notes.append(
        f"{path.name} is not UTF-8 (line {line:,}); its letters were read as Windows-1252 (Latin-1). Save it as "
        "UTF-8 if names look wrong."
    )
    # Windows-1252 leaves five bytes without a letter; Latin-1 has a control character there.
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _separator(text: str, path: Path, notes: list[str]) -> tuple[str, str]:
    """The text from the headings on, and what separates its cells."""
    if told := re.match(r"(?i)\s*\"?sep=([^\w\s\"]|\t)\"?[ ;,]*\r?\n?", text):
        return text[told.end() :], told[1]
    sample = text[:_HEAD]
    sample = sample[: sample.rfind("\n")] if len(text) > _HEAD else sample
    best = max(_SEPARATORS, key=lambda separator: _fit(sample, separator))
    if best != ",":
        notes.append(f"{path.name} was read with {_SEPARATORS[best]}s between its cells, not commas.")
    return text, best


def _fit(text: str, separator: str) -> tuple[float, int]:
    """How well a separator divides the first rows: the share that is as wide as the headings, and that width."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        widths = [len(row) for row in islice(filter(None, rows), _SAMPLE)]
    except csv.Error:
        return 0.0, 0
    if not widths or widths[0] < 2:
        return 0.0, 0
    return round(sum(width == widths[0] for width in widths) / len(widths), 1), widths[0]


def _rows(text: str, separator: str) -> Reader:
    csv.field_size_limit(_LONGEST_CELL)
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _headings(cells: Sequence[str], path: Path) -> list[str]:
    """The headings without what surrounds them; one without a name is called after its place."""
    column = pl.Series("name", cells, pl.String)
    names = column.to_frame().select(tidy(unquoted(pl.col("name")))).to_series().to_list()
    names = [name or _UNNAMED.format(at) for at, name in enumerate(names, 1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path} has the heading {twice[0]!r} {names.count(twice[0])} times"
            + (f", and {listed(twice[1:], 4)} too" if twice[1:] else "")
            + "; which one counts? Rename or remove the other."
        )
    return names


def _plain_frame(text: str, separator: str, path: Path) -> pl.DataFrame | None:
    """The rows of a file without quotes whose lines have as many cells each, which is fast; None for any other."""
    if '"' in text:
        return None
    data = text.replace("\r\n", "\n").rstrip("\n").encode() + b"\n"
    first = data[: data.index(b"\n")].decode().split(separator)
    lines, width = data.count(b"\n"), len(first)
    if b"\r" in data or width < 2 or lines < 2 or data.count(separator.encode()) != lines * (width - 1):
        return None
    names = _headings(first, path)
    try:
        frame = pl.read_csv(
            data, separator=separator, has_header=False, skip_rows=1, new_columns=names, infer_schema=False,
            quote_char=None,
        )  # fmt: skip
    except pl.exceptions.PolarsError:  # a line has more cells than the first
        return None
    # No line has more cells than the headings, and they have as many as that makes: none has fewer.
    if frame.shape != (lines - 1, width):
        return None
    return _without_blanks(frame)


def _quoted_frame(text: str, separator: str, path: Path) -> pl.DataFrame:
    """The rows of any file, each checked."""
    reader = _rows(text, separator)
    try:
        first = next(row for row in reader if row)
        names, kept = _headings(first, path), []
        for row in reader:
            if len(row) != len(first):
                if not any(cell.strip() for cell in row):
                    continue
                row = _fitted(row, names, reader.line_num, path)
            kept.append(row)
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read as CSV: {error}, in or before line {reader.line_num:,}; a quote may be opened "
            "and not closed there."
        ) from error
    columns = list(zip(*kept, strict=True)) or [()] * len(names)
    frame = pl.DataFrame(
        [pl.Series(name, cells, pl.String) for name, cells in zip(names, columns, strict=True)]
    )
    return _without_blanks(frame)


def _fitted(row: list[str], names: Sequence[str], line: int, path: Path) -> list[str]:
    """A row as wide as the headings: cells too many may be empty, and one that is missing may have no heading."""
    width = len(names)
    if not any(cell.strip() for cell in row[width:]) and all(map(_is_unnamed, names[len(row) :])):
        return (row + [""] * width)[:width]
    why = "A value with the separator in it must stand in quotes."
    if len(row) < width:
        why = "It is cut short, or its last cells are missing: complete it or remove it."
    raise DataError(
        f"{path} cannot be read as CSV: line {line:,} has {many(len(row), 'cell')}, the headings have {width:,}. "
        + why
    )


def _is_unnamed(name: str) -> bool:
    return re.fullmatch(_UNNAMED.format(r"\d+"), name) is not None


def _without_blanks(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells without a value are null; rows without any, and columns without heading or value, are left out."""
    frame = frame.with_columns(pl.when(pl.all().str.contains(r"\S")).then(pl.all()).name.keep())
    if frame.height and frame.width and all(column.null_count() for column in frame):
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    unnamed = filter(_is_unnamed, frame.columns)
    return frame.drop(name for name in unnamed if frame[name].null_count() == frame.height)
