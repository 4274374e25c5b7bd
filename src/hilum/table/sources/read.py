"""The sources in one place, and reading one by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hilum.config import value_of
from hilum.errors import ConfigError, DataError, did_you_mean, nearest
from hilum.plugins import parts
from hilum.progress import say
from hilum.table.sources import chexpert, csv, dicom, folder, nih, pneumonia
from hilum.table.sources.base import Source, one_of
from hilum.table.table import Table
from hilum.text import items


class _Sources(dict[str, Source]):
    """An unknown name is a DataError, which names the nearest."""

    def __missing__(self, name: str) -> Source:
        raise DataError(f"there is no source {name!r}; {did_you_mean(name, self)}")


SOURCES = _Sources({one.SOURCE.name: one.SOURCE for one in (chexpert, nih, pneumonia, dicom, csv, folder)})
"""Name -> data set, the well-known ones first, in the order in which a folder is tried for a guess."""

_MADE = {
    "pack.json": "a pack, made from a data set already: train with it (--data), or name that data set.",
    "run.json": "a run, no data set. Name the folder of your data.",
}
"""What hilum writes into a folder that it makes -> what such a folder is, where a data set is asked for."""


def all_sources() -> dict[str, Source]:
    """`SOURCES`, and those of plugins in use; an unknown name is a DataError, which names the nearest."""
    return _Sources(
        SOURCES | {name: _of_plugin(name, read) for name, read in parts("SOURCES", SOURCES).items()}
    )


def _of_plugin(name: str, read: Callable[[Path], Table]) -> Source:
    """A source whose layout is the docstring of its function, and which nobody guesses."""

    def checked(root: Path, _options: object) -> Table:
        table = read(root)
        if not isinstance(table, Table):
            raise DataError(f"source {name} of a plugin gave a {type(table).__name__}; expected a Table.")
        return table

    layout = inspect.getdoc(read) or "as its plugin says"
    notes = "Read by a plugin."
    return Source(name, layout.splitlines()[0], checked, lambda _: True, f"::\n\n{layout}\n{notes}", notes)


def read_source(name: str, root: Path | str, /, **options: Any) -> Table:
    """`read_quietly`, and its notes said on standard error, with one on patients whose ids are much alike."""
    table = read_quietly(name, root, **options)
    if groups := table.alike_patients():
        table = replace(table, notes=(*table.notes, f"{groups}. Correct the table if they are."))
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
    source = all_sources()[name]
    checked = source.checked(options, f"the options of source {name}")
    root = Path(root).expanduser()
    _check_place(root, source)
    try:
        table = source.read(root, checked)
    except UnicodeEncodeError as error:  # Python's name for a file whose bytes are no text
        raise DataError(f"{root}: {error.object} is a name that is not UTF-8; rename it.") from error
    if not len(table):
        raise DataError(
            f"{root} names no image: its tables have headings and no rows. Expected: {source.title}"
        )
    return table


def parse_options(texts: Iterable[str]) -> dict[str, Any]:
    """`["positive=empty", "only_present=false"]` to option -> value; a value is TOML, or else a string.

    Raises:
        ConfigError: a text has no `=`.
    """
    values: dict[str, Any] = {}
    for text in items(texts):
        key, equals, raw = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--option {text}: expected NAME=VALUE, for example positive=pneumonia.")
        values[key.strip()] = value_of(raw)
    return values


def guess_source(root: Path | str) -> str | None:
    """The first source whose layout the folder has, or None."""
    root = Path(root)
    fitting = [name for name, source in SOURCES.items() if source.matches(root)]
    # Class folders with several CSV files beside them, none of a usual name, are class folders.
    if fitting == ["csv", "folder"] and csv.csv_file(root, "") is None:
        return "folder"
    return fitting[0] if fitting else None


def _check_place(root: Path, source: Source) -> None:
    """Refuse what is certainly no such data set, with what it is instead."""
    remedy = f"Name the folder of your data; what should be in it:  hilum sources {source.name}"
    if not root.exists():
        raise DataError(_not_there(root, remedy))
    if root.is_file() and source.name != "csv":
        raise DataError(f"{root} is a file. {remedy}")
    if root.is_dir() and not any(root.iterdir()):
        raise DataError(f"{root} is empty. Expected: {source.title}\n{source.layout}")
    if source.matches(root):
        return
    other = guess_source(root)
    if other is None and (made := one_of(root, _MADE)):
        raise DataError(f"{root} is {_MADE[made.name]}")
    # Any folder with a CSV file could be `csv`: no reason to think that the user meant it.
    if other not in (None, "csv"):
        raise DataError(
            f"{root} does not look like {source.name} ({source.title}); it looks like {other} "
            f"({SOURCES[other].title}). Use the source {other}, or see what {source.name} expects with:  "
            f"hilum sources {source.name}"
        )


def _not_there(root: Path, remedy: str) -> str:
    if not root.parent.is_dir():
        return f"{root} is not there; the folder around it is not there either."
    if near := nearest(root.name, (path.name for path in root.parent.iterdir())):
        return f"{root} is not there; did you mean '{root.parent / near}'?"
    return f"{root} is not there. {remedy}"
