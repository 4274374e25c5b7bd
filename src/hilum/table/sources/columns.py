"""Which column of a CSV file is what, where nobody said so."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.table.identity import identities
from hilum.table.sources import values
from hilum.table.sources.base import need_columns
from hilum.text import listed, many, plain

GUESSES = {
    "path": (
        "path",
        "imagepath",
        "filepath",
        "file",
        "filename",
        "imagefile",
        "imagename",
        "image",
        "imageindex",
        "pathtoimage",
        "imagefilename",
        "imagefilepath",
        "relativepath",
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
}
"""Option -> column names that are taken for it, in lower case without spaces and signs."""

ALWAYS_PARTS = ("officialsplit", "split", "subset")
"""Columns that are never about anything else, whatever they hold."""
MOST_PARTS = 12
"""A column of parts has no more different values than this, be it written in many ways."""
NO_PATIENTS = ("", "image")


def find_columns(
    raw: pl.DataFrame,
    given: Mapping[str, str | None],
    taken: Container[str],
    path: Path,
    notes: list[str],
    *,
    patients: bool = False,
) -> dict[str, str]:
    """Option -> column, for all that the file has.

    Args:
        raw: the file.
        given: option of `GUESSES` -> column; "" says that there is none, None that it is to be guessed.
        taken: columns that are something else.
        path: where the file is, for messages.
        notes: guesses that may be wrong are added.
        patients: whether something else tells the patients.

    Raises:
        DataError: a named column is missing, no column of paths or patients is found, or one of parts holds other
            values too.
    """
    nobody = given["patient"] in NO_PATIENTS
    need_columns(
        raw, [name for option, name in given.items() if name and (option != "patient" or not nobody)], path
    )
    columns = {
        option: name for option in GUESSES if (name := given[option] or _guessed(raw, option, given, taken))
    }
    if nobody:
        columns.pop("patient", None)
    if given["part"] is None and "part" not in columns:
        columns |= _parts_by_content(raw, {*columns.values()}, path, notes)
    if "part" in columns:
        _check_parts(raw[columns["part"]], path, notes)
    there = listed(raw.columns, 12)
    if "path" not in columns and "image" in columns:
        columns["path"] = columns["image"]
        notes.append(f"No column of paths: images are looked for by {columns['image']!r}.")
    if "path" not in columns:
        raise DataError(
            f"{path}: which column holds the paths of the images? Say --option path=COLUMN; it has {there}."
        )
    if "patient" not in columns and given["patient"] is None and not patients:
        raise DataError(
            f"{path}: which column holds the patients? Say --option patient=COLUMN; it has {there}. Without "
            "patients the same person may be in train and test; patient=image accepts that."
        )
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
    return _parts(column).count() > 0 or (plain(column.name) in ALWAYS_PARTS and column.count() > 0)


def _parts_by_content(raw: pl.DataFrame, used: set[str], path: Path, notes: list[str]) -> dict[str, str]:
    """The column of an unusual name of which at least half of the values name parts, two or more of them."""
    found = []
    for name in raw.columns:
        if name not in used and raw[name].n_unique() <= MOST_PARTS:
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
    return column.to_frame("part").select(values.official_part(pl.col("part"))).to_series()


def _check_parts(column: pl.Series, path: Path, notes: list[str]) -> None:
    """Refuse a column of parts with a value that names none: held-out images would be trained on."""
    known = values.are_parts(column)
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


def check_patients(patients: pl.Series, column: str, path: Path) -> None:
    """Refuse rows without a patient: films of one person could be in two parts, or all of them be one person's."""
    lost = identities(patients).is_null()
    if lost.any():
        row = int(lost.arg_max() or 0)
        raise DataError(
            f"{path}: {int(lost.sum()):,} of {len(lost):,} rows name no patient in column {column!r}, the first "
            f"{patients[row] or ''!r} in row {row + 1:,} below the headings. Fill them in or leave the rows out; "
            "patient=image takes every image for another patient's."
        )


def unread(raw: pl.DataFrame, frame: pl.DataFrame, columns: dict[str, str]) -> list[str]:
    """Notes on values of age, sex and views that say nothing that a Table can hold."""
    notes = []
    for option in ("age", "sex", "view", "projection"):
        if option in columns and columns[option] != (option == "projection" and columns.get("view")):
            written = identities(raw[columns[option]])
            said = written.is_not_null() & ~written.str.to_lowercase().is_in(values.BLANK)
            if option == "projection":
                # A lateral film has no projection of its own.
                said &= raw.select(values.view(pl.col(columns[option]))).to_series().is_null()
            if lost := int((said & frame[option].is_null()).sum()):
                notes.append(
                    f"{lost:,} of {len(raw):,} values of {columns[option]!r} say no {option} that can be read."
                )
    return notes
