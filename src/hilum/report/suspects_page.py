"""`write_suspects`: the images whose labels are probably wrong, to be looked at one by one, and their verdicts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from hilum.errors import DiskError
from hilum.files import write_text
from hilum.noise import DUPLICATE, ERROR, LEARNING, Neighbour, Suspect, Suspects
from hilum.report.html import render
from hilum.report.thumbnails import Albums
from hilum.text import many

NAME = "suspects.html"
SIDE, NEAR_SIDE = 320, 144
"""Pixels of a suspect's picture and of a neighbour's: 60 suspects of five stay under 4 MiB."""
LABELS = {1: "positive", 0: "negative", None: "not known"}


@dataclass(frozen=True)
class Near:
    """One neighbour as the page shows it; `differs` where its label is known and is not the suspect's."""

    image_id: str
    label: str
    similarity: float
    differs: bool
    picture: str


@dataclass(frozen=True)
class Card:
    """One suspect as the page shows it."""

    suspect: Suspect
    given: str
    other: str
    picture: str
    reasons: tuple[str, ...]
    near: tuple[Near, ...]
    agreement: str


def write_suspects(suspects: Suspects, out: str | Path, *, shown: int = 60) -> Path:
    """Write the page on which suspects are reviewed; its verdicts are downloaded as an overlay of labels.

    The page holds its pictures, style and script; a reader's browser asks nobody for anything, and verdicts stay
    in that browser until they are downloaded.

    Args:
        suspects: what was found.
        out: an `.html` file, or a folder to put `suspects.html` into, made where there is none.
        shown: how many suspects at most; where there are several findings, the worst of each.

    Returns:
        The page's path.

    Raises:
        DiskError: it cannot be written.
    """
    path = page_path(Path(out), NAME)
    write_text(path, render("suspects.html", contents(suspects, shown)))
    return path


def page_path(out: Path, name: str) -> Path:
    """The file that `out` means: itself where it ends in `.html`, else `name` in the folder `out`."""
    path = out if out.suffix.lower() in {".html", ".htm"} else out / name
    if path.is_dir() or path.parent.is_file():
        found, wanted = (path, "a folder") if path.is_dir() else (path.parent, "a file")
        raise DiskError(f"{found} is {wanted}; name an .html file, or a folder to put {name} into.")
    return path


def contents(suspects: Suspects, shown: int = 60) -> dict[str, Any]:
    """Everything that the template shows."""
    albums = Albums()
    chosen = choose(suspects, shown)
    groups = [
        (rate, [_card(suspects, one, albums) for one in chosen if one.finding == rate.finding])
        for rate in suspects.rates
    ]
    lost = [f"No pictures of {pack}: {why}" for pack, why in albums.lost.items()]
    return {
        "suspects": suspects,
        "groups": groups,
        "count": len(chosen),
        "left": len(suspects.suspects) - len(chosen),
        "lead": _lead(suspects, len(chosen)),
        "warnings": [*suspects.warnings, *lost],
        "fingerprint": fingerprint(suspects),
    }


def choose(suspects: Suspects, shown: int) -> list[Suspect]:
    """The worst of each finding in turn until there are `shown`; then finding by finding, worst first."""
    queues = [suspects.of(rate.finding) for rate in suspects.rates]
    in_turn = [one for row in zip_longest(*queues) for one in row if one is not None][:shown]
    order = {rate.finding: place for place, rate in enumerate(suspects.rates)}
    return sorted(in_turn, key=lambda one: (order[one.finding], one.rank))


def fingerprint(suspects: Suspects) -> str:
    """Under what a browser keeps the verdicts: the same for the same labels questioned, however many are shown."""
    asked = [[one.finding, one.image_id, one.given] for one in suspects.suspects]
    text = json.dumps([suspects.store, suspects.encoder, asked])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _lead(suspects: Suspects, count: int) -> str:
    asked = sum(rate.suspects for rate in suspects.rates)
    are = "is" if asked == 1 else "are"
    if len(suspects.rates) == 1:
        rate = suspects.rates[0]
        found = f"Of {many(rate.images, 'label')} of {rate.finding}, {asked:,} {are} suspect."
    else:
        found = f"Of the labels of {len(suspects.rates)} findings, {asked:,} {are} suspect."
    if count == 0:
        return f"{found} There is none to look at."
    if count == 1:
        return f"{found} One is here to be looked at."
    here = "All of them" if count >= asked else f"The {count:,} worst"
    return f"{found} {here} are here to be looked at, worst first."


def _card(suspects: Suspects, suspect: Suspect, albums: Albums) -> Card:
    near = tuple(_near(suspect, one, albums) for one in suspect.neighbours)
    known = [one for one in suspect.neighbours if one.label is not None]
    other = sum(one.label != suspect.given for one in known)
    agreement = f"{other} of {len(known)} labelled {LABELS[1 - suspect.given]}"
    return Card(
        suspect,
        LABELS[suspect.given],
        LABELS[1 - suspect.given],
        albums.picture(suspect.pack, suspect.image_id, SIDE),
        tuple(_reason(suspects, suspect, reason) for reason in suspect.reasons),
        near,
        agreement if known else "none with a known label",
    )


def _near(suspect: Suspect, near: Neighbour, albums: Albums) -> Near:
    return Near(
        near.image_id,
        LABELS[near.label],
        near.similarity,
        near.label is not None and near.label != suspect.given,
        albums.picture(near.pack or suspect.pack, near.image_id, NEAR_SIDE, 80),
    )


def _reason(suspects: Suspects, suspect: Suspect, reason: str) -> str:
    """A reason in a sentence."""
    other = LABELS[1 - suspect.given]
    sentences = {
        LEARNING: f"Among the images labelled {LABELS[suspect.given]}, it looks like one that is {other} "
        "(confident learning).",
        ERROR: f"The classifiers are sure that it is {other}: past {suspects.threshold:g} (confident error).",
        DUPLICATE: f"A nearly equal picture, the first of those below, is labelled {other} (near duplicate).",
    }
    return sentences.get(reason, reason)
