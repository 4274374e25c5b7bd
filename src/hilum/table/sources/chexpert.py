"""CheXpert: 224,316 chest X-rays of 65,240 adults of Stanford Hospital, labelled from their reports.

Citation: Irvin J, Rajpurkar P, Ko M, et al. CheXpert: a large chest radiograph dataset with uncertainty labels
and expert comparison. AAAI 2019;33:590-597. Licence: Stanford University Dataset Research Use Agreement; no
redistribution.

Layout, full-size and `-small` alike; ROOT is this folder or the one around it::

    CheXpert-v1.0-small/
    ├── train.csv  (or train.csv.gz)    223,414 rows: Path, Sex, Age, Frontal/Lateral, AP/PA, 14 findings
    ├── valid.csv                       234 rows, the same columns, labelled by radiologists
    ├── test_labels.csv or test.csv     668 rows or 500 studies: Path or Study, and findings only
    ├── train/patient00001/study1/view1_frontal.jpg
    ├── valid/patient64541/study1/view1_frontal.jpg
    └── test/patient64741/study1/view1_frontal.jpg

or the full-size download as it is unpacked::

    chexpertchestxrays-u20210408/
    ├── train.csv, valid.csv            here or in batch 1
    ├── CheXpert-v1.0 batch 1 (validate & csv)/valid/patient64541/...
    ├── CheXpert-v1.0 batch 2 (train 1)/patient00001/...
    ├── CheXpert-v1.0 batch 3 (train 2)/...
    └── CheXpert-v1.0 batch 4 (train 3)/...

Any one of the label files is enough, and images need not be there yet. Columns are known by their names without
case, spaces and signs (`Lung_Opacity`). Extra columns: `study_number` (N of
`studyN`) and `row` (the row number in train.csv from 0, counted on over valid and test, so it is unique).
Age 0 (three rows; the youngest otherwise is 18) and sex Unknown (one row) are null, as is the one projection RL.
The test labels say neither age nor sex; their view is read from the file name and the projection is null.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from hilum.config import Section
from hilum.errors import DataError
from hilum.table.sources.base import Source, missing_file, need_columns, one_of, strip_suffix, subfolders
from hilum.table.sources.delimited import csv_columns, read_csv
from hilum.table.sources.values import READERS, label_codes
from hilum.table.table import Table
from hilum.text import listed, plain

_FINDINGS = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"),
    *("Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other"),
    *("Fracture", "Support Devices"),
)
_LABEL_FILES = {
    "train": ("train.csv", "train.csv.gz", "chexpert_train.csv.gz"),
    "valid": ("valid.csv", "valid.csv.gz"),
    "test": ("test_labels.csv", "test.csv", "groundtruth.csv"),
}
"""Part -> the names under which its labels are published; the first that is there is read."""

_COLUMNS = ("Path", "Study", "Sex", "Age", "Frontal/Lateral", "AP/PA", *_FINDINGS)
_ALSO = {"pathtoimage": "Path", "imagepath": "Path", "gender": "Sex", "airspaceopacity": "Lung Opacity"}
"""Other names of columns in copies and later releases, without case and signs."""

_PATH = r"(?:^|/)(?:(train|valid|val|test)/)?(patient\w+)/study(\d{1,9})(?:/([^/]+))?/?$"
"""Anything, then part, patient, study number and file name; a test label may name a study alone."""


def _read(root: Path, options: Section | None = None) -> Table:
    """Read the label files of CheXpert; see the module for the layout.

    Raises:
        DataError: no label file is there, a column is missing, or a path is not CheXpert's.
    """
    del options
    home = _home(root)
    if home is None:
        raise missing_file(root, *(names[0] for names in _LABEL_FILES.values()))
    files = _label_files(home)
    notes: list[str] = []
    frame = pl.concat([_part(path, part, home, notes) for part, path in files.items()], how="diagonal")
    frame, where = _unpacked(frame.with_row_index("row").cast({"row": pl.Int64}), home)
    return Table.make(frame, _FINDINGS, where, notes=notes)


def _matches(root: Path) -> bool:
    """Whether a label file of CheXpert is in the folder or just below it."""
    home = _home(root)
    if home is None:
        return False
    columns = {_official(name) for name in csv_columns(next(iter(_label_files(home).values())))}
    return ("Path" in columns or "Study" in columns) and "Cardiomegaly" in columns


def _home(root: Path) -> Path | None:
    """The folder of the label files: `root`, or a folder in it; folders with a train.csv first."""
    candidates = [folder for folder in (root, *subfolders(root)) if _label_files(folder)]
    return min(candidates, key=lambda folder: "train" not in _label_files(folder), default=None)


def _label_files(folder: Path) -> dict[str, Path]:
    found = {part: one_of(folder, names) for part, names in _LABEL_FILES.items()}
    return {part: path for part, path in found.items() if path}


def _official(name: str) -> str:
    """A column's name as CheXpert writes it."""
    known = {plain(column): column for column in _COLUMNS} | _ALSO
    return known.get(plain(name), name)


def _part(path: Path, part: str, home: Path, notes: list[str]) -> pl.DataFrame:
    """The rows of one label file, in the columns of a Table."""
    raw = read_csv(path, notes)
    names = {name: _official(name) for name in raw.columns}
    if twice := [name for name in names.values() if [*names.values()].count(name) > 1]:
        both = [name for name, official in names.items() if official == twice[0]]
        raise DataError(
            f"{path} has the column {twice[0]!r} as {listed(both)}; remove the one that does not count."
        )
    raw = raw.rename(names)
    if "Path" not in raw.columns and "Study" in raw.columns:
        raw = _images_of_studies(raw, home)
    need_columns(raw, ("Path",), path)
    need_columns(raw, (name for name in _FINDINGS if part != "test" or name in raw.columns), path)
    groups = raw["Path"].str.replace_all("\\", "/", literal=True).str.extract_groups(_PATH)
    pieces = groups.struct.rename_fields(["part", "patient_id", "study_number", "file"]).struct.unnest()
    strange = pieces["patient_id"].is_null() | pieces["file"].is_null()
    if strange.any():
        raise DataError(
            f"{path}: {strange.sum():,} paths are not CheXpert's .../patientX/studyN/viewM_frontal.jpg, "
            f"the first {raw['Path'].filter(strange)[0]!r}."
        )
    raw = raw.select(pl.exclude(pieces.columns)).hstack(pieces)
    study = pl.format("{}/study{}", "patient_id", "study_number")
    where = pl.format("{}/{}/{}", pl.col("part").fill_null(part), study, "file")
    return raw.select(
        strip_suffix(where).alias("image_id"),
        where.alias("path"),
        "patient_id",
        study.alias("study_id"),
        pl.lit("chexpert").alias("source"),
        pl.lit(part).alias("official_split"),
        pl.col("study_number").cast(pl.Int64),
        *_codes(raw, path),
        **_described(raw),
    )


def _described(raw: pl.DataFrame) -> dict[str, pl.Expr]:
    """View, projection, age and sex, as far as the file has them; the view else from the file name."""
    there = {"view": "Frontal/Lateral", "projection": "AP/PA", "age": "Age", "sex": "Sex"}
    said = {name: pl.col(column) for name, column in there.items() if column in raw.columns}
    made = {"view": pl.col("file").str.extract(r"_(frontal|lateral)"), **said}
    made = {name: READERS[name](column) for name, column in made.items()}
    if "age" in made:
        made["age"] = pl.when(made["age"] > 0).then(made["age"])
    return made


def _codes(raw: pl.DataFrame, path: Path) -> list[pl.Series]:
    """Label columns; a test file lacks some findings, which are then not mentioned."""
    there = [name for name in _FINDINGS if name in raw.columns]
    absent = [pl.Series(name, [None] * raw.height, pl.Int8) for name in _FINDINGS if name not in raw.columns]
    return label_codes(raw, there, path) + absent


def _images_of_studies(raw: pl.DataFrame, home: Path) -> pl.DataFrame:
    """One row per image of each labelled study; where no image is there yet, its first frontal view."""
    names: list[list[str]] = []
    for study in raw["Study"].to_list():
        short = "/".join(str(study).strip("/").split("/")[-3:])
        found = sorted(p.name for p in (home / short).glob("view*")) if (home / short).is_dir() else []
        names.append([f"{short}/{name}" for name in found or ["view1_frontal.jpg"]])
    return raw.with_columns(pl.Series("Path", names)).explode("Path")


def _unpacked(frame: pl.DataFrame, home: Path) -> tuple[pl.DataFrame, Path]:
    """Paths of the full-size download, whose parts lie in folders called `... batch N (...)`, and their root."""
    around = home.parent if _is_batch(home) else home
    batches = list(filter(_is_batch, subfolders(around)))
    if (home / "train").is_dir() or not batches:
        # In some copies the label files lie beside the folder of the images, not in it.
        inner = list(filter(_has_parts, subfolders(home)))
        return frame, home if _has_parts(home) or len(inner) != 1 else inner[0]
    folders = {}
    for batch in batches:
        part = "valid" if (batch / "valid").is_dir() else "train"
        for patient in subfolders(batch / part if (batch / part).is_dir() else batch):
            folders[f"{part}/{patient.name}"] = patient.relative_to(around).as_posix()
    name, rest = pl.col("path").str.extract(r"^(\w+/\w+)/"), pl.col("path").str.extract(r"^\w+/\w+/(.+)$")
    found = name.replace_strict(folders, default=name, return_dtype=pl.String)
    return frame.with_columns(path=pl.format("{}/{}", found, rest)), around


def _is_batch(folder: Path) -> bool:
    return re.search(r"(?i)batch[ _-]?\d", folder.name) is not None


def _has_parts(folder: Path) -> bool:
    return any((folder / part).is_dir() for part in _LABEL_FILES)


SOURCE = Source(
    name="chexpert",
    title="CheXpert, full-size or small",
    read=_read,
    matches=_matches,
    url="https://stanfordmlgroup.github.io/competitions/chexpert/",
    doc=__doc__,
    notes_from="Any one of",
    has_official_split=True,
)
