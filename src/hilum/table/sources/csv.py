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

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from hilum.errors import DataError
from hilum.files import is_regular, read_json, read_toml
from hilum.table.identity import identity
from hilum.table.sources import values
from hilum.table.sources.base import (
    PathOptions,
    Source,
    layout_and_notes,
    missing_file,
    need_columns,
    one_of,
    strip_suffix,
)
from hilum.table.sources.classes import cell_findings
from hilum.table.sources.columns import GUESSES, check_patients, find_columns, unread
from hilum.table.sources.delimited import read_csv
from hilum.table.sources.options import make_options
from hilum.table.sources.paths import located, named_by
from hilum.table.table import BOX_COLUMNS, COLUMNS, Table

MAPPINGS = ("hilum.toml", "hilum.json")
TABLES = (".csv", ".tsv", ".txt")
"""How a file ends that is named itself; in a folder, only .csv files are taken for tables."""
NAMES = ("table.csv", "labels.csv", "table.csv.gz", "labels.csv.gz")


class CsvOptions(PathOptions):
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


def read(root: Path, options: CsvOptions | None = None) -> Table:
    """Read a CSV file; see the module for the layout.

    Raises:
        DataError: the file, a column or the patients are missing, or a label is no label code.
        ConfigError: the mapping file beside it has an unknown key or a wrong value.
    """
    options = options or CsvOptions()
    path = csv_file(root, options.file)
    if path is None and not options.file and (there := _csv_files(root)):
        names = ", ".join(file.name for file in there)
        raise DataError(f"{root} holds several CSV files: {names}. Say which one with --option file=NAME.")
    if path is None and root.is_file():
        raise DataError(
            f"{root} is no CSV file: its name should end in {', '.join(TABLES)}, or one of these and .gz."
        )
    if path is None:
        raise missing_file(root, options.file or "table.csv")
    options = _with_mapping(options, path)
    notes: list[str] = []
    raw = read_csv(path, notes)
    columns = find_columns(
        raw,
        {option: getattr(options, option) for option in GUESSES},
        {*options.findings, options.classes},
        path,
        notes,
        patients=bool(options.patient_pattern),
    )
    frame = _described(raw, columns, options.folder)
    frame = frame.with_columns(_by_patterns(frame["path"], options))
    check_patients(frame["patient_id"], columns.get("patient", ""), path)
    findings, codes = _findings(raw, options, set(columns.values()), path, notes)
    need_columns(raw, [*findings, *options.keep] if not options.classes else options.keep, path)
    notes += unread(raw, frame, columns)
    if not frame["path"].null_count():
        where = located(path.parent, frame["path"].to_list(), notes)
        frame = frame.with_columns(pl.Series("path", where, pl.String))
    frame = pl.concat([frame, _kept(raw, options.keep), pl.DataFrame(codes)], how="horizontal")
    return Table.make(frame, findings, path.parent, _boxes(path.parent, options.boxes), notes)


def matches(root: Path) -> bool:
    """Whether the path is a CSV file, or a folder that holds one."""
    return csv_file(root, "") is not None or bool(_csv_files(root))


def csv_file(root: Path, name: str) -> Path | None:
    """The CSV file that is meant by a folder or file and an optional name."""
    if root.is_file():
        return root if root.name.lower().removesuffix(".gz").endswith(TABLES) else None
    if name:
        return one_of(root, [name])
    there = _csv_files(root)
    return one_of(root, NAMES) or (there[0] if len(there) == 1 else None)


def _csv_files(root: Path) -> list[Path]:
    return sorted(path for name in ("*.csv", "*.csv.gz") for path in root.glob(name) if is_regular(path))


def _with_mapping(options: CsvOptions, path: Path) -> CsvOptions:
    """Fill options that were not given from the mapping file beside the CSV file."""
    file = one_of(path.parent, MAPPINGS)
    if file is None:
        return options
    try:
        found = read_toml(file) if file.suffix == ".toml" else read_json(file)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise DataError(f"{file} should hold names of options and columns; it holds {str(found)[:80]}.")
    given = {name: getattr(options, name) for name in options.model_fields_set}
    mapped: CsvOptions = make_options(CsvOptions, {**found, **given}, str(file))
    return mapped


def _by_patterns(paths: pl.Series, options: CsvOptions) -> list[pl.Series]:
    """Columns of patients and studies that patterns find in the paths."""
    columns = {"patient_id": options.patient_pattern, "study_id": options.study_pattern}
    return [
        pl.Series(name, named_by(pattern, paths.to_list(), f"{name.removesuffix('_id')}_pattern"), pl.String)
        for name, pattern in columns.items()
        if pattern
    ]


CASTS: dict[str, tuple[str, Callable[[pl.Expr], pl.Expr]]] = {
    "study": ("study_id", lambda column: column),
    "view": ("view", values.view),
    "projection": ("projection", values.projection),
    "age": ("age", values.age_years),
    "sex": ("sex", values.sex),
    "part": ("official_split", values.official_part),
}
"""Option -> column of the Table and how it is read."""


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
    made |= {
        name: cast(pl.col(columns[option])) for option, (name, cast) in CASTS.items() if option in columns
    }
    return raw.select(expression.alias(name) for name, expression in made.items())


def _findings(
    raw: pl.DataFrame, options: CsvOptions, used: set[str], path: Path, notes: list[str]
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
        named = values.finding_columns(raw, {*used, *options.keep, *COLUMNS}, path, notes)
    return named, values.label_codes(raw, named, path)


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
    need_columns(boxes, BOX_COLUMNS, folder / name)
    return boxes.with_columns(values.numbers(boxes, ("x", "y", "width", "height"), folder / name))


def mapping_for(table: Table, boxes: str) -> dict[str, Any]:
    """The content of `hilum.toml` for a Table whose columns were written under their own names."""
    own = {
        "file": "table.csv",
        "path": "path",
        "image": "image_id",
        "patient": "patient_id",
        "study": "study_id",
        "part": "official_split",
        **{name: name for name in ("view", "projection", "age", "sex", "source")},
    }
    extra = [name for name in table.frame.columns if name not in COLUMNS and name not in table.findings]
    return {**own, "findings": list(table.findings), "keep": extra, "boxes": boxes}


LAYOUT, NOTES = layout_and_notes(__doc__, "What the columns")

SOURCE = Source(
    name="csv",
    title="Any CSV file with one row per image",
    read=read,
    matches=matches,
    layout=LAYOUT,
    notes=NOTES,
    options=CsvOptions,
)
