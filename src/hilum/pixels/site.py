"""Where a pack is under construction: resumable after a kill at any moment, in place only when it is whole.

Everything is written into `OUT.partial/`. Workers write pixels with `pwrite` (pages of a map would count as
resident memory), then the finished chunks' pixels are synced, and only then does the journal say so. The
last step renames the folder.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hilum.config import PrepareConfig
from hilum.errors import PackError
from hilum.files import disk_error, remove_leftovers, write_json, write_parquet
from hilum.locks import writing
from hilum.pixels.pack import (
    BOXES,
    EXCLUDED,
    FILES,
    FORMAT,
    INFO,
    JOURNAL,
    PIXELS,
    STATS,
    TABLE,
    fingerprint_of,
    partial_path,
)
from hilum.pixels.workers import Journal, Make, run
from hilum.progress import say
from hilum.table import Table
from hilum.version import __version__


@dataclass(frozen=True)
class Site:
    """A pack under construction.

    Attributes:
        folder: where its files are written.
        journal: which chunks are done, of a former build too.
        file: the open pixel file.
        start: where its pixels start.
    """

    folder: Path
    journal: Journal
    file: int
    start: int

    def fill(self, make: Make, count: int, workers: int, what: str = "packing") -> Iterator[None]:
        """Have workers make what is not done of `count` images; gives way whenever some more are on disk."""
        if self.journal.chunks:
            say(f"going on with {self.folder}: {self.journal.done:,} of {count:,} images are done")
        for chunks in run(make, count, workers, set(self.journal.chunks), what):
            os.fsync(self.file)
            self.journal.add(chunks)
            yield

    def finish(
        self,
        table: Table,
        config: PrepareConfig,
        marks: Mapping[str, Any],
        *,
        former: pl.DataFrame | None = None,
        unlike: Mapping[int, str] | None = None,
    ) -> None:
        """Write everything but the pixels; `pack.json` comes last.

        Args:
            table: all images that were asked for.
            config: how they were prepared.
            marks: what `pack.json` says besides.
            former: what was left out already by the pack that this one is made from.
            unlike: rows that are left out because they are no chest films, and why.
        """
        failed = self.journal.failed | dict(unlike or {})
        kept = np.array([row not in failed for row in range(len(table))])
        packed = table.filter(kept)
        stats = self.journal.stats(table.frame["image_id"]).filter(kept)
        reasons = pl.Series("reason", [failed[row] for row in sorted(failed)], pl.String)
        excluded = table.frame.filter(~kept).select("image_id", "path").with_columns(reasons)
        if former is not None:
            excluded = pl.concat([former, excluded])
        frames = {TABLE: packed.frame, STATS: stats, EXCLUDED: excluded, BOXES: packed.boxes}
        for name, frame in frames.items():
            if frame is not None:
                write_parquet(self.folder / name, frame)
        left_out = {"excluded": excluded.height, "no_films": len(unlike or {}), "slots": len(table)}
        about = _about(packed, config, stats, marks) | left_out | {"guessed": self.journal.guessed}
        write_json(self.folder / INFO, about | {"prepare": config.model_dump(mode="json")})


def _about(
    packed: Table, config: PrepareConfig, stats: pl.DataFrame, marks: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "hilum": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **marks,
        "fingerprint": fingerprint_of(config.model_dump_json(), packed, stats),
        "table_fingerprint": packed.fingerprint(),
        "source": ", ".join(sorted(packed.frame["source"].unique())),
        "root": str(packed.root.absolute()),
        "findings": list(packed.findings),
        "notes": list(packed.notes),
        "images": len(packed),
    }


@contextmanager
def building(out: Path, key: str, shape: tuple[int, int, int]) -> Iterator[Site]:
    """The folder beside `out` that a pack is built in; when the block ends well, it becomes `out`.

    Args:
        out: the new pack.
        key: what makes two builds the same; a half-built pack of another key is begun afresh.
        shape: slots, size and size of its pixels.

    Raises:
        PackError: something else is in the way.
        InUse: another process builds it.
        DiskError: the file system refused.
    """
    folder = partial_path(out)
    try:
        with writing(out):
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            _begin(folder, key)
            with (
                _kept_journal(folder, key) as journal,
                _pixel_file(folder / PIXELS, shape) as (file, start),
            ):
                yield Site(folder, journal, file, start)
            folder.rename(out)
            (out / JOURNAL).unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(out, error) from error


def _begin(folder: Path, key: str) -> None:
    """Empty a half-built pack of other content, and say so."""
    former = Journal.key_of(folder / JOURNAL)
    if former == key:
        return
    there = list(folder.iterdir())
    if foreign := [path.name for path in there if path.name not in FILES and not path.match(".*.partial")]:
        raise PackError(f"{folder} is not a half-built pack: it holds {foreign[0]}. Move it out of the way.")
    if former is not None:
        say(f"{folder} was begun with another table or other settings; starting afresh")
    for path in there:
        path.unlink()


@contextmanager
def _kept_journal(folder: Path, key: str) -> Iterator[Journal]:
    """The journal; if the block fails before a single image is done, nothing of the build is left."""
    journal = Journal(folder / JOURNAL, key)
    try:
        yield journal
    except BaseException as error:
        if not any(any(chunk.digests) for chunk in journal.chunks.values()):
            shutil.rmtree(folder)
        elif isinstance(error, KeyboardInterrupt):
            error.add_note(f"{folder} keeps what is done; give the same command again to go on.")
        raise
    finally:
        journal.close()


@contextmanager
def _pixel_file(path: Path, shape: tuple[int, int, int]) -> Iterator[tuple[int, int]]:
    """The open .npy file with all its space reserved, and the offset of its first pixel."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        start = file.tell()
        length = start + shape[0] * shape[1] * shape[2]
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, length)
        elif shutil.disk_usage(path.parent).free < length:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.truncate(file.fileno(), length)
        yield file.fileno(), start
        os.fsync(file.fileno())
