"""Scores as the report shows them: a number, its interval under it, and how that came about."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hilum.metrics import COUNTS, SCORES, Scores
from hilum.text import MISSING, cell, listed, many


@dataclass(frozen=True)
class Value:
    """One score; `low` and `high` are NaN where there is no interval."""

    value: float
    low: float = math.nan
    high: float = math.nan
    method: str = ""

    @property
    def text(self) -> str:
        """The number with three decimals, or a dash."""
        return cell(float(self.value))

    @property
    def range(self) -> str:
        """`0.953–0.980`, or nothing."""
        if math.isnan(self.low) or math.isnan(self.high):
            return ""
        between = "–" if self.low >= 0 else " to "
        return f"{self.low:.3f}{between}{self.high:.3f}"

    @property
    def both(self) -> str:
        """`0.968 (0.953–0.980)`."""
        return f"{self.text} ({self.range})" if self.range else self.text


@dataclass(frozen=True)
class Count:
    """How many of how many."""

    value: float
    of: float

    @property
    def text(self) -> str:
        """The count."""
        return MISSING if math.isnan(self.value) else f"{int(self.value):,}"

    @property
    def range(self) -> str:
        """What it is a part of."""
        return "" if math.isnan(self.value) else f"of {int(self.of):,}"


def value_of(scores: Scores, name: str, column: int | None = None) -> Value:
    """A score of one finding, or its mean over findings, with its interval where there is one.

    Args:
        scores: of a part.
        name: a score of one finding.
        column: the finding's position; None means the mean (of one finding: its own score).
    """
    if column is None and len(scores.findings) == 1:
        column = 0
    if name not in scores.columns:
        return Value(math.nan)
    value = scores.mean(name)[0] if column is None else float(scores[name][column])
    found = scores.intervals
    if found is None or name in COUNTS:
        return Value(value)
    interval = (found.means if column is None else found.columns).get(name)
    if interval is None:
        return Value(value)
    at = () if column is None else (column,)
    return Value(value, float(interval.low[at]), float(interval.high[at]), interval.method)


def combined_value(scores: Scores, name: str) -> Value:
    """A score over all findings, with its interval where there is one."""
    value, found = scores.combined[name], scores.intervals
    interval = found.combined.get(name) if found else None
    if interval is None:
        return Value(value)
    return Value(value, float(interval.low), float(interval.high), interval.method)


def interval_note(scores: Scores, names: tuple[str, ...], *, means: bool = False) -> str:
    """How the intervals of some scores came about, in one phrase; empty where there are none.

    Args:
        scores: of a part.
        names: of `SCORES`.
        means: of their means over findings.
    """
    found = scores.intervals
    if found is None:
        return ""
    columns = found.means if means and len(scores.findings) > 1 else found.columns
    methods: dict[str, list[str]] = {}
    for name in names:
        if name in columns:
            methods.setdefault(columns[name].method, []).append(SCORES[name].heading)
    if not methods:
        return ""
    each = "; ".join(
        f"{_method(method, found.replicates)}{f' for {listed(titles, 9)}' if len(methods) > 1 else ''}"
        for method, titles in methods.items()
    )
    return f"{100 * found.level:g} % intervals over {many(found.patients, 'patient')}, by {each}"


def _method(method: str, replicates: int) -> str:
    return f"{method} ({replicates:,} samples)" if method.startswith("bootstrap") else method
