"""Copy images into the hierarchical tree `d{ImageID % 50}/d{PatientID % 50}/i{ImageID}.jpg`.

No folder then holds more than 50 folders or a 2,500th of the images, which matters on cloud drives. The ImageID is
the row number in the data set's own label file (the column `row`) where the source has one, else a running
number; the PatientID is the number in the patient's name where it has exactly one, else a hash of the name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import tomli_w

from hilum.errors import DataError
from hilum.files import csv_text, disk_error, open_file, write_text
from hilum.locks import writing
from hilum.progress import if_stopped, progress
from hilum.table.table import Table

_FOLDERS = 50
_THREADS = 8
_TABLE_FILE, _BOX_FILE, _MAPPING_FILE = "table.csv", "boxes.csv", "hilum.toml"


@dataclass(frozen=True)
class Arranged:
    """What `arrange` did.

    Attributes:
        table: the Table of the copies; `hilum pack csv:OUT` reads the same.
        copied: images that were not there before.
        replaced: images that were there and differed from their source: half-written, damaged or changed.
        kept: images that were there and equal, byte for byte.
    """

    table: Table
    copied: int
    replaced: int
    kept: int


def arrange(table: Table, out: Path | str) -> Arranged:
    """Copy the images of a Table into the hierarchical tree, and describe them in `table.csv`.

    A killed run goes on where it was: what is there is compared with its source (size, then sha256) and copied
    again where it differs. Every copy is read back and compared. `table.csv`, `hilum.toml` and `boxes.csv` are
    written last, so they exist when all images do.

    Args:
        table: which images; its root is where they are.
        out: the folder to fill; what else is in it stays.

    Raises:
        DataError: images are missing (none is copied then), `out` is a file or where the images are, or a copy
            does not hold what was written.
        DiskError: the file system refused.
    """
    out = Path(out).expanduser()
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; give a folder to arrange the images in.")
    if out.resolve().is_relative_to(table.root.resolve()):
        raise DataError(f"{out} is in {table.root}, where the images are; give a folder outside it.")
    places = _arranged_paths(table)
    sources = [table.root / path for path in table.frame["path"]]
    missing = [path for path in sources if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing):,} of {len(table):,} images are missing, the first {missing[0]}. Nothing was copied."
        )
    with writing(out):
        return _arrange(table, sources, places, out)


def _arrange(table: Table, sources: list[Path], places: list[str], out: Path) -> Arranged:
    arranged = replace(table, frame=table.frame.with_columns(pl.Series("path", places)), root=out)
    (out / _TABLE_FILE).unlink(missing_ok=True)
    counts = dict.fromkeys(("copied", "replaced", "kept"), 0)
    for what in _copy_all(sources, [out / place for place in places]):
        counts[what] += 1
    _describe(arranged)
    return Arranged(arranged, **counts)


def _arranged_paths(table: Table) -> list[str]:
    """Where each image goes, relative to the tree's root, with the suffix it has."""
    ids = table.frame["row"] if "row" in table.frame.columns else None
    if ids is None or ids.null_count() or ids.is_duplicated().any():
        ids = pl.Series(range(len(table)), dtype=pl.Int64)
    rows = zip(ids, table.frame["patient_id"], table.frame["path"], strict=True)
    return [
        f"d{image % _FOLDERS}/d{_patient_number(patient) % _FOLDERS}/i{image}{Path(path).suffix.lower()}"
        for image, patient, path in rows
    ]


def _patient_number(patient: str) -> int:
    """The number in a patient's name where it holds exactly one (`patient00042` -> 42), else a stable hash."""
    numbers = re.findall(r"\d+", patient, flags=re.ASCII)
    if len(numbers) == 1 and not re.search(r"\d[a-zA-Z]", patient):
        return int(numbers[0])
    return int(hashlib.sha256(patient.encode()).hexdigest()[:12], 16)


def _copy_all(sources: list[Path], places: list[Path]) -> Iterator[str]:
    for folder in {place.parent for place in places}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(folder, error) from error
    kept = "The copies that are made are kept; give the same command again to go on."
    with (
        if_stopped(kept),
        progress("arranging", len(sources)) as advance,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        try:
            for what in pool.map(_copy, sources, places):
                advance(1)
                yield what
        finally:
            pool.shutdown(cancel_futures=True)


def _copy(source: Path, place: Path) -> str:
    """Copy one file unless it is there already; returns what was done, a field of `Arranged`."""
    try:
        with open_file(source) as file:
            content = file.read()
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}.") from error
    there = place.is_file()
    if there and _is(place, content):
        return "kept"
    # The name does not vary, so that what a killed run left is overwritten by the next.
    partial = place.with_name(f".{place.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(place)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise disk_error(place, error) from error
    if not _is(place, content):
        raise DataError(
            f"{place} is not what was written; the disk or another program changed it. Run again."
        )
    return "replaced" if there else "copied"


def _is(place: Path, content: bytes) -> bool:
    """Whether a file holds these bytes: by size, then by sha256."""
    if place.stat().st_size != len(content):
        return False
    return hashlib.sha256(place.read_bytes()).digest() == hashlib.sha256(content).digest()


def _describe(table: Table) -> None:
    """Write `boxes.csv`, `hilum.toml` and, last, `table.csv`."""
    if table.boxes is not None:
        ours = table.boxes.join(table.frame, on="image_id", how="semi")
        write_text(table.root / _BOX_FILE, csv_text(ours))
    mapping = _mapping(table, _BOX_FILE if table.boxes is not None else "")
    write_text(table.root / _MAPPING_FILE, tomli_w.dumps(mapping))
    write_text(table.root / _TABLE_FILE, csv_text(table.frame))


def _mapping(table: Table, boxes: str) -> dict[str, Any]:
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
    extra = [name for name in table.frame.columns if name not in Table.COLUMNS and name not in table.findings]
    return {**own, "findings": list(table.findings), "keep": extra, "boxes": boxes}
