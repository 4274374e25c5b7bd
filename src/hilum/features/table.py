"""`VectorTable`: one encoder's vectors in the database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from hilum.errors import DataError, nearest
from hilum.features.columns import ABOUT, DIGEST, POOLINGS
from hilum.features.lance import Floats, arrow_rows, condition_fault, index_settings, reaching
from hilum.progress import say

TIDY_OVER = 96
"""Files of a table over which they are put together: every write makes one."""
KEPT = timedelta(hours=1)
"""How long rows that were replaced stay on disk, for readers that began before."""
INDEX_OVER = 20_000
"""Images from which on searches go through an index; fewer are compared one by one in 20 ms."""
ROWS_A_PART, PROBES, REFINE = 2048, 32, 10
"""Images in a cell of the index, cells that a search looks into, candidates (times k) then compared exactly."""
SEEN = 5000
"""How many ids are compared with one that is not there."""
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
        try:
            return int(self._table.count_rows(self.condition(where) or None))
        except (ValueError, RuntimeError) as error:
            about = [name for name in ABOUT if name not in ("pack_fingerprint", "slot")]
            fault = condition_fault(error, about, list(self.columns.values()))
            raise DataError(f"the condition {where!r} {fault}") from error

    def condition(self, where: str) -> str:
        """The condition as the database wants it; empty stays empty.

        Names of findings in backticks become their columns. It goes into parentheses, since whatever follows a
        complete condition (`age > 60 sex = 'F'`) is otherwise ignored without a word.
        """
        if not where.strip():
            return ""
        named = re.sub(r"`([^`]+)`", lambda name: f"`{self.columns.get(name[1], name[1])}`", where)
        return f"({named})"

    def about(self, image_ids: Sequence[str]) -> pl.DataFrame:
        """What is known of those of these images that are here, labels by finding."""
        known = self.frame([*ABOUT, *self.columns.values()], _among(image_ids))
        return known.rename({column: name for name, column in self.columns.items()})

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
                flat = [batch.column(name).flatten().to_numpy() for name in vectors]
                yield _polars(plain), [values.reshape(-1, self.width) for values in flat]

    def nearest(
        self, query: Floats | str, k: int, where: str, pooling: str, exact: bool, place: str
    ) -> pl.DataFrame:
        """See `FeatureStore.nearest`; `place` says in messages where was looked."""
        poolings = POOLINGS if pooling == "both" else (pooling,)
        own = query if isinstance(query, str) else None
        vector = np.asarray(query, np.float32).ravel() if own is None else self._vector(own, poolings, place)
        if len(vector) != self.width * len(poolings):
            raise DataError(
                f"the vector has {len(vector)} numbers; those of {place} have {self.width * len(poolings)} "
                f"(pooling {pooling}). It is of another encoder."
            )
        if not np.isfinite(vector).all() or not vector.any():
            raise DataError(
                f"the vector has no direction (all zeros, or not finite): {place} has nothing like it."
            )
        # Few images are compared faster one by one, and an index could miss some of them.
        exact = self.count(where) < INDEX_OVER or exact
        condition = self.condition(where)
        # The image itself is left out afterwards: as a condition it would double the time.
        more = k + (own is not None)
        if pooling == "both":
            near = self._nearest_by_both(vector, more, condition)
        else:
            near = self._nearest_by_one(vector, pooling, more, condition, exact)
        names = {column: name for name, column in self.columns.items()}
        return (
            near.filter(pl.col("image_id").ne_missing(own))
            .sort(["similarity", "image_id"], descending=[True, False])
            .head(k)
            .select("image_id", pl.col("similarity").cast(pl.Float32), *[*ABOUT][1:], *names)
            .rename(names)
        )

    def _vector(self, image_id: str, poolings: Sequence[str], place: str) -> Floats:
        for frame, vectors in self.batches(["image_id", *poolings], _among([image_id])):
            if frame.height:
                return np.concatenate([rows[0] for rows in vectors])
        close = nearest(image_id, self.frame(["image_id"])["image_id"].head(SEEN))
        raise DataError(
            f"{place} has no image {image_id!r}, and there is no such file"
            + (f"; did you mean {close!r}?" if close else ".")
        )

    def _nearest_by_one(
        self, vector: Floats, pooling: str, k: int, condition: str, exact: bool
    ) -> pl.DataFrame:
        """The k whose vectors point most nearly the same way; through the index, where there is one."""
        with reaching(self._url):
            query = self._table.search(vector, vector_column_name=pooling).distance_type("cosine")
            query = query.where(condition, prefilter=True) if condition else query
            query = query.bypass_vector_index() if exact else query.nprobes(PROBES).refine_factor(REFINE)
            columns = [*ABOUT, *self.columns.values(), "_distance"]
            near = _polars(query.select(columns).limit(k).to_arrow())
        return near.with_columns(similarity=1 - pl.col("_distance"))

    def _nearest_by_both(self, vector: Floats, k: int, condition: str) -> pl.DataFrame:
        """The k nearest by both vectors side by side: in one pass, keeping the best so far."""
        avg, largest = np.split(vector / np.linalg.norm(vector[None], axis=1), 2)
        best = pl.DataFrame(schema={"image_id": pl.String, "similarity": pl.Float32})
        for frame, (some, others) in self.batches(["image_id", *POOLINGS], condition):
            product = some @ avg + others @ largest
            length = np.sqrt(np.einsum("ij,ij->i", some, some) + np.einsum("ij,ij->i", others, others))
            cosine = product / np.maximum(length, np.finfo(np.float32).tiny)
            best = pl.concat([best, frame.with_columns(similarity=cosine.astype(np.float32))])
            best = best.top_k(k, by="similarity")
        about = self.frame([*ABOUT, *self.columns.values()], _among(best["image_id"].to_list()))
        return about.join(best, on="image_id")

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


def _among(image_ids: Sequence[str]) -> str:
    """The condition of these images alone, as SQL writes their ids."""
    quoted = ("'" + name.replace("'", "''") + "'" for name in image_ids)
    return f"image_id in ({', '.join(quoted)})" if image_ids else "false"
