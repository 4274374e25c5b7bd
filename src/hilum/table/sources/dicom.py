"""Any tree of DICOM files (DX, CR and the like), with labels from a CSV file.

Layout::

    ROOT/
    ├── labels.csv (or .csv.gz)    the labels (optional); another file: labels=FILE
    └── DICOM files in any folders, with any names

Only headers are read. Files that are no DICOM images (other formats, reports, DICOMDIR) are left out, and their
number is said on standard error where they claim to be DICOM. A second file of the same SOP instance is left out
too.

Patients are not named: `patient_id` is the first 12 hexadecimal digits of the sha256 of (salt + PatientID), and
`study_id` and `image_id` are the same of Study and SOP Instance UID (16 digits for the image). A hash without a
secret can be undone by trying all ids, so give `salt=SECRET` for data that leave the house. Names, dates and birth
dates are not kept. A file without PatientID counts as its own patient. Paths are kept: keep names out of them.

View and projection come from ViewPosition, else from the ViewCodeSequence; age from PatientAge (`034Y`, `006M`),
else from birth and study date; sex from PatientSex (O is null).

The label file has a column of SOP Instance UIDs, or else of file names (matched by path, then by name without
suffix), and one column per finding as in the source `csv`. An image without a row there has blank labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.progress import say
from hilum.table.sources import values
from hilum.table.sources.base import (
    Source,
    SourceOptions,
    layout_and_notes,
    missing_file,
    need_columns,
    one_of,
    read_csv,
    walk,
)
from hilum.table.sources.headers import claims_dicom, scan
from hilum.table.table import COLUMNS, Table
from hilum.text import listed, plain

LABEL_FILES = ("labels.csv", "labels.csv.gz")
UID_COLUMNS = ("sopinstanceuid", "sopuid", "uid", "instanceuid", "imageuid")
FILE_COLUMNS = ("path", "file", "filename", "filepath", "image", "imageid", "imagename")


class DicomOptions(SourceOptions):
    """Options of the source `dicom`."""

    labels: str = ""
    """CSV file of labels, relative to the folder or absolute; empty means labels.csv, if it is there."""
    findings: tuple[str, ...] = ()
    """Columns of the label file that are findings; empty means all that hold label codes only."""
    salt: str = ""
    """A secret mixed into the hashes of patients, studies and images."""


def read(root: Path, options: DicomOptions | None = None) -> Table:
    """Read the headers of a tree of DICOM files; see the module for the layout.

    Raises:
        MissingExtra: pydicom is not installed.
        DataError: no DICOM image is there, the label file lacks a column, or it fits no image.
    """
    options = options or DicomOptions()
    found = scan(root)
    if not found.headers:
        raise DataError(
            f"{root} holds no DICOM image: {len(found.unreadable):,} files that claim to be DICOM cannot be read "
            f"as images, {found.others:,} are other files."
        )
    raw = pl.DataFrame(found.headers, infer_schema_length=None).sort("path")
    once = raw.unique("uid", keep="first", maintain_order=True)
    _say_left_out(found.unreadable, raw.height - once.height)
    frame, findings = _labelled(once, root, options)
    return Table.make(_hashed(frame, options.salt, findings), findings, root)


def matches(root: Path) -> bool:
    """Whether one of the first 200 files is DICOM."""
    return root.is_dir() and any(
        claims_dicom(root / name) for name, _ in zip(walk(root), range(200), strict=False)
    )


def _say_left_out(unreadable: tuple[str, ...], copies: int) -> None:
    if unreadable:
        say(f"left out {len(unreadable):,} files that are no readable DICOM, the first {unreadable[0]}")
    if copies:
        say(f"left out {copies:,} second copies of the same SOP instance")


def _hashed(frame: pl.DataFrame, salt: str, findings: tuple[str, ...]) -> pl.DataFrame:
    """The columns of a Table, without anything that names a patient."""

    def hashed(column: str, digits: int) -> pl.Series:
        given = [None if value is None else pseudonym(value, salt, digits) for value in frame[column]]
        return pl.Series(given, dtype=pl.String)

    image = hashed("uid", 16)
    return frame.select(
        image.alias("image_id"),
        "path",
        pl.select(pl.coalesce(hashed("patient", 12), image)).to_series().alias("patient_id"),
        hashed("study", 12).alias("study_id"),
        values.view(pl.col("position")).alias("view"),
        values.projection(pl.col("position")).alias("projection"),
        values.age_years(pl.col("age")).alias("age"),
        values.sex(pl.col("sex")).alias("sex"),
        pl.lit("dicom").alias("source"),
        *findings,
    )


def pseudonym(identifier: str, salt: str = "", digits: int = 12) -> str:
    """The first hexadecimal digits of the sha256 of (salt + identifier)."""
    return hashlib.sha256((salt + identifier).encode()).hexdigest()[:digits]


def _labelled(frame: pl.DataFrame, root: Path, options: DicomOptions) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The headers with a column per finding, where there is a label file."""
    path = root / options.labels if options.labels else one_of(root, LABEL_FILES)
    if path is None:
        return frame, ()
    if not path.is_file():
        raise missing_file(path.parent, path.name)
    raw = read_csv(path, as_text=True)
    column = _key_column(raw.columns, path)
    findings = options.findings or tuple(
        name for name in raw.columns if name != column and name not in COLUMNS and values.are_codes(raw[name])
    )
    need_columns(raw, findings, path)
    labels = pl.DataFrame([raw[column].alias("key"), *values.label_codes(raw, findings, path)])
    for key in _keys(column):
        keyed = labels.with_columns(_match_key(pl.col("key"), key))
        images = frame.with_columns(_match_key(pl.col("uid" if key == "uid" else "path"), key).alias("key"))
        if keyed["key"].is_duplicated().any() or images.join(keyed, on="key", how="semi").is_empty():
            continue
        return images.join(keyed, on="key", how="left", maintain_order="left"), findings
    raise DataError(
        f"{path}: column {column!r} fits none of the {frame.height:,} images, or names one twice; "
        f"the first value is {raw[column][0]!r}."
    )


def _keys(column: str) -> Iterable[str]:
    return ("uid",) if plain(column) in UID_COLUMNS else ("path", "stem", "uid")


def _match_key(column: pl.Expr, key: str) -> pl.Expr:
    """What is compared: UIDs, paths, or file names without folder and suffix."""
    column = column.str.strip_chars().str.replace_all("\\", "/", literal=True)
    if key == "uid":
        return column
    column = column.str.strip_prefix("./")
    return column if key == "path" else _stem(column)


def _stem(column: pl.Expr) -> pl.Expr:
    """File name without folder and a DICOM suffix; UIDs have dots, so no other suffix is cut."""
    return column.str.replace(r"^.*/", "").str.replace(r"(?i)\.(dcm|dicom|ima)$", "")


def _key_column(columns: list[str], path: Path) -> str:
    by_plain = {plain(name): name for name in reversed(columns)}
    for wanted in (*UID_COLUMNS, *FILE_COLUMNS):
        if wanted in by_plain:
            return by_plain[wanted]
    raise DataError(
        f"{path} has no column of SOP Instance UIDs (SOPInstanceUID) or file names (path, file); "
        f"it has {listed(columns, 12)}."
    )


LAYOUT, NOTES = layout_and_notes(__doc__, "Only headers")

SOURCE = Source(
    name="dicom",
    title="Any tree of DICOM files",
    read=read,
    matches=matches,
    layout=LAYOUT,
    notes=NOTES,
    options=DicomOptions,
)
