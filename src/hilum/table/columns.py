"""The columns of a Table, and what may stand in them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from hilum.text import listed, many

COLUMNS: dict[str, pl.DataType] = {
    "image_id": pl.String(), "path": pl.String(), "patient_id": pl.String(), "study_id": pl.String(),
    "view": pl.String(), "projection": pl.String(), "age": pl.Float32(), "sex": pl.String(),
    "source": pl.String(), "official_split": pl.String(),
}  # fmt: skip
"""Columns that every Table has, in this order. `path` is relative to the Table's root, with / between."""

IDS = ("image_id", "patient_id", "study_id")
REQUIRED = ("image_id", "path", "patient_id", "source")
_ALLOWED = {
    "view": ("frontal", "lateral"),
    "projection": ("AP", "PA", "LL"),
    "sex": ("F", "M"),
    "official_split": ("train", "valid", "test"),
}
BOX_COLUMNS: dict[str, pl.DataType] = {
    "image_id": pl.String(), "finding": pl.String(),
    "x": pl.Float32(), "y": pl.Float32(), "width": pl.Float32(), "height": pl.Float32(),
}  # fmt: skip
"""Boxes of findings, as shares (0..1) of the image's width and height, from its upper left corner."""


def faults(frame: pl.DataFrame, findings: tuple[str, ...]) -> Iterator[str]:
    """What keeps a frame from being a Table, a clause each."""
    for name, kind in COLUMNS.items():
        if frame.schema.get(name) != kind:
            yield f"column {name!r} should be {kind}, it is {frame.schema.get(name, 'missing')}"
            return
    for name in REQUIRED:
        if frame[name].null_count():
            row = int(frame[name].is_null().arg_max() or 0) + 1
            yield (
                f"column {name!r} is empty, or holds a word for what is missing, in "
                f"{many(frame[name].null_count(), 'row')}, the first of them row {row}"
            )
    if frame["image_id"].n_unique() < frame.height:
        twice = frame["image_id"].filter(frame["image_id"].is_duplicated())
        times = (frame["image_id"] == twice[0]).sum()
        yield f"image_id is not unique: {twice[0]!r} occurs {times} times, and a table has one row per image"
    for name, allowed in _ALLOWED.items():
        strange = frame[name].drop_nulls().filter(~frame[name].drop_nulls().is_in(allowed))
        if len(strange):
            yield f"column {name!r} may hold {', '.join(allowed)}; it holds {strange[0]!r}"
    if len(set(findings)) < len(findings):
        yield f"a finding is named twice among {listed(findings)}"
    for name in findings:
        if frame.schema.get(name) != pl.Int8():
            yield f"finding {name!r} should be Int8, it is {frame.schema.get(name, 'missing')}"
            continue
        values = frame[name].drop_nulls()
        strange = values.filter(~values.is_in([1, 0, -1]))
        if len(strange):
            yield f"finding {name!r} may be 1, 0, -1 or empty; it is {strange[0]}"
