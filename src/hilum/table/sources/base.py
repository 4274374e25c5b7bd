"""What all sources share: what a `Source` is, finding image files, saying what is missing."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hilum.config import Section
from hilum.errors import ConfigError, DataError, did_you_mean, nearest
from hilum.files import is_regular
from hilum.table.table import Table
from hilum.text import SUFFIX, listed, plain, stem_of

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".pgm", ".ppm", ".pbm", ".pnm"),
    *DICOM_SUFFIXES,
)
"""How files end that `hilum.pixels.read` reads, in lower case."""
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51")
"""How such files begin, for names without a suffix; DICOM has its mark further on."""
_MASKS = ("mask", "masks", "leftmask", "rightmask", "lungmask", "lungmasks", "segmentation", "segmentations")
"""Names of folders of masks, compared without case and signs."""
_NO_DATA = (".", "__MACOSX", "@eaDir", "$RECYCLE.BIN")
"""How entries begin that systems put into folders: hidden files, and thumbnails and copies of the images."""


class PathOptions(Section):
    """What paths tell, where nothing else does."""

    patient_pattern: str = ""
    """Regular expression for the patient in a file name without suffix (in the path, if it has a /): its first
    group, or the whole match."""
    study_pattern: str = ""
    """The same for the study."""

    def ids(self, paths: Sequence[str]) -> dict[str, pl.Series]:
        """What the patterns find in paths (relative, with / between): `patient_id` and `study_id`.

        Raises:
            ConfigError: a pattern is no regular expression.
            DataError: it finds nothing in some of the paths.
        """
        return {
            f"{what}_id": pl.Series(f"{what}_id", _found(pattern, paths, what), pl.String)
            for what, pattern in (("patient", self.patient_pattern), ("study", self.study_pattern))
            if pattern
        }


def _found(pattern: str, paths: Sequence[str], what: str) -> list[str]:
    """What a regular expression finds in each path: its first group, else the whole match."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"{what}_pattern: {pattern!r} is not a regular expression: {error}.") from error
    names = [re.sub(SUFFIX, "", path) if "/" in pattern else stem_of(path) for path in paths]
    found = [compiled.search(name) for name in names]
    texts = [match and match.group(1 if compiled.groups else 0) for match in found]
    if lost := [name for name, text in zip(names, texts, strict=True) if not text]:
        where = "paths" if "/" in pattern else "file names"
        raise DataError(
            f"{what}_pattern {pattern!r} finds no {what} in {len(lost):,} of {len(names):,} {where}, the first "
            f"{lost[0]!r}."
        )
    return [text for text in texts if text]


@dataclass(frozen=True)
class Source:
    """One kind of data set.

    Attributes:
        name: what a user types.
        title: the data set in a few words.
        read: root folder and options -> Table; the options are an object of the class `options`.
        matches: whether a folder looks like this data set; cheap, and false for a folder that is not there.
        doc: the module's docstring, from which layout, notes, citation and licence are taken.
        notes_from: the words with which the notes begin, after the drawing of the layout.
        url: where the images come from.
        has_official_split: whether the data set says which images are for training and which for testing.
        options: the class of the options.
    """

    name: str
    title: str
    read: Callable[..., Table]
    matches: Callable[[Path], bool]
    doc: str | None
    notes_from: str
    url: str = ""
    has_official_split: bool = False
    options: type[Section] = Section

    def _piece(self, pattern: str, usual: str = "") -> str:
        found = re.search(pattern, self.doc or "", re.DOTALL)
        return " ".join(found[1].split()) if found else usual

    @property
    def citation(self) -> str:
        """What to cite; empty where the data are the user's own."""
        return self._piece(r"Citation: (.*?\.) Licence:")

    @property
    def licence(self) -> str:
        """Under which terms the images come."""
        return self._piece(r"Licence: (.*?)\.\n\n", "that of your data")

    @property
    def layout(self) -> str:
        """The folder layout that is read, as a drawing."""
        drawing = (self.doc or "").partition("::\n\n")[2].partition(f"\n{self.notes_from}")[0]
        return drawing.rstrip().replace("::\n", ":\n")

    @property
    def notes(self) -> str:
        """What becomes of the data set's peculiarities."""
        told = (self.doc or "").partition(f"\n{self.notes_from}")[2]
        return (self.notes_from + told).strip().replace("::\n", ":\n")

    def to_json(self) -> dict[str, object]:
        """What a user is told of it, as JSON values."""
        told = ("name", "title", "citation", "licence", "url", "layout", "notes", "has_official_split")
        fields = self.options.model_fields.items()
        options = {name: {"default": one.default, "description": one.description} for name, one in fields}
        return {name: getattr(self, name) for name in told} | {"options": options}

    def checked(self, values: Mapping[str, Any], origin: str) -> Any:
        """Options (an object of the class `options`) from option -> value; `origin` is where the values come from.

        Raises:
            ConfigError: an option is unknown or its value is of the wrong type; all faults are listed.
        """
        try:
            return self.options.model_validate(values)
        except ValidationError as error:
            faults = "\n".join(f"  - {self._fault(fault)}" for fault in error.errors())
            raise ConfigError(f"{origin} cannot be used:\n{faults}") from error

    def _fault(self, fault: ErrorDetails) -> str:
        name, known = ".".join(map(str, fault["loc"])), list(self.options.model_fields)
        if fault["type"] != "extra_forbidden":
            return f"{name}: {fault['msg'][0].lower()}{fault['msg'][1:]} (came: {fault['input']!r})"
        return (
            f"{name}: unknown option; {did_you_mean(name, known) if known else 'this source has no options'}"
        )


def walk(root: Path, passed: Counter[str] | None = None) -> list[str]:
    """All files under `root`, relative, with / between, sorted; hidden ones and the like (`_NO_DATA`) are not.

    Links are followed: a folder or file that is reached twice comes once, under its own name where it has one
    there. Pipes, sockets, devices and links to nothing are no files.

    Args:
        root: where to begin.
        passed: where is counted what else lies there, by kind.
    """
    passed = Counter() if passed is None else passed
    found: dict[str, str] = {}
    links: list[str] = []
    seen: set[str] = set()
    folders = [""]
    while folders or links:
        # Linked folders come when all others are known, so that a loop leads nowhere new.
        inside = folders.pop() if folders else links.pop(0)
        real = os.path.realpath(root / inside)
        if real in seen:
            continue
        seen.add(real)
        for entry in _entries(real, passed):
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(name)
            elif entry.is_file():
                own = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                if own in found:
                    passed["second link to a file"] += 1
                if own not in found or not entry.is_symlink():
                    found[own] = name
            else:
                passed["link to nothing" if entry.is_symlink() else "pipe or socket"] += 1
    return sorted(found.values())


def _entries(folder: str, passed: Counter[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(_NO_DATA)]
    except OSError:
        passed["folder that cannot be opened"] += 1
        return []
    return sorted(shown, key=lambda entry: entry.name)


def find_images(root: Path, passed: Counter[str] | None = None) -> list[str]:
    """All image files under `root`, relative, with / between, sorted.

    Args:
        root: where to begin.
        passed: where is counted what is no image, by suffix or kind.
    """
    images = []
    for name in walk(root, passed):
        # Most names tell without a look at the file.
        if name.lower().endswith(IMAGE_SUFFIXES) or is_image(root / name):
            images.append(name)
        elif passed is not None:
            passed[Path(name).suffix.lower() or "no suffix"] += 1
    return images


def is_image(path: Path) -> bool:
    """Whether a file is called as images are (`IMAGE_SUFFIXES`) or, without a suffix, begins as they do.

    A number is no suffix: DICOM files are called `IM.0001`, or after their UID.
    """
    suffix = path.suffix.lower()
    if suffix and not suffix[1:].isdigit():
        return suffix in IMAGE_SUFFIXES
    if not is_regular(path):
        return False
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError:
        return False
    return start.startswith(_STARTS) or start[128:] == b"DICM"


def without_masks(names: list[str]) -> tuple[list[str], list[str]]:
    """Images, and masks of images among them: a file of the same name in a folder called masks or the like, or a
    name that ends in `_mask`, where the image itself is there too."""
    masks = {name: base for name in names if (base := _masked(name))}
    stems = {stem_of(name).lower() for name in names if name not in masks}
    of_images = {name for name, base in masks.items() if base in stems}
    return [name for name in names if name not in of_images], [name for name in names if name in of_images]


def _masked(name: str) -> str:
    """The stem of the image that a file of this name would be a mask of, or nothing."""
    *folders, _ = name.split("/")
    stem = stem_of(name).lower()
    base = re.sub(r"[ _-]?(mask|seg|segmentation|label)s?$", "", stem)
    return base if base != stem or any(plain(folder) in _MASKS for folder in folders) else ""


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, sorted by name; hidden ones and what is not there give nothing."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(_NO_DATA))


def one_of(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of these files that is in `folder`."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def missing_file(folder: Path, *names: str) -> DataError:
    """The error for a file (one of `names`) that should be in `folder`; names the most similar that is there."""
    wanted = " or ".join(names)
    there = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    if not there:
        return DataError(f"{folder} should hold {wanted}; it is empty or not there.")
    return DataError(f"{folder} has no file {wanted}; {_hint(names, there)}")


def need_columns(frame: pl.DataFrame, names: Iterable[str], path: Path) -> None:
    """Check that the columns are there.

    Raises:
        DataError: one is missing, and the message names the most similar one that is there; or asked for twice.
    """
    names = list(names)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"column {twice!r} of {path} is asked for twice; name each column once.")
    for name in names:
        if name not in frame.columns:
            raise DataError(f"{path} has no column {name!r}; {_hint([name], frame.columns)}")


def _hint(names: Iterable[str], there: list[str]) -> str:
    if close := next(filter(None, (nearest(name, there) for name in names)), None):
        return f"did you mean '{close}'?"
    return f"it has: {listed(there, 12)}"


def strip_suffix(column: pl.Expr) -> pl.Expr:
    """A path without its file suffix: `a.b/c.png` -> `a.b/c`."""
    return column.str.replace(SUFFIX, "")
