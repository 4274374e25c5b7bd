"""The sources in one place, and reading one by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hilum.errors import DataError, did_you_mean, nearest
from hilum.plugins import parts
from hilum.progress import say
from hilum.table.check import alike_patients
from hilum.table.identity import said_of
from hilum.table.sources import chexpert, csv, dicom, folder, nih, pneumonia
from hilum.table.sources.base import Source, SourceOptions, one_of
from hilum.table.sources.options import make_options
from hilum.table.table import Table

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        chexpert.SOURCE,
        nih.SOURCE,
        pneumonia.SOURCE,
        dicom.SOURCE,
        csv.SOURCE,
        folder.SOURCE,
    )
}
"""Name -> data set, the well-known ones first, in the order in which a folder is tried for a guess."""

MADE = {
    "pack.json": "a pack, made from a data set already: train with it (--data), or name that data set.",
    "run.json": "a run, no data set. Name the folder of your data.",
}
"""What hilum writes into a folder that it makes -> what such a folder is, where a data set is asked for."""


def find_source(name: str) -> Source:
    """The source of this name.

    Raises:
        DataError: there is none; the message names the nearest.
    """
    known = all_sources()
    if name not in known:
        raise DataError(f"there is no source {name!r}; {did_you_mean(name, known)}")
    return known[name]


def all_sources() -> dict[str, Source]:
    """`SOURCES`, and those of plugins in use."""
    return SOURCES | {name: _of_plugin(name, read) for name, read in parts("SOURCES", SOURCES).items()}


def _of_plugin(name: str, read: Callable[[Path], Table]) -> Source:
    """A source whose layout is the docstring of its function, and which nobody guesses."""

    def checked(root: Path, _options: SourceOptions) -> Table:
        table = read(root)
        if not isinstance(table, Table):
            raise DataError(f"source {name} of a plugin gave a {type(table).__name__}; expected a Table.")
        return table

    layout = inspect.getdoc(read) or "as its plugin says"
    return Source(name, layout.splitlines()[0], checked, lambda _: True, layout, "A plugin's.")


def read_source(name: str, root: Path | str, /, **options: Any) -> Table:
    """`read_quietly`, and its notes said on standard error, with one on patients whose ids are much alike."""
    table = read_quietly(name, root, **options)
    if groups := alike_patients(table):
        table = replace(table, notes=(*table.notes, f"{said_of(groups)}. Correct the table if they are."))
    for note in table.notes:
        say(note)
    return table


def read_quietly(name: str, root: Path | str, /, **options: Any) -> Table:
    """Read a data set: one row per image, with what the source said of each finding.

    The table's notes are what was guessed and left out.

    Args:
        name: one of `SOURCES`.
        root: the data set's folder; images need not be there yet.
        **options: options of this source, for example `positive="empty"` for `folder`; see `hilum sources NAME`.

    Raises:
        DataError: unknown source, missing folder, a folder of another source (named), missing file or column.
        ConfigError: an option is unknown or of the wrong type.
        MissingExtra: the source needs a package that is not installed.
    """
    source = find_source(name)
    checked = make_options(source.options, options, f"the options of source {name}")
    root = Path(root).expanduser()
    if not root.exists():
        raise DataError(_not_there(root, source))
    if root.is_file() and source.name != "csv":
        raise DataError(f"{root} is a file. {_remedy(source)}")
    if root.is_dir() and not any(root.iterdir()):
        raise DataError(f"{root} is empty. Expected: {source.title}\n{source.layout}")
    other = None if source.matches(root) else guess_source(root)
    if other is None and not source.matches(root) and (made := one_of(root, MADE)):
        raise DataError(f"{root} is {MADE[made.name]}")
    # Any folder with a CSV file could be `csv`: no reason to think that the user meant it.
    if other not in (None, "csv"):
        raise DataError(
            f"{root} does not look like {name} ({source.title}); it looks like {other} ({SOURCES[other].title}). "
            f"Use the source {other}, or see what {name} expects with:  hilum sources {name}"
        )
    try:
        table = source.read(root, checked)
    except UnicodeEncodeError as error:  # Python's name for a file whose bytes are no text
        raise DataError(f"{root}: {error.object} is a name that is not UTF-8; rename it.") from error
    if not len(table):
        raise DataError(
            f"{root} names no image: its tables have headings and no rows. Expected: {source.title}"
        )
    return table


def guess_source(root: Path | str) -> str | None:
    """The first source whose layout the folder has, or None."""
    root = Path(root)
    fitting = [name for name, source in SOURCES.items() if source.matches(root)]
    # Class folders with several CSV files beside them, none of a usual name, are class folders.
    if fitting == ["csv", "folder"] and csv.csv_file(root, "") is None:
        return "folder"
    return fitting[0] if fitting else None


def _not_there(root: Path, source: Source) -> str:
    if not root.parent.is_dir():
        return f"{root} is not there; the folder around it is not there either."
    if near := nearest(root.name, (path.name for path in root.parent.iterdir())):
        return f"{root} is not there; did you mean '{root.parent / near}'?"
    return f"{root} is not there. {_remedy(source)}"


def _remedy(source: Source) -> str:
    return f"Name the folder of your data; what should be in it:  hilum sources {source.name}"
