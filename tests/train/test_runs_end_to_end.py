"""A run from its settings to its scores: repeatable, resumable, honest about its data."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from small_runs import weights_of, with_settings

from hilum import api
from hilum.config import Config
from hilum.errors import CheckFailed, ConfigError, DataError, PackError, RunError, WeightsError
from hilum.evaluate import judge_part
from hilum.metrics import Predictions
from hilum.pixels import Pack
from hilum.predict import load
from hilum.runs import Run, list_runs
from hilum.train.data import make_job
from hilum.train.session import reproduce, resume, train


@pytest.fixture(scope="module")
def finished(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One finished run that other tests only read."""
    config = {
        "name": "small",
        "data": {"path": str(pack.path)},
        "prepare": {"size": 32},
        "model": {"name": "densenet-small", "dropout": 0.2},
        "split": {"valid": 0.25, "test": 0.25},
        "augment": {"share": 0.5},
        "train": {"epochs": 4, "batch": 12, "precision": "fp32"},
    }
    return api.train(api.make_config(config), out=tmp_path_factory.mktemp("runs"), quiet=True)


def test_a_run_folder_is_whole(finished: Run) -> None:
    files = {str(path.relative_to(finished.path)) for path in finished.path.rglob("*") if path.is_file()}
    expected = {
        "run.json",
        "config.toml",
        "data.json",
        "split.parquet",
        "images.parquet",
        "environment.json",
        "report.html",
        "checkpoints/last.safetensors",
        "checkpoints/best.safetensors",
        "predictions/valid.parquet",
        "scores/valid.json",
        "scores/calibration.json",
        "scores/thresholds.json",
    }
    expected |= {
        f"epochs/{e:04d}/{name}"
        for e in range(1, 5)
        for name in ("summary.json", "train.parquet", "valid.parquet")
    }
    # What is in these two, tests of trackers and of the report say.
    assert {name for name in files if not name.startswith(("tensorboard/", "figures/"))} == expected
    assert finished.info["status"] == "done"
    assert [entry["epoch"] for entry in finished.history] == [1, 2, 3, 4]
    assert sum(entry["best"] for entry in finished.history) == 1


def test_it_learns_what_is_there(finished: Run) -> None:
    scores = finished.scores("valid")
    assert scores is not None
    assert scores.value("roc_auc") > 0.9
    losses = [entry["train"]["loss"] for entry in finished.history]
    assert losses[-1] < losses[0]


def test_every_epochs_predictions_are_kept_by_image_id(finished: Run) -> None:
    split = pl.read_parquet(finished.path / "split.parquet")
    for part in ("train", "valid"):
        ids = set(split.filter(pl.col("part") == part)["image_id"])
        for epoch in range(1, 5):
            found = finished.predictions(part, epoch)
            assert set(found.image_ids) == ids
            assert np.isfinite(found.logits).all()


def test_patients_are_in_one_part(finished: Run) -> None:
    parts = (
        pl.read_parquet(finished.path / "split.parquet").group_by("patient_id").agg(pl.col("part").n_unique())
    )
    assert parts["part"].max() == 1


def test_uncertain_labels_are_not_scored_but_blank_ones_are(finished: Run, pack: Pack) -> None:
    valid = finished.predictions("valid")
    codes = {
        name: dict(zip(pack.table.image_ids, pack.table.frame[name], strict=True)) for name in valid.findings
    }
    for j, name in enumerate(valid.findings):
        for image, target in zip(valid.image_ids, valid.targets[:, j], strict=True):
            code = codes[name][image]
            assert math.isnan(target) if code == -1 else target == (code or 0)


def test_same_settings_same_numbers(finished: Run, tmp_path: Path) -> None:
    again, differences = reproduce(finished.path, folder=tmp_path, quiet=True)
    assert differences == []
    one, two = (weights_of(run.path / "checkpoints" / "best.safetensors") for run in (finished, again))
    assert all(np.array_equal(one[key], two[key]) for key in one)


def test_another_seed_gives_other_numbers(finished: Run, tmp_path: Path) -> None:
    other = train(with_settings(finished.config, "seed=1", "train.epochs=1"), folder=tmp_path, quiet=True)
    assert other.history[0]["train"]["loss"] != finished.history[0]["train"]["loss"]


def test_any_seed_can_be_trained_with(config: Config, tmp_path: Path) -> None:
    """A date, say: 20251121; no seed of a step is larger than torch takes."""
    run = train(with_settings(config, f"seed={2**31 - 1}", "train.epochs=1"), folder=tmp_path, quiet=True)
    assert run.info["status"] == "done"


def test_evaluate_and_predict_agree_with_validation(finished: Run, pack: Pack, tmp_path: Path) -> None:
    """One inference path: the loop, `evaluate` and `predict` on the files give the same logits."""
    copy = Run(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    kept = copy.predictions("valid")
    judge_part(copy, "valid", again=True)
    again = copy.predictions("valid")
    assert list(kept.image_ids) == list(again.image_ids)
    np.testing.assert_allclose(kept.logits, again.logits, atol=1e-4)
    paths = {row["image_id"]: pack.table.root / row["path"] for row in pack.table.frame.iter_rows(named=True)}
    results = load(copy, device="cpu").predict([paths[image] for image in kept.image_ids]).images
    np.testing.assert_allclose(np.stack([r.probabilities for r in results]), kept.probabilities, atol=1e-4)


def test_the_test_part_is_scored_at_validation_thresholds(finished: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    assert not copy.has("test")
    scores = api.evaluate(copy, "test")
    assert copy.has("test")
    assert scores.thresholds.part == "valid"
    assert "test" in (copy.path / "report.html").read_text()


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["train.ema=0.9", "optimizer.kind=sgd", "train.accumulate=2", "train.clip=1.0"],
        ["schedule.kind=plateau", "schedule.patience=0", "optimizer.kind=adam", "sampling.kind=finding"],
    ],
    ids=["default", "ema-sgd-accumulate", "plateau-adam-sampled"],
)
def test_resuming_gives_bit_identical_weights(
    config: Config, tmp_path: Path, changes: list[str], epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop in the middle of an epoch, then a resume, against a run that was never stopped."""
    import hilum.train.loop as loop

    config = with_settings(config, *changes)
    whole = train(config, folder=tmp_path / "whole", quiet=True)
    real_step, taken = loop.Learner.step, 0

    def interrupted(self: loop.Learner, *arguments: object) -> object:
        nonlocal taken
        taken += 1
        if taken == epoch * 4 + 2:
            import signal

            signal.raise_signal(signal.SIGINT)
        return real_step(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop.Learner, "step", interrupted)
    with pytest.raises(loop.Stopped, match="hilum train --resume"):
        train(config, folder=tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    cut = list_runs(tmp_path / "cut")[0]
    assert cut.info["status"] == "stopped"
    cut = resume(cut.path, quiet=True)
    assert cut.info["status"] == "done"
    for name in ("last", "best"):
        one, two = (weights_of(run.path / "checkpoints" / f"{name}.safetensors") for run in (whole, cut))
        assert one.keys() == two.keys()
        assert all(np.array_equal(one[key], two[key]) for key in one)
    for e in range(1, 4):
        assert_frame_equal(*(pl.read_parquet(r.epoch_folder(e) / "train.parquet") for r in (whole, cut)))


def test_early_stopping_and_best_weights(config: Config, tmp_path: Path) -> None:
    run = train(with_settings(config, "train.epochs=30", "train.patience=2"), folder=tmp_path, quiet=True)
    history = run.history
    assert len(history) < 30
    assert run.best_epoch == len(history) - 2
    best = max(history, key=lambda e: (e["valid"]["scores"]["mean"]["roc_auc"]["value"], -e["epoch"]))
    assert run.best_epoch == best["epoch"]
    assert list(run.predictions("valid").image_ids) == list(
        run.predictions("valid", run.best_epoch).image_ids
    )


def test_epochs_before_select_after_do_not_count(config: Config, tmp_path: Path) -> None:
    run = train(with_settings(config, "train.select_after=2"), folder=tmp_path, quiet=True)
    assert run.best_epoch == 3


@pytest.mark.parametrize("select", ["loss", "log_loss", "f1", "exact_match"])
def test_select_by_any_score(config: Config, tmp_path: Path, select: str) -> None:
    run = train(with_settings(config, f"train.select={select}"), folder=tmp_path, quiet=True)
    entries = run.history
    if select == "loss":
        best = min(entries, key=lambda e: e["valid"]["loss"])
    elif select == "log_loss":
        best = min(entries, key=lambda e: e["valid"]["scores"]["mean"]["log_loss"]["value"])
    elif select == "f1":
        best = max(entries, key=lambda e: (e["valid"]["scores"]["mean"]["f1"]["value"], -e["epoch"]))
    else:
        best = max(entries, key=lambda e: (e["valid"]["scores"]["combined"]["exact_match"], -e["epoch"]))
    assert run.best_epoch == best["epoch"]


@pytest.mark.parametrize(
    "changes",
    [
        ["labels.uncertain=multiclass"],
        ["loss.kind=focal", "loss.reduction=sum", "optimizer.lr=1e-4"],
        ["loss.kind=asymmetric", "loss.reduction=per_finding", "model.channels=3"],
        ["loss.kind=frequency", "labels.uncertain=smooth", "model.pooling=attention"],
        ["loss.positive_weight=balanced", "sampling.kind=class", "sampling.finding=Top", "train.precision=bf16"],
        ["sampling.kind=oversample", "sampling.min_count=30", "split.folds=3", "split.fold=1", "data.subset=60"],
        ["model.name=timm:resnet10t", "train.channels_last=false", "data.findings=[\"Top\"]"],
    ],
)  # fmt: skip
def test_knobs_train_and_predict(config: Config, tmp_path: Path, changes: list[str]) -> None:
    run = train(with_settings(config, *changes, "train.epochs=1"), folder=tmp_path, quiet=True)
    kept = run.predictions("valid")
    assert np.isfinite(kept.logits).all()
    judge_part(run, "valid")
    tolerance = 0.05 if run.config.train.precision == "bf16" else 1e-3
    np.testing.assert_allclose(run.predictions("valid").logits, kept.logits, atol=tolerance)


def test_split_by_image_is_said_everywhere(config: Config, tmp_path: Path) -> None:
    run = api.train(with_settings(config, "split.by=image", "train.epochs=1"), out=tmp_path, quiet=True)
    assert any("patient" in warning for warning in run.info["warnings"])
    assert "patient" in (run.path / "report.html").read_text()
    assert api.leaderboard(tmp_path)[0]["split"] == "BY IMAGE"


def test_bad_input_leaves_no_run_behind(config: Config, tmp_path: Path) -> None:
    wrong = {
        "data.path=nowhere": (PackError, "nowhere"),
        "data.path=": (DataError, "--data"),
        "data.path=chexpertt:somewhere": (DataError, "chexpert"),
        "prepare.size=64": (PackError, "--set prepare.size=32"),
        'data.findings=["Topp"]': (DataError, "did you mean 'Top'"),
        "train.select=roc_uac": (ConfigError, "roc_auc"),
        "model.name=resnet19": (ConfigError, "resnet18"),
        "model.weights=missing.safetensors": (WeightsError, "missing.safetensors"),
        "clean.views=[\"lateral\"]": (DataError, "clean.views"),
        "split.by=official": (DataError, "official"),
        "train.device=cuda:9": (ConfigError, "CUDA"),
        "train.device=gpu": (ConfigError, "no device"),
    }  # fmt: skip
    for change, (kind, said) in wrong.items():
        with pytest.raises(kind) as caught:
            train(with_settings(config, change), folder=tmp_path / "runs", quiet=True)
        assert said in str(caught.value), change
    assert not (tmp_path / "runs").exists()


def test_weights_of_another_run_start_a_model_and_unfitting_ones_do_not(
    finished: Run, config: Config, tmp_path: Path
) -> None:
    best = finished.path / "checkpoints" / "best.safetensors"
    run = train(with_settings(config, f"model.weights={best}", "train.epochs=1"), folder=tmp_path, quiet=True)
    assert run.history[0]["train"]["loss"] < finished.history[0]["train"]["loss"]
    with pytest.raises(WeightsError, match="does not fit this model"):
        train(
            with_settings(config, f"model.weights={best}", "model.name=resnet18"),
            folder=tmp_path / "no",
            quiet=True,
        )


def test_run_folders_that_cannot_be_used(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run's folder"):
        Run(tmp_path)
    with pytest.raises(RunError, match=f"Did you mean .*{finished.name}"):
        Run(finished.path.parent / "smal-1")
    copy = Path(shutil.copytree(finished.path, tmp_path / "other"))
    info = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**info, "format": 99, "version": "9.0"}))
    with pytest.raises(RunError, match=r"run format 99, written by hilum 9\.0"):
        Run(copy)
    (copy / "run.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        Run(copy)
    assert list_runs(tmp_path) == []
    with pytest.raises(RunError, match="no folder"):
        list_runs(tmp_path / "nowhere")


def test_missing_or_unfitting_checkpoint_is_an_error(finished: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    best = copy.path / "checkpoints" / "best.safetensors"
    best.unlink()
    with pytest.raises(WeightsError):
        load(copy)
    best.write_bytes(b"garbage")
    with pytest.raises(WeightsError):
        load(copy)


def test_a_changed_pack_is_refused(finished: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    data = copy.data
    (copy.path / "data.json").write_text(json.dumps({**data, "pack_fingerprint": "0" * 64}))
    with pytest.raises(PackError, match="no longer the pack"):
        judge_part(copy, "valid", again=True)
    with pytest.raises(RunError, match="fingerprint"):
        reproduce(copy.path, quiet=True)


def test_job_describes_its_data(config: Config) -> None:
    job = make_job(config)
    described = job.describe()
    json.dumps(described, allow_nan=False)
    counts = described["split"]["counts"]
    assert counts["train"]["images"] + counts["valid"]["images"] == 96
    train_part = job.part("train")
    pixels = job.pack.images(train_part.slots) / 255
    assert job.normalisation.gray[0] == pytest.approx(pixels.mean(), abs=1e-9)
    assert job.normalisation.gray[1] == pytest.approx(pixels.std(), abs=1e-9)
    with pytest.raises(DataError, match=r"split\.test"):
        job.part("test")


def test_predictions_survive_parquet(finished: Run, tmp_path: Path) -> None:
    valid = finished.predictions("valid")
    valid.save(tmp_path / "p.parquet")
    again = Predictions.load(tmp_path / "p.parquet", "valid")
    np.testing.assert_array_equal(again.logits, valid.logits)
    np.testing.assert_array_equal(again.targets, valid.targets)
    (tmp_path / "q.parquet").write_bytes(b"no")
    for name in ("q", "nowhere"):
        with pytest.raises(DataError, match="cannot be read"):
            Predictions.load(tmp_path / f"{name}.parquet", "valid")


def test_divergence_is_said_with_what_to_do(config: Config, tmp_path: Path) -> None:
    wild = with_settings(config, "optimizer.kind=sgd", "optimizer.lr=1e30", "schedule.kind=constant")
    with pytest.raises(CheckFailed, match=r"diverged in epoch 1.*Lower optimizer\.lr"):
        train(wild, folder=tmp_path, quiet=True)
    assert list_runs(tmp_path)[0].info["status"] == "stopped"


@pytest.mark.slow
def test_a_compiled_model_learns_the_same(config: Config, tmp_path: Path) -> None:
    plain = train(with_settings(config, "model.dropout=0.0"), folder=tmp_path, quiet=True)
    compiled = train(
        with_settings(config, "model.dropout=0.0", "train.compile=true"), folder=tmp_path, quiet=True
    )
    one, two = (run.history[0]["train"]["loss"] for run in (plain, compiled))
    assert one == pytest.approx(two, rel=0.02)


def test_a_wrong_name_is_said_before_anything_is_packed(
    config: Config, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "cache"))
    pack.table.frame.select("path", "patient_id", "Left", "Top").write_csv(pack.table.root / "table.csv")
    source = f"data.path=csv:{pack.table.root}"
    for change in (
        'data.findings=["Tops"]',
        "model.name=resnet19",
        "train.device=cuda:9",
        "train.select=roc",
    ):
        with pytest.raises((DataError, ConfigError)):
            train(with_settings(config, source, change), folder=tmp_path / "runs", quiet=True)
    assert not (tmp_path / "cache").exists()
    (pack.table.root / "table.csv").unlink()
