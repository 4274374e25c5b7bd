"""`VectorTable`: one encoder's vectors in the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from hilum.features.columns import ABOUT, DIGEST, POOLINGS
from hilum.features.conditions import as_condition, check_condition
from hilum.features.lance import Floats, arrow_rows, matrix, reaching

TIDY_OVER = 96
"""Files of a table over which they are put together: every write makes one."""
KEPT = timedelta(hours=1)
"""How long rows that were replaced stay on disk, for readers that began before."""


class VectorTable:
    """One row an image: what is kept of it, its labels, and its two vectors.

    Attributes:
        width: length of each vector.
        columns: finding -> column, of this table's findings, in its order.
    """

    def __init__(self, url: str, table: Any, width: int, columns: Mapping[str, str]) -> None:
        """Take over a table of LanceDB.

        Args:
            url: of its store, for messages.
            table: as LanceDB opened it.
            width: length of each vector.
            columns: finding -> column, of all findings of the store.
        """
        self._url, self._table, self.width = url, table, width
        finding = {column: name for name, column in columns.items()}
        self.columns = {finding[name]: name for name in table.schema.names if name in finding}

    def __len__(self) -> int:
        with reaching(self._url):
            return int(self._table.count_rows())

    def count(self, where: str) -> int:
        """How many images fulfil a condition.

        Raises:
            DataError: it cannot be understood.
        """
        return check_condition(self._table, self.condition(where), where, list(self.columns.values()))

    def condition(self, where: str) -> str:
        """The condition as the database wants it."""
        return as_condition(where, self.columns)

    def known(self) -> pl.DataFrame:
        """All rows without their vectors, labels under their columns."""
        return self.frame([*ABOUT, DIGEST, *self.columns.values()])

    def frame(self, columns: Sequence[str], condition: str = "") -> pl.DataFrame:
        """Some columns of the rows that fulfil a condition."""
        with reaching(self._url):
            query = self._table.search().select(list(columns)).limit(None)
            found = (query.where(condition) if condition else query).to_arrow()
        return _polars(found)

    def batches(
        self, columns: Sequence[str], condition: str = ""
    ) -> Iterator[tuple[pl.DataFrame, list[Floats]]]:
        """Rows in turn: their columns, and those that hold vectors as float32 [b, width] each."""
        with reaching(self._url):
            query = self._table.search().select(list(columns)).limit(None)
            for batch in (query.where(condition) if condition else query).to_batches():
                vectors = [name for name in columns if name in POOLINGS]
                plain = batch.select([name for name in columns if name not in POOLINGS])
                yield _polars(plain), [matrix(batch.column(name), self.width) for name in vectors]

    def nearest(self, vector: Floats, pooling: str, k: int, condition: str = "") -> pl.DataFrame:
        """The k rows whose vectors point most nearly the same way, with `similarity` first; exact."""
        columns = [*ABOUT, *self.columns.values(), "_distance"]
        with reaching(self._url):
            query = self._table.search(vector, vector_column_name=pooling).distance_type("cosine")
            query = query.where(condition, prefilter=True) if condition else query
            found = _polars(query.select(columns).limit(k).to_arrow())
        return found.with_columns(similarity=1 - pl.col("_distance")).drop("_distance")

    def add_findings(self, columns: Mapping[str, str]) -> None:
        """Columns for further findings; earlier rows do not mention them."""
        new = dict.fromkeys(columns.values(), "cast(null as tinyint)")
        with reaching(self._url):
            self._table.add_columns(new)
        self.columns = {**self.columns, **columns}

    def add(self, rows: pl.DataFrame, avg: Floats, largest: Floats) -> None:
        """Write images with their vectors in one step; ids that are there already are replaced."""
        with reaching(self._url):
            writer = self._table.merge_insert("image_id")
            writer = writer.when_matched_update_all().when_not_matched_insert_all()
            writer.execute(arrow_rows(self._whole(rows), (avg, largest)))

    def update(self, rows: pl.DataFrame) -> None:
        """Write what else is known of images that are there already; vectors stay."""
        with reaching(self._url):
            self._table.merge_insert("image_id").when_matched_update_all().execute(arrow_rows(rows))

    def tidy(self, over: int = TIDY_OVER) -> None:
        """Put many small files together, and remove what was replaced an hour ago."""
        with reaching(self._url):
            if self._table.stats()["fragment_stats"]["num_fragments"] > over:
                self._table.optimize(cleanup_older_than=KEPT)

    def _whole(self, rows: pl.DataFrame) -> pl.DataFrame:
        """With the table's findings that these rows do not mention, in the table's order."""
        blank = pl.lit(None, pl.Int8)
        missing = [blank.alias(name) for name in self.columns.values() if name not in rows.columns]
        order = [name for name in self._table.schema.names if name not in POOLINGS]
        return rows.with_columns(missing).select(order)


def _polars(table: Any) -> pl.DataFrame:
    found = pl.from_arrow(table)
    if not isinstance(found, pl.DataFrame):
        raise TypeError("a table of Arrow should become a frame")
    return found


def unit(vectors: Floats) -> Floats:
    """Rows of length 1 (all zeros stay so): float32 [n, d] -> float32 [n, d]."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return made
