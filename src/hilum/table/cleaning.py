"""Which rows take part: the filters of `CleanConfig`, with a row count for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import polars as pl

from hilum.config import CleanConfig
from hilum.errors import DataError
from hilum.table.table import Table


@dataclass(frozen=True)
class Step:
    """What one filter did: rows before and after it."""

    name: str
    before: int
    after: int

    def to_json(self) -> dict[str, str | int]:
        """As a run and a pack keep it."""
        return asdict(self)


def clean(table: Table, config: CleanConfig) -> tuple[Table, list[Step]]:
    """Apply the filters in order: parts, views, studies_below, projections, min_age.

    Args:
        table: what a source gave.
        config: the filters; those that are empty or 0 are not applied and give no step.

    Returns:
        the rows that remain, and a `Step` per applied filter. A row whose value is unknown does not pass a filter.

    Raises:
        DataError: a filter needs a column that the source lacks, or no row remains; the message names the filter.
    """
    steps: list[Step] = []
    for name, column, keep in _filters(config):
        frame = table.frame
        if column not in frame.columns or frame[column].null_count() == len(frame):
            raise DataError(
                f"clean.{name} filters by {column}, which this data does not have. "
                f"Remove clean.{name}, or use a source that says it."
            )
        table = table.filter(keep)
        steps.append(Step(name, len(frame), len(table)))
        if not len(table):
            values = frame[column].drop_nulls().unique().sort().to_list()
            there = ", ".join(str(value) for value in values[:8]) + (", ..." if len(values) > 8 else "")
            raise DataError(
                f"no row is left of {len(frame):,} after clean.{name} = {getattr(config, name)}; "
                f"{column} is {there} in the data."
            )
    return table, steps


def _filters(config: CleanConfig) -> Iterator[tuple[str, str, pl.Expr]]:
    """Name, needed column and condition of each filter that is set, in order."""
    if config.parts:
        yield "parts", "official_split", pl.col("official_split").is_in(config.parts)
    if config.views:
        yield "views", "view", pl.col("view").is_in(config.views)
    if config.studies_below:
        yield "studies_below", "study_number", pl.col("study_number") < config.studies_below
    if config.projections:
        yield "projections", "projection", pl.col("projection").is_in(config.projections)
    if config.min_age:
        yield "min_age", "age", pl.col("age") >= config.min_age
