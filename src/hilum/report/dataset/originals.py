"""The files that a pack was made from: sizes and modes of a sample, from their headers, where still there."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hilum.doctor import MARKS, Marks, marks_of
from hilum.errors import ImageError, MissingExtra
from hilum.files import open_file
from hilum.pixels import FIRST_READ, ImageInfo, Pack, image_info

LOOKED_AT = 1000
"""How many files, at most: enough to tell an AUC of 0.7 from chance at 20 positives."""
FIRST = 16
"""Where none of so many is there, the others are not looked for."""
SHOWN = 5
SCHEMA = {"width": pl.Int32(), "height": pl.Int32(), "bits": pl.Int16(), "mode": pl.String(), **MARKS}


@dataclass(frozen=True)
class Originals:
    """What the headers of some files say.

    Attributes:
        frame: `SCHEMA`, one row per row of the pack's table, null where the file was not looked at.
        looked_at: how many files were read.
        sizes: the most frequent [width, height, images], and `distinct` how many sizes there are.
        kinds: such as `jpeg gray 8 bits` -> images.
    """

    frame: pl.DataFrame
    looked_at: int
    sizes: tuple[tuple[int, int, int], ...]
    distinct: int
    kinds: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """All but the frame."""
        return {
            "looked_at": self.looked_at,
            "distinct_sizes": self.distinct,
            "sizes": [list(size) for size in self.sizes],
            "kinds": self.kinds,
        }


def find_originals(pack: Pack, most: int = LOOKED_AT, seed: int = 0) -> Originals:
    """Read the headers of `most` of the files that the pack was made from, drawn by the seed."""
    root, paths = Path(str(pack.info["root"])), pack.table.frame["path"]
    rows = np.random.default_rng([seed, 72]).permutation(len(paths))[:most].tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(_info, [root / paths[row] for row in rows[:FIRST]]))
        if any(found):
            found += pool.map(_info, [root / paths[row] for row in rows[FIRST:]])
    infos = {row: info for row, info in zip(rows, found, strict=False) if info is not None}
    facts: list[dict[str, Any]] = [{} for _ in paths]
    for row, info in infos.items():
        facts[row] = vars(info) | _marks(root / paths[row], info)
    sizes = Counter((info.width, info.height) for info in infos.values())
    kinds = Counter(f"{info.format} {info.mode} {info.bits} bits" for info in infos.values())
    return Originals(
        frame=pl.DataFrame(facts, schema=SCHEMA),
        looked_at=len(infos),
        sizes=tuple((width, height, count) for (width, height), count in sizes.most_common(SHOWN)),
        distinct=len(sizes),
        kinds=dict(kinds.most_common()),
    )


def _info(path: Path) -> ImageInfo | None:
    """None where the file is gone, or cannot be read without a package that is not here."""
    try:
        return image_info(path)
    except (ImageError, MissingExtra):
        return None


def _marks(path: Path, info: ImageInfo) -> Marks:
    with open_file(path) as file:
        return marks_of(file.read(FIRST_READ), info.format)
