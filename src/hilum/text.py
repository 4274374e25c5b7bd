"""How values and lists are said: the same in tables, reports and messages."""

from __future__ import annotations

import math
from collections.abc import Sequence

MISSING = "–"


def cell(value: object) -> str:
    """One cell of a table: thousands separated, other numbers with three decimals, None and NaN as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def listed(names: Sequence[object], most: int = 5) -> str:
    """The first few names and how many more there are, for a message."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def plain(name: str) -> str:
    """A name without case, spaces and signs, to compare it with others: `Patient ID` is `patientid`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def many(count: int, what: str) -> str:
    """A number of things: `1 image`, `1,024 images`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
