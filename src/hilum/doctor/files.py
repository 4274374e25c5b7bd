"""Checks of image files: there, readable, not blank, of chests, of sane sizes and modes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from hilum.doctor.pictures import Pictures
from hilum.doctor.report import Check, Level
from hilum.errors import nearest
from hilum.pixels import are_films
from hilum.table import Table
from hilum.text import are, listed, many, stem_of

_BLANK, _FAINT = 1.0, 8.0
"""Standard deviations of gray values (0 to 255) below which a picture shows nothing, or next to nothing."""
_SMALLEST = 64
_LONGEST = 2.0
"""Aspect ratio beyond which a picture is unlikely to be a chest."""
_ANY_PICTURES = ("folder", "csv")
"""Sources that may hold pictures of other things than chests."""


def file_checks(table: Table, pictures: Pictures, size: int, max_bad: float) -> Iterator[Check]:
    """All checks of single files.

    Args:
        table: the images.
        pictures: what was read of them.
        size: side in pixels at which they are to be used; 0 where it is not known yet.
        max_bad: share of missing or unreadable images up to which they are no fault.
    """
    missing, bad = pictures.rows("missing"), pictures.rows("unreadable")
    level: Level = "fault" if (len(missing) + len(bad)) / len(table) > max_bad else "warning"
    yield _missing(table, table.frame["path"][missing].to_list(), level)
    if len(missing) == len(table):
        return
    yield _unreadable(table.frame["path"][bad].to_list(), pictures.frame["reason"][bad], level)
    yield from _blank(table, pictures)
    yield from _films(table, pictures, max_bad)
    yield from _sizes(table, pictures, size)
    yield from _modes(pictures)
    yield from _guessed(table, pictures)


def _missing(table: Table, paths: list[str], level: Level) -> Check:
    if not paths:
        return Check("ok", "missing", "Every image is there.")
    none = "; only the table was examined" if len(paths) == len(table) else ""
    return Check(
        level,
        "missing",
        f"{len(paths):,} of {len(table):,} images ({len(paths) / len(table):.1%}) are not there, for example "
        f"{table.root / paths[0]}{none}.{_instead(table.root, paths)}",
        "Put them there or correct the paths, or filter their rows away; packing leaves out as many as you allow.",
        {"paths": paths},
    )


def _instead(root: Path, paths: list[str]) -> str:
    """What is there in the place of the images, as a sentence."""
    folders: dict[Path, dict[str, str]] = {}
    alike: list[tuple[Path, str]] = []
    for path in map(Path, paths):
        place = (root / path).parent
        if place not in folders:
            names = [found.name for found in place.iterdir()] if place.is_dir() else []
            folders[place] = {stem_of(name): name for name in names}
        if name := folders[place].get(stem_of(path.name)):
            alike.append((place, name))
    if alike:
        suffixes = ", ".join(sorted({Path(name).suffix or "none" for _, name in alike}))
        places = list(dict.fromkeys(str(place) for place, _ in alike))
        return f" Of the same name with another suffix ({suffixes}): {len(alike):,}, in {listed(places, 2)}."
    first = root / paths[0]
    folder = next(parent for parent in first.parents if parent.exists())
    if folder != first.parent:
        return f" The folder {first.parent.name} is not there either."
    near = nearest(first.name, (found.name for found in folder.iterdir()))
    return f" There is {near}." if near else ""


def _unreadable(paths: list[str], why: pl.Series, level: Level) -> Check:
    if not paths:
        return Check("ok", "unreadable", "Every image that is there can be read.")
    reasons = [reason.partition(";")[0] for reason in why]
    said = [f"{count:,} because it {reason}" for reason, count in Counter(reasons).most_common()]
    return Check(
        level,
        "unreadable",
        f"{many(len(paths), 'image')} cannot be read: {listed(said, 4)} (the first: {paths[0]}).",
        "Get them again; packing leaves them out and lists them.",
        {"images": dict(zip(paths, reasons, strict=True))},
    )


def _guessed(table: Table, pictures: Pictures) -> Iterator[Check]:
    """What the reader had to guess, of how many images."""
    notes = pictures.frame["notes"]
    guessed = table.frame.filter(notes.list.len().fill_null(0) > 0)["path"].to_list()
    if guessed:
        counts = dict(Counter(notes.drop_nulls().explode().drop_nulls().to_list()).most_common())
        said = [f"{count:,} x {note}" for note, count in counts.items()]
        message = (
            f"{many(len(guessed), 'image')} read with a guess: {listed(said, 4)} (the first: {guessed[0]})."
        )
        yield Check("note", "guessed", message, "Look at some of them in the data report.", {"notes": counts})


def _blank(table: Table, pictures: Pictures) -> Iterator[Check]:
    spread = pictures.frame["spread"]
    blank = table.frame.filter((spread < _BLANK).fill_null(value=False))["path"].to_list()
    some = spread.is_between(_BLANK, _FAINT, closed="left").fill_null(value=False)
    faint = table.frame.filter(some)["path"].to_list()
    if blank:
        message = f"{are(len(blank), 'image')} of one gray only ({listed(blank, 3)}): they show nothing."
        yield Check("fault", "constant", message, "Delete the files or their rows.", {"paths": blank})
    else:
        yield Check("ok", "constant", "No image is of one gray only.")
    if faint:
        yield Check(
            "warning",
            "faint",
            f"{many(len(faint), 'image')} with next to no contrast ({listed(faint, 3)}).",
            "Look at them; prepare.clahe may help, or they show nothing.",
            {"paths": faint},
        )


def _films(table: Table, pictures: Pictures, max_bad: float) -> Iterator[Check]:
    """Pictures that are no chest films: packing leaves them out, unless most are none."""
    reasons = pictures.frame["no_film"].drop_nulls()
    paths = table.frame["path"].filter(pictures.frame["no_film"].is_not_null()).to_list()
    read = len(pictures.rows("ok"))
    if not paths:
        return
    counts = Counter(reason.removeprefix("is no chest film: ") for reason in reasons)
    said = [f"{count:,} x {reason}" for reason, count in counts.most_common()]
    found = f"{listed(said, 4)} (for example {listed(paths, 3)})."
    if not are_films(len(paths), read):
        level = _level_of_others(table)
        message = f"Most images, {len(paths):,} of {read:,}, do not look like chest films: {found}"
        what_to_do = "This is taken for a data set of other things: packing keeps them all."
    else:
        level = "fault" if len(paths) / read > max_bad else "warning"
        message = f"{are(len(paths), 'image')} of no chest: {found}"
        what_to_do = 'Look at them; packing leaves them out and lists them, but for clean.films = "any".'
    yield Check(level, "no-films", message, what_to_do, {"images": dict(zip(paths, reasons, strict=True))})


def _level_of_others(table: Table) -> Level:
    """How bad it is that most pictures are no films of chests: in some sources they may be of anything."""
    return "note" if table.frame["source"].is_in(_ANY_PICTURES).all() else "warning"


def _sizes(table: Table, pictures: Pictures, size: int) -> Iterator[Check]:
    width, height = pl.col("width"), pl.col("height")
    shorter, longer = pl.min_horizontal(width, height), pl.max_horizontal(width, height)
    aspects = pictures.frame.select(longer / shorter).to_series()
    longest, typical = _LONGEST, aspects.drop_nulls().median()
    if isinstance(typical, float) and typical > _LONGEST:
        # Right for some sources, and never odd one by one.
        longest *= typical
        yield Check(
            _level_of_others(table),
            "long-pictures",
            f"Most images, {aspects.gt(_LONGEST).sum():,} of {aspects.count():,}, are over {_LONGEST:g} times as "
            "long as wide. Films of the chest are not; scans of long things are.",
            'prepare.fit = "squash" (the default) shows all of them, "crop" the middle alone.',
            {"median": typical},
        )
    small = pictures.frame.select(shorter < _SMALLEST).to_series()
    if odd := table.frame.filter(((aspects > longest) | small).fill_null(value=False))["path"].to_list():
        yield Check(
            "warning",
            "odd-sizes",
            f"{are(len(odd), 'image')} smaller than {_SMALLEST} pixels or over {longest:.2g} times as long as "
            f"wide ({listed(odd, 3)}).",
            "Look at them: parts of pictures, or pictures of something else.",
            {"paths": odd},
        )
    else:
        than = "wide" if longest == _LONGEST else "the others"
        yield Check("ok", "odd-sizes", f"No image is tiny, or much longer than {than}.")
    if enlarged := pictures.frame.filter(shorter < size).height if size else 0:
        message = f"{are(enlarged, 'image')} smaller than {size} pixels and would be enlarged."
        yield Check("note", "enlarged", message, "A smaller --size loses nothing of them.")


def _modes(pictures: Pictures) -> Iterator[Check]:
    kinds = pictures.counted("format", "bits", "mode")
    said = [f"{count:,} {format} {mode} of {bits} bits" for format, bits, mode, count in kinds.rows()]
    if len(said) > 1:
        yield Check(
            "note",
            "modes",
            f"Files are of different kinds: {listed(said)}. All become 8-bit gray.",
            "If the kind goes with where images come from, a network may learn it.",
            {"kinds": kinds.to_dicts()},
        )
    elif said:
        yield Check("ok", "modes", f"All files are of one kind: {said[0]}.")
