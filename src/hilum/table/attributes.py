"""What the user knows of each image beside its findings: columns to show scores by.

A CSV or Parquet file with one row per image: `image_id` or `path`, and further columns. Columns of true and false,
yes and no, or 0 and 1, and of text with few values are taken; `age`, `sex`, `view` and `projection` are where the
data set itself says nothing of them (a folder of classes, say). All others are left out, so that a whole worksheet
of a hospital will do.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.files import read_parquet
from hilum.table.identity import identities
from hilum.table.sources.base import need_columns
from hilum.table.sources.delimited import read_csv
from hilum.table.sources.values import READERS
from hilum.table.table import Table
from hilum.text import listed

_MOST_VALUES = 12
"""Text with more values than this is a name or a note, not a group."""
_USUAL = ("age", "sex", "view", "projection")
"""Columns of a Table that the file may have instead."""
_TRUE, _FALSE = ("1", "true", "yes", "y"), ("0", "false", "no", "n")


def read_attributes(path: str | Path, table: Table) -> pl.DataFrame:
    """Read a file of attributes for the images of a table.

    Paths may be relative to the data set's folder, with or without folders above, or absolute.

    Args:
        path: a CSV (also gzipped) or Parquet file with `image_id` or `path`.
        table: the images.

    Returns:
        `image_id`, unique, of images of the table, and each attribute: boolean, or text (`age` in years); null
        where unknown.

    Raises:
        DataError: the file cannot be read, has neither of both columns or no attribute, says an image twice and
            differently, or none of its images is in the table.
    """
    path = Path(path)
    frame = _read(path)
    key = "path" if "path" in frame.columns and "image_id" not in frame.columns else "image_id"
    need_columns(frame, [key], path)
    columns = _columns(frame, table)
    if not columns:
        raise DataError(
            f"{path} has no column to show scores by: expected true and false, 0 and 1, or text of 2 to "
            f"{_MOST_VALUES} values beside {key}; it has {listed(frame.columns, 12)}."
        )
    ids = _ids(frame[key].cast(pl.String), key, table)
    found = pl.DataFrame([ids, *columns]).filter(ids.is_in(table.frame["image_id"].implode()))
    if not len(found):
        raise DataError(
            f"{path}: none of its {len(frame):,} values of {key} is an image of the data. It has "
            f"{listed(frame[key].to_list(), 2)}; the data have {listed(table.frame[key].to_list(), 2)}."
        )
    found = found.unique(maintain_order=True)
    twice = found.filter(found["image_id"].is_duplicated())["image_id"].unique(maintain_order=True)
    if len(twice):
        raise DataError(f"{path} says different things of the same image: {listed(twice.to_list(), 3)}.")
    return found


def _columns(frame: pl.DataFrame, table: Table) -> list[pl.Series]:
    names = [name for name in frame.columns if name not in (*Table.COLUMNS, "part", *table.findings)]
    missing = [name for name in _USUAL if name in frame.columns and not table.frame[name].count()]
    usual = [frame.select(READERS[name](pl.col(name)).alias(name)).to_series() for name in missing]
    return [made for name in names if (made := _attribute(frame[name])) is not None] + usual


def _read(path: Path) -> pl.DataFrame:
    if path.suffix.lower() != ".parquet":
        return read_csv(path)
    try:
        frame = read_parquet(path)
        # Text may be bytes to another program; a list is nothing to show scores by.
        flat = frame.select(name for name, kind in frame.schema.items() if not kind.is_nested())
        return flat.with_columns(pl.col(pl.Binary).cast(pl.String))
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read as Parquet: {reason}") from error


def _attribute(column: pl.Series) -> pl.Series | None:
    """The column as booleans or text, or None where it is no attribute."""
    if column.dtype == pl.Boolean:
        return column
    text = identities(column.cast(pl.String, strict=False))
    lower = text.str.to_lowercase()
    values = set(lower.drop_nulls().unique())
    if values and values <= {*_TRUE, *_FALSE}:
        return lower.is_in(_TRUE).alias(column.name).set(lower.is_null(), None)
    numbers = text.cast(pl.Float64, strict=False).drop_nulls()
    if len(numbers) == text.count():
        return None
    return text if 2 <= text.drop_nulls().n_unique() <= _MOST_VALUES else None


def _ids(named: pl.Series, key: str, table: Table) -> pl.Series:
    """The image id of each row of the file; null where there is none."""
    if key == "image_id":
        return identities(named).alias("image_id")
    root = table.root.resolve().as_posix().rstrip("/") + "/"
    paths = named.str.replace_all("\\", "/", literal=True).str.strip_prefix("./").str.strip_prefix(root)
    known = dict(table.frame.select("path", "image_id").iter_rows())
    # A release may put its own name in front (CheXpert-v1.0-small/train/...): folders are taken off one by one.
    return pl.Series("image_id", [_first_known(value, known) for value in paths], pl.String)


def _first_known(path: str | None, known: dict[str, str]) -> str | None:
    while path:
        if path in known:
            return known[path]
        _, _, path = path.partition("/")
    return None
