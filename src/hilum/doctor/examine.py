"""`doctor`: read a source, ask every question, and put the answers together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from hilum.config import CleanConfig, LimitsConfig
from hilum.doctor.files import file_checks
from hilum.doctor.labels import label_checks
from hilum.doctor.pictures import Pictures, read_pictures
from hilum.doctor.report import Check, Report
from hilum.doctor.shortcuts import shortcut_checks
from hilum.doctor.twins import twin_checks
from hilum.errors import DataError
from hilum.table import Table, all_sources, clean, read_quietly
from hilum.text import listed, many

_YEARS = 20.0
"""Films of one patient over more years than this are rare; two people under one id are not. NIH ChestX-ray14 was
collected over 23 years, and its longest series of one patient spans 13."""


def doctor(
    source: str,
    root: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    filters: CleanConfig | None = None,
    findings: Sequence[str] = (),
    images: bool = True,
    size: int = 0,
    max_bad: float = 0.01,
    workers: int | None = None,
    limits: LimitsConfig | None = None,
) -> Report:
    """Examine a data set before an hour is lost on it.

    Args:
        source, root, options: one of `SOURCES`, its folder, its options.
        filters: rows to examine, as a run would filter them.
        findings: findings to examine; empty means all.
        images: whether to open the images too.
        size: side in pixels at which they are to be used; 0 where it is not known yet.
        max_bad: share of missing or unreadable images up to which they are no fault.
        workers: threads that read images; None means a few more than there are processors.
        limits: what one image may cost; a larger one is unreadable.

    A table that cannot be made from what is there (a missing column, an image id twice) is a fault in the report.

    Raises:
        DataError: there is no such source, folder or finding, the folder is of another source, or no row is left.
    """
    options, filters = options or {}, filters or CleanConfig()
    everything = _table(source, root, options)
    if isinstance(everything, Check):
        return Report(source, str(root), checks=(everything,))
    table, steps = clean(everything.select(findings), filters)
    pictures = read_pictures(table, workers, limits, films=filters.films != "any") if images else None
    checks = tuple(
        _checks(table, pictures, size, max_bad, patients_given=bool(options.get("patient_pattern")))
    )
    return _described(Report(source, str(root), steps=tuple(steps), checks=checks), table, pictures)


def _table(source: str, root: str | Path, options: Mapping[str, Any]) -> Table | Check:
    """The table, or the fault that keeps it from being made."""
    found = all_sources()[source]
    try:
        return read_quietly(source, root, **options)
    except DataError as error:
        # No source, folder or match is the question's fault; whatever else is wrong is the data's.
        if not found.matches(Path(root).expanduser()):
            raise
        told = f"The table cannot be made: {error}"
        return Check("fault", "table", told, "Correct this first, then ask again.")


def _checks(
    table: Table, pictures: Pictures | None, size: int, max_bad: float, patients_given: bool
) -> Iterator[Check]:
    yield from _identity(table)
    yield from label_checks(table, patients_given)
    if pictures is not None:
        yield from file_checks(table, pictures, size, max_bad)
        yield from twin_checks(table, pictures) if len(pictures.rows("ok")) else ()
    if table.findings:
        yield from shortcut_checks(table, pictures.frame if pictures is not None else None)


def _described(report: Report, table: Table, pictures: Pictures | None) -> Report:
    parts = []
    for part, rows in table.official_parts().items():
        taken = table.take(rows)
        rates = {row["finding"]: row["positive_rate"] for row in taken.counts().to_dicts()}
        parts.append({"part": part, "images": len(taken), "patients": taken.patients, "positive_rate": rates})
    return replace(
        report,
        images=len(table),
        patients=table.patients,
        findings=tuple(table.counts().to_dicts()),
        parts=tuple(parts),
        pictures=pictures.describe() if pictures is not None else {},
    )


def _identity(table: Table) -> Iterator[Check]:
    """What the source guessed and left out, ids that may be the same person, patients who are two people."""
    for at, note in enumerate(table.notes, 1):
        last = at == len(table.notes)
        more = "If that is wrong, give the source options; see `hilum sources`." if last else ""
        yield Check("note", "source", note, more)
    if groups := table.alike_patients():
        yield Check(
            "warning",
            "alike-patients",
            f"{groups}. One person under two ids may be in two parts.",
            "Write each patient in one way in the table, if they are the same.",
            {"patients": [list(group) for group in groups]},
        )
    by_patient = table.frame.group_by("source", "patient_id", maintain_order=True).agg(
        sexes=pl.col("sex").drop_nulls().n_unique(), years=pl.col("age").max() - pl.col("age").min()
    )
    both = by_patient.filter(pl.col("sexes") > 1)["patient_id"].to_list()
    apart = by_patient.filter(pl.col("years") > _YEARS)["patient_id"].to_list()
    found = {"of two sexes": both, f"of ages over {_YEARS:g} years apart": apart}
    said = [f"{many(len(ids), 'patient')} {what} ({listed(ids, 3)})" for what, ids in found.items() if ids]
    if said:
        yield Check(
            "warning",
            "two-people",
            f"{' and '.join(said)}: two people under one id, or errors of the record.",
            "Two people count as one in every split and interval: give them two ids, or correct the record.",
            {"sexes": both, "ages": apart},
        )
