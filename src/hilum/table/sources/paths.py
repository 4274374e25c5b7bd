"""Where the files lie that a table names, and what lies among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hilum.table.sources.base import find_images, without_masks
from hilum.text import SUFFIX, listed, many, stem_of

_WAYS: dict[str, Callable[[str], str]] = {
    "by its path, under another suffix": lambda path: re.sub(SUFFIX, "", path),
    "by its name, in another folder": lambda path: path.rpartition("/")[2],
    "by its name without suffix": stem_of,
}
"""How a file is found that is not where its path says -> what of both must be the same."""


def located(root: Path, paths: Sequence[str], notes: list[str]) -> list[str]:
    """Where the files lie that a table names: as it says, else by their name, else by their name without suffix.

    One file is one row's: what fits two files or two rows, and what is nowhere, is left as it was written.

    Args:
        root: the folder that the paths are relative to, and under which others are looked for.
        paths: as written, with / between.
        notes: what was found in another way is added, with counts.
    """
    missing = _missing(root, paths)
    if not missing:
        return list(paths)
    named = dict.fromkeys(paths)
    there, _ = without_masks([name for name in find_images(root) if name not in named])
    found: dict[str, str] = {}
    ways = []
    for how, key in _WAYS.items():
        places = _unique((key(name), name) for name in there)
        wanted = _unique((key(path), path) for path in named)
        fitting = {wanted[same]: places[same] for same in wanted.keys() & places.keys()}
        taken = {*found.values()}
        left = [path for path in missing if path in fitting and path not in found]
        new = {path: fitting[path] for path in left if fitting[path] not in taken}
        found |= new
        ways += [f"{len(new):,} {how}"] if new else []
    if found:
        first, left_out = next(iter(found.items())), len(missing) - len(found)
        notes.append(
            f"{many(len(found), 'image')} of {len(paths):,} not where the table says, and found {'; '.join(ways)} "
            f"({first[0]} is {first[1]}); {len(paths) - len(missing):,} where it says, {left_out:,} not at all."
        )
    return [found.get(path, path) for path in paths]


def _missing(root: Path, paths: Sequence[str]) -> list[str]:
    """Paths without a file, each once; folders are listed rather than files asked for one by one."""
    folders = {path.rpartition("/")[0] for path in paths}
    listings: dict[str, set[str]] = {}
    for folder in folders:
        try:
            listings[folder] = {entry.name for entry in (root / folder).iterdir()}
        except (OSError, ValueError):
            listings[folder] = set()
    return [
        path
        for path in dict.fromkeys(paths)
        if path.rpartition("/")[2] not in listings[path.rpartition("/")[0]]
    ]


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Key -> name, of the keys that one name alone has."""
    found: dict[str, str] = {}
    twice = set()
    for key, name in pairs:
        if found.setdefault(key, name) != name:
            twice.add(key)
    return {key: name for key, name in found.items() if key not in twice}


def passed_over(passed: Counter[str], masks: Sequence[str]) -> list[str]:
    """Notes on what lies among the images and was not taken."""
    notes = []
    if masks:
        notes.append(
            f"{many(len(masks), 'mask')} of images not taken for images themselves, the first {masks[0]}."
        )
    if passed:
        kinds = [
            f"{count:,} {kind}" for kind, count in sorted(passed.items(), key=lambda one: (-one[1], one[0]))
        ]
        notes.append(f"{many(passed.total(), 'file')} passed over as no images: {listed(kinds, 6)}.")
    return notes
