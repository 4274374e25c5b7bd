"""What is known of an image besides its picture: columns of the table, facts of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from hilum.table import Table, meaning_of
from hilum.text import plain


@dataclass(frozen=True)
class Trait:
    """One thing that is known of images.

    Attributes:
        name: what it is called.
        values: Float64, or String for a trait in classes; null where unknown.
        patient: whether it is of the patient, and may well be an honest risk factor.
        secret: whether its values are never shown.
    """

    name: str
    values: pl.Series
    patient: bool = False
    secret: bool = False


_NUMBERS: dict[str, pl.Expr] = {
    "projection AP": pl.col("projection").eq("AP"),
    "lateral view": pl.col("view").eq("lateral"),
    "image width": pl.col("width"),
    "image height": pl.col("height"),
    "aspect ratio": pl.col("width") / pl.col("height"),
    "bit depth": pl.col("bits"),
    "date": pl.col("day"),
    "male sex": pl.col("sex").eq("M"),
    "age": pl.col("age"),
}
_CLASSES: dict[str, pl.Expr] = {
    "exact size": pl.format("{} x {}", "width", "height"),
    "colour mode": pl.col("mode"),
    "file format": pl.col("kind"),
    "JPEG coding": pl.col("coding"),
    "manufacturer": pl.col("manufacturer"),
    "scanner model": pl.col("model"),
    "software": pl.col("software"),
    "detector": pl.col("detector"),
    "modality": pl.col("modality"),
    "photometric interpretation": pl.col("photometric"),
    "station": pl.col("station"),
    "institution": pl.col("institution"),
    "source": pl.col("source"),
}
_PATIENT = ("male sex", "age")
_SECRET = ("date", "station", "institution")
_UNSAID = ("coding", "manufacturer", "model", "software", "detector", "modality", "station", "institution")
"""Facts of a file of which it tells something too that a file does not say them."""
_NOTHING = "(not said)"
OF_FILES = "sizes and kinds of files, scanner tags, dates"

_PLACES = (
    "hospital", "site", "center", "centre", "institution", "dataset", "scanner", "device", "machine",
    "vendor", "manufacturer", "model", "manufacturermodelname", "detector", "detectorid", "station",
    "stationname", "modality",
)  # fmt: skip
"""Columns of these names say where or by what an image was taken."""
_FREE = ("folder", "csv", "dicom")
"""Sources whose folders are the user's own; in the others they say part, patient and study."""
_DEEPEST = 4
_SHORT = 4
"""A finding of fewer letters may be within a name by chance."""


def traits(table: Table, files: pl.DataFrame | None = None) -> Iterator[Trait]:
    """Every trait of which something is known.

    Args:
        table: the images.
        files: facts of each row's file (`width`, `height`, `bits`, `mode`, and `MARKS`), null where unknown.
    """
    frame = table.frame.drop(set(files.columns if files is not None else ()) & set(table.frame.columns))
    if files is not None:
        read = pl.col("width").is_not_null()
        unsaid = [
            pl.when(read & pl.col(name).is_not_null().any())
            .then(pl.col(name).fill_null(_NOTHING))
            .alias(name)
            for name in _UNSAID
            if name in files.columns
        ]
        frame = pl.concat([frame, files.with_columns(unsaid)], how="horizontal")
    for kind, named in ((pl.Float64, _NUMBERS), (pl.String, _CLASSES)):
        for name, expression in named.items():
            if set(expression.meta.root_names()) <= set(frame.columns):
                values = frame.select(expression.cast(kind)).to_series()
                yield Trait(name, values, name in _PATIENT, name in _SECRET)
    for name in table.frame.columns:
        if name not in table.COLUMNS and name not in table.findings and plain(name) in _PLACES:
            yield Trait(f"column {name}", table.frame[name].cast(pl.String))
    if table.frame["source"].is_in(_FREE).all():
        yield from _folders(table)


def _folders(table: Table) -> Iterator[Trait]:
    """Folders on the way to the files, but for those that are named after labels or parts.

    Below a folder that is named after a label, only names that lie under two such folders say anything.
    """
    steps = pl.col("path").str.split("/")
    label: pl.Series | None = None
    for depth in range(_DEEPEST):
        folder = steps.list.head(steps.list.len() - 1).list.get(depth, null_on_oob=True)
        values = table.frame.select(folder).to_series()
        names = values.drop_nulls().unique().to_list()
        if label is None and any(_names_label(name, table.findings) for name in names):
            label = values
        elif not all(meaning_of(name) == "part" for name in names):
            yield Trait(f"folder {depth + 1}", values if label is None else _shared(values, label))


def _names_label(name: str, findings: tuple[str, ...]) -> bool:
    said = plain(name)
    if meaning_of(name) in ("negative", "positive"):
        return True
    return any(said == own or (len(own) >= _SHORT and own in said) for own in map(plain, findings))


def _shared(values: pl.Series, label: pl.Series) -> pl.Series:
    under = pl.col("label").n_unique().over("value")
    frame = pl.DataFrame({"value": values, "label": label})
    return frame.select(pl.when(under > 1).then(pl.col("value"))).to_series()
