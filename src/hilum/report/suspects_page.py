"""`write_suspects`: the images whose labels are probably wrong, to be looked at one by one, and their verdicts."""

from __future__ import annotations

import hashlib
import json
from itertools import zip_longest
from pathlib import Path
from typing import Any

from hilum.drawing import jpeg
from hilum.errors import DiskError, PackError
from hilum.files import write_text
from hilum.noise import REASONS, Suspect, Suspects
from hilum.pixels import Pack
from hilum.report.html import render
from hilum.text import many

_NAME = "suspects.html"
_SIDE, _NEAR_SIDE = 320, 144
"""Pixels of a suspect's picture and of a neighbour's: 60 suspects of five stay under 4 MiB."""
_LABELS = {1: "positive", 0: "negative", None: "not known"}


class _Albums:
    """Pictures of several packs, each opened once, when its first picture is asked for.

    Attributes:
        lost: folder of each pack that could not be opened -> why.
    """

    def __init__(self) -> None:
        self.lost: dict[str, str] = {}
        self._packs: dict[str, tuple[Pack, dict[str, int]]] = {}

    def picture(self, pack: str, image_id: str, side: int, quality: int = 85) -> str:
        """A data URI, or "" where the pack is gone or has no such image.

        An image is found by its id: a pack that was made again may keep it elsewhere, and another image under the
        right name would be worse than none.
        """
        found = self._open(pack)
        if found is None:
            return ""
        opened, slots = found
        slot = slots.get(image_id)
        return "" if slot is None else jpeg(opened.pixels[slot], side, quality)

    def _open(self, pack: str) -> tuple[Pack, dict[str, int]] | None:
        if pack not in self._packs and pack not in self.lost:
            try:
                opened = Pack(Path(pack))
            except PackError as error:
                self.lost[pack] = str(error)
            else:
                slots = zip(opened.table.image_ids, opened.slots.tolist(), strict=True)
                self._packs[pack] = opened, dict(slots)
        return self._packs.get(pack)


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
    path = page_path(Path(out), _NAME)
    write_text(path, render("suspects.html", _contents(suspects, shown)))
    return path


def page_path(out: Path, name: str) -> Path:
    """The file that `out` means: itself where it ends in `.html`, else `name` in the folder `out`."""
    path = out if out.suffix.lower() in {".html", ".htm"} else out / name
    if path.is_dir() or path.parent.is_file():
        found, wanted = (path, "a folder") if path.is_dir() else (path.parent, "a file")
        raise DiskError(f"{found} is {wanted}; name an .html file, or a folder to put {name} into.")
    return path


def _contents(suspects: Suspects, shown: int = 60) -> dict[str, Any]:
    """Everything that the template shows."""
    albums = _Albums()
    chosen = _choose(suspects, shown)
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
        "fingerprint": _fingerprint(suspects),
    }


def _choose(suspects: Suspects, shown: int) -> list[Suspect]:
    """The worst of each finding in turn until there are `shown`; then finding by finding, worst first."""
    queues = [suspects.of(rate.finding) for rate in suspects.rates]
    in_turn = [one for row in zip_longest(*queues) for one in row if one is not None][:shown]
    order = {rate.finding: place for place, rate in enumerate(suspects.rates)}
    return sorted(in_turn, key=lambda one: (order[one.finding], one.rank))


def _fingerprint(suspects: Suspects) -> str:
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


def _card(suspects: Suspects, suspect: Suspect, albums: _Albums) -> dict[str, Any]:
    """One suspect as the page shows it."""
    known = [one for one in suspect.neighbours if one.label is not None]
    other = sum(one.label != suspect.given for one in known)
    agreement = f"{other} of {len(known)} labelled {_LABELS[1 - suspect.given]}"
    return {
        "suspect": suspect,
        "given": _LABELS[suspect.given],
        "other": _LABELS[1 - suspect.given],
        "picture": albums.picture(suspect.pack, suspect.image_id, _SIDE),
        "reasons": [_reason(suspects, suspect, reason) for reason in suspect.reasons],
        "near": [_near(suspect, place, albums) for place in range(len(suspect.neighbours))],
        "agreement": agreement if known else "none with a known label",
    }


def _near(suspect: Suspect, place: int, albums: _Albums) -> dict[str, Any]:
    """One neighbour; `differs` where its label is known and is not the suspect's."""
    near = suspect.neighbours[place]
    return {
        "image_id": near.image_id,
        "label": _LABELS[near.label],
        "similarity": near.similarity,
        "differs": near.label is not None and near.label != suspect.given,
        "picture": albums.picture(near.pack or suspect.pack, near.image_id, _NEAR_SIDE, 80),
    }


def _reason(suspects: Suspects, suspect: Suspect, reason: str) -> str:
    """A reason in a sentence."""
    other = _LABELS[1 - suspect.given]
    learning, error, duplicate = REASONS
    sentences = {
        learning: f"Among the images labelled {_LABELS[suspect.given]}, it looks like one that is {other} "
        "(confident learning).",
        error: f"The classifiers are sure that it is {other}: past {suspects.threshold:g} (confident error).",
        duplicate: f"A nearly equal picture, the first of those below, is labelled {other} (near duplicate).",
    }
    return sentences.get(reason, reason)
