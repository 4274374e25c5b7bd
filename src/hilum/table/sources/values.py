"""How sources write ages, sexes, views and label codes, and what a Table holds instead."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from hilum.errors import DataError

OLDEST = 120.0
"""Ages above this are errors of the record (NIH ChestX-ray14 has 411 years) and become null."""

PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}

PROJECTIONS = {
    "AP": "AP", "PA": "PA", "LL": "LL",
    "ANTEROPOSTERIOR": "AP", "POSTEROANTERIOR": "PA", "LEFTLATERAL": "LL",
    "APSUPINE": "AP", "APERECT": "AP", "APHORIZONTAL": "AP",
}  # fmt: skip
FRONTAL = (*(name for name, kind in PROJECTIONS.items() if kind != "LL"), "FRONTAL", "F")
LATERAL = ("LL", "LEFTLATERAL", "RL", "RIGHTLATERAL", "LATERAL", "LAT", "L")

CODES = {
    "1": 1, "1.0": 1, "true": 1, "yes": 1, "positive": 1,
    "0": 0, "0.0": 0, "false": 0, "no": 0, "negative": 0,
    "-1": -1, "-1.0": -1, "uncertain": -1,
}  # fmt: skip
"""How label codes are written, in lower case."""

BLANK = ("", "nan", "na", "n/a", "null", "none")


def age_years(column: pl.Expr) -> pl.Expr:
    """Age in years, Float32, from a number or DICOM's age string (`034Y`, `006M`, `010W`, `005D`).

    Anything else, and an age over `OLDEST`, is null.
    """
    text = column.cast(pl.String).str.strip_chars().str.to_uppercase()
    number = text.str.extract(r"^(\d+(?:\.\d*)?)[YMWD]?$").cast(pl.Float64, strict=False)
    unit = text.str.extract(r"([YMWD])$").fill_null("Y")
    years = number / unit.replace_strict(PER_YEAR, return_dtype=pl.Float64)
    return pl.when(years <= OLDEST).then(years).cast(pl.Float32)


def sex(column: pl.Expr) -> pl.Expr:
    """`F`, `M` or null, from `Female`, `male`, `f`, ...; anything else is null."""
    first = column.cast(pl.String).str.strip_chars().str.to_uppercase()
    return (
        pl.when(first.is_in(["F", "FEMALE", "W", "WOMAN"]))
        .then(pl.lit("F"))
        .when(first.is_in(["M", "MALE", "MAN"]))
        .then(pl.lit("M"))
    )


def projection(column: pl.Expr) -> pl.Expr:
    """`AP`, `PA`, `LL` or null. A right lateral (RL) has no name of its own in a Table: null."""
    return _plain(column).replace_strict(PROJECTIONS, default=None, return_dtype=pl.String)


def view(column: pl.Expr) -> pl.Expr:
    """`frontal`, `lateral` or null, from words or from projections (AP, PA, LL, RL)."""
    plain = _plain(column)
    return (
        pl.when(plain.is_in(FRONTAL))
        .then(pl.lit("frontal"))
        .when(plain.is_in(LATERAL))
        .then(pl.lit("lateral"))
    )


def official_part(column: pl.Expr) -> pl.Expr:
    """`train`, `valid`, `test` or null, from the names in `PART_NAMES`."""
    return (
        column.cast(pl.String)
        .str.strip_chars()
        .str.to_lowercase()
        .replace_strict(PART_NAMES, default=None, return_dtype=pl.String)
    )


def are_parts(column: pl.Series) -> pl.Series:
    """Where a value names a part (`PART_NAMES`) or is missing."""
    return column.is_null() | column.str.strip_chars().str.to_lowercase().is_in([*PART_NAMES])


PART_NAMES = {
    "train": "train", "training": "train",
    "valid": "valid", "val": "valid", "validate": "valid", "validation": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Names of folders and values that mean a part of the official split."""


def label_codes(frame: pl.DataFrame, names: Iterable[str], origin: Path) -> list[pl.Series]:
    """Columns of labels as Int8 codes 1, 0, -1 and null, from numbers or from the words of `CODES`.

    Raises:
        DataError: a value is no label code; the message names column, value and file.
    """
    return [_codes(frame[name], origin) for name in names]


def are_codes(column: pl.Series) -> bool:
    """Whether a column holds label codes and blanks only, and at least one code."""
    plain = _plain_codes(column)
    return plain.null_count() < len(plain) and not _strange(column, plain).any()


def _codes(column: pl.Series, origin: Path) -> pl.Series:
    plain = _plain_codes(column)
    strange = _strange(column, plain)
    if strange.any():
        raise DataError(
            f"{origin}: column {column.name!r} should hold labels (1 positive, 0 negative, -1 uncertain, empty "
            f"not mentioned); {strange.sum():,} rows hold something else, the first {column.filter(strange)[0]!r}."
        )
    return plain


def _plain_codes(column: pl.Series) -> pl.Series:
    """Int8 codes; null where a value is blank or no code."""
    if column.dtype.is_numeric():
        small = column.cast(pl.Int8, strict=False)
        same = (small.cast(column.dtype) == column) & small.is_between(-1, 1)
        return small if same.all() else small.set(~same.fill_null(False), None)
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    return words.replace_strict(CODES, default=None, return_dtype=pl.Int8)


def _strange(column: pl.Series, plain: pl.Series) -> pl.Series:
    """Where a value is neither a code nor blank."""
    lost = column.is_not_null() & plain.is_null()
    if column.dtype.is_float():
        return lost & column.is_not_nan()
    if column.dtype.is_numeric():
        return lost
    return lost & ~column.cast(pl.String).str.strip_chars().str.to_lowercase().is_in(BLANK)


def _plain(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.String).str.to_uppercase().str.replace_all(r"[^A-Z]", "")
