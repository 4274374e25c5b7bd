"""Any tree of DICOM files (DX, CR and the like), with labels from a CSV file.

Layout::

    ROOT/
    ├── labels.csv (or .csv.gz)    the labels (optional); another file: labels=FILE
    └── DICOM files in any folders, with any names

Only headers are read. Files that are no DICOM images (other formats, reports, DICOMDIR) are left out, and their
number is said where they claim to be DICOM. Files of the same SOP instance, or without one, are compared by their
stored pixels: a second copy is left out, other pictures are all kept, and both are said.

Patients are not named: `patient_id` is the first 12 hexadecimal digits of the sha256 of (salt + PatientID), and
`study_id` and `image_id` are the same of Study and SOP Instance UID (16 digits for the image). A hash without a
secret can be undone by trying all ids, so give `salt=SECRET` for data that leave the house. Names, dates and birth
dates are not kept. Where the PatientID is missing, the study counts as the patient, and where that is missing too
the file; or `patient_pattern` finds the patient in every path. Paths are kept: keep names out of them.

View and projection come from ViewPosition, else from the ViewCodeSequence; age from PatientAge (`034Y`, `006M`),
else from birth and study date; sex from PatientSex (O is null).

The label file has a column of SOP Instance UIDs, or else of file names (matched by path, then by name without
suffix), and one column per finding as in the source `csv`. Images without a row there are left out, for nobody
said that they are negative; where that is over `max_unlabelled` of them, the file is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.table.identity import alike, identities, identity
from hilum.table.sources import values
from hilum.table.sources.base import (
    PathOptions,
    Source,
    layout_and_notes,
    missing_file,
    need_columns,
    one_of,
    walk,
)
from hilum.table.sources.delimited import read_csv
from hilum.table.sources.headers import claims_dicom, pixel_digest, scan
from hilum.table.sources.paths import named_by, passed_over
from hilum.table.table import COLUMNS, Table
from hilum.text import listed, many, plain

LABEL_FILES = ("labels.csv", "labels.csv.gz")
UID_COLUMNS = ("sopinstanceuid", "sopuid", "uid", "instanceuid", "imageuid")
FILE_COLUMNS = ("path", "file", "filename", "filepath", "image", "imageid", "imagename")


class DicomOptions(PathOptions):
    """Options of the source `dicom`."""

    labels: str = ""
    """CSV file of labels, relative to the folder or absolute; empty means labels.csv, if it is there."""
    findings: tuple[str, ...] = ()
    """Columns of the label file that are findings; empty means all that hold label codes only."""
    salt: str = ""
    """A secret mixed into the hashes of patients, studies and images."""
    max_unlabelled: float = 0.5
    """Share of images without a row in the label file up to which they are left out and the others read."""


def read(root: Path, options: DicomOptions | None = None) -> Table:
    """Read the headers of a tree of DICOM files; see the module for the layout.

    Raises:
        MissingExtra: pydicom is not installed.
        DataError: no DICOM image is there, the label file lacks a column, or it fits too few images.
    """
    options = options or DicomOptions()
    found = scan(root)
    if not found.headers:
        raise DataError(
            f"{root} holds no DICOM image: {len(found.unreadable):,} files that claim to be DICOM cannot be read "
            f"as images, {found.others:,} are other files."
        )
    notes = passed_over(found.passed, ())
    if found.unreadable:
        notes.append(
            f"{many(len(found.unreadable), 'file')} left out that are no readable DICOM, the first "
            f"{found.unreadable[0]}."
        )
    raw = pl.DataFrame(found.headers, infer_schema_length=None).sort("path")
    raw = raw.with_columns(identities(raw[name].cast(pl.String)) for name in ("patient", "study", "uid"))
    frame = _with_patients(_each_once(raw, root, notes), options, notes)
    frame, findings = _labelled(frame, root, options, notes)
    return Table.make(_hashed(frame, options.salt, findings), findings, root, notes=notes)


def _each_once(raw: pl.DataFrame, root: Path, notes: list[str]) -> pl.DataFrame:
    """One row per picture, with a column `image` that no two share.

    A picture's name is its SOP Instance UID; where files share one or have none, it is their stored pixels too.
    """
    doubtful = raw["uid"].is_null() | raw["uid"].is_duplicated()
    paths = raw["path"].filter(doubtful).to_list()
    digests = {path: pixel_digest(root / path) for path in paths}
    pixels = pl.col("path").replace_strict(digests, default=None, return_dtype=pl.String)
    own = pl.concat_str(pl.col("uid").fill_null(""), pixels, separator="/")
    once = raw.with_columns(own=own).unique(["uid", "own"], keep="first", maintain_order=True)
    if copies := len(raw) - len(once):
        notes.append(f"{copies:,} second copies of the same picture (SOP instance and pixels) left out.")
    if nameless := once["uid"].null_count():
        notes.append(f"{many(nameless, 'file')} without a SOP Instance UID: told apart by their pixels.")
    shared = once["uid"].is_not_null() & once["uid"].is_duplicated()
    if shared.any():
        notes.append(
            f"{int(shared.sum()):,} files share a SOP Instance UID with another and are not copies: their pixels "
            f"differ. All are kept, the first {once['path'].filter(shared)[0]}."
        )
    alone = pl.col("uid").is_not_null() & ~pl.col("uid").is_duplicated()
    return once.with_columns(image=pl.when(alone).then(pl.col("uid")).otherwise(pl.col("own"))).drop("own")


def _with_patients(frame: pl.DataFrame, options: DicomOptions, notes: list[str]) -> pl.DataFrame:
    """The column `patient`, null only where not even the study is known."""
    paths = frame["path"].to_list()
    if options.study_pattern:
        studies = named_by(options.study_pattern, paths, "study_pattern")
        frame = frame.with_columns(study=pl.Series(studies, dtype=pl.String))
    if options.patient_pattern:
        patients = named_by(options.patient_pattern, paths, "patient_pattern")
        return frame.with_columns(patient=pl.Series(patients, dtype=pl.String))
    if groups := alike(frame["patient"]):
        # Ids stay in the files: their paths show who is meant.
        first = frame.filter(pl.col("patient").is_in(groups[0]))["path"].unique(maintain_order=True)
        notes.append(
            f"{sum(map(len, groups)):,} PatientIDs differ only in case, leading zeros or signs, and may be "
            f"{many(len(groups), 'patient')}: for example those of {listed(first.to_list(), 2)}."
        )
    nobody = frame["patient"].is_null()
    if nobody.any():
        alone = int((nobody & frame["study"].is_null()).sum())
        notes.append(
            f"{int(nobody.sum()):,} of {len(frame):,} files without PatientID: a study (StudyInstanceUID) counts "
            "as a patient" + (f", and each of {alone:,} files without a study too." if alone else ".")
        )
    # Marked, so that a study is never taken for the patient of that name.
    return frame.with_columns(patient=pl.coalesce("patient", pl.format("study {}", "study")))


def matches(root: Path) -> bool:
    """Whether one of the first 200 files is DICOM."""
    return root.is_dir() and any(
        claims_dicom(root / name) for name, _ in zip(walk(root), range(200), strict=False)
    )


def _hashed(frame: pl.DataFrame, salt: str, findings: tuple[str, ...]) -> pl.DataFrame:
    """The columns of a Table, without anything that names a patient."""

    def hashed(column: str, digits: int) -> pl.Series:
        given = [None if value is None else pseudonym(value, salt, digits) for value in frame[column]]
        return pl.Series(given, dtype=pl.String)

    image = hashed("image", 16)
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


def _labelled(
    frame: pl.DataFrame, root: Path, options: DicomOptions, notes: list[str]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The headers with a column per finding, where there is a label file."""
    path = root / options.labels if options.labels else one_of(root, LABEL_FILES)
    if path is None:
        return frame, ()
    if not path.is_file():
        raise missing_file(path.parent, path.name)
    raw = read_csv(path, notes)
    column = _key_column(raw.columns, path)
    need_columns(raw, options.findings, path)
    findings = options.findings or values.finding_columns(raw, {column, *COLUMNS}, path, notes)
    labels = pl.DataFrame([raw[column].alias("key"), *values.label_codes(raw, findings, path)])
    for key in _keys(column):
        keyed = labels.with_columns(_match_key(pl.col("key"), key)).drop_nulls("key")
        images = frame.with_columns(_match_key(pl.col("uid" if key == "uid" else "path"), key).alias("key"))
        if keyed["key"].is_duplicated().any() or images.join(keyed, on="key", how="semi").is_empty():
            continue
        _count_partners(images, keyed, path, options.max_unlabelled, notes)
        return images.join(keyed, on="key", how="inner", maintain_order="left"), findings
    raise DataError(
        f"{path}: column {column!r} fits none of the {frame.height:,} images, or names one twice; "
        f"the first value is {raw[column].first()!r}."
    )


def _count_partners(
    images: pl.DataFrame, labels: pl.DataFrame, path: Path, most: float, notes: list[str]
) -> None:
    """Note the images without a row and the rows without an image; refuse too many of the former."""
    lone = images.join(labels, on="key", how="anti", maintain_order="left")["path"]
    if len(lone):
        said = f"{len(lone):,} of {len(images):,} images have no row in {path.name}, the first {lone[0]}"
        if len(lone) / len(images) > most:
            raise DataError(
                f"{path}: {said}. Complete the file, or raise max_unlabelled to read the others without them."
            )
        notes.append(f"{said}: they are left out.")
    if rows := labels.join(images, on="key", how="anti").height:
        notes.append(f"{rows:,} of {len(labels):,} rows in {path.name} are of no image that is there.")


def _keys(column: str) -> Iterable[str]:
    return ("uid",) if plain(column) in UID_COLUMNS else ("path", "stem", "uid")


def _match_key(column: pl.Expr, key: str) -> pl.Expr:
    """What is compared: UIDs, paths, or file names without folder and suffix."""
    column = identity(column).str.replace_all("\\", "/", literal=True)
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
