"""Folders or columns of class names, and which findings they become."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import polars as pl

from hilum.errors import DataError, did_you_mean
from hilum.table.identity import MISSING, Alike, tidy
from hilum.table.sources.values import PART_NAMES
from hilum.text import listed, plain

_NEGATIVE = (
    "normal", "negative", "neg", "empty", "healthy", "control", "controls", "none", "no", "false", "0",
    "absent", "background", "nofinding", "nofindings", "clear", "benign",
)  # fmt: skip
"""Class names that mean "nothing found", compared without case, spaces and signs."""
_POSITIVE = ("1", "yes", "true", "pos", "positive", "abnormal")


def meaning_of(name: str) -> Literal["part", "negative", "positive"] | None:
    """What a folder is that is called so: of a part, or of images with or without something; else None."""
    if name.lower() in PART_NAMES:
        return "part"
    word = plain(name)
    return "negative" if word in _NEGATIVE else "positive" if word in _POSITIVE else None


def _positive_class(names: Sequence[str]) -> str:
    """Of two class names, the positive one: the other one is in `_NEGATIVE`, or is "not", "no" or "non"
    and this one; else the alphabetically last.
    """
    first, last = sorted(names)
    if plain(last) in _NEGATIVE and plain(first) not in _NEGATIVE:
        return first
    denied = {prefix + plain(first) for prefix in ("not", "no", "non")}
    return first if plain(last) in denied and plain(first) not in _NEGATIVE else last


def class_findings(classes: pl.Series, positive: str = "") -> tuple[tuple[str, ...], list[pl.Series]]:
    """One class name a row to findings and their Int8 columns of 0 and 1.

    Two classes give one finding, named after the positive one (`_positive_class`); more give one finding each.
    With `positive`, there is one finding: that class against all others.

    Raises:
        DataError: there are fewer than two classes, or `positive` is none of them.
    """
    names = sorted(classes.drop_nulls().unique())
    if len(names) < 2:
        raise DataError(f"two classes or more are needed; there is {names[0] if names else 'none'}.")
    if positive and positive not in names:
        raise DataError(f"there is no class {positive!r}; {did_you_mean(positive, names)}")
    if positive or len(names) == 2:
        names = [positive or _positive_class(names)]
    return tuple(names), [(classes == name).cast(pl.Int8).alias(name) for name in names]


_SIGNS = {"|": True, ";": True, ",": False, "/": False, "+": False}
"""What is tried between several labels in a cell, in this order -> whether it is never part of a name."""
_LIST = r"^\s*[\[(](.*)[\])]\s*$"
"""A list as Python writes one: `['Edema', 'Mass']`."""


def cell_findings(
    cells: pl.Series, positive: str, separator: str | None, notes: list[str]
) -> tuple[tuple[str, ...], list[pl.Series]]:
    """Cells with a class name each, or with several labels, to findings and their Int8 columns of 0 and 1.

    Args:
        cells: as written; null where nothing is said.
        positive: as for `class_findings`, where a cell holds one name.
        separator: what stands between several labels; "" says that a cell is one name; None guesses.
        notes: what was guessed is added.

    Raises:
        DataError: see `class_findings`.
    """
    said = cells.to_frame("cell").select(tidy(pl.col("cell"))).to_series().alias(cells.name)
    # "none" is a class: of those without the finding.
    cells = said.set(said.str.to_lowercase().is_in({*MISSING} - {"none"}), None)
    lists = bool(cells.count()) and bool(cells.drop_nulls().str.contains(_LIST).all())
    sign = _guessed(cells, lists) if separator is None else separator
    if not sign:
        if groups := Alike.of(cells):
            notes.append(f"{groups.said('class')}. Each is read as a class of its own.")
        return class_findings(cells, positive)
    distinct = cells.drop_nulls().unique()
    sets = {cell: _labels(cell, sign) for cell in distinct}
    names = sorted(set().union(*sets.values()))
    if positive and positive not in names:
        raise DataError(f"there is no label {positive!r}; {did_you_mean(positive, names)}")
    how = "lists" if lists else f"several labels with {sign!r} between them (separator)"
    if separator is None:
        notes.append(
            f"Cells of {cells.name!r} were read as {how}: {len(names):,} findings, {listed(names, 6)}."
        )
    names = [positive] if positive else names
    codes = {name: {cell: int(name in labels) for cell, labels in sets.items()} for name in names}
    return tuple(names), [
        cells.replace_strict(codes[name], default=None, return_dtype=pl.Int8).alias(name) for name in names
    ]


def _labels(cell: str, sign: str) -> set[str]:
    inside = re.sub(_LIST, r"\1", cell)
    parts = inside.split(sign)
    return {
        label for part in parts if (label := part.strip().strip("'\"").strip()) and label.lower() != "nan"
    }


def _guessed(cells: pl.Series, lists: bool) -> str:
    """The sign between labels, or nothing: one that names may have in them must divide cells into fewer labels."""
    if lists:
        return ","
    distinct = cells.drop_nulls().unique().to_list()
    for sign, alone in _SIGNS.items():
        if any(sign in cell for cell in distinct):
            labels = set().union(*(_labels(cell, sign) for cell in distinct))
            if alone or len(labels) < len(distinct):
                return sign
    return ""
