"""Packs in memory, made of tables: for the tests of what is counted of a pack, checked and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hilum.config import PrepareConfig
from hilum.pixels import Pack
from hilum.table import Table


def made_table(
    labels: dict[str, list[int | None]], boxes: pl.DataFrame | None = None, **columns: Any
) -> Table:
    n = len(next(iter(labels.values())))
    frame = {
        "image_id": [f"i{row}" for row in range(n)],
        "path": [f"{row}.png" for row in range(n)],
        "patient_id": [f"p{row}" for row in range(n)],
        "source": ["csv"] * n,
        **columns,
        **labels,
    }
    return Table.make(pl.DataFrame(frame), list(labels), "", boxes)


def packed(table: Table, **changes: Any) -> Pack:
    """A pack in memory: every image of one gray, all different."""
    n, size = len(table), 16
    gray = np.arange(n) % 251
    stats = pl.DataFrame(
        {
            "image_id": table.frame["image_id"],
            "slot": np.arange(n),
            "sum": gray * size**2,
            "squares": gray**2 * size**2,
            "digest": [f"{row:04d}" for row in range(n)],
        }
    )
    info = {"source": "csv", "created": "today", "hilum": "0", "table_fingerprint": "1" * 64, "root": ""}
    nothing = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    values = {
        "path": Path("a-pack"),
        "table": table,
        "pixels": np.broadcast_to(gray.astype(np.uint8)[:, None, None], (n, size, size)),
        "slots": np.arange(n),
        "prepare": PrepareConfig(size=size),
        "fingerprint": "0" * 64,
        "excluded": nothing,
        "info": info,
        "stats": stats,
    }
    return Pack._of(**(values | changes))
