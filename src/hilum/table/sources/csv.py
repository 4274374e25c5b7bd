"""Any CSV file with one row per image.

Layout; ROOT is the folder of the CSV file, or the CSV file itself::

    ROOT/
    ├── table.csv, labels.csv or the only CSV file there     (or .csv.gz)
    ├── hilum.toml or hilum.json                             which column is what (optional)
    └── the images, wherever the column of paths says

What the columns are called is told by options, or by the same keys in `hilum.toml` beside the CSV file, or is
guessed from usual names (`GUESSES`; case, spaces and signs do not matter)::

    path = "file"  # column of image paths, relative to the CSV file's folder
    patient = "subject_id"  # "" or "image": there are no patients, every image is its own
    findings = ["Edema", "Mass"]
    sex = "gender"

Findings hold 1 positive, 0 negative, -1 uncertain, empty not mentioned, or yes/no, y/n, true/false,
positive/negative, present/absent, uncertain and the like (all in docs/tables.md). Where they are not named, every
other column that holds such codes only is a finding, and one that does but for a few cells is refused.
`classes = COLUMN` reads a column of class names as the source `folder` reads folders; cells with several labels
(`A|B`, `['a', 'b']`) become one finding a label (`separator`). Ages are years or DICOM age strings; views are
frontal/lateral or AP, PA, LL. Other columns are left out, and said, unless `keep` names them.

An image that is not where its path says is looked for under the folder by its name, then by its name without
suffix. Where no column holds paths, one of image ids does. Without a column of patients, `patient_pattern` finds
them in file names: `patient_pattern=^(p\\d+)_`; `study_pattern` likewise.

`hilum arrange` writes this layout, with `boxes.csv` where the source has boxes.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.files import is_regular, read_json, read_toml
from hilum.table.identity import identities, identity
from hilum.table.sources.base import PathOptions, Source, missing_file, need_columns, one_of, strip_suffix
from hilum.table.sources.classes import cell_findings
from hilum.table.sources.columns import GUESSES, find_columns
from hilum.table.sources.delimited import read_csv
from hilum.table.sources.paths import located
from hilum.table.sources.values import BLANK, READERS, finding_columns, label_codes, numbers
from hilum.table.table import Table

_MAPPINGS = ("hilum.toml", "hilum.json")
_TABLES = (".csv", ".tsv", ".txt")
"""How a file ends that is named itself; in a folder, only .csv files are taken for tables."""
_NAMES = ("table.csv", "labels.csv", "table.csv.gz", "labels.csv.gz")


class _CsvOptions(PathOptions):
    """Options of the source `csv`: which column is what. None means guessed from usual names."""

    file: str = ""
    """The CSV file in the folder; empty means table.csv, labels.csv or the only one."""
    path: str | None = None
    """Column of image paths."""
    folder: str = ""
    """Folder in front of every path."""
    findings: tuple[str, ...] = ()
    """Columns of findings; empty means every other column that holds label codes only."""
    classes: str = ""
    """Column of class names, which become findings."""
    positive: str = ""
    """With `classes`: the class that is the finding, against all others."""
    separator: str | None = None
    """With `classes`: what stands between several labels of a cell; "" says that each cell is one name."""
    patient: str | None = None
    """Column of patients; "" or "image" says that there is none and takes every image for another patient's."""
    image: str | None = None
    """Column of unique image ids; else the path without suffix."""
    study: str | None = None
    """Column of studies."""
    view: str | None = None
    """Column of views."""
    projection: str | None = None
    """Column of projections."""
    age: str | None = None
    """Column of ages."""
    sex: str | None = None
    """Column of sexes."""
    part: str | None = None
    """Column of the official split: train, valid, test; "" says that there is none."""
    source: str | None = None
    """Column of the names of data sets that the images come from."""
    keep: tuple[str, ...] = ()
    """Other columns to keep under their names."""
    boxes: str = ""
    """CSV file of boxes: image_id, finding, x, y, width, height as shares 0..1."""


def _read(root: Path, options: _CsvOptions | None = None) -> Table:
    """Read a CSV file; see the module for the layout.

    Raises:
        DataError: the file, a column or the patients are missing, or a label is no label code.
        ConfigError: the mapping file beside it has an unknown key or a wrong value.
    """
    options = options or _CsvOptions()
    path = _asked_file(root, options.file)
    options = _with_mapping(options, path)
    notes: list[str] = []
    raw = read_csv(path, notes)
    given = {option: getattr(options, option) for option in GUESSES}
    taken = {*options.findings, options.classes}
    columns = find_columns(raw, given, taken, path, notes, patients=bool(options.patient_pattern))
    frame = _described(raw, columns, options.folder)
    frame = frame.with_columns(options.ids(frame["path"].to_list()).values())
    _check_patients(frame["patient_id"], columns.get("patient", ""), path)
    findings, codes = _findings(raw, options, set(columns.values()), path, notes)
    need_columns(raw, [*findings, *options.keep] if not options.classes else options.keep, path)
    notes += _unread(raw, frame, columns)
    if not frame["path"].null_count():
        where = located(path.parent, frame["path"].to_list(), notes)
        frame = frame.with_columns(pl.Series("path", where, pl.String))
    frame = pl.concat([frame, _kept(raw, options.keep), pl.DataFrame(codes)], how="horizontal")
    return Table.make(frame, findings, path.parent, _boxes(path.parent, options.boxes), notes)


def _asked_file(root: Path, name: str) -> Path:
    """The CSV file that is meant, or the error that says why there is none."""
    if path := csv_file(root, name):
        return path
    if not name and (there := _csv_files(root)):
        names = ", ".join(file.name for file in there)
        raise DataError(f"{root} holds several CSV files: {names}. Say which one with --option file=NAME.")
    if root.is_file():
        raise DataError(
            f"{root} is no CSV file: its name should end in {', '.join(_TABLES)}, or one of these and .gz."
        )
    raise missing_file(root, name or "table.csv")


def _matches(root: Path) -> bool:
    """Whether the path is a CSV file, or a folder that holds one."""
    return csv_file(root, "") is not None or bool(_csv_files(root))


def csv_file(root: Path, name: str) -> Path | None:
    """The CSV file that is meant by a folder or file and an optional name."""
    if root.is_file():
        return root if root.name.lower().removesuffix(".gz").endswith(_TABLES) else None
    if name:
        return one_of(root, [name])
    there = _csv_files(root)
    return one_of(root, _NAMES) or (there[0] if len(there) == 1 else None)


def _csv_files(root: Path) -> list[Path]:
    return sorted(path for name in ("*.csv", "*.csv.gz") for path in root.glob(name) if is_regular(path))


def _with_mapping(options: _CsvOptions, path: Path) -> _CsvOptions:
    """Fill options that were not given from the mapping file beside the CSV file."""
    file = one_of(path.parent, _MAPPINGS)
    if file is None:
        return options
    try:
        found = read_toml(file) if file.suffix == ".toml" else read_json(file)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise DataError(f"{file} should hold names of options and columns; it holds {str(found)[:80]}.")
    given = {name: getattr(options, name) for name in options.model_fields_set}
    mapped: _CsvOptions = SOURCE.checked({**found, **given}, str(file))
    return mapped


_READ = {
    "study": "study_id",
    "part": "official_split",
    **{one: one for one in ("view", "projection", "age", "sex")},
}
"""Option -> column of the Table."""


def _described(raw: pl.DataFrame, columns: dict[str, str], folder: str) -> pl.DataFrame:
    """All columns of a Table but the findings."""
    path = pl.col(columns["path"]).str.strip_chars().str.replace_all("\\", "/", literal=True)
    path = path.str.strip_prefix("./")
    path = pl.lit(folder.rstrip("/") + "/") + path if folder else path
    image = (
        pl.col(columns["image"])
        if columns.get("image", columns["path"]) != columns["path"]
        else strip_suffix(path)
    )
    made = {
        "image_id": image,
        "path": path,
        "patient_id": pl.col(columns["patient"]) if "patient" in columns else image,
        "source": identity(pl.col(columns["source"])).fill_null("csv")
        if "source" in columns
        else pl.lit("csv"),
    }
    for option, name in _READ.items():
        if option in columns:
            column = pl.col(columns[option])
            made[name] = READERS[name](column) if name in READERS else column
    return raw.select(expression.alias(name) for name, expression in made.items())


def _findings(
    raw: pl.DataFrame, options: _CsvOptions, used: set[str], path: Path, notes: list[str]
) -> tuple[tuple[str, ...], list[pl.Series]]:
    if options.classes:
        need_columns(raw, [options.classes], path)
        try:
            return cell_findings(raw[options.classes], options.positive, options.separator, notes)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    named = options.findings
    need_columns(raw, named, path)
    if not named:
        named = finding_columns(raw, {*used, *options.keep, *Table.COLUMNS}, path, notes)
    return named, label_codes(raw, named, path)


def _kept(raw: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """The kept columns, whole numbers as integers."""
    kept = raw.select(names)
    whole = [
        name
        for name in names
        if kept[name].drop_nulls().str.contains(r"^-?(0|[1-9]\d{0,17})$").all()
        and kept[name].null_count() < len(kept)
    ]
    return kept.with_columns(pl.col(whole).cast(pl.Int64)) if whole else kept


def _boxes(folder: Path, name: str) -> pl.DataFrame | None:
    if not name:
        return None
    boxes = read_csv(folder / name)
    need_columns(boxes, Table.BOX_COLUMNS, folder / name)
    return boxes.with_columns(numbers(boxes, ("x", "y", "width", "height"), folder / name))


def _check_patients(patients: pl.Series, column: str, path: Path) -> None:
    """Refuse rows without a patient: films of one person could be in two parts, or all of them be one person's."""
    lost = identities(patients).is_null()
    if lost.any():
        row = int(lost.arg_max() or 0)
        raise DataError(
            f"{path}: {int(lost.sum()):,} of {len(lost):,} rows name no patient in column {column!r}, the first "
            f"{patients[row] or ''!r} in row {row + 1:,} below the headings. Fill them in or leave the rows out; "
            "patient=image takes every image for another patient's."
        )


def _unread(raw: pl.DataFrame, frame: pl.DataFrame, columns: dict[str, str]) -> list[str]:
    """Notes on values of age, sex and views that say nothing that a Table can hold."""
    notes = []
    for option in ("age", "sex", "view", "projection"):
        if option in columns and columns[option] != (option == "projection" and columns.get("view")):
            written = identities(raw[columns[option]])
            said = written.is_not_null() & ~written.str.to_lowercase().is_in(BLANK)
            if option == "projection":
                # A lateral film has no projection of its own.
                said &= raw.select(READERS["view"](pl.col(columns[option]))).to_series().is_null()
            if lost := int((said & frame[option].is_null()).sum()):
                notes.append(
                    f"{lost:,} of {len(raw):,} values of {columns[option]!r} say no {option} that can be read."
                )
    return notes


SOURCE = Source(
    name="csv",
    title="Any CSV file with one row per image",
    read=_read,
    matches=_matches,
    doc=__doc__,
    notes_from="What the columns",
    options=_CsvOptions,
)
