"""Any folder of class folders, each holding the images of one class.

Layout, with or without folders for the parts::

    ROOT/                                    ROOT/
    ├── normal/a.png, b.jpg, ...             ├── train/normal/a.png, train/pneumonia/c.png, ...
    └── pneumonia/c.png, more/d.png, ...     ├── valid (or val)/normal/..., ...      (optional)
                                             └── test/normal/..., ...                (optional)

Two classes become one finding, named after the positive class: the other is called normal, negative, empty,
healthy, control, none, no finding or the like, or `not` and the first's name; where neither tells, the positive
class is the alphabetically last. More classes become one finding each. `positive=NAME` makes one finding of that
class against all others. The folders for the parts become the official split.

A folder does not say who the patients are: the patient is the file name without suffix, so that every image is
taken for another patient's and nothing prevents a leak. Where file names hold the patient, give
`patient_pattern`, a regular expression searched for in the file name without suffix, whose first group (or whole
match) is the patient: `patient_pattern=^(p\\d+)_`.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from hilum.errors import ConfigError, DataError
from hilum.table.sources.base import (
    Source,
    SourceOptions,
    find_images,
    is_image,
    layout_and_notes,
    subfolders,
)
from hilum.table.sources.classes import class_findings
from hilum.table.sources.values import PART_NAMES
from hilum.table.table import Table


class FolderOptions(SourceOptions):
    """Options of the source `folder`."""

    positive: str = ""
    """The class that is the finding, against all others; empty means decided by the names."""
    patient_pattern: str = ""
    """Regular expression for the patient in a file name without suffix; empty means the whole name."""


def read(root: Path, options: FolderOptions | None = None) -> Table:
    """Read class folders; see the module for the layout.

    Raises:
        DataError: there are not two class folders with images, or a file name does not fit `patient_pattern`.
        ConfigError: `patient_pattern` is no regular expression.
    """
    options = options or FolderOptions()
    frame = class_folders(root)
    names = [Path(path).stem for path in frame["path"]]
    frame = frame.with_columns(
        pl.Series("patient_id", _patients(names, options.patient_pattern), pl.String),
        pl.lit("folder").alias("source"),
    )
    try:
        findings, columns = class_findings(frame["class"], options.positive)
    except DataError as error:
        raise DataError(f"{root}: {error}") from error
    clash = set(findings) & set(frame.columns) - {"class"}
    if clash:
        raise DataError(f"{root}: a class cannot be called {sorted(clash)[0]!r}; rename that folder.")
    return Table.make(frame.drop("class").with_columns(columns), findings, root)


def matches(root: Path) -> bool:
    """Whether two or more folders hold images directly, below the parts where there are some."""
    places = list(_part_folders(root)) or [root]
    names = {
        folder.name
        for place in places
        for folder in subfolders(place)
        if any(is_image(p.name) for p in folder.iterdir())
    }
    return len(names) >= 2


def class_folders(root: Path) -> pl.DataFrame:
    """Columns image_id, path, class and official_split, one row per image in the class folders of `root`.

    Raises:
        DataError: no class folder holds an image.
    """
    parts = _part_folders(root)
    rows = []
    for place in parts or [root]:
        part = PART_NAMES[place.name.lower()] if parts else None
        for folder in subfolders(place):
            inside = folder.relative_to(root).as_posix()
            rows += [(f"{inside}/{name}", folder.name, part) for name in find_images(folder)]
    if not rows:
        raise DataError(f"{root} should hold one folder of images per class; no folder there holds an image.")
    frame = pl.DataFrame(
        rows,
        ["path", "class", "official_split"],
        orient="row",
        schema_overrides={"official_split": pl.String},
    )
    return frame.with_columns(image_id=_ids(frame["path"]))


def _part_folders(root: Path) -> list[Path]:
    """The folders train, valid and test, if `root` has folders for parts."""
    return [folder for folder in subfolders(root) if folder.name.lower() in PART_NAMES]


def _ids(paths: pl.Series) -> pl.Series:
    """The path without suffix; with it where two files differ by their suffix alone."""
    plain = paths.str.replace(r"\.[^./]+$", "")
    return plain.set(plain.is_duplicated(), None).fill_null(paths) if plain.is_duplicated().any() else plain


def _patients(names: list[str], pattern: str) -> list[str]:
    if not pattern:
        return names
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"patient_pattern: {pattern!r} is not a regular expression: {error}.") from error
    found = [compiled.search(name) for name in names]
    lost = [name for name, match in zip(names, found, strict=True) if match is None]
    if lost:
        raise DataError(
            f"patient_pattern {pattern!r} finds no patient in {len(lost):,} of {len(names):,} file names, "
            f"the first {lost[0]!r}."
        )
    return [match.group(1 if compiled.groups else 0) or "" for match in found if match]


LAYOUT, NOTES = layout_and_notes(__doc__, "Two classes")

SOURCE = Source(
    name="folder",
    title="Any folder of class folders",
    read=read,
    matches=matches,
    layout=LAYOUT,
    notes=NOTES,
    options=FolderOptions,
)
