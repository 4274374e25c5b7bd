"""Where boxes of findings go when an image is turned, shifted, sheared, scaled or flipped."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.augment.copies import Copies
from hilum.batches import AugmentParams
from hilum.table import Table

PICTURE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
LEAST_LEFT = 0.25
"""A box of which less than this share of its area is still in the picture is left out."""


def boxes_of_copies(table: Table, copies: Copies) -> pl.DataFrame | None:
    """Boxes of the copies (`Table.BOX_COLUMNS`), None where the table has none.

    A moved box becomes the upright box around what of it is still in the picture: after a rotation it is larger
    than what it encloses. Boxes are shares of the picture's width and height, which squashing it to a
    square leaves as they are; where pictures were cropped or padded they cannot be used (a pack does not keep the
    pictures' own shapes).
    """
    if table.boxes is None:
        return None
    place = pl.DataFrame({"image_id": table.frame["image_id"][copies.rows], "at": np.arange(len(copies))})
    found = table.boxes.join(place, on="image_id", how="inner", maintain_order="left").sort(
        "at", maintain_order=True
    )
    at = found["at"].to_numpy()
    corners = found.select("x", "y", "width", "height").to_numpy().astype(np.float64)
    moved, kept = _moved_boxes(corners, copies.params.take(at))
    made = found.with_columns(
        copies.ids(table)[at].alias("image_id"),
        *(pl.Series(name, moved[:, k]) for k, name in enumerate(("x", "y", "width", "height"))),
    ).filter(kept)
    return made.select(pl.col(name).cast(kind) for name, kind in Table.BOX_COLUMNS.items())


def _moved_boxes(
    boxes: npt.NDArray[np.float64], params: AugmentParams
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Boxes [n, 4] of x, y, width, height after what is done to each image; and which of them are still there."""
    x, y, width, height = boxes.T
    corners = np.stack(
        [np.stack([x + a * width, y + b * height], -1) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))], 1
    )
    # `matrices` says where an output pixel comes from, over -1 to 1; a corner goes the other way.
    inverse = params.matrices().astype(np.float64)
    offset = (2 * corners - 1) - inverse[:, None, :, 2]
    there = np.einsum("nij,nkj->nki", np.linalg.inv(inverse[:, :, :2]), offset)
    found = [_in_picture(quad) for quad in ((there + 1) / 2).astype(np.float32)]
    return np.array([place for place, _ in found]).reshape(-1, 4), np.array([kept for _, kept in found], bool)


def _in_picture(quad: npt.NDArray[np.float32]) -> tuple[tuple[float, float, float, float], bool]:
    """The upright box around what of a quadrangle is in the picture; whether that is enough to be shown."""
    area, inside = cv2.intersectConvexConvex(quad, PICTURE)
    if inside is None or area <= 0:
        return (0.0, 0.0, 0.0, 0.0), False
    corners = np.clip(inside.reshape(-1, 2), 0, 1)
    (x, y), (right, low) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return (x, y, right - x, low - y), bool(area >= LEAST_LEFT * cv2.contourArea(quad))
