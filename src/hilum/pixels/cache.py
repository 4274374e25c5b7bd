"""Packs made on the way, kept by content, for `--data SOURCE:FOLDER`."""

from __future__ import annotations

import os
from pathlib import Path

from hilum.config import Films, LimitsConfig, PrepareConfig
from hilum.locks import writing
from hilum.pixels.build import build_pack
from hilum.pixels.limits import LIMITS
from hilum.pixels.pack import Pack
from hilum.pixels.read import READER
from hilum.pixels.stamps import choices, digest_of, stamps
from hilum.table import Table


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
        cache_dir: the cache; None means `default_cache()`.
        films, workers, max_excluded, limits: see `build_pack`.

    Raises:
        DataError, DiskError, MissingExtra: see `build_pack`.
    """
    folder = Path(cache_dir) if cache_dir is not None else default_cache()
    source = "-".join(sorted(table.frame["source"].unique())) or "empty"
    name = f"{source}-{prepare.size}-{_key(table, prepare, films, limits)[:12]}"
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


def default_cache() -> Path:
    """`$HILUM_CACHE/packs`, else `~/.cache/hilum/packs` (`$XDG_CACHE_HOME` is followed)."""
    if given := os.environ.get("HILUM_CACHE"):
        return Path(given) / "packs"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hilum" / "packs"


def _key(table: Table, prepare: PrepareConfig, films: Films, limits: LimitsConfig) -> str:
    where = str(table.root.absolute())
    content = (prepare.model_dump_json(), table.fingerprint(), where, *table.frame["path"], *stamps(table))
    return digest_of([*content, *choices(films, limits), f"reader {READER}"])
