"""What is known against a run's scores before it begins: of its split, and of what its first weights have seen."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hilum.config import Config, ModelConfig
from hilum.errors import RunError
from hilum.models import find_model
from hilum.runs import Run
from hilum.text import many, plain
from hilum.train.data import Job
from hilum.train.data_warnings import data_warnings

_SAME = ("patient_id", "view", "projection", "age", "sex")
"""What two data sets say alike of an image where it is one image, and not only one name, in both."""
_AGREE = 0.5
"""Share of the images of one name that must be alike: drawn studies have the names of real ones."""
_AGREE_SEX = 0.9
"""Share of the patients of one id whose sex must be one, where both data sets know it: by chance it is half."""

_PRETRAINED = "pretrained"
"""What `model.weights` is for published ones."""


def known_against(job: Job) -> tuple[str, ...]:
    """Everything that must be said of the scores of a run of this job, whether it trains a network or a head."""
    return *job.split.warnings, *_overlap_warnings(job), *data_warnings(job)


def _forebears(config: ModelConfig) -> list[Run]:
    """The run that first weights are of, the run that its own were of, and so on; those that are still there."""
    found: list[Run] = []
    while (folder := _run_of(config)) is not None:
        try:
            run = Run(folder)
            config = run.config.model
        except RunError:
            break
        if any(run.path.resolve() == known.path.resolve() for known in found):
            break
        found.append(run)
    return found


def _overlap_warnings(job: Job) -> list[str]:
    """One sentence for each run before this one that learned from images or patients that this one is scored on.

    One more where that cannot be known: the first of them is gone, or began with published weights.
    """
    runs = _forebears(job.config.model)
    told = [said for run in runs for said in _of(run, job)]
    return told + _unknown(runs[-1].config.model if runs else job.config.model, runs, job)


def _run_of(config: ModelConfig) -> Path | None:
    """The run that is named as first weights, or in whose folder their file lies (`RUN/checkpoints/best...`)."""
    named = Path(config.head or config.weights)
    places = (named, named.parent.parent) if named.name else ()
    return next((place for place in places if (place / "run.json").is_file()), None)


def _unknown(first: ModelConfig, runs: list[Run], job: Job) -> list[str]:
    """What is not known of the weights that all began with."""
    named = first.head or first.weights
    if named == _PRETRAINED or Path(named).is_file():
        published = find_model(first.name).published
        trained_on = published.trained_on if published else ""
        words = {plain(word) for word in trained_on.split()}
        return [
            f"Published weights of {first.name} were trained on {trained_on}: test images of {name} may be "
            "among those, and scores then too good."
            for name in job.sources
            if plain(name) in words
        ]
    if runs and named and not Path(named).exists():
        return [
            f"{runs[-1].path} began with the weights of {named}, which is not found here: whether those were "
            "trained on images of the test part is not known."
        ]
    return []


def _of(run: Run, job: Job) -> list[str]:
    try:
        learned = run.images.filter(pl.col("part") == "train")
    except RunError as error:
        return [f"{error} Whether it was trained on images of the test part is not known."]
    own = job.images()
    shared, same = _same_images(own, learned)
    if len(same) < _AGREE * len(shared):
        return []
    patients = _same_patients(own, learned)
    parts = []
    for part in ("valid", "test"):
        mine, seen = (frame.filter(pl.col("part") == part) for frame in (own, same))
        if len(seen):
            parts.append(f"{len(seen):,} of the {many(len(mine), 'image')} of the {part} part")
        others = patients.filter(pl.col("part") == part).join(seen, on="patient_id", how="anti")
        if count := others["patient_id"].n_unique():
            parts.append(f"other images of {many(count, 'patient')} of the {part} part (by their ids)")
    if not parts:
        return []
    return [
        f"{run.path} was trained on {' and on '.join(parts)}, so their scores are too good. "
        f"{_remedy(run.config, job.config)}"
    ]


def _same_images(own: pl.DataFrame, learned: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of this run's images whose names the other run learned from, and those of them that are alike."""
    shared = own.join(learned, on=["image_id", *_common(("source",), own, learned)], suffix="_there")
    same = [pl.col(name).eq_missing(pl.col(f"{name}_there")) for name in _common(_SAME, own, learned)]
    return shared, shared.filter(pl.all_horizontal(same))


def _same_patients(own: pl.DataFrame, learned: pl.DataFrame) -> pl.DataFrame:
    """Rows of this run's images whose patients the other run learned from, by their ids."""
    if not _common(("patient_id",), own, learned):
        return own.clear()
    keys = ["patient_id", *_common(("source",), own, learned)]
    if _common(("sex",), own, learned):
        one, two = (frame.select(*keys, "sex").drop_nulls().unique(keys) for frame in (own, learned))
        both = one.join(two, on=keys)
        if (both["sex"] == both["sex_right"]).sum() < _AGREE_SEX * len(both):
            return own.clear()
    return own.join(learned, on=keys, how="semi")


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
