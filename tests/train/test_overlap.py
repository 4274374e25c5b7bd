"""What first weights have seen of the images and patients that a run is scored on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from small_runs import with_settings

from hilum.config import Config
from hilum.files import write_json, write_parquet
from hilum.runs import Run
from hilum.train.data import Job, make_job
from hilum.train.overlap import _overlap_warnings as overlap_warnings
from hilum.train.overlap import known_against

BASE = ("split.test=0.2", "split.seed=0")
OTHER = ("split.test=0.2", "split.seed=5")


def run_of(job: Job, folder: Path, *changes: str, weights: str = "") -> Run:
    """A run's folder as far as its descendants ask: its settings, and which image was in which part."""
    config = with_settings(job.config, *changes, f"model.weights={weights}")
    run = Run.create(folder, config, {"status": "done"})
    write_json(run.path / "data.json", job.describe())
    write_parquet(run.path / "images.parquet", job.images())
    return run


def starting(job: Job, weights: object) -> Job:
    """The job of a run that starts from these weights."""
    model = job.config.model.model_copy(update={"weights": str(weights)})
    return replace(job, config=job.config.model_copy(update={"model": model}))


def changed(run: Run, *columns: pl.Expr) -> Run:
    """The run with other values in what it keeps of its images."""
    write_parquet(run.path / "images.parquet", run.images.with_columns(*columns))
    return run


@pytest.fixture
def base(config: Config) -> Job:
    return make_job(with_settings(config, *BASE))


@pytest.fixture
def other(config: Config) -> Job:
    return make_job(with_settings(config, *OTHER))


def seen(first: Job, now: Job, part: str) -> int:
    return len(set(first.part("train").table.image_ids) & set(now.part(part).table.image_ids))


def test_one_split_has_none(base: Job, tmp_path: Path) -> None:
    assert overlap_warnings(starting(base, run_of(base, tmp_path).path)) == []


def test_another_split_is_warned_of_with_the_counts(base: Job, other: Job, tmp_path: Path) -> None:
    run = run_of(base, tmp_path)
    (said,) = overlap_warnings(starting(other, run.path))
    for part in ("valid", "test"):
        assert f"{seen(base, other, part)} of the {len(other.part(part))} images of the {part} part" in said
    assert said.startswith(f"{run.path} was trained on ")
    assert said.endswith("so their scores are too good. Share its split: --set split.seed=0")
    assert known_against(starting(other, run.path)) == (*other.split.warnings, said)


def test_folds_see_each_others_validation_images(config: Config, tmp_path: Path) -> None:
    first, second = (
        make_job(with_settings(config, "split.folds=4", f"split.fold={fold}")) for fold in (0, 1)
    )
    (said,) = overlap_warnings(starting(second, run_of(first, tmp_path).path))
    count = len(second.part("valid"))
    assert f"{count} of the {count} images of the valid part, so their" in said
    assert said.endswith("--set split.fold=0")


def test_it_is_known_of_a_file_of_a_run_too(base: Job, other: Job, tmp_path: Path) -> None:
    run = run_of(base, tmp_path)
    file = run.path / "checkpoints" / "best.safetensors"
    assert overlap_warnings(starting(other, file)) == overlap_warnings(starting(other, run.path)) != []


def test_it_goes_back_through_all_runs_before(base: Job, other: Job, tmp_path: Path) -> None:
    first = run_of(base, tmp_path, "name=first")
    middle = run_of(base, tmp_path, "name=middle", weights=str(first.path))
    told = overlap_warnings(starting(other, middle.path))
    assert [said.split(" was ")[0] for said in told] == [str(middle.path), str(first.path)]


def test_a_run_that_is_its_own_forebear_ends(base: Job, other: Job, tmp_path: Path) -> None:
    run_of(base, tmp_path, "name=loop", weights=str(tmp_path / "loop-1"))
    assert len(overlap_warnings(starting(other, tmp_path / "loop-1"))) == 1


@pytest.mark.parametrize("sex", ["F", None])
def test_other_images_of_the_same_patients_are_said(
    base: Job, other: Job, tmp_path: Path, sex: str | None
) -> None:
    """Another pack of the same patients: no image in common, by the id or by its name."""
    run = changed(run_of(base, tmp_path), pl.col("image_id") + "-other", pl.lit(sex, pl.String).alias("sex"))
    (said,) = overlap_warnings(starting(other, run.path))
    for part in ("valid", "test"):
        patients = set(base.part("train").patient_ids) & set(other.part(part).patient_ids)
        assert f"other images of {len(patients)} patients of the {part} part (by their ids)" in said


def test_patients_of_whom_only_some_images_were_seen_count_once(base: Job, tmp_path: Path) -> None:
    """Each patient has two images; the first weights saw the one, the run is scored on both."""
    run = run_of(base, tmp_path)
    part = pl.when(pl.col("part") == "test").then(pl.lit("train")).otherwise(pl.lit("valid"))
    every_second = pl.int_range(pl.len()) % 2 == 0
    (said,) = overlap_warnings(
        starting(base, changed(run, pl.when(every_second).then(part).alias("part")).path)
    )
    count = len(base.part("test")) // 2
    assert f"{count} of the {2 * count} images of the test part, so their" in said
    assert "other images" not in said


@pytest.mark.parametrize(
    "difference",
    [
        pl.lit(50.0, pl.Float32).alias("age"),
        pl.lit("frontal").alias("view"),
        pl.col("patient_id") + "-of-another-place",
        pl.lit("elsewhere").alias("source"),
    ],
    ids=["age", "view", "patients", "source"],
)
def test_other_images_of_the_same_names_are_no_overlap(
    base: Job, other: Job, tmp_path: Path, difference: pl.Expr
) -> None:
    run = changed(run_of(base, tmp_path), difference)
    assert overlap_warnings(starting(other, run.path)) == []


def test_other_patients_of_the_same_ids_are_no_overlap(base: Job, other: Job, tmp_path: Path) -> None:
    """Where both data sets know the sex, and it is the same no more often than by chance."""
    run = changed(run_of(base, tmp_path), pl.col("image_id") + "-other", pl.lit("M").alias("sex"))
    number = pl.col("patient_id").str.extract(r"(\d+)").cast(pl.Int64)
    frame = other.pack.table.frame.with_columns(
        sex=pl.when(number % 2 == 0).then(pl.lit("F")).otherwise(pl.lit("M"))
    )
    table = type(other.table).make(frame, other.pack.table.findings, other.pack.table.root)
    job = replace(other, pack=other.pack._replaced(table=table))
    assert overlap_warnings(starting(job, run.path)) == []


def test_a_forebear_that_is_gone_is_said(base: Job, tmp_path: Path) -> None:
    run = run_of(base, tmp_path, weights=str(tmp_path / "gone-1"))
    (said,) = overlap_warnings(starting(base, run.path))
    assert said.startswith(
        f"{run.path} began with the weights of {tmp_path / 'gone-1'}, which is not found here"
    )


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("xrv-densenet121-nih", "nih", True),
        ("xrv-densenet121-all", "chexpert", True),
        ("xrv-densenet121-chex", "nih", False),
        ("densenet121", "nih", False),
        ("densenet121", "net", False),
        ("cnn", "nih", False),
    ],
)
@pytest.mark.parametrize("weights", ["pretrained", __file__])
def test_published_weights_of_the_same_data_set(
    base: Job, name: str, source: str, said: bool, weights: str
) -> None:
    """By name, or from a file that somebody has fetched."""
    table = base.table.filter(pl.Series([True] * len(base.table)))
    table = type(table).make(table.frame.with_columns(source=pl.lit(source)), table.findings, table.root)
    job = replace(base, table=table)
    model = job.config.model.model_copy(update={"name": name, "weights": weights})
    job = replace(job, config=job.config.model_copy(update={"model": model}))
    told = overlap_warnings(job)
    assert bool(told) == said
    assert all(f"test images of {source} may be among those" in sentence for sentence in told)
