"""Images that a run is scored on and that its first weights were already trained on."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hilum.config import Config, ModelConfig
from hilum.errors import RunError
from hilum.runs import Run
from hilum.text import many
from hilum.train.data import Job

SAME = ("patient_id", "view", "projection", "age", "sex")
"""What two data sets say alike of an image where it is one image, and not only one name, in both."""
AGREE = 0.5
"""Share of the images of one name that must be alike: drawn studies have the names of real ones."""


def forebears(config: ModelConfig) -> list[Run]:
    """The run that first weights are of, the run that its own were of, and so on; those that are still there."""
    found: list[Run] = []
    path = config.head or config.weights
    while path and (Path(path) / "run.json").is_file():
        try:
            run = Run.open(path)
            path = run.config.model.head or run.config.model.weights
        except RunError:
            break
        if any(run.path.resolve() == known.path.resolve() for known in found):
            break
        found.append(run)
    return found


def overlap_warnings(job: Job) -> list[str]:
    """One sentence for each run before this one that learned from images which this one is scored on."""
    return [said for run in forebears(job.config.model) for said in _of(run, job)]


def _of(run: Run, job: Job) -> list[str]:
    try:
        learned = run.images.filter(pl.col("part") == "train")
    except RunError:
        return []
    own = job.images()
    shared = own.join(learned, on=["image_id", *_common(("source",), own, learned)], suffix="_there")
    same = [pl.col(name).eq_missing(pl.col(f"{name}_there")) for name in _common(SAME, own, learned)]
    alike = shared.filter(pl.all_horizontal(same))
    if not len(alike) or len(alike) < AGREE * len(shared):
        return []
    parts = [
        f"{counted:,} of the {many(int((own['part'] == part).sum()), 'image')} of the {part} part"
        for part in ("valid", "test")
        if (counted := int((alike["part"] == part).sum()))
    ]
    if not parts:
        return []
    return [
        f"{run.path} was trained on {' and '.join(parts)}, so their scores are too good. "
        f"{_remedy(run.config, job.config)}"
    ]


def _common(names: tuple[str, ...], *frames: pl.DataFrame) -> list[str]:
    return [name for name in names if all(name in frame.columns for frame in frames)]


def _remedy(before: Config, now: Config) -> str:
    """What to set so that both runs share their split."""
    was, here = before.split.model_dump(), now.split.model_dump()
    changes = [f"split.{key}={str(was[key]).lower()}" for key in was if was[key] != here[key]]
    if before.data.subset != now.data.subset:
        changes.append(f"data.subset={before.data.subset}")
    if not changes:
        return "Take the split of that run: its split.parquet, by split.file."
    return "Share its split: " + " ".join(f"--set {change}" for change in changes)
