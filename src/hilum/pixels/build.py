"""Building packs: of a table of images, into a place or into the cache; and of images that others make."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import Films, LimitsConfig, PrepareConfig, settings
from hilum.cores import cores
from hilum.errors import DataError, PackError
from hilum.files import write_parquet
from hilum.locks import writing
from hilum.pixels.decoding import LIMITS
from hilum.pixels.film import are_films
from hilum.pixels.pack import FORMAT, INFO, JOURNAL, Pack, digest_of
from hilum.pixels.read import READER
from hilum.pixels.site import Site, building
from hilum.pixels.workers import CHUNK, Job, Journal, stored
from hilum.progress import say
from hilum.table import Table

_NO_LIMIT_UNDER = 200
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
    found = _stamps(table)
    marks = {"key": (key := _key(table, config, films, limits)), "stamp": digest_of(found)}
    if out.exists() and (pack := _same(out, marks, config)) is not None:
        return pack
    with building(out, key, (len(table), config.size, config.size)) as site:
        paths = [str(table.root / path) for path in table.frame["path"]]
        views = None if films == "any" else table.frame["view"].to_list()
        _decode_all(
            Job(paths, found, config, site.file, site.start, limits, views), site, workers, max_excluded
        )
        unlike, asked = _left_out(site.journal, paths, films)
        site.finish(table, config, marks | asked, unlike=unlike)
    return Pack(out)


def cached_pack(
    table: Table,
    prepare: PrepareConfig,
    cache_dir: str | Path | None = None,
    *,
    films: Films = "auto",
    workers: int | None = None,
    max_excluded: float = 0.01,
    limits: LimitsConfig = LIMITS,
) -> Pack:
    """The pack of this table, from the cache or built into it.

    It is built again when a label, a setting, the reader, or the size or time of any image file has changed. A
    process that wants a pack which another one is building waits for it.

    Args:
        table: the images.
        prepare: how they are prepared.
        cache_dir: the cache; None means `$HILUM_CACHE/packs`.
        films, workers, max_excluded, limits: see `build_pack`.

    Raises:
        DataError, DiskError, MissingExtra: see `build_pack`.
    """
    folder = Path(cache_dir) if cache_dir is not None else _default_cache()
    source = "-".join(sorted(table.frame["source"].unique())) or "empty"
    name = f"{source}-{prepare.size}-{_cache_key(table, prepare, films, limits)[:12]}"
    with writing(folder / name, wait=True):
        return build_pack(
            table,
            folder / name,
            prepare,
            films=films,
            workers=workers,
            max_excluded=max_excluded,
            limits=limits,
        )


def write_pack(
    out: Path,
    content: Sequence[str],
    table: Table,
    source: Pack,
    images: Callable[[range], npt.NDArray[np.uint8]],
    *,
    marks: Mapping[str, Any],
    also: Mapping[str, pl.DataFrame],
    workers: int | None = None,
    what: str = "packing",
) -> tuple[Pack, bool]:
    """Write a pack of images that are made from another pack's, in parallel and resumable as `build_pack`.

    Args:
        out: the new folder.
        content: what makes two such packs the same, beside the layout.
        table: what is in it.
        source: the pack that it is made from; what that left out is left out here too.
        images: rows of the table -> uint8 [n, size, size]; called by several threads at once.
        marks: what `pack.json` says besides.
        also: further tables, by the names of their files.
        workers: threads; None means one a core.
        what: what the progress bar says.

    Returns:
        The pack, and whether it was there already. Errors are those of `build_pack`.
    """
    key, size = digest_of([str(FORMAT), *content]), source.prepare.size
    with writing(out):
        if (there := _made_before(out, key)) is not None:
            return there, True
        with building(out, key, (len(table), size, size)) as site:
            make = stored(images, len(table), site.file, site.start)
            for _ in site.fill(make, len(table), workers or cores(), what):
                pass
            for name, frame in also.items():
                write_parquet(site.folder / name, frame)
            site.finish(table, source.prepare, {"key": key, **marks}, former=source.excluded)
        return Pack(out), False


def _made_before(out: Path, key: str) -> Pack | None:
    """The pack of this key at `out`; None where nothing is there."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if (out / INFO).is_file() and (there := Pack(out)).info.get("key") == key:
        return there
    raise PackError(
        f"{out} exists already and is another pack or no pack. Name another folder, or remove it first."
    )


def _default_cache() -> Path:
    """`$HILUM_CACHE/packs`, else `~/.cache/hilum/packs` (`$XDG_CACHE_HOME` is followed)."""
    if given := os.environ.get("HILUM_CACHE"):
        return Path(given) / "packs"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hilum" / "packs"


def _cache_key(table: Table, prepare: PrepareConfig, films: Films, limits: LimitsConfig) -> str:
    where = str(table.root.absolute())
    content = (prepare.model_dump_json(), table.fingerprint(), where, *table.frame["path"], *_stamps(table))
    return digest_of([*content, *_choices(films, limits), f"reader {READER}"])


def _key(table: Table, config: PrepareConfig, films: Films, limits: LimitsConfig) -> str:
    """What makes two builds the same: the layout, the settings, the table and where its images lie."""
    where = str(table.root.absolute())
    settings = (str(FORMAT), str(CHUNK), config.model_dump_json(), *_choices(films, limits))
    return digest_of([*settings, table.fingerprint(), where, *table.frame["path"]])


def _stamps(table: Table) -> list[str]:
    """Size and time of change of each row's file; `missing` where there is none."""
    root = str(table.root.absolute())
    return [_stamp(os.path.join(root, path)) for path in table.frame["path"]]  # noqa: PTH118 (4x faster)


def _stamp(path: str) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return "missing"
    return f"{found.st_size}-{found.st_mtime_ns}"


def _choices(films: Films, limits: LimitsConfig) -> list[str]:
    """What choices of which files are left out add to what makes two packs the same: by default nothing."""
    marks = [] if films == "auto" else [f"films={films}"]
    return marks if limits == LIMITS else [*marks, limits.model_dump_json()]


def _same(out: Path, marks: dict[str, str], config: PrepareConfig) -> Pack | None:
    """The pack at `out` if it is what would be built; None where `out` is an empty folder."""
    if out.is_dir() and not any(out.iterdir()):
        return None
    what, remedy = "exists already and is no pack", "Name a folder that is not there yet."
    if (out / INFO).is_file():
        (out / JOURNAL).unlink(missing_ok=True)  # a kill just before its last step left it
        pack, remedy = Pack(out), "Name another folder, or remove it first."
        if pack.info | marks == pack.info:
            return pack
        what = "is a pack of another table or other settings"
        if pack.info.get("key") == marks["key"]:
            what = "is a pack of these images as they were before their files changed"
        has, want = settings(pack.prepare), settings(config)
        if other := [f"{key} = {has[key]!r}, not {want[key]!r}" for key in want if has[key] != want[key]]:
            what = f"is a pack made with {', '.join(other)}"
    raise PackError(f"{out} {what}. {remedy}")


def _decode_all(job: Job, site: Site, workers: int, max_excluded: float) -> None:
    """Fill the pixel file, chunk by chunk.

    Chunks of an earlier build are done again where an image failed or a file has changed since.
    """
    chunks = site.journal.chunks
    for index in [
        index for index, chunk in chunks.items() if chunk.failed or chunk.stamp != job.stamp(index)
    ]:
        del chunks[index]
    allowed = max_excluded * len(job.paths)
    for _ in site.fill(job.make, len(job.paths), workers):
        if sum(len(chunk.failed) for chunk in chunks.values()) > max(allowed, _NO_LIMIT_UNDER):
            break
    if len(failed := site.journal.failed) > allowed:
        raise DataError(_too_many(job.paths, failed, max_excluded))


def _left_out(journal: Journal, paths: list[str], films: Films) -> tuple[dict[int, str], dict[str, bool]]:
    """Row -> why its picture is no chest film, of those that are left out; and what `pack.json` says of it."""
    if films == "any":
        return {}, {}
    unlike = journal.no_films
    read = len(paths) - len(journal.failed)
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
