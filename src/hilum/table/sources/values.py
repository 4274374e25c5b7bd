"""How sources write ages, sexes, views and label codes, and what a Table holds instead."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from functools import wraps
from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.table.identity import MISSING, identities, tidy
from hilum.text import listed, many

_Reader = Callable[[pl.Expr], pl.Expr]

_OLDEST = 120.0
"""Ages above this are errors of the record (NIH ChestX-ray14 has 411 years) and become null."""

_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}

_PROJECTIONS = {
    "AP": "AP", "PA": "PA", "LL": "LL",
    "ANTEROPOSTERIOR": "AP", "POSTEROANTERIOR": "PA", "LEFTLATERAL": "LL",
    "APSUPINE": "AP", "APERECT": "AP", "APHORIZONTAL": "AP",
}  # fmt: skip
_FRONTAL = (*(name for name, kind in _PROJECTIONS.items() if kind != "LL"), "FRONTAL", "F")
_LATERAL = ("LL", "LEFTLATERAL", "RL", "RIGHTLATERAL", "LATERAL", "LAT", "L")

_WORDS = {
    1: ("1", "true", "t", "yes", "y", "positive", "pos", "present", "+"),
    0: ("0", "false", "f", "no", "n", "negative", "neg", "absent", "-"),
    -1: ("-1", "uncertain", "u", "unc", "?", "possible", "maybe", "equivocal", "indeterminate"),
}
"""Label code -> how it is written, in any case; with decimals (`1.00`) too. `-` is negative beside a `+`."""
BLANK = (*MISSING, "not mentioned", "not reported", "missing", "unknown")
"""How "not mentioned" is written."""
_CODES = {word: code for code, words in _WORDS.items() for word in words}
_NEARLY = 0.05
"""Share of strange values (or one) up to which a column is a finding that has errors, and no other thing."""


def _of_distinct(kind: pl.DataType) -> Callable[[_Reader], _Reader]:
    """Read each different spelling of a column once: there are few, and taking them apart is dear."""

    def wrap(reader: _Reader) -> _Reader:
        def read(column: pl.Series) -> pl.Series:
            text = column.cast(pl.String)
            distinct = text.drop_nulls().unique()
            found = distinct.to_frame("text").select(reader(pl.col("text"))).to_series()
            return text.replace_strict(distinct, found, default=None, return_dtype=kind)

        @wraps(reader)
        def wrapped(column: pl.Expr) -> pl.Expr:
            return column.map_batches(read, return_dtype=kind)

        return wrapped

    return wrap


@_of_distinct(pl.Float32())
def _age_years(column: pl.Expr) -> pl.Expr:
    """Age in years, Float32, from a number or DICOM's age string (`034Y`, `006M`, `010W`, `005D`).

    Anything else, and an age over `_OLDEST`, is null.
    """
    text = column.cast(pl.String).str.strip_chars().str.to_uppercase()
    number = text.str.extract(r"^(\d+(?:\.\d*)?)[YMWD]?$").cast(pl.Float64, strict=False)
    unit = text.str.extract(r"([YMWD])$").fill_null("Y")
    years = number / unit.replace_strict(_PER_YEAR, return_dtype=pl.Float64)
    return pl.when(years <= _OLDEST).then(years).cast(pl.Float32)


@_of_distinct(pl.String())
def _sex(column: pl.Expr) -> pl.Expr:
    """`F`, `M` or null, from `Female`, `male`, `f`, ...; anything else is null."""
    word = column.cast(pl.String).str.strip_chars().str.to_uppercase()
    known = dict.fromkeys(("F", "FEMALE", "W", "WOMAN"), "F") | dict.fromkeys(("M", "MALE", "MAN"), "M")
    return word.replace_strict(known, default=None, return_dtype=pl.String)


@_of_distinct(pl.String())
def _projection(column: pl.Expr) -> pl.Expr:
    """`AP`, `PA`, `LL` or null. A right lateral (RL) has no name of its own in a Table: null."""
    return _plain(column).replace_strict(_PROJECTIONS, default=None, return_dtype=pl.String)


@_of_distinct(pl.String())
def _view(column: pl.Expr) -> pl.Expr:
    """`frontal`, `lateral` or null, from words or from projections (AP, PA, LL, RL)."""
    known = dict.fromkeys(_FRONTAL, "frontal") | dict.fromkeys(_LATERAL, "lateral")
    return _plain(column).replace_strict(known, default=None, return_dtype=pl.String)


def _official_part(column: pl.Expr) -> pl.Expr:
    """`train`, `valid`, `test` or null, from the names in `PART_NAMES`."""
    words = tidy(column).str.to_lowercase()
    return words.replace_strict(PART_NAMES, default=None, return_dtype=pl.String)


PART_NAMES = {
    "train": "train", "training": "train",
    "valid": "valid", "val": "valid", "validate": "valid", "validation": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Names of folders and values that mean a part of the official split."""

READERS: dict[str, _Reader] = {
    "view": _view,
    "projection": _projection,
    "age": _age_years,
    "sex": _sex,
    "official_split": _official_part,
}
"""Column of a Table -> how what a file says of it is read; what cannot be is null."""


def label_codes(frame: pl.DataFrame, names: Iterable[str], origin: Path) -> list[pl.Series]:
    """Columns of text as Int8 codes 1, 0, -1 and null, from the words of `_WORDS` and `BLANK`.

    Raises:
        DataError: a value is no label code; the message names column, row and value.
    """
    return [_codes(frame[name], origin) for name in names]


def numbers(frame: pl.DataFrame, names: Iterable[str], origin: Path) -> list[pl.Series]:
    """These columns of text as numbers, Float64.

    Raises:
        DataError: a cell holds none; the message names the row.
    """
    made = []
    for name in names:
        column = frame[name].str.strip_chars().cast(pl.Float64, strict=False)
        wrong = column.is_finite().fill_null(False).not_()
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            raise DataError(
                f"{origin}: column {name!r} should hold numbers; row {row + 1} of {len(column):,} holds "
                f"{frame[name][row] or ''!r}. Mend that row, or remove it."
            )
        made.append(column)
    return made


def finding_columns(
    raw: pl.DataFrame, leave_out: Container[str], origin: Path, notes: list[str]
) -> tuple[str, ...]:
    """The columns that hold label codes only; what others hold is a note.

    Raises:
        DataError: there is none, or one holds label codes but for a few rows.
    """
    kinds = {name: _kind_of(raw[name]) for name in raw.columns if name not in leave_out}
    for name in (name for name, kind in kinds.items() if kind == "nearly"):
        # Nearly nothing but codes is a finding, to be refused by row and value, and none to be dropped.
        _codes(raw[name], origin, ", or say --option findings=[...] without that column")
    named = tuple(name for name, kind in kinds.items() if kind == "codes")
    others = {name: kind for name, kind in kinds.items() if name not in named}
    counted = []
    for kind in dict.fromkeys(others.values()):
        names = [name for name, own in others.items() if own == kind]
        counted.append(f"{len(names):,} {'' if kind == 'blank' else 'of '}{kind} ({listed(names, 8)})")
    said = ", ".join(counted) or "no other columns"
    if not named:
        raise DataError(
            f"{origin}: which columns are findings? None holds 1, 0, -1 and blanks only ({said}). Say "
            "--option findings=[...], or classes=COLUMN for a column of names."
        )
    if others:
        notes.append(f"Columns that hold no label codes were left out (keep=[...] keeps some): {said}.")
    return named


def _kind_of(column: pl.Series) -> str:
    """What a column of text is: `codes`, `nearly` codes, `blank`, `numbers`, `dates` or `text`.

    Nearly means that all but one value, or all but `_NEARLY` of them, are label codes.
    """
    codes, strange = _read_codes(column)
    bad, good = int(strange.sum()), codes.count()
    if not bad:
        return "codes" if good else "blank"
    if bad <= max(1, _NEARLY * (good + bad)) and good >= 5 * bad:
        return "nearly"
    words = _words(column).drop_nulls()
    if words.cast(pl.Float64, strict=False).null_count() == 0:
        return "numbers"
    return "dates" if words.str.contains(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}").all() else "text"


def _codes(column: pl.Series, origin: Path, way_out: str = "") -> pl.Series:
    codes, strange = _read_codes(column)
    if strange.any():
        row = int(strange.arg_max() or 0)
        raise DataError(
            f"{origin}: column {column.name!r} should hold labels (1 positive, 0 negative, -1 uncertain, empty "
            f"not mentioned); {many(int(strange.sum()), 'row')} with something else, the first {column[row]!r} in "
            f"row {row + 1:,} below the headings. Correct it{way_out}."
        )
    return codes


def _read_codes(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Int8 codes, null where a value is blank or none; and where it is neither."""
    text = column.cast(pl.String)
    # A column of labels has few distinct values, and spelling is dear.
    distinct = text.drop_nulls().unique()
    words = _words(distinct)
    known = _CODES if words.eq("+").any() else {word: code for word, code in _CODES.items() if word != "-"}
    codes = words.replace_strict(known, default=None, return_dtype=pl.Int8)
    strange = distinct.filter(codes.is_null() & words.is_not_null() & ~words.is_in(BLANK))
    read = text.replace_strict(distinct, codes, default=None, return_dtype=pl.Int8)
    if strange.is_empty():
        return read, pl.repeat(False, len(text), eager=True)
    return read, text.is_in(strange.implode()).fill_null(False)


def _words(column: pl.Series) -> pl.Series:
    """Each value as it is compared: as an id, in lower case, and whole numbers without signs that say nothing."""
    words = identities(column.cast(pl.String)).str.to_lowercase()
    return words.str.replace(r"^\+?(-?\d+)(?:\.0*)?$", "$1").replace("-0", "0")


def _plain(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.String).str.to_uppercase().str.replace_all(r"[^A-Z]", "")
