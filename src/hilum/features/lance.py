"""The one file that imports LanceDB (and Arrow, which it brings)."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.errors import ConfigError, DataError, HilumError, MissingExtra, nearest
from hilum.files import disk_error

Floats = npt.NDArray[np.float32]

REMOTE = {
    "connect_timeout": "5s",
    "timeout": "60s",
    "client_max_retries": "2",
    "client_retry_timeout": "20",
}
"""Options for object storage, so that a place that does not answer is said within half a minute."""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What the system says of a disk that is full or may only be read."""
SCHEMES = ("s3", "gs", "az", "memory")
"""Kinds of URL; `memory` is a store that goes with its process, for trying things."""


def is_remote(url: str) -> bool:
    """Whether it is a URL such as s3://bucket/features rather than a folder.

    Raises:
        ConfigError: a URL of another kind, or nothing.
    """
    if not url.strip():
        raise ConfigError("a feature store is a folder, or a URL s3://, gs:// or az://; nothing was named.")
    scheme, slashes, _ = url.partition("://")
    if slashes and scheme not in SCHEMES:
        raise ConfigError(f"{url}: a feature store is a folder, or a URL s3://, gs:// or az://.")
    return bool(slashes)


def connect(url: str) -> Any:
    """A connection to a database at a folder or URL; nothing is read yet.

    Raises:
        MissingExtra: LanceDB is not installed.
        DataError: the URL is of no known kind.
    """
    try:
        import lancedb
    except ImportError as error:
        raise MissingExtra("lancedb", "features", "A feature store") from error
    with reaching(url):
        return lancedb.connect(url, storage_options=REMOTE if is_remote(url) else None)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Errors of the database become one message with the place in it.

    Raises:
        DataError: the place cannot be read or written.
        DiskError: it is full, or may only be read.
    """
    try:
        yield
    except HilumError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        refused = re.search(r"\(os error (\d+)\)", str(error))
        if refused and int(refused[1]) in UNWRITABLE and not is_remote(url):
            raise disk_error(Path(url), OSError(int(refused[1]), os.strerror(int(refused[1])))) from error
        reason = _unreached(str(error)) if is_remote(url) else _first_line(error)
        raise DataError(f"the feature store {url} could not be read or written: {reason}") from error


def _unreached(text: str) -> str:
    """What an object store's error, a page of nested structures, comes to."""
    place = re.search(r"uri: Some\((\w+://[^/)]+)", text)
    status = re.search(r"status: (\d{3})", text)
    told = (
        f"answered {status[1]}"
        if status
        else "did not answer"
        if place
        else _first_line(ValueError(text)).rstrip(".")
    )
    where = f"{place[1]} " if place else ""
    return f"{where}{told}. Is the URL right, and are credentials and region set in the environment?"


def _first_line(error: Exception) -> str:
    """The first line of an error of the database, without the places in its sources that it names."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text.split(", /root/")[0].split(", /home/")[0].removeprefix("lance error: ")[:400]


def condition_fault(error: Exception, columns: Sequence[str], findings: Sequence[str]) -> str:
    """What is wrong with a condition that the database refused: `names 'agee', which is no column; ...`.

    Args:
        error: of the database.
        columns: that a condition may name, beside labels.
        findings: columns of labels.
    """
    text, known = _first_line(error), [*columns, *findings]
    if found := re.search(r"No field named \"?([^\".]+)\"?\.", text):
        near = nearest(found[1], known)
        hint = f"did you mean {near!r}?" if near else f"if it is a text, write it in quotes: '{found[1]}'."
        return f"names {found[1]!r}, which is no column; {hint} Columns: {', '.join(known)}"
    if re.search("(Aggregate|Window)Function", text):
        return (
            "is about several images at once; a condition is asked of one at a time: sex = 'F' and age > 60"
        )
    if "boolean" in text:
        return (
            "is neither true nor false of an image; compare labels with 1 (positive), 0 or -1: "
            f"{findings[0] if findings else 'age'} = 1"
        )
    if said := re.search(r"parser error: (.*?)\)?$", text):
        early = said[1].strip().endswith(("found:", "found: )", "found: EOF"))
        reason = (
            "it ends too early"
            if early
            else re.sub(r"^Expected: \), found: (.*)$", r"\1 is not expected there", said[1])
        )
        return f"is not SQL: {reason}. Write it like: sex = 'F' and age > 60"
    reason = re.sub(
        r"^.*(?:Invalid user input|Error during planning|Error parsing function|invalid SQL predicate): ",
        "",
        text,
    )
    return f"does not fit the columns: {reason}"


def arrow_rows(frame: pl.DataFrame, vectors: Sequence[Floats] = ()) -> Any:
    """Rows to write: a frame, and perhaps `avg` and `max`, each float32 [len(frame), width]."""
    import pyarrow as pa

    table = frame.to_arrow()
    # The database keeps texts as short ones.
    kinds = [pa.string() if pa.types.is_large_string(field.type) else field.type for field in table.schema]
    table = table.cast(pa.schema(list(zip(table.schema.names, kinds, strict=True))))
    for name, values in zip(("avg", "max"), vectors, strict=False):
        flat = pa.array(np.ascontiguousarray(values, np.float32).ravel())
        table = table.append_column(name, pa.FixedSizeListArray.from_arrays(flat, values.shape[1]))
    return table


def index_settings(parts: int) -> Any:
    """An inverted file of scalar-quantised vectors, compared by cosine (IVF_SQ).

    Few rounds of k-means are enough: for 100,000 vectors of 1,024 numbers they take 6 s of one core, and searches
    find 99.7 % of the true 10 nearest among vectors of phantom images mixed with noise.

    Args:
        parts: cells.
    """
    from lancedb.index import IvfSq

    return IvfSq(distance_type="cosine", num_partitions=max(2, parts), max_iterations=10, sample_rate=64)
