"""Folders or columns of class names, and which findings they become."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from hilum.errors import DataError, did_you_mean
from hilum.text import plain

NEGATIVE_NAMES = (
    "normal",
    "negative",
    "neg",
    "empty",
    "healthy",
    "control",
    "controls",
    "none",
    "no",
    "false",
    "0",
    "absent",
    "background",
    "nofinding",
    "nofindings",
    "clear",
    "benign",
)
"""Class names that mean "nothing found", compared without case, spaces and signs."""


def positive_class(names: Sequence[str]) -> str:
    """Of two class names, the positive one: the other one is in `NEGATIVE_NAMES`, or is "not", "no" or "non"
    and this one; else the alphabetically last.
    """
    first, last = sorted(names)
    if plain(last) in NEGATIVE_NAMES and plain(first) not in NEGATIVE_NAMES:
        return first
    denied = {prefix + plain(first) for prefix in ("not", "no", "non")}
    return first if plain(last) in denied and plain(first) not in NEGATIVE_NAMES else last


def class_findings(classes: pl.Series, positive: str = "") -> tuple[tuple[str, ...], list[pl.Series]]:
    """One class name a row to findings and their Int8 columns of 0 and 1.

    Two classes give one finding, named after the positive one (`positive_class`); more give one finding each.
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
        names = [positive or positive_class(names)]
    return tuple(names), [(classes == name).cast(pl.Int8).alias(name) for name in names]
