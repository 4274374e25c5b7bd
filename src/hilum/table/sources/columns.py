"""Which column of a CSV file is what, where nobody said so."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.table.identity import identities
from hilum.table.sources.base import need_columns
from hilum.table.sources.values import READERS
from hilum.text import listed, many, plain

GUESSES: dict[str, Sequence[str]] = {
    "path": (
        "path", "imagepath", "filepath", "file", "filename", "imagefile", "imagename", "image",
        "imageindex", "pathtoimage", "imagefilename", "imagefilepath", "relativepath",
    ),
    "image": ("imageid", "image", "id", "sopinstanceuid"),
    "patient": ("patientid", "patient", "subjectid", "subject", "personid", "pid", "mrn"),
    "study": ("studyid", "study", "examid", "accession"),
    "view": ("view", "frontallateral", "viewposition"),
    "projection": ("projection", "appa", "viewposition", "view"),
    "age": ("age", "patientage", "ageyears"),
    "sex": ("sex", "gender", "patientsex", "patientgender"),
    "part": ("officialsplit", "split", "part", "subset", "fold"),
    "source": ("source",),
}  # fmt: skip
"""Option -> column names that are taken for it, in lower case without spaces and signs."""

_ALWAYS_PARTS = ("officialsplit", "split", "subset")
"""Columns that are never about anything else, whatever they hold."""
_MOST_PARTS = 12
"""A column of parts has no more different values than this, be it written in many ways."""
_NEEDED = (
    ("path", "the paths of the images", ""),
    (
        "patient",
        "the patients",
        " Without patients the same person may be in train and test; patient=image accepts that.",
    ),
)
"""Option -> what its column holds, and why it must be known."""


def find_columns(
    raw: pl.DataFrame,
    given: Mapping[str, str | None],
    taken: Container[str],
    path: Path,
    notes: list[str],
    *,
    patients: bool = False,
) -> dict[str, str]:
    """Option -> column, for all that the file (`raw`, at `path`) has.

    Args:
        given: option of `GUESSES` -> column; "" says that there is none, None that it is to be guessed.
        taken: columns that are something else.
        notes: guesses that may be wrong are added.
        patients: whether something else tells the patients.

    Raises:
        DataError: a column is missing, or none of paths or patients is found, or one of parts holds other values.
    """
    nobody = given["patient"] in ("", "image")
    named = {option: name for option, name in given.items() if name and not (option == "patient" and nobody)}
    need_columns(raw, named.values(), path)
    columns = {
        option: name for option in GUESSES if (name := given[option] or _guessed(raw, option, given, taken))
    }
    if nobody:
        columns.pop("patient", None)
    if given["part"] is None and "part" not in columns:
        columns |= _parts_by_content(raw, {*columns.values()}, path, notes)
    if "part" in columns:
        _check_parts(raw[columns["part"]], path, notes)
    if "path" not in columns and "image" in columns:
        columns["path"] = columns["image"]
        notes.append(f"No column of paths: images are looked for by {columns['image']!r}.")
    for option, what, why in _NEEDED if given["patient"] is None and not patients else _NEEDED[:1]:
        if option not in columns:
            there = f"Say --option {option}=COLUMN; it has {listed(raw.columns, 12)}.{why}"
            raise DataError(f"{path}: which column holds {what}? {there}")
    return columns


def _guessed(raw: pl.DataFrame, option: str, given: Mapping[str, str | None], taken: Container[str]) -> str:
    """The column of a usual name for an option, or nothing."""
    if given[option] is not None:
        return ""
    by_plain = {plain(name): name for name in reversed(raw.columns)}
    found = [by_plain[guess] for guess in GUESSES[option] if guess in by_plain]
    fitting = [name for name in found if name not in taken and (option != "part" or _says_parts(raw[name]))]
    return fitting[0] if fitting else ""


def _says_parts(column: pl.Series) -> bool:
    """Whether a column of a usual name is about parts: it names one, or is called so and holds anything."""
    return _parts(column).count() > 0 or (plain(column.name) in _ALWAYS_PARTS and column.count() > 0)


def _parts_by_content(raw: pl.DataFrame, used: set[str], path: Path, notes: list[str]) -> dict[str, str]:
    """The column of an unusual name of which at least half of the values name parts, two or more of them."""
    found = []
    for name in raw.columns:
        if name not in used and raw[name].n_unique() <= _MOST_PARTS:
            parts = _parts(raw[name])
            if parts.drop_nulls().n_unique() > 1 and 2 * parts.count() >= raw[name].count():
                found.append(name)
    if len(found) > 1:
        raise DataError(
            f"{path}: which column holds the official split? Say --option part=COLUMN: {listed(found)}."
        )
    if found:
        notes.append(f"Column {found[0]!r} was read as the official split.")
    return {"part": found[0]} if found else {}


def _parts(column: pl.Series) -> pl.Series:
    return column.to_frame("part").select(READERS["official_split"](pl.col("part"))).to_series()


def _check_parts(column: pl.Series, path: Path, notes: list[str]) -> None:
    """Refuse a column of parts with a value that names none: held-out images would be trained on."""
    known = _parts(column).is_not_null() | identities(column).is_null()
    if not known.all():
        row = int((~known).arg_max() or 0)
        raise DataError(
            f"{path}: column {column.name!r} should hold train, valid or test; {many(int((~known).sum()), 'row')} "
            f"with something else, the first {column[row]!r} in row {row + 1:,} below the headings. Correct it, "
            'name another column (--option part=COLUMN), or say part="" to divide all images anew.'
        )
    if 0 < (none := _parts(column).null_count()) < len(column):
        notes.append(
            f"{none:,} of {len(column):,} rows name no part in {column.name!r}: they may be trained on."
        )
