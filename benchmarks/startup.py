"""`hilum --help`, and reading the whole CheXpert label table."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hilum.config import CleanConfig
from hilum.table import clean, read_source

REFERENCE_CLEANING = CleanConfig(
    parts=("train",), views=("frontal",), studies_below=5, projections=("AP", "PA")
)


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    return [_help(), *_label_table()]


def _help() -> dict[str, Any]:
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "hilum", "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    return {
        "work": "`hilum --help`",
        "target": "< 0.5 s",
        "ours": statistics.median(seconds),
        "unit": "s",
        "note": "torch not imported (a test proves it)",
    }


def _label_table() -> list[dict[str, Any]]:
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        return []
    labels = Path(found.origin).parent / "data" / "chexpert_train.csv.gz"
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "CheXpert-v1.0-small"
        root.mkdir()
        subprocess.run(f"gzip -dc '{labels}' > '{root / 'train.csv'}'", shell=True, check=True)
        for _ in range(5):
            started = time.perf_counter()
            table, _steps = clean(read_source("chexpert", root), REFERENCE_CLEANING)
            seconds.append(time.perf_counter() - started)
    return [
        {
            "work": "CheXpert label table, 223,414 rows, read + cleaned + checked",
            "target": "< 1 s",
            "ours": statistics.median(seconds),
            "unit": "s",
            "note": f"{len(table):,} rows remain",
        }
    ]
