"""What a reader of a data report must know first: the doctor's checks of a table, and those of labels together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from hilum.doctor import (
    BANDS,
    LEVELS,
    SIDE,
    Check,
    Pictures,
    label_checks,
    looked_at,
    shortcut_checks,
    shortcuts,
    twin_checks,
)
from hilum.metrics import FEW
from hilum.pixels import Pack
from hilum.report.dataset.groups import ATTRIBUTES
from hilum.report.dataset.numbers import NO_FINDING, DataNumbers
from hilum.table import Table
from hilum.text import listed, many

MUCH_BLANK = 0.5
"""Share of blank labels from which it is worth a word."""
MUCH_UNCERTAIN = 0.1
"""Share of uncertain labels, among those that are not blank, from which their policy decides much."""
MUCH_EXCLUDED = 0.01
ABOUT_PATIENTS = ("sex", "age_band")
"""Attributes that may well be honest risk factors."""
BESIDE_NO_FINDING = ("Support Devices",)
"""In CheXpert a picture with devices only still has no finding."""


def data_checks(pack: Pack, numbers: DataNumbers, files: pl.DataFrame | None = None) -> tuple[Check, ...]:
    """All checks that need no pixels, the worst first; those that ended well are left out.

    Args:
        pack: what to check.
        numbers: what was counted of it.
        files: facts of each row's original (width, height, bits, mode, kind), null where unknown.
    """
    table = pack.table
    checks = [*label_checks(table), *_twins(pack)]
    if table.findings:
        checks += shortcut_checks(shortcuts(table, files), *looked_at(table, files))
    checks += [*_excluded(pack), *_blank(numbers), *_uncertain(numbers)]
    checks += [*_together(numbers), *_no_finding(table), *_dependences(numbers)]
    return tuple(sorted((c for c in checks if c.level != "ok"), key=lambda c: LEVELS.index(c.level)))


def _twins(pack: Pack) -> Iterator[Check]:
    """Pictures that are equal to the last pixel, from the digests that the pack keeps."""
    n = len(pack)
    known = Pictures(
        pl.DataFrame({"state": ["packed"] * n, "digest": pack.stats["digest"]}),
        np.zeros((n, BANDS), np.uint16),
        np.broadcast_to(np.uint8(0), (n, SIDE, SIDE)),
    )
    for check in twin_checks(pack.table, known):
        if check.name != "near-duplicates":  # these need every picture; `hilum doctor` looks for them
            yield replace(
                check,
                message=check.message.replace("identical files", "identical pictures"),
                what_to_do=check.what_to_do.replace("--json lists", "hilum doctor --json lists"),
            )


def _excluded(pack: Pack) -> Iterator[Check]:
    left_out, whole = pack.excluded.height, len(pack) + pack.excluded.height
    if left_out:
        yield Check(
            "warning" if left_out / whole > MUCH_EXCLUDED else "note",
            "excluded",
            f"{many(left_out, 'image')} of {whole:,} ({left_out / whole:.1%}) could not be read, or "
            "show no chest, and are not in the pack.",
            "Get the files again and pack anew; excluded.parquet in the pack lists them, with the reasons.",
        )


def _blank(numbers: DataNumbers) -> Iterator[Check]:
    """Findings that are never, or seldom, mentioned."""
    rows = numbers.findings
    blank = [row.finding for row in rows if row.blank == numbers.images]
    if blank:
        yield Check(
            "warning",
            "all-blank",
            f"Blank in every row: {listed(blank)}.",
            "They say nothing; leave them out with data.findings.",
        )
    mostly = [
        f"{row.finding} ({row.blank / numbers.images:.0%})"
        for row in rows
        if MUCH_BLANK <= row.blank / max(numbers.images, 1) < 1
    ]
    if mostly:
        yield Check(
            "note",
            "mostly-blank",
            f"Mostly not mentioned: {listed(mostly, 4)}.",
            'labels.blank decides whether these count as negative ("zeros", the default) or not at all.',
        )


def _uncertain(numbers: DataNumbers) -> Iterator[Check]:
    """Findings whose policy for uncertain labels decides much."""
    rows = numbers.findings
    unsure = [
        (row.uncertain / (numbers.images - row.blank), row)
        for row in rows
        if row.uncertain > MUCH_UNCERTAIN * (numbers.images - row.blank)
    ]
    if unsure:
        said = [f"{row.finding} ({share:.0%})" for share, row in sorted(unsure, key=lambda pair: -pair[0])]
        yield Check(
            "warning" if any(row.uncertain > row.positive for _, row in unsure) else "note",
            "uncertain",
            f"Often called uncertain where mentioned at all: {listed(said, 4)}.",
            "labels.uncertain decides what becomes of them; compare two policies before you settle.",
        )


def _together(numbers: DataNumbers) -> Iterator[Check]:
    """Findings that are positive on the same images, or only where another is."""
    count = {row.finding: row.positive for row in numbers.findings}
    same, within = [], []
    for pair in numbers.pairs:
        if not pair.both:
            continue
        inner = min((pair.first, pair.second), key=count.__getitem__)
        outer = pair.second if inner == pair.first else pair.first
        if pair.both == count[inner] == count[outer]:
            same.append(f"{pair.first} and {pair.second} ({pair.both:,})")
        elif pair.both == count[inner] >= FEW and count[outer] < numbers.images:
            within.append(f"{inner} with {outer} ({pair.both:,})")
    if same:
        yield Check(
            "warning",
            "always-together",
            f"Positive on exactly the same images: {listed(same, 3)}.",
            "No model can tell them apart; keep one.",
        )
    if within:
        yield Check("note", "only-together", f"Never positive without another finding: {listed(within, 3)}.")


def _no_finding(table: Table) -> Iterator[Check]:
    others = [name for name in table.findings if name not in (NO_FINDING, *BESIDE_NO_FINDING)]
    if NO_FINDING not in table.findings or not others:
        return
    both = pl.col(NO_FINDING).eq(1) & pl.any_horizontal(pl.col(others).eq(1).fill_null(False))
    found = table.frame.filter(both).height
    if found:
        yield Check(
            "warning",
            "no-finding",
            f"{many(found, 'image')} {'has' if found == 1 else 'have'} both {NO_FINDING} and a finding.",
            f"One of the two labels is wrong; leave {NO_FINDING} out, or correct the labels.",
        )


def _dependences(numbers: DataNumbers) -> Iterator[Check]:
    """Findings that are twice as frequent, or more, in one group of images as in another."""
    for attribute in dict.fromkeys(found.high.attribute for found in numbers.dependences):
        if attribute == "official_split":  # told by the doctor
            continue
        own = [found for found in numbers.dependences if found.high.attribute == attribute]
        said = [
            f"{found.finding} {found.high_share:.1%} of {found.high.value} against {found.low_share:.1%} of "
            f"{found.low.value}"
            for found in own
        ]
        patients = attribute in ABOUT_PATIENTS
        yield Check(
            "note" if patients else "warning",
            f"depends-on-{ATTRIBUTES[attribute].replace(' ', '-')}",
            f"{'Findings depend' if len(own) > 1 else 'A finding depends'} on {ATTRIBUTES[attribute]}: "
            f"{listed(said, 3)}.",
            ""
            if patients
            else f"A model may learn {ATTRIBUTES[attribute]} in its place: look at scores within each.",
        )
