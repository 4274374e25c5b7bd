"""What all sources share: what a `Source` is, finding image files, reading CSV files, saying what is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hilum.config.sections import Section
from hilum.errors import DataError, nearest
from hilum.files import unquoted
from hilum.table.table import Table
from hilum.text import listed

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")


class SourceOptions(Section):
    """Options of a source that has none; each source that has some derives its own."""


@dataclass(frozen=True)
class Source:
    """One kind of data set.

    Attributes:
        name: what a user types.
        title: the data set in a few words.
        read: root folder and options -> Table; the options are an object of the class `options`.
        matches: whether a folder looks like this data set; cheap, and false for a folder that is not there.
        layout: the folder layout that is read, as a drawing.
        notes: what becomes of the data set's peculiarities.
        citation: what to cite; empty where the data are the user's own.
        licence: under which terms the images come.
        url: where they come from.
        has_official_split: whether the data set says which images are for training and which for testing.
        options: the class of the options.
    """

    name: str
    title: str
    read: Callable[..., Table]
    matches: Callable[[Path], bool]
    layout: str
    notes: str
    citation: str = ""
    licence: str = "that of your data"
    url: str = ""
    has_official_split: bool = False
    options: type[SourceOptions] = SourceOptions

    def to_json(self) -> dict[str, object]:
        """What a user is told of it, as JSON values."""
        told = ("name", "title", "citation", "licence", "url", "layout", "notes", "has_official_split")
        return {name: getattr(self, name) for name in told} | {
            "options": {
                name: {"default": field.default, "description": field.description}
                for name, field in self.options.model_fields.items()
            }
        }


def layout_and_notes(doc: str | None, notes_from: str) -> tuple[str, str]:
    """The drawing after `Layout` in a source's docstring, and the text from the words `notes_from` on."""
    _, _, rest = (doc or "").partition("::\n\n")
    layout, _, notes = rest.partition(f"\n{notes_from}")
    return layout.rstrip().replace("::\n", ":\n"), (notes_from + notes).strip().replace("::\n", ":\n")


def walk(root: Path) -> Iterator[str]:
    """All files under `root`, relative, with / between, sorted; hidden and `__MACOSX` entries are left out."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        inside = Path(folder).relative_to(root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        yield from (prefix + name for name in sorted(files) if not name.startswith("."))


def find_images(root: Path) -> list[str]:
    """All image files under `root` (`IMAGE_SUFFIXES`), relative, with / between, sorted."""
    return [name for name in walk(root) if is_image(name)]


def is_image(name: str) -> bool:
    """Whether the name ends as an image's does."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, sorted by name; hidden ones and what is not there give nothing."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))


def one_of(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of these files that is in `folder`."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_csv(path: Path, *, rows: int | None = None, as_text: bool = False) -> pl.DataFrame:
    """Read a CSV file, gzipped or not.

    Args:
        path: the file.
        rows: read only this many rows.
        as_text: read every column as text, for values such as `007` that are no numbers.

    Raises:
        DataError: it is missing or not CSV.
    """
    try:
        return unquoted(pl.read_csv(path, n_rows=rows, infer_schema=not as_text))
    except FileNotFoundError as error:
        raise missing_file(path.parent, path.name) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = "it is a folder" if path.is_dir() else str(error).strip().splitlines()[0]
        what_to_do = "; save it as UTF-8" if "utf-8" in reason else ""
        raise DataError(f"{path} cannot be read as CSV: {reason}{what_to_do}") from error


def csv_columns(path: Path) -> list[str]:
    """The column names of a CSV file; none where it cannot be read as one."""
    try:
        return read_csv(path, rows=1, as_text=True).columns
    except DataError:
        return []


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
        DataError: one is missing; the message names the most similar one that is there.
    """
    for name in names:
        if name not in frame.columns:
            if frame.width == 1 and (mark := next((m for m in ";\t" if m in frame.columns[0]), "")):
                raise DataError(f"{path} has its columns apart by {mark!r}; write it with commas.")
            raise DataError(f"{path} has no column {name!r}; {_hint([name], frame.columns)}")


def _hint(names: Iterable[str], there: list[str]) -> str:
    if close := next(filter(None, (nearest(name, there) for name in names)), None):
        return f"did you mean '{close}'?"
    return f"it has: {listed(there, 12)}"


def strip_suffix(column: pl.Expr) -> pl.Expr:
    """A path without its file suffix: `a.b/c.png` -> `a.b/c`."""
    return column.str.replace(r"\.[^./]+$", "")
