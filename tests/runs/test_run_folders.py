"""Runs whose folders are not whole are refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.config import Config
from hilum.errors import DataError, RunError
from hilum.metrics.predictions import Predictions
from hilum.runs import Run, check_kept, list_runs

DATA = {
    "findings": ["Edema"], "split": {"id": "4f2a", "by": "patient", "counts": {}}, "pack": "p",
    "pack_fingerprint": "0", "prepare": {"size": 64}, "mean": 0.5, "sd": 0.25,
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run.create(tmp_path, Config(name="a"), {})
    for epoch in (1, 2, 3):
        folder = made.epoch_folder(epoch)
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps({"epoch": epoch, "improved": epoch < 3}))
    ids = pl.DataFrame(
        {"image_id": ["a", "b", "c"], "patient_id": ["p", "p", "q"], "part": ["test", "test", "valid"]}
    )
    ids.write_parquet(made.path / "images.parquet")
    (made.path / "data.json").write_text(json.dumps(DATA))
    return made


def predictions(ids: list[str], findings: tuple[str, ...] = ("Edema",), logit: float = 0.5) -> Predictions:
    shape = (len(ids), len(findings))
    zeros = np.zeros(shape, np.float32)
    return Predictions(
        np.array(ids, dtype=object), findings, np.full(shape, logit, np.float32), zeros, "test"
    )


def test_a_missing_epoch_is_named(run: Run) -> None:
    assert [entry["epoch"] for entry in run.history] == [1, 2, 3]
    assert run.best_epoch == 2
    (run.epoch_folder(2) / "summary.json").unlink()
    with pytest.raises(RunError, match="has epoch 3 but no epoch 2: the run's folder is not whole"):
        _ = run.history


def test_an_epoch_that_is_being_written_is_not_there_yet(run: Run) -> None:
    run.epoch_folder(4).mkdir()
    assert len(run.history) == 3


def test_predictions_of_other_images_are_refused(run: Run) -> None:
    check_kept(run, predictions(["b", "a"]))
    with pytest.raises(DataError, match=r"1 are not in the test part, and 1 of the part's 2 are missing"):
        check_kept(run, predictions(["a", "x"]))
    with pytest.raises(DataError, match="--again"):
        check_kept(run, predictions(["a"]))
    with pytest.raises(DataError, match="predicts Fracture; the run learned Edema"):
        check_kept(run, predictions(["a", "b"], ("Fracture",)))
    with pytest.raises(DataError, match="Edema that are not numbers"):
        check_kept(run, predictions(["a", "b"], logit=np.nan))


def test_a_run_without_its_images_is_not_whole(run: Run) -> None:
    (run.path / "images.parquet").unlink()
    with pytest.raises(RunError, match="not whole"):
        _ = run.images


READ = {
    "run.json": lambda run: Run.open(run.path),
    "data.json": lambda run: run.data,
    "images.parquet": lambda run: run.images,
    "epochs/0002/summary.json": lambda run: run.history,
    "scores/valid.json": lambda run: run.scores("valid"),
    "scores/thresholds.json": lambda run: run.thresholds,
}


@pytest.mark.parametrize("name", READ)
def test_a_damaged_file_is_named(run: Run, name: str) -> None:
    path = run.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{ cut off")
    with pytest.raises(RunError, match=f"{name} is damaged"):
        READ[name](run)


def test_a_run_without_settings_is_not_whole(run: Run) -> None:
    (run.path / "config.toml").unlink()
    with pytest.raises(RunError, match=r"config.toml is missing: the run's folder is not whole"):
        _ = run.config


def test_runs_are_listed_by_number_beside_folders_of_any_name(tmp_path: Path) -> None:
    for _ in range(10):
        Run.create(tmp_path, Config(name="a"), {})
    (tmp_path / "²").mkdir()
    assert [found.name for found in list_runs(tmp_path)] == [f"a-{number}" for number in range(1, 11)]
