"""Sentences and tables of the data report, taken from its numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hilum.pixels import Pack
from hilum.report.dataset.groups import Group
from hilum.report.dataset.numbers import NO_FINDING, DataNumbers, Pair, positives
from hilum.report.dataset.shares import Patients, shares
from hilum.table import Table, official_parts
from hilum.text import many

HEAT_MOST = 30
"""Findings in the heat map, the most frequent ones."""
LEAST_DRAWN = 20
"""Images; smaller groups are in the table, not in the figure, where their intervals would hide the others."""
STRONGEST = 8
"""Pairs in each of the two lists."""
FULL = 3.0
"""log2 of the lift at which a colour is full: 8 times, or an eighth."""
SEXES = {"F": "female", "M": "male"}
MORE, LESS = "194, 65, 12", "11, 114, 133"


def summary(pack: Pack, numbers: DataNumbers) -> str:
    """The data in two or three sentences."""
    studies = f" in {many(numbers.studies, 'study').replace('studys', 'studies')}" if numbers.studies else ""
    told = (
        f"{many(numbers.images, 'image')} of {many(numbers.patients, 'patient')}{studies} "
        f"(source: {pack.info['source']}){_ages(numbers)}{_traits(numbers)}."
    )
    if not numbers.findings:
        return f"{told} No finding is labelled."
    ranked = sorted(numbers.findings, key=lambda row: -row.share)
    top, bottom = ranked[0], ranked[-1]
    if len(ranked) == 1:
        return f"{told} {top.finding} is positive in {many(top.positive, 'image')} ({top.share:.1%})."
    none = numbers.with_none
    return (
        f"{told} Of {len(ranked)} findings, {top.finding} is the most frequent ({top.positive:,} images, "
        f"{top.share:.1%}), {bottom.finding} the rarest ({bottom.positive:,}, {bottom.share:.1%}); "
        f"{many(none, 'image')} ({none / max(numbers.images, 1):.1%}) {'has' if none == 1 else 'have'} none."
    )


def _ages(numbers: DataNumbers) -> str:
    ages = numbers.ages
    if not ages["known"]:
        return ""
    return f", aged {ages['youngest']:.0f} to {ages['oldest']:.0f} years (median {ages['median']:.0f})"


def _traits(numbers: DataNumbers) -> str:
    """Shares of sex, view and projection among those that are known: `; 57% male, 43% female; all frontal`."""
    told = []
    for name in ("sex", "view", "projection"):
        values = {SEXES.get(value, value): n for value, n in numbers.values[name].items() if value}
        known = sum(values.values())
        shares = [f"{n / known:.0%} {value}" for value, n in values.items()]
        told += [", ".join(shares) if len(shares) > 1 else f"all {value}" for value in list(values)[:1]]
    return f"; {'; '.join(told)}" if told else ""


def part_table(table: Table, numbers: DataNumbers) -> list[dict[str, Any]]:
    """A row a finding with a cell for each official part: positive, share, low, high; empty without parts."""
    if len(numbers.parts) < 2:
        return []
    positive, patients = positives(table), Patients.of(table.frame["patient_id"])
    cells: list[list[dict[str, Any]]] = [[] for _ in table.findings]
    for rows in official_parts(table).values():
        mask = np.zeros(len(table), dtype=bool)
        mask[rows] = True
        found = shares(positive[mask], patients.take(mask))
        for j, row in enumerate(cells):
            row.append({name: getattr(found, name)[j].item() for name in ("count", "share", "low", "high")})
    return [{"finding": name, "cells": row} for name, row in zip(table.findings, cells, strict=True)]


def heat_map(numbers: DataNumbers) -> dict[str, Any]:
    """The lifts as a square of cells, the most frequent findings first.

    Each cell is a dict: `kind` (`own`, `lift` below the diagonal, `count` above it), `text`, `style`, `real` and
    a `title` in words.
    """
    ranked = sorted(numbers.findings, key=lambda row: -row.positive)[:HEAT_MOST]
    names = [row.finding for row in ranked if row.positive]
    if len(names) < 2:
        return {"names": [], "rows": [], "left_out": 0}
    pairs = {frozenset((pair.first, pair.second)): pair for pair in numbers.pairs}
    count = {row.finding: row.positive for row in ranked}
    rows = []
    for i, first in enumerate(names):
        cells = []
        for j, second in enumerate(names):
            if i == j:
                cells.append({"kind": "own", "text": f"{count[first]:,}", "style": "", "real": False})
            else:
                cells.append(_cell(pairs[frozenset((first, second))], below=j < i))
        rows.append({"finding": first, "cells": cells})
    return {"names": names, "rows": rows, "left_out": len(numbers.findings) - len(names)}


def _cell(pair: Pair, below: bool) -> dict[str, Any]:
    if not below:
        return {"kind": "count", "text": f"{pair.both:,}", "style": "", "real": False}
    return {"kind": "lift", "text": lift_text(pair.lift), "style": colour(pair.lift), "real": pair.real}


def colour(lift: float) -> str:
    """A cell's background: symmetric in the logarithm, so that 4 times is as deep as a quarter."""
    if math.isnan(lift):
        return ""
    size = min(abs(math.log2(lift)) if lift > 0 else FULL, FULL) / FULL
    return f"background: rgba({MORE if lift > 1 else LESS}, {0.6 * size:.2f})"


def lift_text(lift: float) -> str:
    """`0.31`, `2.40`, `17`."""
    if math.isnan(lift):
        return "–"
    return f"{lift:.2f}" if lift < 10 else f"{lift:,.0f}"


def strongest(numbers: DataNumbers) -> tuple[list[Pair], list[Pair]]:
    """Pairs that are more, and less, often together than chance allows, the strongest first.

    `No Finding` goes without the others by definition, so it is left out.
    """
    real = [pair for pair in numbers.pairs if pair.real and NO_FINDING not in (pair.first, pair.second)]
    more = sorted((pair for pair in real if pair.lift > 1), key=lambda pair: -pair.lift)
    less = sorted((pair for pair in real if pair.lift < 1), key=lambda pair: pair.lift)
    return more[:STRONGEST], less[:STRONGEST]


def group_tables(numbers: DataNumbers) -> list[dict[str, Any]]:
    """For each attribute: its title, its groups, and a row a finding with their rates."""
    by_attribute: dict[str, list[Group]] = {}
    for group in numbers.groups:
        if group.attribute != "official_split":  # has a table of its own
            by_attribute.setdefault(group.attribute, []).append(group)
    return [
        {
            "attribute": attribute,
            "title": groups[0].title,
            "groups": groups,
            "drawn": [group for group in groups if group.images >= LEAST_DRAWN] or groups,
            "rows": list(zip(*(group.rates for group in groups), strict=True)),
        }
        for attribute, groups in by_attribute.items()
        if groups[0].rates
    ]
