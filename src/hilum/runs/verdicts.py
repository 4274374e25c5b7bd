"""The verdicts on labels that a run began with: it keeps its own copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from hilum.runs.run import Run
from hilum.table import Table, apply_overlay, read_overlay, write_overlay


def keep_verdicts(run: Run, verdicts: pl.DataFrame | None) -> None:
    """Keep the verdicts on labels that a run began with, if there are any."""
    if verdicts is not None:
        write_overlay(verdicts_of(run), verdicts)


def verdicts_of(run: Run) -> Path:
    """Where a run keeps its verdicts on labels."""
    return run.path / "overlay.csv"


def labelled(run: Run, table: Table, part: str) -> Table:
    """Images of a part of a run's data, with the verdicts that the run began with in the place of labels."""
    if not run.config.labels.overlay:
        return table
    rows = np.arange(len(table), dtype=np.int64)
    return apply_overlay(table, read_overlay(verdicts_of(run)), {part: rows}, run.config.labels)[0]
