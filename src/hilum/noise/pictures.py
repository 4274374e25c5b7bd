"""What the pictures themselves say: near duplicates, what their labels tell, and what is no chest film."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.doctor import Looks
from hilum.errors import PackError
from hilum.pixels import Pack, are_films, unlike_films
from hilum.progress import progress
from hilum.text import listed

MOST_BITS = 20
"""Pictures are near duplicates where their hashes differ in at most so many of 255 bits.

Among 23 million pairs of images at 128 px (two drawn studies, one real) no two different pictures differed in
fewer than 24. Of 900 pictures, at least 99 in 100 were found again after JPEG of quality 20, halving, gamma 0.8,
noise of 10 gray values or brightening by 15 %, and 94 after a crop of 1 %. Cosines of vectors do not tell twins
from patients who look alike: in a drawn study, 1 image in 100 is as much like another patient's (0.998) as half of
all images are like themselves after a crop of 2 %."""


def look_at_pictures(frame: pl.DataFrame) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Near duplicates among images of packs; where different pictures look alike, only those of equal hashes.

    Args:
        frame: `image_id`, `view`, `pack` (folder) and `slot`, one row an image.

    Returns:
        int64 [p, 2], rows of two near duplicates, first < second. Then what is to be told: packs that are gone,
        that pictures look alike, and which are no chest films, in packs that have not left such out.
    """
    n, asked, looks = frame.height, 0, Looks.empty(frame.height)
    seen, warnings, unlike = list[int](), list[str](), list[str]()
    with progress("comparing pictures", n) as advance:
        for (folder,), rows in frame.with_row_index("row").group_by("pack", maintain_order=True):
            try:
                pack = Pack(str(folder))
            except PackError as error:
                warnings.append(f"Near duplicates were not looked for among {rows.height:,} images: {error}")
                continue
            for row, place in _places(rows, pack):
                looks.put(row, np.ascontiguousarray(pack.pixels[place]))
                seen.append(row)
                advance(1)
            some, strange = _no_films(rows, pack)
            asked, unlike = asked + some, unlike + strange
    bits, rows_seen = MOST_BITS, np.sort(np.array(seen, np.int64))
    if looks.all_alike(rows_seen):
        bits = 0
        warnings.append(
            "Different pictures look alike here: only those of equal hashes count as near duplicates."
        )
    if unlike and are_films(len(unlike), asked):
        warnings.append(
            f"{len(unlike):,} of {asked:,} images do not look like chest films: {listed(sorted(unlike))}."
        )
    pairs = [(one.first, one.second) for one in looks.near(rows_seen) if one.bits <= bits]
    return np.array(pairs, np.int64).reshape(-1, 2), tuple(warnings)


def _places(rows: pl.DataFrame, pack: Pack) -> Iterator[tuple[int, int]]:
    """Row and slot of those of these images that the pack has, by their ids."""
    here = pack.table.frame.select("image_id").with_columns(place=pl.Series(pack.slots))
    yield from rows.join(here, on="image_id", maintain_order="left").select("row", "place").iter_rows()


def _no_films(rows: pl.DataFrame, pack: Pack) -> tuple[int, list[str]]:
    """How many pictures were looked at, and ids of those that are no films; none where a pack left such out."""
    rows = rows.filter(pl.col("slot").is_between(0, len(pack.pixels) - 1))
    if pack.films is not None or not rows.height:
        return 0, []
    unlike = unlike_films(pack.pixels, rows["slot"].to_list(), rows["view"].to_list())
    return rows.height, [rows["image_id"][at] for at in unlike]


def twin_evidence(
    pairs: npt.NDArray[np.int64], given: npt.NDArray[np.int64], wrong: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """What twins say of labels that are wrong independently of each other with the same chance.

    By Bayes, a twin with the same label multiplies the odds that the label is right by (1 - wrong) / wrong, and
    one with the other label divides them by it.

    Args:
        pairs: int64 [p, 2], rows of near duplicates.
        given: int64 [n], labels 1 or 0; -1 where unknown.
        wrong: share of labels that is wrong, within 0 and 1.

    Returns:
        float64 [n], what is to be added to the log odds that a label is right; and bool [n], whether a twin is
        labelled otherwise.
    """
    evidence = np.zeros(len(given))
    contradicted = np.zeros(len(given), bool)
    weight = np.log((1 - wrong) / wrong)
    for one, other in pairs.tolist():
        if given[one] < 0 or given[other] < 0:
            continue
        agree = given[one] == given[other]
        evidence[[one, other]] += weight if agree else -weight
        contradicted[[one, other]] |= not agree
    return evidence, contradicted
