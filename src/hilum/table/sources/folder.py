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
`patient_pattern`, a regular expression searched for in the file name without suffix (in the path below the folder,
if it has a /), whose first group (or whole match) is the patient: `patient_pattern=^(p\\d+)_`. `study_pattern`
does the same for the study.

Images are files of every kind that is read, DICOM too, in class folders and the folders in them, linked ones as
well. Masks are left out: files in a folder called masks, or whose names end in `_mask`, beside the image itself.
What else lies there is counted.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.table.identity import tidy
from hilum.table.sources.base import (
    IMAGE_SUFFIXES,
    PathOptions,
    Source,
    find_images,
    is_image,
    strip_suffix,
    subfolders,
    without_masks,
)
from hilum.table.sources.classes import class_findings
from hilum.table.sources.paths import passed_over
from hilum.table.sources.values import PART_NAMES
from hilum.table.table import Table
from hilum.text import listed, many, stem_of


class _FolderOptions(PathOptions):
    """Options of the source `folder`."""

    positive: str = ""
    """The class that is the finding, against all others; empty means decided by the names."""


def _read(root: Path, options: _FolderOptions | None = None) -> Table:
    """Read class folders; see the module for the layout.

    Raises:
        DataError: there are not two class folders with images, or a file name does not fit a pattern.
        ConfigError: a pattern is no regular expression.
    """
    options = options or _FolderOptions()
    frame, notes = class_folders(root)
    paths = frame["path"].to_list()
    ids = {"patient_id": pl.Series([stem_of(path) for path in paths], dtype=pl.String), **options.ids(paths)}
    frame = frame.with_columns(**ids, source=pl.lit("folder"))
    try:
        findings, columns = class_findings(frame["class"], options.positive)
    except DataError as error:
        raise DataError(f"{root}: {' '.join([str(error), *notes])}") from error
    clash = set(findings) & set(frame.columns) - {"class"}
    if clash:
        raise DataError(f"{root}: a class cannot be called {sorted(clash)[0]!r}; rename that folder.")
    return Table.make(frame.drop("class").with_columns(columns), findings, root, notes=notes)


def _matches(root: Path) -> bool:
    """Whether two or more folders hold images directly, below the parts where there are some."""
    places = list(_part_folders(root)) or [root]
    names = {
        folder.name
        for place in places
        for folder in subfolders(place)
        if any(map(is_image, folder.iterdir()))
    }
    return len(names) >= 2


def class_folders(root: Path) -> tuple[pl.DataFrame, list[str]]:
    """Columns image_id, path, class and official_split, one row per image in the class folders of `root`, and
    notes on what was passed over.

    Raises:
        DataError: no class folder holds an image.
    """
    parts = _part_folders(root)
    passed: Counter[str] = Counter()
    rows = []
    for place in parts or [root]:
        part = PART_NAMES[place.name.lower()] if parts else None
        for folder in subfolders(place):
            inside = folder.relative_to(root).as_posix()
            rows += [(f"{inside}/{name}", folder.name, part) for name in find_images(folder, passed)]
    images, masks = without_masks([path for path, _, _ in rows])
    if not images:
        raise DataError(f"{root} should hold one folder of images per class; no folder there holds an image.")
    frame = pl.DataFrame(rows, dict.fromkeys(("path", "class", "official_split"), pl.String), orient="row")
    frame = frame.with_columns(tidy(pl.col("class")))
    if masks:
        frame = frame.filter(~pl.col("path").is_in(masks))
    return frame.with_columns(image_id=_ids(frame["path"])), passed_over(passed, masks) + _beside(root, parts)


def _beside(root: Path, parts: list[Path]) -> list[str]:
    """Notes on folders beside those of the parts, and on images beside those of the classes."""
    notes = []
    others = [folder.name for folder in subfolders(root) if folder not in parts] if parts else []
    if others:
        notes.append(f"Folders beside {parts[0].name} that name no part were not read: {listed(others)}.")
    loose = [path for place in [root, *parts] for path in sorted(place.iterdir()) if _is_loose(path)]
    if loose:
        first = loose[0].relative_to(root).as_posix()
        notes.append(f"{many(len(loose), 'image')} in no class folder not taken, the first {first}.")
    return notes


def _is_loose(path: Path) -> bool:
    return not path.name.startswith(".") and path.name.lower().endswith(IMAGE_SUFFIXES)


def _part_folders(root: Path) -> list[Path]:
    """The folders train, valid and test, if `root` has folders for parts."""
    return [folder for folder in subfolders(root) if folder.name.lower() in PART_NAMES]


def _ids(paths: pl.Series) -> pl.Series:
    """The path without suffix; with it where two files differ by their suffix alone."""
    plain = paths.to_frame("path").select(strip_suffix(pl.col("path"))).to_series()
    return plain.set(plain.is_duplicated(), None).fill_null(paths) if plain.is_duplicated().any() else plain


SOURCE = Source(
    name="folder",
    title="Any folder of class folders",
    read=_read,
    matches=_matches,
    doc=__doc__,
    notes_from="Two classes",
    options=_FolderOptions,
)
