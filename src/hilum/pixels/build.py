"""Building a pack: parallel, resumable after a kill at any moment, in place only when it is whole.

Everything is written into `OUT.partial/`. Workers write pixels with `pwrite` (pages of a map would count as
resident memory), then the finished chunks' pixels are synced, and only then does the journal say so. The
last step renames the folder.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hilum.config import Films, LimitsConfig, PrepareConfig, settings
from hilum.cores import cores
from hilum.errors import DataError, PackError
from hilum.files import disk_error, remove_leftovers
from hilum.locks import writing
from hilum.pixels.film import are_films
from hilum.pixels.finish import failures, no_films, write_tables
from hilum.pixels.journal import Journal, key_of, open_journal
from hilum.pixels.limits import LIMITS
from hilum.pixels.pack import FILES, FORMAT, INFO, JOURNAL, PIXELS, Pack, partial_path
from hilum.pixels.stamps import choices, digest_of, stamps
from hilum.pixels.workers import CHUNK, Job, decode, run, stamp_of
from hilum.progress import say
from hilum.table import Table

NO_LIMIT_UNDER = 200
"""A build is not broken off before this many images have failed, so that the message can sum them up."""


def build_pack(
    table: Table,
    out: str | Path,
    config: PrepareConfig,
    *,
    films: Films = "auto",
    workers: int | None = None,
    max_excluded: float = 0.01,
    limits: LimitsConfig = LIMITS,
) -> Pack:
    """Decode, prepare and store all images of a table.

    A build that was killed goes on where it was when it is called again with the same table and settings. A
    finished pack of the same content is opened as it is.

    Args:
        table: the images; `path` is relative to the table's root.
        out: the new folder.
        config: how images are prepared.
        films: what becomes of pictures that are no chest films, as `clean.films` says.
        workers: threads; None means one a core (decoders run outside Python's lock).
        max_excluded: the share of images that may be left out because they cannot be read.
        limits: what one image may cost; a larger one cannot be read.

    Raises:
        DataError: no images, no chest film among them where `films` is `only`, or more than `max_excluded` of them
            cannot be read; what is done is kept.
        PackError: another pack, or other files, are at `out`.
        InUse: another process builds it.
        DiskError: the file system refused; a full disk is noticed before the work begins.
        MissingExtra: DICOM files without the packages that read them.
    """
    out = Path(out)
    if not len(table):
        raise DataError("there are no images to pack: the table is empty.")
    with writing(out):
        return _build(table, out, config, films, limits, workers or cores(), max_excluded)


def _build(
    table: Table,
    out: Path,
    config: PrepareConfig,
    films: Films,
    limits: LimitsConfig,
    workers: int,
    max_excluded: float,
) -> Pack:
    found = stamps(table)
    marks = {"key": (key := _key(table, config, films, limits)), "stamp": digest_of(found)}
    if out.exists() and (pack := _same(out, marks, config)) is not None:
        return pack
    with building(out, key, (len(table), config.size, config.size)) as site:
        paths = [str(table.root / path) for path in table.frame["path"]]
        views = None if films == "any" else table.frame["view"].to_list()
        job = Job(paths, found, config, site.file, site.start, limits, views)
        _decode_all(job, site.journal, site.folder, workers, max_excluded)
        unlike, asked = _left_out(site.journal, paths, films)
        write_tables(table, config, site.folder, site.journal, marks | asked, unlike=unlike)
    return Pack.open(out)


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


def _key(table: Table, config: PrepareConfig, films: Films, limits: LimitsConfig) -> str:
    """What makes two builds the same: the layout, the settings, the table and where its images lie."""
    where = str(table.root.absolute())
    settings = (str(FORMAT), str(CHUNK), config.model_dump_json(), *choices(films, limits))
    return digest_of([*settings, table.fingerprint(), where, *table.frame["path"]])


def _same(out: Path, marks: dict[str, str], config: PrepareConfig) -> Pack | None:
    """The pack at `out` if it is what would be built; None where `out` is an empty folder."""
    if out.is_dir() and not any(out.iterdir()):
        return None
    what, remedy = "exists already and is no pack", "Name a folder that is not there yet."
    if (out / INFO).is_file():
        (out / JOURNAL).unlink(missing_ok=True)  # a kill just before its last step left it
        pack, remedy = Pack.open(out), "Name another folder, or remove it first."
        if pack.info | marks == pack.info:
            return pack
        what = "is a pack of another table or other settings"
        if pack.info.get("key") == marks["key"]:
            what = "is a pack of these images as they were before their files changed"
        has, want = settings(pack.prepare), settings(config)
        if other := [f"{key} = {has[key]!r}, not {want[key]!r}" for key in want if has[key] != want[key]]:
            what = f"is a pack made with {', '.join(other)}"
    raise PackError(f"{out} {what}. {remedy}")


def _begin(folder: Path, key: str) -> None:
    """Empty a half-built pack of other content, and say so."""
    former = key_of(folder / JOURNAL)
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
    journal = open_journal(folder / JOURNAL, key)
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


def _decode_all(job: Job, journal: Journal, folder: Path, workers: int, max_excluded: float) -> None:
    """Fill the pixel file, chunk by chunk.

    Chunks of an earlier build are done again where an image failed or a file has changed since.
    """
    for chunk in list(journal.chunks.values()):
        if chunk.failed or chunk.stamp != stamp_of(chunk.index, job.stamps):
            del journal.chunks[chunk.index]
    if journal.chunks:
        done = sum(len(chunk.sums) for chunk in journal.chunks.values())
        say(f"going on with {folder}: {done:,} of {len(job.paths):,} images are done")
    allowed = max_excluded * len(job.paths)
    failed: dict[int, str] = {}
    for chunks in run(partial(decode, job), len(job.paths), workers, set(journal.chunks)):
        os.fsync(job.file)
        journal.add(chunks)
        failed |= failures(chunks)
        if len(failed) > max(allowed, NO_LIMIT_UNDER):
            break
    if len(failed) > allowed:
        raise DataError(_too_many(job.paths, failed, max_excluded))


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


def _left_out(journal: Journal, paths: list[str], films: Films) -> tuple[dict[int, str], dict[str, bool]]:
    """Row -> why its picture is no chest film, of those that are left out; and what `pack.json` says of it."""
    if films == "any":
        return {}, {}
    unlike = no_films(journal.chunks.values())
    read = len(paths) - len(failures(journal.chunks.values()))
    if films == "auto" and not are_films(len(unlike), read):
        say(
            f"{len(unlike):,} of {read:,} pictures do not look like chest films: this is taken for a data set of "
            'other things, and all are kept (clean.films = "only" would leave them out)'
        )
        return {}, {"films": False}
    if len(unlike) == read:
        raise DataError(
            f"none of the {read:,} pictures is a chest film, for example {paths[min(unlike)]} "
            f'{unlike[min(unlike)]}. Keep them with clean.films = "any".'
        )
    return unlike, {"films": True}


def _too_many(paths: list[str], failed: dict[int, str], max_excluded: float) -> str:
    reasons = "\n".join(
        f"  {count:,} x {reason}" for reason, count in Counter(failed.values()).most_common(5)
    )
    share = len(failed) / len(paths)
    return (
        f"{len(failed):,} of {len(paths):,} images ({share:.2%}) cannot be read; at most {max_excluded:.2%} may "
        f"be left out.\n{reasons}\n  the first: {paths[min(failed)]}\n"
        "Repair them and give the same command again (what is done is kept), or raise --max-excluded."
    )
