"""Runs whose folders are not whole are refused in one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.api import leaderboard
from hilum.config import Config
from hilum.errors import DataError, RunError
from hilum.locks import writing
from hilum.metrics import Predictions
from hilum.runs import Run, list_runs

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
    def check_kept(kept: Predictions) -> None:
        run.write_predictions(kept)
        np.testing.assert_array_equal(run.predictions("test").image_ids, kept.image_ids)

    check_kept(predictions(["b", "a"]))
    with pytest.raises(DataError, match=r"1 are not in the test part, and 1 of the part's 2 are missing"):
        check_kept(predictions(["a", "x"]))
    with pytest.raises(DataError, match="--again"):
        check_kept(predictions(["a"]))
    with pytest.raises(DataError, match="predicts Fracture; the run learned Edema"):
        check_kept(predictions(["a", "b"], ("Fracture",)))
    with pytest.raises(DataError, match="Edema that are not numbers"):
        check_kept(predictions(["a", "b"], logit=np.nan))


def test_a_run_without_its_images_is_not_whole(run: Run) -> None:
    (run.path / "images.parquet").unlink()
    with pytest.raises(RunError, match="not whole"):
        _ = run.images


READ = {
    "run.json": lambda run: Run(run.path),
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


FOREIGN = {
    "run.json no status": ("run.json", lambda info: {k: v for k, v in info.items() if k != "status"}),
    "run.json status 7": ("run.json", lambda info: {**info, "status": 7}),
    "run.json status of another program": ("run.json", lambda info: {**info, "status": "done[/red]"}),
    "run.json seconds are text": ("run.json", lambda info: {**info, "seconds": "12"}),
    "run.json warnings are one text": ("run.json", lambda info: {**info, "warnings": "split by image"}),
    "run.json members are names": ("run.json", lambda info: {**info, "members": ["a-1"]}),
    "run.json head is a name": ("run.json", lambda info: {**info, "head": "logistic"}),
    "run.json of a later format": ("run.json", lambda info: {**info, "format": 2}),
    "run.json of another program": ("run.json", lambda _: {"id": 3, "params": {}}),
    "run.json is a list": ("run.json", lambda _: []),
    "data.json is empty": ("data.json", lambda _: {}),
    "data.json findings are one text": ("data.json", lambda data: {**data, "findings": "Edema"}),
    "data.json no findings": ("data.json", lambda data: {**data, "findings": []}),
    "data.json split is an id": ("data.json", lambda data: {**data, "split": "4f2a"}),
    "data.json size is text": ("data.json", lambda data: {**data, "prepare": {"size": "big"}}),
    "data.json prevalence of nothing": (
        "data.json",
        lambda data: {**data, "prevalence": [{"part": "valid"}]},
    ),
    "data.json no mean": ("data.json", lambda data: {**data, "mean": None}),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_run_is_left_out_by_name_and_the_others_are_listed(
    run: Run, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, change = FOREIGN[name]
    other = shutil.copytree(run.path, run.path.parent / "b-1")
    (other / file).write_text(json.dumps(change(json.loads((other / file).read_text()))))
    assert [found.name for found in list_runs(run.path.parent)] == ["a-1"]
    said = capsys.readouterr().err
    assert said.count("left out: ") == 1
    assert str(other) in said
    with pytest.raises(RunError):
        Run(other)


def test_a_run_that_says_running_and_that_nobody_writes_was_killed(run: Run) -> None:
    with writing(run.path):
        assert run.info["status"] == "running"
    assert run.info["status"] == "killed"
    assert "(status: killed); its scores are provisional. hilum train --resume goes on" in run.warnings[0]
    assert [row["status"] for row in leaderboard(run.path.parent)] == ["killed"]
    assert [path.name for path in run.path.parent.iterdir()] == [run.name]


def test_a_folder_of_runs_is_no_run_and_one_of_them_is_named(run: Run) -> None:
    with pytest.raises(RunError, match=f"Did you mean {run.path}"):
        Run(run.path.parent)


def test_what_is_half_written_is_no_run_and_is_swept(run: Run) -> None:
    left = shutil.copytree(run.path, run.path.parent / ".ens.4242.partial")
    assert [found.name for found in list_runs(run.path.parent)] == ["a-1"]
    leaderboard(run.path.parent)
    assert not left.exists()


def test_a_new_run_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("hilum.runs.run.write_json", refused)
        with pytest.raises(OSError, match="No space"):
            Run.create(tmp_path, Config(name="a"), {})
    assert list(tmp_path.iterdir()) == []
    assert Run.create(tmp_path, Config(name="a"), {}).name == "a-1"
