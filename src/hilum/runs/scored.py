"""How many runs of a folder were scored on one test part: the best of several flatters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hilum.errors import RunError
from hilum.records import to_json
from hilum.runs.listing import list_runs
from hilum.runs.run import Run
from hilum.text import many


@dataclass(frozen=True)
class ScoredTest:
    """One test part, and how often it was scored.

    Attributes:
        id: 12 hexadecimal digits that follow from its images and patients alone, however they are prepared.
        images: how many it has.
        runs: of the folder that were scored on it; one counts once, however often it was evaluated.
    """

    id: str
    images: int
    runs: int

    def __str__(self) -> str:
        part = f"The test part ({self.id}, {many(self.images, 'image')})"
        if self.runs == 1:
            return f"{part} was scored by 1 run of this folder."
        return f"{part} was scored by {self.runs:,} runs of this folder: the best of them looks better than it is."

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return to_json(self)


def scored_tests(runs: Iterable[Run]) -> dict[Path, ScoredTest]:
    """For each run that was scored on its test part, that part; runs that are damaged are left out."""
    parts: dict[Path, tuple[str, int]] = {}
    for run in runs:
        try:
            if run.has("test"):
                parts[run.path] = _test_part(run)
        except RunError:
            continue
    ids = [found for found, _ in parts.values()]
    return {path: ScoredTest(found, images, ids.count(found)) for path, (found, images) in parts.items()}


def scored_test(run: Run) -> ScoredTest | None:
    """The test part of a run that was scored on it, and how often the runs of its folder were."""
    own = run.path.resolve()
    return scored_tests(list_runs(own.parent)).get(own)


def _test_part(run: Run) -> tuple[str, int]:
    images = run.images.filter(pl.col("part") == "test")
    columns = [name for name in ("image_id", "patient_id") if name in images.columns]
    text = images.select(columns).sort(columns).write_csv(None)
    return hashlib.sha256(text.encode()).hexdigest()[:12], images.height
