"""Reading what is a file, and writing files so that they are whole or not there at all."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import shutil
import stat
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hilum import seals
from hilum.errors import DiskError, InputError

if TYPE_CHECKING:
    import polars as pl


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, it becomes `path` in one step.

    A crash, a kill or a full disk leaves the former `path` as it was.

    Raises:
        DiskError: the file system refused (full, read-only, no permission).
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def open_file(path: str | Path, buffering: int = -1) -> BinaryIO:
    """Open a file for reading, and nothing else: a pipe would block for ever, a device could do anything.

    `buffering` is that of `open`: 0 is faster for a file that is read at once.

    Raises:
        OSError: missing, a folder, a pipe, a socket, a device, or not readable.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # at once, whatever it is
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, "no file can have this name") from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        what = "a pipe (FIFO)" if stat.S_ISFIFO(mode) else "a device"
        raise OSError(errno.EINVAL, f"it is {what}, not a file")
    return os.fdopen(handle, "rb", buffering)


def remove_leftovers(folder: Path) -> None:
    """Remove what writes that were killed left anywhere below `folder`; nobody may be writing there."""
    for path in folder.rglob(".*.partial"):
        path.unlink(missing_ok=True)


def disk_error(path: Path, error: OSError) -> DiskError:
    """The message for a write that the file system refused."""
    parent = next((p for p in [path, *path.parents] if p.exists()), Path.cwd())
    free = shutil.disk_usage(parent).free / 2**20
    return DiskError(
        f"could not write {path}: {error.strerror or error} ({free:,.0f} MiB free there). "
        "Free some space or name another folder, then run the same command again."
    )


def write_text(path: Path, text: str) -> None:
    """Write `text` whole.

    Raises:
        DiskError: the file system refused.
        InputError: the text holds the name of a file or folder that is not UTF-8.
    """
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:  # Python's name for a file whose bytes are no text
        name = next(word for word in text.split() if text[error.start] in word)
        raise InputError(f"{path} cannot hold the name {name}, which is not UTF-8; rename it.") from error
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, whole; NaN is not JSON, so pass None."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame as Parquet, whole, with a checksum in it."""
    # polars hides the file system's errors in one of its own; bytes written by hand do not.
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata=seals.UNSEALED)
    with whole_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
        seals.seal(temporary)


def read_parquet(
    path: Path, columns: Mapping[str, pl.DataType | type[pl.DataType]] | None = None
) -> pl.DataFrame:
    """Read what `write_parquet` wrote, or a table of another program.

    Damage to the latter that asks for more memory than there is ends the program: polars aborts.

    Args:
        path: the file.
        columns: what must be there, by name, and of which type; further columns may be.

    Raises:
        OSError: it cannot be read, or is not what was written.
        polars.exceptions.PolarsError: it is no Parquet file, is damaged, or lacks a column of that name and type.
    """
    import polars as pl

    if seals.state_of(path) == "changed":
        raise OSError(f"{path.name} is not what was written: its checksum differs")
    data = path.read_bytes()  # a name with * or [ would be a pattern to polars
    try:
        frame = pl.read_parquet(data)
    except pl.exceptions.PanicException as error:  # no Exception at all: it would end the program
        raise pl.exceptions.ComputeError(f"{path.name} is damaged") from error
    for name, kind in (columns or {}).items():
        if (found := frame.schema.get(name)) != kind:
            raise pl.exceptions.SchemaError(
                f"{path.name}: column {name!r} should be {kind}, it is {found or 'missing'}"
            )
    return frame


_FORMULA, _NUMBER = r"^'*[=+\-@\t\r]", r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"


def csv_text(frame: pl.DataFrame) -> str:
    """A table as CSV in which no name is a formula to a spreadsheet.

    A text or heading that begins with `=`, `+`, `-`, `@`, a tab or a carriage return and is no number gets an
    apostrophe in front (OWASP, "CSV Injection"), and so does one that has apostrophes before such a sign already:
    `unquoted` takes it back exactly.
    """
    import polars as pl

    text = pl.col(pl.String)
    formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    cells = frame.with_columns(pl.when(formula).then("'" + text).otherwise(text).name.keep())
    names = [f"'{name}" if re.match(_FORMULA, name) else name for name in frame.columns]
    return cells.rename(dict(zip(frame.columns, names, strict=True))).write_csv(None)


def unquoted(text: pl.Expr) -> pl.Expr:
    """Texts or headings of a CSV as they were before `csv_text` put an apostrophe in front of some."""
    return text.str.replace(r"^'('*[=+\-@\t\r])", "$1")


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON (RFC 8259), names a key twice, or holds a number that 64 bits do not.
    """
    try:
        return json.loads(
            path.read_text(encoding="utf-8"),
            object_pairs_hook=_no_key_twice,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_number,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"it names {twice!r} twice")
    return made


def _number(text: str) -> int | float:
    """A number of JSON; Python's own reader also takes NaN, Infinity, 1e999 and integers of any length."""
    value = float(text) if not text.lstrip("-").isdigit() else int(text[:25])
    if not math.isfinite(value) or (abs(value) >= 2**63 and isinstance(value, int)):
        raise ValueError(f"{text[:25]} is no number that 64 bits hold")
    return value


def is_regular(path: Path) -> bool:
    """Whether a file, or what a link leads to, can be read to its end: no folder, pipe, socket or device."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False
