"""What a reader of a data report must know first: a pack counted, and checked without a look at its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from hilum.doctor.duplicates import Looks
from hilum.doctor.groups import ATTRIBUTES
from hilum.doctor.labels import label_checks
from hilum.doctor.numbers import DataNumbers
from hilum.doctor.pictures import Originals, Pictures
from hilum.doctor.report import LEVELS, Check
from hilum.doctor.shortcuts import shortcut_checks
from hilum.doctor.twins import twin_checks
from hilum.metrics import FEW
from hilum.pixels import Pack
from hilum.table import Table
from hilum.text import listed, many

_MUCH_BLANK = 0.5
"""Share of blank labels from which it is worth a word."""
_MUCH_UNCERTAIN = 0.1
"""Share of uncertain labels, among those that are not blank, from which their policy decides much."""
_MUCH_EXCLUDED = 0.01
_ABOUT_PATIENTS = ("sex", "age_band")
"""Attributes that may well be honest risk factors."""
_BESIDE_NO_FINDING = ("Support Devices",)
"""In CheXpert a picture with devices only still has no finding."""


@dataclass(frozen=True)
class PackReport:
    """What was found of a pack.

    Attributes:
        pack: which one.
        numbers: what was counted.
        originals: what the headers say of the files that it was made from.
        checks: the worst first; those that ended well are left out.
    """

    pack: Pack
    numbers: DataNumbers
    originals: Originals
    checks: tuple[Check, ...]

    @classmethod
    def of(cls, pack: Pack) -> PackReport:
        """Count and check a pack; its table, its statistics and some headers of the original files are read."""
        numbers, originals = DataNumbers.of(pack), Originals.of(pack)
        return cls(pack, numbers, originals, _checks(pack, numbers, originals.frame))

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON values, but for details of checks, which may name patients."""
        pack = self.pack
        told = ("level", "name", "message", "what_to_do")
        return {
            "pack": pack.path.resolve().name,
            "source": pack.info["source"],
            "created": pack.info["created"],
            "fingerprint": pack.fingerprint,
            "table_fingerprint": pack.info["table_fingerprint"],
            "prepare": pack.prepare.model_dump(mode="json"),
            "excluded": pack.excluded.height,
            "checks": [{name: getattr(check, name) for name in told} for check in self.checks],
            **self.numbers.to_json(),
            "originals": self.originals.to_json(),
        }


def _checks(pack: Pack, numbers: DataNumbers, files: pl.DataFrame | None = None) -> tuple[Check, ...]:
    """`files` are facts of each row's original (width, height, bits, mode, kind), null where unknown."""
    table = pack.table
    checks = [*label_checks(table), *_twins(pack)]
    if table.findings:
        checks += shortcut_checks(table, files)
    checks += [*_excluded(pack), *_blank(numbers), *_uncertain(numbers)]
    checks += [*_together(numbers), *_no_finding(table), *_dependences(numbers)]
    return tuple(sorted((c for c in checks if c.level != "ok"), key=lambda c: LEVELS.index(c.level)))


def _twins(pack: Pack) -> Iterator[Check]:
    """Pictures that are equal to the last pixel, from the digests that the pack keeps."""
    known = pl.DataFrame({"state": "packed", "digest": pack.stats["digest"]})
    for check in twin_checks(pack.table, Pictures(known, Looks.empty(len(pack)))):
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
            "warning" if left_out / whole > _MUCH_EXCLUDED else "note",
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
        message = f"Blank in every row: {listed(blank)}."
        yield Check("warning", "all-blank", message, "They say nothing; leave them out with data.findings.")
    mostly = [
        f"{row.finding} ({row.blank / numbers.images:.0%})"
        for row in rows
        if _MUCH_BLANK <= row.blank / max(numbers.images, 1) < 1
    ]
    if mostly:
        message = f"Mostly not mentioned: {listed(mostly, 4)}."
        what_to_do = (
            'labels.blank decides whether these count as negative ("zeros", the default) or not at all.'
        )
        yield Check("note", "mostly-blank", message, what_to_do)


def _uncertain(numbers: DataNumbers) -> Iterator[Check]:
    """Findings whose policy for uncertain labels decides much."""
    rows = numbers.findings
    unsure = [
        (row.uncertain / (numbers.images - row.blank), row)
        for row in rows
        if row.uncertain > _MUCH_UNCERTAIN * (numbers.images - row.blank)
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
        message = f"Positive on exactly the same images: {listed(same, 3)}."
        yield Check("warning", "always-together", message, "No model can tell them apart; keep one.")
    if within:
        yield Check("note", "only-together", f"Never positive without another finding: {listed(within, 3)}.")


def _no_finding(table: Table) -> Iterator[Check]:
    others = [name for name in table.diseases if name not in _BESIDE_NO_FINDING]
    if len(table.diseases) == len(table.findings) or not others:
        return
    (said,) = set(table.findings) - set(table.diseases)
    both = pl.col(said).eq(1) & pl.any_horizontal(pl.col(others).eq(1).fill_null(False))
    if found := table.frame.filter(both).height:
        yield Check(
            "warning",
            "no-finding",
            f"{many(found, 'image')} {'has' if found == 1 else 'have'} both {said} and a finding.",
            f"One of the two labels is wrong; leave {said} out, or correct the labels.",
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
        patients, name = attribute in _ABOUT_PATIENTS, ATTRIBUTES[attribute]
        yield Check(
            "note" if patients else "warning",
            f"depends-on-{name.replace(' ', '-')}",
            f"{'Findings depend' if len(own) > 1 else 'A finding depends'} on {name}: {listed(said, 3)}.",
            "" if patients else f"A model may learn {name} in its place: look at scores within each.",
        )
