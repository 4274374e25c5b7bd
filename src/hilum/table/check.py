"""Questions to ask of a table and of how its rows are shared out; pixels are not needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.table.identity import alike
from hilum.table.table import Table

Rows = npt.NDArray[np.int64]
ROUNDING = 1e-9
PARTS = ("train", "valid", "test")
TRAITS = ("sex", "projection", "view")
"""What besides the findings should be equally frequent in every part."""


@dataclass(frozen=True)
class Gap:
    """A finding or trait whose rate differs between two parts; rates are shares of the part's images."""

    name: str
    first: float
    second: float

    def __str__(self) -> str:
        return f"{self.name} {self.first:.1%} against {self.second:.1%}"


def rate_gaps(table: Table, first: Rows, second: Rows, points: float = 2.0) -> tuple[Gap, ...]:
    """Findings and traits whose rate differs by more than `points` percentage points between two parts.

    Args:
        table: what `first` and `second` are rows of.
        first: int64, rows of one part.
        second: int64, rows of the other.
        points: in hundredths; 2 is what the CheXpert framework of 2020 warned of.

    Returns:
        The gaps, widest first; empty where either part is.
    """
    if not len(first) or not len(second):
        return ()
    names, marks = marked(table)
    rates = [marks[rows].mean(axis=0) for rows in (first, second)]
    gaps = [
        Gap(name, float(a), float(b))
        for name, a, b in zip(names, *rates, strict=True)
        if abs(a - b) > points / 100 + ROUNDING
    ]
    return tuple(sorted(gaps, key=lambda gap: -abs(gap.first - gap.second)))


def marked(table: Table) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Names, and int64 [n, m] of 0 and 1: each finding positive, then each value of each trait.

    Of a trait that is always known and has two values, the second says nothing new and is left out.
    """
    columns = {name: pl.col(name).eq(1) for name in table.findings}
    for trait in TRAITS:
        values = sorted(table.frame[trait].drop_nulls().unique())
        if len(values) == 2 and not table.frame[trait].null_count():
            values = values[:1]
        columns |= {f"{trait} {value}": pl.col(trait).eq(value) for value in values}
    if not columns:
        return (), np.zeros((len(table), 0), np.int64)
    marks = table.frame.select(
        mark.fill_null(False).cast(pl.Int64).alias(str(i)) for i, mark in enumerate(columns.values())
    )
    return tuple(columns), marks.to_numpy()


def without_positives(table: Table, rows: Rows) -> tuple[str, ...]:
    """Findings without a positive among these rows."""
    part = table.frame[rows]
    return tuple(name for name in table.findings if not part[name].eq(1).any())


def shared_patients(table: Table, parts: Mapping[str, Rows]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Patients with images in two parts: for each such pair of parts, their ids in order."""
    patients = {name: set(table.frame["patient_id"][rows]) for name, rows in parts.items()}
    return {
        pair: tuple(sorted(both))
        for pair in combinations(patients, 2)
        if (both := patients[pair[0]] & patients[pair[1]])
    }


def alike_patients(table: Table) -> list[tuple[str, ...]]:
    """Patients of one source whose ids differ only in case, leading zeros or signs; none where every image is a
    patient of its own."""
    frame = table.frame.select("patient_id", "source")
    if table.patients == len(table) and nobody_named(table):
        return []
    return [group for source in frame.partition_by("source") for group in alike(source["patient_id"])]


def nobody_named(table: Table) -> bool:
    """Whether every image is taken for a patient of its own because nothing says whose it is."""
    names = table.frame["image_id"]
    if table.frame["source"].eq("folder").all():
        names = names.str.split("/").list.last()
    return len(table) > 1 and bool(table.frame["patient_id"].eq(names).all())


def official_parts(table: Table) -> dict[str, Rows]:
    """Rows of each part that the data set itself names; parts without rows are left out."""
    official = table.frame["official_split"]
    rows = {part: official.eq(part).fill_null(False).arg_true().cast(pl.Int64).to_numpy() for part in PARTS}
    return {part: found for part, found in rows.items() if len(found)}
