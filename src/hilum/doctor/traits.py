"""What is known of an image besides its picture: columns of the table, facts of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from hilum.table import COLUMNS, NEGATIVE_NAMES, PART_NAMES, Table
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


NUMBERS: dict[str, pl.Expr] = {
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
CLASSES: dict[str, pl.Expr] = {
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
PATIENT = ("male sex", "age")
SECRET = ("date", "station", "institution")
UNSAID = ("coding", "manufacturer", "model", "software", "detector", "modality", "station", "institution")
"""Facts of a file of which it tells something too that a file does not say them."""
NOTHING = "(not said)"
OF_FILES = "sizes and kinds of files, scanner tags, dates"

PLACES = (
    "hospital",
    "site",
    "center",
    "centre",
    "institution",
    "dataset",
    "scanner",
    "device",
    "machine",
    "vendor",
    "manufacturer",
    "model",
    "manufacturermodelname",
    "detector",
    "detectorid",
    "station",
    "stationname",
    "modality",
)
"""Columns of these names say where or by what an image was taken."""
FREE = ("folder", "csv", "dicom")
"""Sources whose folders are the user's own; in the others they say part, patient and study."""
DEEPEST = 4
SHORT = 4
"""A finding of fewer letters may be within a name by chance."""
POSITIVE_NAMES = ("1", "yes", "true", "pos", "positive", "abnormal")


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
            pl.when(read & pl.col(name).is_not_null().any()).then(pl.col(name).fill_null(NOTHING)).alias(name)
            for name in UNSAID
            if name in files.columns
        ]
        frame = pl.concat([frame, files.with_columns(unsaid)], how="horizontal")
    for kind, named in ((pl.Float64, NUMBERS), (pl.String, CLASSES)):
        for name, expression in named.items():
            if set(expression.meta.root_names()) <= set(frame.columns):
                values = frame.select(expression.cast(kind)).to_series()
                yield Trait(name, values, name in PATIENT, name in SECRET)
    for name in table.frame.columns:
        if name not in COLUMNS and name not in table.findings and plain(name) in PLACES:
            yield Trait(f"column {name}", table.frame[name].cast(pl.String))
    if table.frame["source"].is_in(FREE).all():
        yield from _folders(table)


def _folders(table: Table) -> Iterator[Trait]:
    """Folders on the way to the files, but for those that are named after labels or parts.

    Below a folder that is named after a label, only names that lie under two such folders say anything.
    """
    steps = table.frame["path"].str.split("/")
    label: pl.Series | None = None
    for depth in range(DEEPEST):
        folder = pl.when(pl.col("path").list.len() > depth + 1).then(
            pl.col("path").list.get(depth, null_on_oob=True)
        )
        values = steps.to_frame("path").select(folder).to_series()
        names = values.drop_nulls().unique().to_list()
        if label is None and any(_names_label(name, table.findings) for name in names):
            label = values
        elif not all(name.lower() in PART_NAMES for name in names):
            yield Trait(f"folder {depth + 1}", values if label is None else _shared(values, label))


def _names_label(name: str, findings: tuple[str, ...]) -> bool:
    said = plain(name)
    if said in (*NEGATIVE_NAMES, *POSITIVE_NAMES):
        return True
    return any(said == own or (len(own) >= SHORT and own in said) for own in map(plain, findings))


def _shared(values: pl.Series, label: pl.Series) -> pl.Series:
    under = pl.col("label").n_unique().over("value")
    frame = pl.DataFrame({"value": values, "label": label})
    return frame.select(pl.when(under > 1).then(pl.col("value"))).to_series()
