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
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hilum.errors import DataError, MissingExtra
from hilum.files import open_file
from hilum.progress import progress
from hilum.table.identity import Alike, identities, identity
from hilum.table.sources.base import (
    DICOM_SUFFIXES,
    PathOptions,
    Source,
    missing_file,
    need_columns,
    one_of,
    walk,
)
from hilum.table.sources.delimited import read_csv
from hilum.table.sources.paths import passed_over
from hilum.table.sources.values import READERS, finding_columns, label_codes
from hilum.table.table import Table
from hilum.text import listed, many, plain

_TAGS = (
    "SOPInstanceUID", "StudyInstanceUID", "PatientID", "PatientSex", "PatientAge", "PatientBirthDate",
    "StudyDate", "ViewPosition", "ViewCodeSequence", "Rows",
)  # fmt: skip
VIEW_CODES = {
    "R-10206": "AP", "399348003": "AP",
    "R-10214": "PA", "272479007": "PA",
    "R-10236": "LL", "399173006": "LL",
    "R-10232": "RL", "399198007": "RL",
}  # fmt: skip
"""Codes of the ViewCodeSequence (SNOMED RT and CT, DICOM CID 4010)."""

_THREADS = 4
"""Threads. Parsing holds the interpreter lock (0.5 ms a file, serial or not); threads hide a slow disk's waits."""

_MAGIC_AT, _MAGIC = 128, b"DICM"
_LABEL_FILES = ("labels.csv", "labels.csv.gz")
_UID_COLUMNS = ("sopinstanceuid", "sopuid", "uid", "instanceuid", "imageuid")
_FILE_COLUMNS = ("path", "file", "filename", "filepath", "image", "imageid", "imagename")


class _DicomOptions(PathOptions):
    """Options of the source `dicom`."""

    labels: str = ""
    """CSV file of labels, relative to the folder or absolute; empty means labels.csv, if it is there."""
    findings: tuple[str, ...] = ()
    """Columns of the label file that are findings; empty means all that hold label codes only."""
    salt: str = ""
    """A secret mixed into the hashes of patients, studies and images."""
    max_unlabelled: float = 0.5
    """Share of images without a row in the label file up to which they are left out and the others read."""


def _read(root: Path, options: _DicomOptions | None = None) -> Table:
    """Read the headers of a tree of DICOM files; see the module for the layout.

    Raises:
        MissingExtra: pydicom is not installed.
        DataError: no DICOM image is there, the label file lacks a column, or it fits too few images.
    """
    options = options or _DicomOptions()
    found = _scan(root)
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
    digests = {path: _pixel_digest(root / path) for path in paths}
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


def _with_patients(frame: pl.DataFrame, options: _DicomOptions, notes: list[str]) -> pl.DataFrame:
    """The column `patient`, null only where not even the study is known."""
    ids = options.ids(frame["path"].to_list())
    frame = frame.with_columns(
        ids[f"{name}_id"].alias(name) for name in ("study", "patient") if f"{name}_id" in ids
    )
    if options.patient_pattern:
        return frame
    if groups := Alike.of(frame["patient"]):
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


def _matches(root: Path) -> bool:
    """Whether one of the first 200 files is DICOM."""
    return root.is_dir() and any(
        _claims_dicom(root / name) for name, _ in zip(walk(root), range(200), strict=False)
    )


def _hashed(frame: pl.DataFrame, salt: str, findings: tuple[str, ...]) -> pl.DataFrame:
    """The columns of a Table, without anything that names a patient."""

    def hashed(column: str, digits: int) -> pl.Series:
        given = [None if value is None else _pseudonym(value, salt, digits) for value in frame[column]]
        return pl.Series(given, dtype=pl.String)

    image = hashed("image", 16)
    return frame.select(
        image.alias("image_id"),
        "path",
        pl.select(pl.coalesce(hashed("patient", 12), image)).to_series().alias("patient_id"),
        hashed("study", 12).alias("study_id"),
        *(READERS[name](pl.col("position")).alias(name) for name in ("view", "projection")),
        *(READERS[name](pl.col(name)) for name in ("age", "sex")),
        pl.lit("dicom").alias("source"),
        *findings,
    )


def _pseudonym(identifier: str, salt: str = "", digits: int = 12) -> str:
    """The first hexadecimal digits of the sha256 of (salt + identifier)."""
    return hashlib.sha256((salt + identifier).encode()).hexdigest()[:digits]


def _labelled(
    frame: pl.DataFrame, root: Path, options: _DicomOptions, notes: list[str]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The headers with a column per finding, where there is a label file."""
    path = root / options.labels if options.labels else one_of(root, _LABEL_FILES)
    if path is None:
        return frame, ()
    if not path.is_file():
        raise missing_file(path.parent, path.name)
    raw = read_csv(path, notes)
    column = _key_column(raw.columns, path)
    need_columns(raw, options.findings, path)
    findings = options.findings or finding_columns(raw, {column, *Table.COLUMNS}, path, notes)
    labels = pl.DataFrame([raw[column].alias("key"), *label_codes(raw, findings, path)])
    for key in ("uid",) if plain(column) in _UID_COLUMNS else ("path", "stem", "uid"):
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


def _match_key(column: pl.Expr, key: str) -> pl.Expr:
    """What is compared: UIDs, paths, or file names without folder and suffix."""
    column = identity(column).str.replace_all("\\", "/", literal=True)
    if key == "uid":
        return column
    column = column.str.strip_prefix("./")
    if key == "path":
        return column
    # UIDs have dots, so no other suffix is cut.
    return column.str.replace(r"^.*/", "").str.replace(r"(?i)\.(dcm|dicom|ima)$", "")


def _key_column(columns: list[str], path: Path) -> str:
    by_plain = {plain(name): name for name in reversed(columns)}
    for wanted in (*_UID_COLUMNS, *_FILE_COLUMNS):
        if wanted in by_plain:
            return by_plain[wanted]
    raise DataError(
        f"{path} has no column of SOP Instance UIDs (SOPInstanceUID) or file names (path, file); "
        f"it has {listed(columns, 12)}."
    )


@dataclass(frozen=True)
class _Scan:
    """What a tree of files holds.

    Attributes:
        headers: one mapping per DICOM image, of `path` and what the Table needs, in the clear.
        unreadable: files that end in .dcm or begin as DICOM does, and cannot be read as an image.
        others: how many files are no DICOM.
        passed: how many pipes, sockets and links to nothing lie there, by kind.
    """

    headers: list[dict[str, Any]]
    unreadable: tuple[str, ...]
    others: int
    passed: Counter[str]


def _scan(root: Path) -> _Scan:
    """Read the headers of all DICOM images under `root`."""
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise MissingExtra("pydicom", "dicom", "Reading DICOM files") from error
    passed: Counter[str] = Counter()
    names = walk(root, passed)
    headers: list[dict[str, Any]] = []
    unreadable: list[str] = []
    claims = [name for name in names if _claims_dicom(root / name)]
    with (
        warnings.catch_warnings(),
        progress("reading headers", len(claims), "files") as advance,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        # A value that breaks the standard (an age of "34") is a warning of pydicom's; it is read all the same.
        warnings.simplefilter("ignore")
        for name, header in zip(claims, pool.map(_header, [root / name for name in claims]), strict=True):
            advance(1)
            if header is None:
                unreadable.append(name)
            else:
                headers.append({"path": name, **header})
    return _Scan(headers, tuple(unreadable), len(names) - len(claims), passed)


def _pixel_digest(path: Path) -> str:
    """A sha256 of a file's stored pixels; its path where they cannot be read, so that it is no copy of another."""
    import pydicom

    try:
        with warnings.catch_warnings(), open_file(path) as file:
            warnings.simplefilter("ignore")
            pixels = pydicom.dcmread(file, force=True).get("PixelData", b"")
        return hashlib.sha256(pixels).hexdigest()
    # As for headers: a damaged element raises anything.
    except Exception:
        return str(path)


def _claims_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does, or is called so; DICOMDIR is an index, not an image."""
    if path.name.upper() == "DICOMDIR":
        return False
    if path.name.lower().endswith(DICOM_SUFFIXES):
        return True
    try:
        with open_file(path) as file:
            return file.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC
    except OSError:
        return False


def _header(path: Path) -> dict[str, Any] | None:
    """What the Table needs of one file; None where it is not a readable DICOM image."""
    import pydicom

    try:
        with open_file(path) as file:
            data = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS, force=True)
        if not data.get("Rows"):
            return None
        return {
            "uid": _text(data, "SOPInstanceUID"),
            "study": _text(data, "StudyInstanceUID"),
            "patient": _text(data, "PatientID"),
            "sex": _text(data, "PatientSex"),
            "age": _text(data, "PatientAge")
            or _age(_text(data, "PatientBirthDate"), _text(data, "StudyDate")),
            "position": _position(data),
        }
    # pydicom parses lazily and raises whatever a damaged element leads to; the file is counted as unreadable.
    except Exception:
        return None


def _text(data: Any, keyword: str) -> str | None:
    value = data.get(keyword)
    return str(value).strip() or None if value is not None else None


def _position(data: Any) -> str | None:
    """AP, PA, LL, RL or what ViewPosition says."""
    if said := _text(data, "ViewPosition"):
        return said
    codes = (item.get("CodeValue") for item in data.get("ViewCodeSequence") or [])
    return next((VIEW_CODES[str(code)] for code in codes if str(code) in VIEW_CODES), None)


def _age(born: str | None, studied: str | None) -> str | None:
    """Full years between two DICOM dates (YYYYMMDD), as an age string."""
    if not (born and studied and len(born) == len(studied) == 8 and born.isdigit() and studied.isdigit()):
        return None
    years = int(studied[:4]) - int(born[:4]) - (studied[4:] < born[4:])
    return f"{years:03}Y" if years >= 0 else None


SOURCE = Source(
    name="dicom",
    title="Any tree of DICOM files",
    read=_read,
    matches=_matches,
    doc=__doc__,
    notes_from="Only headers",
    options=_DicomOptions,
)
