"""Checks of image files: there, readable, not blank, of sane sizes and modes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from hilum.doctor.pictures import Pictures
from hilum.doctor.report import Check, Level
from hilum.errors import nearest
from hilum.pixels import are_films
from hilum.table import Table, stem_of
from hilum.text import are, listed, many

BLANK = 1.0
"""Standard deviation of gray values (0 to 255) below which a picture shows nothing."""
FAINT = 8.0
SMALLEST = 64
LONGEST = 2.0
"""Aspect ratio beyond which a picture is unlikely to be a chest."""
ANY_PICTURES = ("folder", "csv")
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
    yield from _missing(table, pictures, level)
    if len(missing) == len(table):
        return
    yield from _unreadable(table, pictures, level)
    yield from _blank(table, pictures)
    yield from _films(table, pictures, max_bad)
    yield from _sizes(table, pictures, size)
    yield from _modes(pictures)
    yield from _guessed(table, pictures)


def _missing(table: Table, pictures: Pictures, level: Level) -> Iterator[Check]:
    rows = pictures.rows("missing")
    if not len(rows):
        yield Check("ok", "missing", "Every image is there.")
        return
    paths = table.frame["path"][rows].to_list()
    none = "; only the table was examined" if len(rows) == len(table) else ""
    yield Check(
        level,
        "missing",
        f"{len(rows):,} of {len(table):,} images ({len(rows) / len(table):.1%}) are not there, for example "
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


def _unreadable(table: Table, pictures: Pictures, level: Level) -> Iterator[Check]:
    rows = pictures.rows("unreadable")
    if not len(rows):
        yield Check("ok", "unreadable", "Every image that is there can be read.")
        return
    paths = table.frame["path"][rows].to_list()
    reasons = [reason.partition(";")[0] for reason in pictures.frame["reason"][rows]]
    said = [f"{count:,} because it {reason}" for reason, count in Counter(reasons).most_common()]
    yield Check(
        level,
        "unreadable",
        f"{many(len(rows), 'image')} cannot be read: {listed(said, 4)} (the first: {paths[0]}).",
        "Get them again; packing leaves them out and lists them.",
        {"images": dict(zip(paths, reasons, strict=True))},
    )


def _guessed(table: Table, pictures: Pictures) -> Iterator[Check]:
    """What the reader had to guess, of how many images."""
    notes = pictures.frame["notes"]
    guessed = table.frame.filter(notes.list.len().fill_null(0) > 0)["path"].to_list()
    if guessed:
        counts = Counter(notes.drop_nulls().explode().drop_nulls().to_list())
        said = [f"{count:,} x {note}" for note, count in counts.most_common()]
        yield Check(
            "note",
            "guessed",
            f"{many(len(guessed), 'image')} read with a guess: {listed(said, 4)} (the first: {guessed[0]}).",
            "Look at some of them in the data report.",
            {"notes": dict(counts)},
        )


def _blank(table: Table, pictures: Pictures) -> Iterator[Check]:
    spread = pictures.frame["spread"]
    blank = table.frame.filter(spread.is_not_null() & (spread < BLANK))["path"].to_list()
    faint = table.frame.filter(spread.is_not_null() & spread.is_between(BLANK, FAINT, closed="left"))["path"]
    if blank:
        yield Check(
            "fault",
            "constant",
            f"{are(len(blank), 'image')} of one gray only ({listed(blank, 3)}): they show nothing.",
            "Delete the files or their rows.",
            {"paths": blank},
        )
    else:
        yield Check("ok", "constant", "No image is of one gray only.")
    if len(faint):
        yield Check(
            "warning",
            "faint",
            f"{many(len(faint), 'image')} with next to no contrast ({listed(faint.to_list(), 3)}).",
            "Look at them; prepare.clahe may help, or they show nothing.",
            {"paths": faint.to_list()},
        )


def _films(table: Table, pictures: Pictures, max_bad: float) -> Iterator[Check]:
    """Pictures that are no chest films: packing leaves them out, unless most are none."""
    reasons = pictures.frame["no_film"]
    rows = reasons.is_not_null().arg_true()
    read = len(pictures.rows("ok"))
    if not len(rows):
        return
    paths = table.frame["path"][rows].to_list()
    counts = Counter(reason.removeprefix("is no chest film: ") for reason in reasons[rows])
    said = [f"{count:,} x {reason}" for reason, count in counts.most_common()]
    found = f"{listed(said, 4)} (for example {listed(paths, 3)})."
    details = {"images": dict(zip(paths, reasons[rows], strict=True))}
    if not are_films(len(rows), read):
        level: Level = "note" if table.frame["source"].is_in(ANY_PICTURES).all() else "warning"
        message = f"Most images, {len(rows):,} of {read:,}, do not look like chest films: {found}"
        what_to_do = "This is taken for a data set of other things: packing keeps them all."
    else:
        level = "fault" if len(rows) / read > max_bad else "warning"
        message = f"{are(len(rows), 'image')} of no chest: {found}"
        what_to_do = 'Look at them; packing leaves them out and lists them, but for clean.films = "any".'
    yield Check(level, "no-films", message, what_to_do, details)


def _sizes(table: Table, pictures: Pictures, size: int) -> Iterator[Check]:
    width, height = pl.col("width"), pl.col("height")
    shorter, longer = pl.min_horizontal(width, height), pl.max_horizontal(width, height)
    aspects = pictures.frame.select(longer / shorter).to_series()
    longest, typical = LONGEST, aspects.drop_nulls().median()
    if isinstance(typical, float) and typical > LONGEST:
        yield _long_things(table, aspects)
        longest *= typical
    small = pictures.frame.select(shorter < SMALLEST).to_series()
    odd = table.frame.filter(((aspects > longest) | small).fill_null(value=False))
    if len(odd):
        yield Check(
            "warning",
            "odd-sizes",
            f"{are(len(odd), 'image')} smaller than {SMALLEST} pixels or over {longest:.2g} times as long as wide "
            f"({listed(odd['path'].to_list(), 3)}).",
            "Look at them: parts of pictures, or pictures of something else.",
            {"paths": odd["path"].to_list()},
        )
    elif longest == LONGEST:
        yield Check("ok", "odd-sizes", "No image is tiny, or much longer than wide.")
    else:
        yield Check("ok", "odd-sizes", "No image is tiny, or much longer than the others.")
    enlarged = pictures.frame.filter(shorter < size).height if size else 0
    if enlarged:
        yield Check(
            "note",
            "enlarged",
            f"{are(enlarged, 'image')} smaller than {size} pixels and would be enlarged.",
            "A smaller --size loses nothing of them.",
        )


def _long_things(table: Table, aspects: pl.Series) -> Check:
    """Most pictures are longer than films of the chest are: right for some sources, and never odd one by one."""
    level: Level = "note" if table.frame["source"].is_in(ANY_PICTURES).all() else "warning"
    long = aspects.gt(LONGEST).sum()
    return Check(
        level,
        "long-pictures",
        f"Most images, {long:,} of {aspects.count():,}, are over {LONGEST:g} times as long as wide. Films of the "
        "chest are not; scans of long things are.",
        'prepare.fit = "squash" (the default) shows all of them, "crop" the middle alone.',
        {"median": aspects.median()},
    )


def _modes(pictures: Pictures) -> Iterator[Check]:
    kinds = _counted(pictures.frame.drop_nulls("mode"), "format", "bits", "mode")
    said = [
        f"{row['images']:,} {row['format']} {row['mode']} of {row['bits']} bits"
        for row in kinds.iter_rows(named=True)
    ]
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


def describe(pictures: Pictures) -> dict[str, Any]:
    """How many images were read, and how many there are of each size, depth and mode."""
    read = pictures.frame.filter(pl.col("state") == "ok")
    sizes = _counted(read, "width", "height")
    kinds = {
        name: {str(value): count for value, count in _counted(read, name).iter_rows()}
        for name in ("format", "bits", "mode")
    }
    return {
        "read": read.height,
        "missing": len(pictures.rows("missing")),
        "unreadable": len(pictures.rows("unreadable")),
        "distinct_sizes": sizes.height,
        "sizes": sizes.head(5).to_dicts(),
        "width": [read["width"].min(), read["width"].max()],
        "height": [read["height"].min(), read["height"].max()],
        **kinds,
    }


def _counted(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """How many `images` there are of each combination, the most frequent first."""
    order = ["images", *columns]
    return frame.group_by(columns).len("images").sort(order, descending=[True] + [False] * len(columns))
