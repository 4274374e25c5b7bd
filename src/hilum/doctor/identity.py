"""Checks of who the rows are about, and what the source guessed."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from hilum.doctor.report import Check
from hilum.table import Table, alike_patients, said_of
from hilum.text import listed, many

YEARS = 20.0
"""Films of one patient over more years than this are rare; two people under one id are not. NIH ChestX-ray14 was
collected over 23 years, and its longest series of one patient spans 13."""


def identity_checks(table: Table) -> Iterator[Check]:
    """What the source guessed and left out, ids that may be the same person, patients who are two people."""
    for at, note in enumerate(table.notes, 1):
        more = (
            "If that is wrong, give the source options; see `hilum sources`."
            if at == len(table.notes)
            else ""
        )
        yield Check("note", "source", note, more)
    if groups := alike_patients(table):
        yield Check(
            "warning",
            "alike-patients",
            f"{said_of(groups)}. One person under two ids may be in two parts.",
            "Write each patient in one way in the table, if they are the same.",
            {"patients": [list(group) for group in groups]},
        )
    yield from _two_people(table)


def _two_people(table: Table) -> Iterator[Check]:
    by_patient = table.frame.group_by("source", "patient_id", maintain_order=True).agg(
        sexes=pl.col("sex").drop_nulls().n_unique(), years=pl.col("age").max() - pl.col("age").min()
    )
    both = by_patient.filter(pl.col("sexes") > 1)["patient_id"].to_list()
    apart = by_patient.filter(pl.col("years") > YEARS)["patient_id"].to_list()
    said = [f"{many(len(both), 'patient')} of two sexes ({listed(both, 3)})"] if both else []
    said += (
        [f"{many(len(apart), 'patient')} of ages over {YEARS:g} years apart ({listed(apart, 3)})"]
        if apart
        else []
    )
    if said:
        yield Check(
            "warning",
            "two-people",
            f"{' and '.join(said)}: two people under one id, or errors of the record.",
            "Two people count as one in every split and interval: give them two ids, or correct the record.",
            {"sexes": both, "ages": apart},
        )
