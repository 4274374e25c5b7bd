"""Reading every image once, for what the checks need to know of it; and the headers of some, for a pack."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LimitsConfig
from hilum.doctor.duplicates import Looks
from hilum.doctor.marks import MARKS, marks_of
from hilum.errors import ImageError, MissingExtra
from hilum.files import open_file
from hilum.pixels import Pack, image_info, info_and_picture, no_film
from hilum.progress import progress
from hilum.table import Table

_READ_AT_LEAST = 128
"""Larger JPEG files are decoded at a half, a quarter or an eighth, which is up to four times as fast."""
_BATCH = 512
_LOOKED_AT = 1000
"""Headers of a pack's files that are read, at most: enough to tell an AUC of 0.7 from chance at 20 positives."""
_FIRST = 16
"""Where none of so many is there, the others are not looked for."""
_HEADER = 1 << 16
"""Bytes in which a file says how it was made."""

_OF_HEADERS: dict[str, pl.DataType] = {
    "width": pl.Int32(), "height": pl.Int32(), "bits": pl.Int16(), "mode": pl.String(), **MARKS,
}  # fmt: skip
_SCHEMA = {
    "state": pl.String(), "reason": pl.String(), **_OF_HEADERS, "channels": pl.Int16(), "format": pl.String(),
    "digest": pl.String(), "spread": pl.Float32(), "notes": pl.List(pl.String()), "no_film": pl.String(),
}  # fmt: skip
"""`state` is ok, missing or unreadable; `digest` a hash of the file's bytes; `spread` the standard deviation
of the gray values (0 to 255); `notes` what was guessed when it was read; `no_film` why it is no chest film, null
where it is one or that was not asked."""


@dataclass(frozen=True)
class Pictures:
    """What is known of each row's image.

    Attributes:
        frame: `_SCHEMA`, one row per row of the table.
        looks: of all rows.
    """

    frame: pl.DataFrame
    looks: Looks

    def rows(self, state: str) -> npt.NDArray[np.int64]:
        """Rows whose image is `ok`, `missing` or `unreadable`."""
        return self.frame["state"].eq(state).arg_true().cast(pl.Int64).to_numpy()

    def counted(self, *columns: str) -> pl.DataFrame:
        """How many `images` that were read there are of each combination, the most frequent first."""
        order, down = ["images", *columns], [True] + [False] * len(columns)
        return self.frame.drop_nulls("mode").group_by(columns).len("images").sort(order, descending=down)

    def describe(self) -> dict[str, Any]:
        """How many images were read, and how many there are of each size, depth and mode."""
        read, sizes = self.frame.filter(pl.col("state") == "ok"), self.counted("width", "height")
        kinds = {
            name: {str(value): count for value, count in self.counted(name).iter_rows()}
            for name in ("format", "bits", "mode")
        }
        return {
            "read": read.height,
            "missing": len(self.rows("missing")),
            "unreadable": len(self.rows("unreadable")),
            "distinct_sizes": sizes.height,
            "sizes": sizes.head(5).to_dicts(),
            "width": [read["width"].min(), read["width"].max()],
            "height": [read["height"].min(), read["height"].max()],
            **kinds,
        }


def read_pictures(
    table: Table, workers: int | None = None, limits: LimitsConfig | None = None, *, films: bool = True
) -> Pictures:
    """Read all images of a table with a pool of threads; decoders let go of Python's lock.

    With `films`, each is asked whether it is a chest film. Memory grows by about 2 KiB an image.

    Raises:
        MissingExtra: there are DICOM files, and what reads them is not installed.
    """
    count, facts = len(table), list[dict[str, object]]()
    looks = Looks.empty(count)
    read = partial(
        _read, table.root, table.frame["path"], table.frame["view"], looks, limits or LimitsConfig(), films
    )
    with ThreadPoolExecutor(workers) as pool, progress("examining", count) as advance:
        # A pool takes all its work at once, and Ctrl-C would wait for all of it.
        for start in range(0, count, _BATCH):
            for fact in pool.map(read, range(start, min(start + _BATCH, count))):
                facts.append(fact)
                advance(1)
    return Pictures(pl.DataFrame(facts, schema=_SCHEMA), looks)


def _read(
    root: Path, paths: pl.Series, views: pl.Series, looks: Looks, limits: LimitsConfig, films: bool, row: int
) -> dict[str, object]:
    """Facts of one file (`_SCHEMA`); its looks are put down."""
    try:
        info, picture = info_and_picture(root / paths[row], _READ_AT_LEAST, limits)
    except ImageError as error:
        missing = isinstance(error.__cause__, FileNotFoundError)
        return {"state": "missing" if missing else "unreadable", "reason": str(error)}
    looks.put(row, picture.gray)
    no = no_film(picture.gray, picture.data, picture.suffix, view=views[row]) if films else None
    return {
        **vars(info),
        **marks_of(picture.data, info.format),
        "state": "ok",
        "channels": info.channels,
        "digest": hashlib.blake2b(picture.data, digest_size=16).hexdigest(),
        "spread": float(cv2.meanStdDev(picture.gray)[1][0, 0]),
        "notes": list(picture.notes),
        "no_film": no,
    }


@dataclass(frozen=True)
class Originals:
    """What the headers of some of the files say that a pack was made from, where they still are.

    Attributes:
        frame: width, height, bits, mode and `MARKS`, one row per row of the pack's table, null where the file was
            not looked at.
        looked_at: how many files were read.
        sizes: the most frequent [width, height, images], and `distinct` how many sizes there are.
        kinds: such as `jpeg gray 8 bits` -> images.
    """

    frame: pl.DataFrame
    looked_at: int
    sizes: tuple[tuple[int, int, int], ...]
    distinct: int
    kinds: dict[str, int]

    @classmethod
    def of(cls, pack: Pack, seed: int = 0) -> Originals:
        """Read headers, drawn by the seed; no picture is decoded but where that alone tells its size."""
        root, paths = Path(str(pack.info["root"])), pack.table.frame["path"]
        rows = np.random.default_rng([seed, 72]).permutation(len(paths))[:_LOOKED_AT].tolist()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(_header, [root / paths[row] for row in rows[:_FIRST]]))
            if any(found):
                found += pool.map(_header, [root / paths[row] for row in rows[_FIRST:]])
        facts: list[dict[str, Any]] = [{} for _ in paths]
        for row, fact in zip(rows, found, strict=False):
            facts[row] = fact
        read = [fact for fact in found if fact]
        sizes = Counter((fact["width"], fact["height"]) for fact in read)
        kinds = Counter(f"{fact['format']} {fact['mode']} {fact['bits']} bits" for fact in read)
        return cls(
            pl.DataFrame(facts, schema=_OF_HEADERS),
            len(read),
            tuple((width, height, count) for (width, height), count in sizes.most_common(5)),
            len(sizes),
            dict(kinds.most_common()),
        )

    def to_json(self) -> dict[str, Any]:
        """All but the frame."""
        told = {"looked_at": self.looked_at, "distinct_sizes": self.distinct}
        return told | {"sizes": [list(size) for size in self.sizes], "kinds": self.kinds}


def _header(path: Path) -> dict[str, Any]:
    """Nothing where the file is gone, or cannot be read without a package that is not here."""
    try:
        info = image_info(path)
    except (ImageError, MissingExtra):
        return {}
    with open_file(path) as file:
        return vars(info) | marks_of(file.read(_HEADER), info.format)
