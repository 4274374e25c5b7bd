"""`doctor`: read a source, ask every question, and put the answers together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from hilum.config import CleanConfig, LimitsConfig
from hilum.doctor.files import describe, file_checks
from hilum.doctor.identity import identity_checks
from hilum.doctor.labels import label_checks, shortcut_checks
from hilum.doctor.pictures import Pictures, read_pictures
from hilum.doctor.predicting import looked_at, shortcuts
from hilum.doctor.report import Check, Report
from hilum.doctor.twins import twin_checks
from hilum.errors import DataError
from hilum.table import Rows, Step, Table, clean, find_source, official_parts, read_quietly

MAX_BAD = 0.01


def doctor(
    source: str,
    root: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    filters: CleanConfig | None = None,
    findings: Sequence[str] = (),
    images: bool = True,
    size: int = 0,
    max_bad: float = MAX_BAD,
    workers: int | None = None,
    limits: LimitsConfig | None = None,
) -> Report:
    """Examine a data set before an hour is lost on it.

    Args:
        source: one of `SOURCES`.
        root: its folder.
        options: options of the source.
        filters: rows to examine, as a run would filter them.
        findings: findings to examine; empty means all.
        images: whether to open the images too.
        size: side in pixels at which they are to be used; 0 where it is not known yet.
        max_bad: share of missing or unreadable images up to which they are no fault.
        workers: threads that read images; None means a few more than there are processors.
        limits: what one image may cost; a larger one is unreadable.

    Returns:
        the report; a table that cannot be made from what is there (a missing column, an image id twice) is a
        fault in it.

    Raises:
        DataError: there is no such source, folder or finding, the folder is of another source, or no row is left.
    """
    try:
        everything = read_quietly(source, root, **(options or {}))
    except DataError as error:
        # No source, folder or match is the question's fault; whatever else is wrong is the data's.
        if not find_source(source).matches(Path(root).expanduser()):
            raise
        return _unreadable_table(source, root, error)
    table, steps = clean(everything.select(findings), filters or CleanConfig())
    films = (filters or CleanConfig()).films != "any"
    pictures = read_pictures(table, workers, limits or LimitsConfig(), films=films) if images else None
    checks = _checks(
        table, pictures, size, max_bad, patients_given=bool((options or {}).get("patient_pattern"))
    )
    return _report(source, root, table, steps, pictures, checks)


def _unreadable_table(source: str, root: str | Path, error: DataError) -> Report:
    check = Check(
        "fault", "table", f"The table cannot be made: {error}", "Correct this first, then ask again."
    )
    return Report(source, str(root), 0, 0, (), (), (), {}, (check,))


def _checks(
    table: Table, pictures: Pictures | None, size: int, max_bad: float, patients_given: bool
) -> Iterator[Check]:
    yield from identity_checks(table)
    yield from label_checks(table, patients_given)
    if pictures is not None:
        yield from file_checks(table, pictures, size, max_bad)
        yield from twin_checks(table, pictures) if len(pictures.rows("ok")) else ()
    if table.findings:
        files = pictures.frame if pictures is not None else None
        yield from shortcut_checks(shortcuts(table, files), *looked_at(table, files))


def _report(
    source: str,
    root: str | Path,
    table: Table,
    steps: list[Step],
    pictures: Pictures | None,
    checks: Iterable[Check],
) -> Report:
    return Report(
        source=source,
        root=str(root),
        images=len(table),
        patients=table.patients,
        steps=tuple(steps),
        findings=tuple(table.counts().to_dicts()),
        parts=tuple(_part(table, part, rows) for part, rows in official_parts(table).items()),
        pictures=describe(pictures) if pictures is not None else {},
        checks=tuple(checks),
    )


def _part(table: Table, part: str, rows: Rows) -> dict[str, Any]:
    taken = table.take(rows)
    rates = taken.frame.select(pl.col(name).eq(1).fill_null(False).mean() for name in table.findings)
    return {
        "part": part,
        "images": len(taken),
        "patients": taken.patients,
        "positive_rate": rates.to_dicts()[0] if table.findings else {},
    }
