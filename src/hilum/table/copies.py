"""Rows that are changed copies of others: those of an augmented pack (`hilum augment`).

Such a table has the extra column `copy_of`: the image that a copy was made of, null for an image itself. A copy
has its original's patient, study, labels and path, so that without this module it would be one image more: in a
split by image a copy of a training image would end up in validation, and every score would count each image
several times.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.table.table import Table

COPY_OF = "copy_of"


def has_copies(table: Table) -> bool:
    """Whether any row is a copy of another image."""
    return COPY_OF in table.frame.columns and table.frame[COPY_OF].count() > 0


def are_copies(table: Table) -> npt.NDArray[np.bool_]:
    """Which rows are copies, bool [n]."""
    if COPY_OF not in table.frame.columns:
        return np.zeros(len(table), np.bool_)
    return table.frame[COPY_OF].is_not_null().to_numpy()


def originals(table: Table) -> Table:
    """The images themselves, without the column `copy_of`: the table that the copies were made from."""
    if COPY_OF not in table.frame.columns:
        return table
    frame = table.frame.filter(pl.col(COPY_OF).is_null()).drop(COPY_OF)
    boxes = table.boxes
    if boxes is not None:
        boxes = boxes.join(frame, on="image_id", how="semi", maintain_order="left")
    return Table(frame, table.findings, table.root, boxes, table.notes)


def with_copies_of(
    table: Table, of: Table, rows: npt.NDArray[np.int64]
) -> tuple[Table, npt.NDArray[np.int64], int]:
    """Add to a table of originals the copies of some of its images.

    Args:
        table: originals, as `originals` gives them; some may have been left out since.
        of: the table with copies that they are from.
        rows: int64 [m], rows of `table` whose copies are wanted: its training part, and nothing else.

    Returns:
        The table with `copy_of` again: its own rows in their order, then the copies; the copies' rows, int64; and
        how many copies of other images were left out.
    """
    if not has_copies(of):
        return table, np.zeros(0, np.int64), 0
    wanted = table.frame["image_id"][rows].implode()
    copies = of.frame[COPY_OF].is_in(wanted).fill_null(value=False)
    order = pl.DataFrame({"image_id": of.frame["image_id"], "row": np.arange(len(of))})
    own = table.frame.select("image_id").join(order, on="image_id", how="left", maintain_order="left")
    both = np.concatenate([own["row"].to_numpy(), copies.arg_true().to_numpy()]).astype(np.int64)
    added = np.arange(len(table), len(both), dtype=np.int64)
    return of.take(both), added, of.frame[COPY_OF].count() - len(added)
