"""`VectorTable`: one encoder's vectors in the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from hilum.features.columns import ABOUT, DIGEST, POOLINGS
from hilum.features.conditions import as_condition, check_condition
from hilum.features.lance import Floats, arrow_rows, index_settings, matrix, reaching
from hilum.progress import say

TIDY_OVER = 96
"""Files of a table over which they are put together: every write makes one."""
KEPT = timedelta(hours=1)
"""How long rows that were replaced stay on disk, for readers that began before."""
INDEX_OVER = 20_000
"""Images from which on searches go through an index; fewer are compared one by one in 20 ms."""
ROWS_A_PART, PROBES, REFINE = 2048, 32, 10
"""Images in a cell of the index, cells that a search looks into, candidates (times k) then compared exactly."""
STALE = 0.25
"""Share of images outside the index at which it is made anew; until then these are compared one by one."""


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

    def nearest(
        self, vector: Floats, pooling: str, k: int, condition: str = "", exact: bool = False
    ) -> pl.DataFrame:
        """The k rows whose vectors point most nearly the same way; through the index, where there is one."""
        columns = [*ABOUT, *self.columns.values(), "_distance"]
        with reaching(self._url):
            query = self._table.search(vector, vector_column_name=pooling).distance_type("cosine")
            query = query.where(condition, prefilter=True) if condition else query
            query = query.bypass_vector_index() if exact else query.nprobes(PROBES).refine_factor(REFINE)
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
        """Put many small files together, remove what was replaced an hour ago, and index a large table."""
        with reaching(self._url):
            if self._table.stats()["fragment_stats"]["num_fragments"] > over:
                self._table.optimize(cleanup_older_than=KEPT)
            rows = int(self._table.count_rows())
            if rows < INDEX_OVER or all(self._outside(name) < STALE * rows for name in POOLINGS):
                return
            say(f"indexing {rows:,} images for searches")
            for name in POOLINGS:
                self._table.create_index(name, config=index_settings(rows // ROWS_A_PART))

    def _outside(self, name: str) -> float:
        """How many rows the index of a column of vectors does not hold yet."""
        found = self._table.index_stats(f"{name}_idx")
        return float("inf") if found is None else float(found.num_unindexed_rows)

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
