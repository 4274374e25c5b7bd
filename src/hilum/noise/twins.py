"""Near duplicates among the pictures of a store, and what a twin's label says of an image's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.doctor import Looks
from hilum.errors import PackError
from hilum.pixels import Pack
from hilum.progress import progress

MOST_BITS = 20
"""Pictures are near duplicates where their hashes differ in at most so many of 255 bits.

Among 23 million pairs of images at 128 px (two drawn studies, one real) no two different pictures differed in
fewer than 24. Of 900 pictures, at least 99 in 100 were found again after JPEG of quality 20, halving, gamma 0.8,
noise of 10 gray values or brightening by 15 %, and 94 after a crop of 1 %. Cosines of vectors do not tell twins
from patients who look alike: in a drawn study, 1 image in 100 is as much like another patient's (0.998) as half of
all images are like themselves after a crop of 2 %."""


@dataclass(frozen=True)
class Twins:
    """Near duplicates.

    Attributes:
        pairs: int64 [p, 2], rows, first < second.
        warnings: packs whose pictures could not be looked at, and that pictures look alike.
    """

    pairs: npt.NDArray[np.int64]
    warnings: tuple[str, ...]


def find_twins(frame: pl.DataFrame) -> Twins:
    """Near duplicates among images of packs; where different pictures look alike, only those of equal hashes.

    Args:
        frame: `image_id`, `pack` (folder), one row an image; images are found by their ids.
    """
    looks, seen, warnings = Looks.empty(frame.height), [], []
    rows = frame.select("image_id", "pack").with_row_index("row")
    with progress("comparing pictures", frame.height) as advance:
        for (folder,), group in rows.group_by("pack", maintain_order=True):
            try:
                pack = Pack(str(folder))
            except PackError as error:
                warnings.append(f"Near duplicates were not looked for among {group.height:,} images: {error}")
                continue
            here = pack.table.frame.select("image_id").with_columns(place=pl.Series(pack.slots))
            found = group.join(here, on="image_id", how="inner", maintain_order="left")
            for row, place in found.select("row", "place").iter_rows():
                looks.put(row, np.ascontiguousarray(pack.pixels[place]))
                seen.append(row)
                advance(1)
    rows_seen = np.sort(np.array(seen, np.int64))
    if alike := looks.all_alike(rows_seen):
        warnings.append(
            "Different pictures look alike here: only those of equal hashes count as near duplicates."
        )
    most = 0 if alike else MOST_BITS
    pairs = [(one.first, one.second) for one in looks.near(rows_seen) if one.bits <= most]
    return Twins(np.array(pairs, np.int64).reshape(-1, 2), tuple(warnings))


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
