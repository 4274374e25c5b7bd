"""The data report of CheXpert's whole label table (131,748 frontal rows after the 2020 framework's cleaning)."""

from __future__ import annotations

import importlib.util
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hilum.config import CleanConfig, PrepareConfig
from hilum.pixels import Pack
from hilum.report import write_data_report
from hilum.table import Table, clean, read_source

CLEANING = CleanConfig(views=("frontal",), studies_below=5, projections=("AP", "PA"))
SIZE = 320


def rows() -> list[dict[str, Any]]:
    """Seconds and memory of one report; the pixels (13 GB) are a sparse file of black images."""
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        pack = chexpert_pack(Path(folder))
        start = time.perf_counter()
        path = write_data_report(pack)
        seconds = time.perf_counter() - start
        size = path.stat().st_size / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [
        {
            "work": f"data report of {len(pack):,} images x {len(pack.table.findings)} findings",
            "target": "< 10 s",
            "ours": seconds,
            "unit": "s",
            "note": f"{size:.1f} MiB of HTML, process {peak:.1f} GiB at most; only the sample images are read",
        }
    ]


def chexpert_pack(folder: Path) -> Pack:
    """A pack of CheXpert's label table without its images."""
    found = importlib.util.find_spec("torchxrayvision")
    assert found is not None
    assert found.origin is not None
    table, _ = clean(read_source("chexpert", Path(found.origin).parent / "data"), CLEANING)
    n, rng = len(table), np.random.default_rng(0)
    pixels = np.lib.format.open_memmap(folder / "pixels.npy", "w+", np.uint8, (n, SIZE, SIZE))
    mean = rng.normal(127, 25, n).clip(20, 230)
    stats = pl.DataFrame(
        {
            "image_id": table.frame["image_id"],
            "slot": np.arange(n),
            "sum": (mean * SIZE**2).astype(np.int64),
            "squares": ((mean**2 + 43**2) * SIZE**2).astype(np.int64),
            "digest": [f"{row:032x}" for row in range(n)],
        }
    )
    return _pack(folder, table, pixels, stats)


def _pack(folder: Path, table: Table, pixels: np.ndarray[Any, Any], stats: pl.DataFrame) -> Pack:
    info = {
        "source": "chexpert",
        "created": "-",
        "hilum": "-",
        "root": str(table.root),
        "table_fingerprint": table.fingerprint(),
    }
    excluded = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    slots = np.arange(len(table), dtype=np.int64)
    return Pack(folder, table, pixels, slots, PrepareConfig(size=SIZE), "0" * 64, excluded, info, stats)
