"""Checks of the same picture in two rows: a leak across parts, a contradiction between labels, or just waste."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.config import LabelsConfig
from hilum.doctor.duplicates import Near
from hilum.doctor.pictures import Pictures
from hilum.doctor.report import Check, Level
from hilum.table import Table

_MANY_COPIES = 0.01
"""Share of the smaller of two parts from which near copies of the other spoil its scores."""
_LEAST_COPIES = 3
_NEARLY_EQUAL = ("pair of nearly equal pictures lies", "pairs of nearly equal pictures lie")
_MIRRORED = ("pair of pictures that mirror each other lies", "pairs of pictures that mirror each other lie")
_WHERE = (
    (
        "in two official parts: scores on the second would be too good",
        "Keep one of each; --json lists them.",
    ),
    (
        "under two patient ids: a split may tear them apart",
        "Keep one of each, or correct the patient ids, so that they stay together; --json lists them.",
    ),
    ("with one patient: only a waste", ""),
)


def twin_checks(table: Table, pictures: Pictures) -> Iterator[Check]:
    """Exact and near duplicates across official parts, across patients, and of one patient."""
    groups = _exact_groups(pictures.frame["digest"].to_list())
    yield from _contradictions(table, groups)
    yield from _where(
        table,
        "exact-duplicates",
        ("group of identical files lies", "groups of identical files lie"),
        groups,
        ("fault", "warning", "note"),
    )
    rest = np.setdiff1d(pictures.rows("ok"), [row for group in groups for row in group[1:]]).astype(np.int64)
    looks = pictures.looks
    pairs, most = looks.near(rest), looks.most_bits(rest)
    if pairs and looks.all_alike(rest):
        copies = looks.copies(pairs, rest)
        if alike := [pair for pair, copy in zip(pairs, copies, strict=True) if not copy]:
            yield _look_alikes(table, alike, looks.usual_distance(rest))
        pairs = [pair for pair, copy in zip(pairs, copies, strict=True) if copy]
        yield from _near(table, pairs, _NEARLY_EQUAL) if pairs else ()
        return
    yield from _near(table, [pair for pair in pairs if pair.bits <= most], _NEARLY_EQUAL)
    mirrored = [pair for pair in _mirrored(table, pictures, rest) if pair.bits <= most]
    yield from _near(table, mirrored, _MIRRORED) if mirrored else ()


def _near(table: Table, pairs: Sequence[Near], what: tuple[str, str]) -> Iterator[Check]:
    """What is said of near duplicates: a fault where they are many across two official parts."""
    groups = [[pair.first, pair.second] for pair in pairs]
    yield from _where(
        table,
        "near-duplicates",
        what,
        groups,
        ("fault" if _many(table, groups) else "warning", "warning", "note"),
        {(pair.first, pair.second): pair for pair in pairs},
    )


def _mirrored(table: Table, pictures: Pictures, rows: npt.NDArray[np.int64]) -> list[Near]:
    """Pictures of one official part that are mirror images of another's, as copies made for augmentation are.

    Within a part they spoil no score and are not looked for.
    """
    parts = sorted(table.official_parts().values(), key=len, reverse=True)
    if len(parts) < 2:
        return []
    others = np.intersect1d(rows, np.concatenate(parts[1:]))
    part = table.frame["official_split"].to_list()
    pairs = pictures.looks.mirrored(rows, others)
    return [pair for pair in pairs if part[pair.first] is not None and part[pair.first] != part[pair.second]]


def _many(table: Table, groups: Sequence[Sequence[int]]) -> bool:
    """Whether copies across two official parts are a share of the smaller one that spoils its scores."""
    parts = table.frame["official_split"]
    sizes = dict(parts.drop_nulls().value_counts().iter_rows())
    copied: defaultdict[frozenset[str], set[int]] = defaultdict(set)
    for first, second in groups:
        if None not in (between := {parts[first], parts[second]}) and len(between) == 2:
            smaller = min(sorted(between), key=sizes.__getitem__)
            copied[frozenset(between)].add(first if parts[first] == smaller else second)
    least = {between: min(sizes[part] for part in between) for between in copied}
    return any(
        len(rows) >= _LEAST_COPIES and len(rows) > _MANY_COPIES * least[p] for p, rows in copied.items()
    )


def _look_alikes(table: Table, pairs: Sequence[Near], usual: float) -> Check:
    """Near pairs of a data set whose different pictures are near each other too: they prove nothing."""
    nearest = sorted(pairs, key=lambda pair: pair.bits)
    groups = [[pair.first, pair.second] for pair in nearest]
    count = f"{len(pairs):,} {'pair' if len(pairs) == 1 else 'pairs'} of nearly equal pictures"
    return Check(
        "note",
        "near-duplicates",
        f"{count} (the nearest: {_named(table, groups[:1])}) may be of different things: pictures here look "
        f"alike. 1 pair in 100 differs in {usual:.0f} of the hash's 255 bits or fewer; of chests, in 68 or more.",
        "Look at the first that --json lists: the nearest come first.",
        {"images": _ids(table, groups)} | _measured(nearest),
    )


def _measured(pairs: Sequence[Near]) -> dict[str, Any]:
    correlation = [round(pair.correlation, 4) for pair in pairs]
    return {"bits": [pair.bits for pair in pairs], "correlation": correlation}


def _contradictions(table: Table, groups: Sequence[Sequence[int]]) -> Iterator[Check]:
    """Identical files of which one row says positive and another negative."""
    targets = table.targets(LabelsConfig(), scoring=True)
    wrong = [group for group in groups if _contradict(targets[list(group)])]
    if wrong:
        yield Check(
            "fault",
            "contradicting-labels",
            f"{len(wrong):,} {'files have' if len(wrong) > 1 else 'file has'} contradicting labels in two rows "
            f"({_named(table, wrong)}).",
            "Find out which label is right and keep one row; --json lists them.",
            {"images": _ids(table, wrong)},
        )


def _contradict(targets: npt.NDArray[np.float32]) -> bool:
    return bool(((targets == 1).any(axis=0) & (targets == 0).any(axis=0)).any())


def _where(
    table: Table,
    name: str,
    what: tuple[str, str],
    groups: Sequence[Sequence[int]],
    levels: tuple[Level, Level, Level],
    nearness: dict[tuple[int, int], Near] | None = None,
) -> Iterator[Check]:
    """One check for each of: across official parts, across patients, of one patient."""
    parts, patients = table.frame["official_split"].to_list(), table.frame["patient_id"].to_list()
    sorted_out: tuple[list[Sequence[int]], ...] = ([], [], [])
    for group in groups:
        across_parts = len({parts[row] for row in group} - {None}) > 1
        across_patients = len({patients[row] for row in group}) > 1
        sorted_out[0 if across_parts else 1 if across_patients else 2].append(group)
    for found, (where, what_to_do), level in zip(sorted_out, _WHERE, levels, strict=True):
        if found:
            details: dict[str, Any] = {"images": _ids(table, found)}
            if nearness is not None:
                details |= _measured([nearness[group[0], group[1]] for group in found])
            message = f"{len(found):,} {what[len(found) > 1]} {where} ({_named(table, found)})."
            yield Check(level, name, message, what_to_do, details)
    if not groups:
        yield Check("ok", name, f"There is no {what[0].rsplit(maxsplit=1)[0]}.")


def _ids(table: Table, groups: Iterable[Sequence[int]]) -> list[list[str]]:
    ids = table.frame["image_id"].to_list()
    return [[ids[row] for row in group] for group in groups]


def _named(table: Table, groups: Sequence[Sequence[int]]) -> str:
    first = " = ".join(table.frame["path"][row] for row in groups[0][:2])
    return first if len(groups) == 1 else f"the first: {first}"


def _exact_groups(digests: Sequence[str | None]) -> list[list[int]]:
    """Rows that share a digest, in groups of two or more, in row order; None is not compared."""
    rows: dict[str, list[int]] = {}
    for row, digest in enumerate(digests):
        if digest is not None:
            rows.setdefault(digest, []).append(row)
    return [group for group in rows.values() if len(group) > 1]
