from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest
from made_tables import cohort

from hilum.config import CleanConfig
from hilum.errors import DataError
from hilum.table.cleaning import clean
from hilum.table.table import Table


def boxed(patients: int = 20) -> Table:
    """A Table with a box on every image."""
    table = cohort(patients)
    views = ["frontal" if i % 3 else "lateral" for i in range(len(table))]
    table = Table.make(table.frame.with_columns(view=pl.Series(views)), table.findings)
    boxes = table.frame.select("image_id", finding=pl.lit(table.findings[0])).with_columns(
        pl.lit(0.25).alias(name) for name in ("x", "y", "width", "height")
    )
    return Table.make(table.frame, table.findings, table.root, boxes)


def test_boxes_of_images_that_are_gone_go_too() -> None:
    table = boxed()
    rows = [5, 1, 3]
    expected = set(table.image_ids[rows])
    assert table.boxes is not None
    taken = table.take(rows)
    assert taken.boxes is not None
    assert list(taken.image_ids) == list(table.image_ids[rows])
    assert set(taken.boxes["image_id"]) == expected
    kept = table.filter(pl.col("image_id").is_in(expected))
    assert kept.boxes is not None
    assert set(kept.boxes["image_id"]) == expected
    cleaned, _ = clean(table, CleanConfig(views=("frontal",)))
    assert cleaned.boxes is not None
    assert 0 < len(cleaned) < len(table)
    assert set(cleaned.boxes["image_id"]) == set(cleaned.image_ids)


def test_what_is_taken_equals_a_table_made_of_it_and_hashes_alike() -> None:
    table = boxed()
    taken = table.take(np.arange(len(table))[::-1]).select(table.findings[:1])
    made = Table.make(taken.frame, taken.findings, taken.root, taken.boxes)
    assert taken.frame.equals(made.frame)
    assert (taken.findings, taken.root, taken.fingerprint()) == (made.findings, made.root, made.fingerprint())


@pytest.mark.parametrize("rows", [[0, 0], [0, 3, -1, 0], [1, "n+1"]])
def test_a_row_taken_twice_is_an_error(rows: list[int | str]) -> None:
    table = boxed()
    positions = [1 - len(table) if row == "n+1" else row for row in rows]
    with pytest.raises(DataError, match="image_id would not be unique"):
        table.take(positions)


def test_nothing_may_be_taken() -> None:
    assert len(boxed().take([])) == 0


def test_rows_are_not_checked_again() -> None:
    n = 200_000
    ids = pl.Series([f"i{i}" for i in range(n)])
    labels = {f"finding {j}": pl.Series([1] * n, dtype=pl.Int8) for j in range(14)}
    frame = pl.DataFrame({"image_id": ids, "path": ids, "patient_id": ids, "source": ids, **labels})
    started = time.perf_counter()
    table = Table.make(frame, tuple(labels))
    checked = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(5):
        table.take(np.arange(100))
        table.select(["finding 1"])
    assert (time.perf_counter() - started) / 10 < checked
