"""The nearest images of one, in the database."""

from __future__ import annotations

import numpy as np
import polars as pl

from hilum.errors import DataError
from hilum.errors import nearest as nearest_name
from hilum.features.columns import ABOUT, POOLINGS
from hilum.features.lance import Floats
from hilum.features.table import INDEX_OVER, VectorTable, unit

SEEN = 5000
"""How many ids are compared with one that is not there."""


def nearest(
    table: VectorTable, query: Floats | str, k: int, where: str, pooling: str, place: str, exact: bool
) -> pl.DataFrame:
    """See `FeatureStore.nearest`; `place` says in messages where was looked."""
    poolings = POOLINGS if pooling == "both" else (pooling,)
    own = query if isinstance(query, str) else None
    vector = np.asarray(query, np.float32).ravel() if own is None else _vector_of(table, own, poolings, place)
    if len(vector) != table.width * len(poolings):
        raise DataError(
            f"the vector has {len(vector)} numbers; those of {place} have {table.width * len(poolings)} "
            f"(pooling {pooling}). It is of another encoder."
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise DataError(
            f"the vector has no direction (all zeros, or not finite): {place} has nothing like it."
        )
    # Few images are compared faster one by one, and an index could miss some of them.
    exact = table.count(where) < INDEX_OVER or exact
    condition = table.condition(where)
    # The image itself is left out afterwards: as a condition it would double the time.
    more = k + (own is not None)
    found = (
        table.nearest(vector, pooling, more, condition, exact)
        if pooling in POOLINGS
        else _of_both(table, vector, more, condition)
    )
    found = found if own is None else found.filter(pl.col("image_id") != own)
    names = {column: name for name, column in table.columns.items()}
    about = [name for name in ABOUT if name != "image_id"]
    return (
        found.sort(["similarity", "image_id"], descending=[True, False])
        .head(k)
        .select("image_id", pl.col("similarity").cast(pl.Float32), *about, *names)
        .rename(names)
    )


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _vector_of(table: VectorTable, image_id: str, poolings: tuple[str, ...], place: str) -> Floats:
    for frame, vectors in table.batches(["image_id", *poolings], f"image_id = {quoted(image_id)}"):
        if frame.height:
            return np.concatenate([found[0] for found in vectors])
    close = nearest_name(image_id, table.frame(["image_id"])["image_id"].head(SEEN))
    raise DataError(
        f"{place} has no image {image_id!r}, and there is no such file"
        + (f"; did you mean {close!r}?" if close else ".")
    )


def _of_both(table: VectorTable, vector: Floats, k: int, condition: str) -> pl.DataFrame:
    """The k nearest by both vectors side by side: in one pass, keeping the best so far."""
    query = unit(vector[None])[0]
    avg, largest = np.split(query, 2)
    best = pl.DataFrame(schema={"image_id": pl.String, "similarity": pl.Float32})
    for frame, (some, others) in table.batches(["image_id", *POOLINGS], condition):
        product = some @ avg + others @ largest
        length = np.sqrt(np.einsum("ij,ij->i", some, some) + np.einsum("ij,ij->i", others, others))
        cosine = product / np.maximum(length, np.finfo(np.float32).tiny)
        best = pl.concat([best, frame.with_columns(similarity=cosine.astype(np.float32))])
        best = best.top_k(k, by="similarity")
    ids = ", ".join(map(quoted, best["image_id"]))
    about = table.frame([*ABOUT, *table.columns.values()], f"image_id in ({ids})" if ids else "false")
    return about.join(best, on="image_id")
