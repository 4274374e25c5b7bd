"""Packs made on the way, kept by content, for `--data SOURCE:FOLDER`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hilum.config import LimitsConfig, PrepareConfig
from hilum.files import disk_error
from hilum.pixels.build import build_pack
from hilum.pixels.limits import LIMITS
from hilum.pixels.pack import Pack
from hilum.pixels.stamps import digest_of, stamps
from hilum.table.table import Table


def cached_pack(
    table: Table,
    prepare: PrepareConfig,
    cache_dir: str | Path | None = None,
    *,
    workers: int | None = None,
    max_excluded: float = 0.01,
    limits: LimitsConfig = LIMITS,
) -> Pack:
    """The pack of this table, from the cache or built into it.

    It is built again when a label, a setting, or the size or time of any image file has changed. A process
    that wants a pack which another one is building waits for it.

    Args:
        table: the images.
        prepare: how they are prepared.
        cache_dir: the cache; None means `default_cache()`.
        workers, max_excluded, limits: see `build_pack`.

    Raises:
        DataError, DiskError, MissingExtra: see `build_pack`.
    """
    folder = Path(cache_dir) if cache_dir is not None else default_cache()
    source = "-".join(sorted(table.frame["source"].unique())) or "empty"
    name = f"{source}-{prepare.size}-{_key(table, prepare, limits)[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f".{name}.lock").open("wb")
    except OSError as error:
        raise disk_error(folder, error) from error
    with lock, _alone(lock.fileno()):
        return build_pack(
            table, folder / name, prepare, workers=workers, max_excluded=max_excluded, limits=limits
        )


def default_cache() -> Path:
    """`$HILUM_CACHE/packs`, else `~/.cache/hilum/packs` (`$XDG_CACHE_HOME` is followed)."""
    if given := os.environ.get("HILUM_CACHE"):
        return Path(given) / "packs"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hilum" / "packs"


@contextmanager
def _alone(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _key(table: Table, prepare: PrepareConfig, limits: LimitsConfig) -> str:
    where = str(table.root.absolute())
    content = (prepare.model_dump_json(), table.fingerprint(), where, *table.frame["path"], *stamps(table))
    return digest_of(content if limits == LIMITS else (*content, limits.model_dump_json()))
