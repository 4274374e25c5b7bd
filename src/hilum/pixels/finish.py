"""The tables of a finished pack, and its fingerprint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hilum.config import PrepareConfig
from hilum.files import write_json, write_parquet
from hilum.pixels.journal import Chunk, Journal
from hilum.pixels.pack import BOXES, EXCLUDED, FORMAT, INFO, STATS, TABLE, fingerprint_of
from hilum.pixels.workers import CHUNK
from hilum.table import Table
from hilum.version import __version__


def failures(chunks: Iterable[Chunk]) -> dict[int, str]:
    """Row of the table -> why its image could not be read."""
    return {chunk.index * CHUNK + int(at): reason for chunk in chunks for at, reason in chunk.failed.items()}


def no_films(chunks: Iterable[Chunk]) -> dict[int, str]:
    """Row of the table -> why its picture is no chest film."""
    return {chunk.index * CHUNK + int(at): why for chunk in chunks for at, why in chunk.no_films.items()}


def write_tables(
    table: Table,
    config: PrepareConfig,
    partial: Path,
    journal: Journal,
    marks: Mapping[str, Any],
    former: pl.DataFrame | None = None,
    unlike: Mapping[int, str] | None = None,
) -> None:
    """Write everything but the pixels; `pack.json`, which also holds `marks`, comes last.

    `former` is what was left out already by the pack that this one is made from; `unlike` says which rows are left
    out because they are no chest films, and why.
    """
    chunks = [journal.chunks[index] for index in sorted(journal.chunks)]
    failed = {**failures(chunks), **(unlike or {})}
    kept = np.array([row not in failed for row in range(len(table))])
    stats = _stats(table, chunks).filter(kept)
    packed = table.filter(kept)
    excluded = table.frame.filter(~kept).select("image_id", "path")
    excluded = excluded.with_columns(
        reason=pl.Series([failed[row] for row in sorted(failed)], dtype=pl.String)
    )
    if former is not None:
        excluded = pl.concat([former, excluded])
    frames = {TABLE: packed.frame, STATS: stats, EXCLUDED: excluded}
    if packed.boxes is not None:
        frames[BOXES] = packed.boxes
    for name, frame in frames.items():
        write_parquet(partial / name, frame)
    write_json(
        partial / INFO,
        {
            "format": FORMAT,
            "hilum": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            **marks,
            "fingerprint": fingerprint_of(config.model_dump_json(), packed, stats),
            "table_fingerprint": packed.fingerprint(),
            "source": ", ".join(sorted(packed.frame["source"].unique())),
            "root": str(table.root.absolute()),
            "findings": list(packed.findings),
            "notes": list(packed.notes),
            "images": len(packed),
            "excluded": excluded.height,
            "no_films": len(unlike or {}),
            "slots": len(table),
            "guessed": dict(sum((Counter(chunk.notes) for chunk in chunks), Counter()).most_common()),
            "prepare": config.model_dump(mode="json"),
        },
    )


def _stats(table: Table, chunks: list[Chunk]) -> pl.DataFrame:
    """Slot, sums and digest of each image of the table."""
    return pl.DataFrame(
        {
            "image_id": table.frame["image_id"],
            "slot": np.arange(len(table)),
            "sum": pl.Series([value for chunk in chunks for value in chunk.sums], dtype=pl.Int64),
            "squares": pl.Series([value for chunk in chunks for value in chunk.squares], dtype=pl.Int64),
            "digest": [digest for chunk in chunks for digest in chunk.digests],
        }
    )
