"""Reading every image once, for what the checks need to know of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LimitsConfig
from hilum.doctor.duplicates import BANDS, SIDE, Hashes, Thumbnails, perceptual_hash, thumbnail
from hilum.doctor.marks import MARKS, marks_of
from hilum.errors import ImageError
from hilum.pixels import LIMITS, decode_picture, info_of, no_film, read_file, unreadable
from hilum.progress import progress
from hilum.table import Table

READ_AT_LEAST = 128
"""Larger JPEG files are decoded at a half, a quarter or an eighth, which is up to four times as fast."""
BATCH = 512

SCHEMA: dict[str, pl.DataType] = {
    "state": pl.String(),
    "reason": pl.String(),
    "width": pl.Int32(),
    "height": pl.Int32(),
    "bits": pl.Int16(),
    "channels": pl.Int16(),
    "mode": pl.String(),
    "format": pl.String(),
    "digest": pl.String(),
    "spread": pl.Float32(),
    "notes": pl.List(pl.String()),
    **MARKS,
    "no_film": pl.String(),
}
"""`state` is ok, missing or unreadable; `digest` a hash of the file's bytes; `spread` the standard deviation
of the gray values (0 to 255); `notes` what was guessed when it was read (`hilum.pixels.read.Picture`); `no_film`
why it is no chest film, null where it is one or that was not asked."""


@dataclass(frozen=True)
class Pictures:
    """What is known of each row's image.

    Attributes:
        frame: `SCHEMA`, one row per row of the table.
        hashes: uint16 [n, BANDS], perceptual hashes; zero where there is no image.
        thumbnails: uint8 [n, SIDE, SIDE].
    """

    frame: pl.DataFrame
    hashes: Hashes
    thumbnails: Thumbnails

    def rows(self, state: str) -> npt.NDArray[np.int64]:
        """Rows whose image is `ok`, `missing` or `unreadable`."""
        return self.frame["state"].eq(state).arg_true().cast(pl.Int64).to_numpy()


def read_pictures(
    table: Table, workers: int | None = None, limits: LimitsConfig = LIMITS, *, films: bool = True
) -> Pictures:
    """Read all images of a table with a pool of threads; decoders let go of Python's lock.

    With `films`, each is asked whether it is a chest film. Memory grows by about 2 KiB an image.

    Raises:
        MissingExtra: there are DICOM files, and what reads them is not installed.
    """
    paths = [table.root / path for path in table.frame["path"]]
    hashes = np.zeros((len(paths), BANDS), np.uint16)
    thumbnails = np.zeros((len(paths), SIDE, SIDE), np.uint8)
    facts: list[dict[str, object]] = []
    views = table.frame["view"].to_list()
    asked = [Asked(path, view, films) for path, view in zip(paths, views, strict=True)]
    with ThreadPoolExecutor(workers) as pool, progress("examining", len(paths)) as advance:
        for fact, small in _in_batches(pool, asked, limits):
            if small is not None:
                thumbnails[len(facts)] = small
                hashes[len(facts)] = perceptual_hash(small)
            facts.append(fact)
            advance(1)
    return Pictures(pl.DataFrame(facts, schema=SCHEMA), hashes, thumbnails)


class Asked(NamedTuple):
    """A file, the view that its row says it is, and whether to ask if it is a chest film."""

    path: Path
    view: str | None = None
    films: bool = True


def _in_batches(
    pool: ThreadPoolExecutor, asked: list[Asked], limits: LimitsConfig
) -> Iterator[tuple[dict[str, object], Thumbnails | None]]:
    """Results in order. A pool takes all its work at once, and Ctrl-C would wait for all of it."""
    left = iter(asked)
    while batch := list(islice(left, BATCH)):
        yield from pool.map(partial(read_one, limits=limits), batch)


def read_one(asked: Asked, limits: LimitsConfig = LIMITS) -> tuple[dict[str, object], Thumbnails | None]:
    """Facts of one file (`SCHEMA`), and its thumbnail if it can be decoded."""
    path = asked.path
    try:
        data = read_file(path, limits)
        info = info_of(data, path.suffix)
        picture = decode_picture(data, path.suffix, READ_AT_LEAST, limits)
    except OSError as error:
        state = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        return {"state": state, "reason": unreadable(error)}, None
    except ImageError as error:
        return {"state": "unreadable", "reason": str(error)}, None
    fact = {
        "state": "ok",
        "width": info.width,
        "height": info.height,
        "bits": info.bits,
        "channels": info.channels,
        "mode": info.mode,
        "format": info.format,
        "digest": hashlib.blake2b(data, digest_size=16).hexdigest(),
        "spread": float(cv2.meanStdDev(picture.gray)[1][0, 0]),
        "notes": list(picture.notes),
        "no_film": no_film(picture.gray, data, path.suffix, view=asked.view) if asked.films else None,
    }
    return fact | marks_of(data, info.format), thumbnail(picture.gray)
