"""Carrying a trained head: exactly, and judged before it learns on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from safetensors.torch import save_file
from small_runs import weights_of, with_settings

from hilum import api
from hilum.config import Config, make_config, write_config
from hilum.errors import ConfigError, RunError
from hilum.models import build_model
from hilum.pixels import Pack
from hilum.predict import Origin, load
from hilum.runs import Run, list_runs
from hilum.train.data import make_job
from hilum.train.learner import Learner
from hilum.train.session import reproduce, resume, train


@pytest.fixture(scope="module")
def linear(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a linear head."""
    return trained(pack, tmp_path_factory.mktemp("linear"), {"name": "densenet-small"})


@pytest.fixture(scope="module", params=["linear", "mlp-both"])
def head(
    request: pytest.FixtureRequest, linear: Run, pack: Pack, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A run with a head of each kind that learns."""
    if request.param == "linear":
        return linear
    mlp = {"classifier": "mlp", "hidden": 8, "pooling": "both", "dropout": 0.2}
    return trained(pack, tmp_path_factory.mktemp("mlp"), {"name": "densenet-small", **mlp})


def trained(pack: Pack, folder: Path, model: dict[str, Any]) -> Run:
    """Two short epochs on the pack."""
    config = {
        "name": "head",
        "data": {"path": str(pack.path)},
        "prepare": {"size": 32},
        "model": model,
        "train": {"epochs": 2, "batch": 16, "precision": "fp32"},
    }
    return train(make_config(config), folder=folder, quiet=True)


def going_on(config: Config, head: Run, *changes: str) -> Config:
    return with_settings(config, f"model.head={head.path}", "finetune.learn=staged", *changes)


def test_outputs_before_the_first_update_are_those_of_the_head_exactly(
    config: Config, head: Run, pack: Pack, tmp_path: Path
) -> None:
    run = train(going_on(config, head), folder=tmp_path, quiet=True)
    valid = make_job(run.config).part("valid")
    before = load(head).networks[0].part(pack, valid.table.frame["image_id"], "valid", run.config.train.batch)
    start = run.predictions("valid", 0)
    assert list(start.image_ids) == list(before.image_ids)
    assert np.array_equal(start.logits, before.logits)
    assert not np.array_equal(start.logits, run.predictions("valid", 1).logits)
    # The head's own validation part is the same images: one split.
    assert np.array_equal(start.logits, head.predictions("valid").logits)
    assert run.start["valid"]["scores"] == head.history[head.best_epoch - 1]["valid"]["scores"]
    # Whether one short epoch beats the head depends on the machine's order of sums. No overlap is warned of.
    assert [w for w in run.info["warnings"] if "no epoch has" not in w] == head.info["warnings"]


def test_the_settings_kept_are_those_of_the_head(config: Config, head: Run, tmp_path: Path) -> None:
    link = tmp_path / "best"
    link.symlink_to(head.path)
    kept = Origin.settle(with_settings(config, f"model.head={link}").model)
    assert kept.head == str(head.path)
    for name in ("pooling", "classifier", "hidden"):
        assert getattr(kept, name) == getattr(head.config.model, name)


def test_a_start_that_no_epoch_beats_is_kept_and_said(
    config: Config, head: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changes = ["optimizer.lr=1e-12", "train.epochs=2", "finetune.learn=head"]
    run = api.train(going_on(config, head, *changes), out=tmp_path)
    assert run.best_epoch == 0
    assert [entry["best"] for entry in run.history] == [False, False]
    assert "no epoch has a better validation roc_auc" in " ".join(run.info["warnings"])
    err = capfd.readouterr().err
    assert f"starts from {head.path}" in err
    assert "epochs 1 to 2: the head learns" in err
    assert next(line for line in err.splitlines() if line.lstrip().startswith("0/2")).endswith("best")
    best, before = (weights_of(r.path / "checkpoints" / "best.safetensors") for r in (run, head))
    assert all(np.array_equal(best[key], before[key]) for key in before)
    assert np.array_equal(run.predictions("valid").logits, head.predictions("valid").logits)
    text = (run.path / "report.html").read_text()
    assert "epoch None" not in text
    assert "that it began with" in text


def test_where_no_epoch_counts_before_some_the_start_does_not_either(
    config: Config, linear: Run, tmp_path: Path
) -> None:
    run = train(
        going_on(config, linear, "train.select_after=1", "train.epochs=2", "optimizer.kind=sgd"),
        folder=tmp_path, quiet=True,
    )  # fmt: skip
    assert not run.start["improved"]
    assert run.best_epoch == 2


@pytest.mark.parametrize(
    ("taken", "changes"),
    [
        (2, ["train.ema=0.9", "optimizer.kind=sgd", "train.accumulate=2"]),
        (6, []),
        (6, ["train.ema=0.9", "optimizer.kind=sgd", "train.accumulate=2", "train.clip=1.0",
             "finetune.start_at=features.denseblock3"]),
        (10, ["schedule.kind=plateau", "schedule.patience=0", "optimizer.kind=adam",
              "finetune.batch_norm=frozen", "finetune.backbone_lr=0.3"]),
    ],
    ids=["head-stage-sgd", "backbone-default", "backbone-ema-sgd-accumulate-block", "last-plateau-adam-norms"],
)  # fmt: skip
def test_resuming_in_the_middle_of_a_stage_gives_bit_identical_weights(
    config: Config,
    linear: Run,
    tmp_path: Path,
    changes: list[str],
    taken: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import signal

    import hilum.train.loop as loop

    config = going_on(config, linear, *changes)
    whole = train(config, folder=tmp_path / "whole", quiet=True)
    real_step, steps = loop.Learner.step, 0

    def interrupted(self: loop.Learner, *arguments: Any) -> object:
        nonlocal steps
        steps += 1
        if steps == taken:
            signal.raise_signal(signal.SIGINT)
        return real_step(self, *arguments)

    monkeypatch.setattr(loop.Learner, "step", interrupted)
    with pytest.raises(loop.Stopped):
        train(config, folder=tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    cut = resume(list_runs(tmp_path / "cut")[0].path, quiet=True)
    for name in ("last", "best"):
        one, two = (weights_of(run.path / "checkpoints" / f"{name}.safetensors") for run in (whole, cut))
        assert one.keys() == two.keys()
        assert all(np.array_equal(one[key], two[key]) for key in one)
    assert cut.best_epoch == whole.best_epoch
    for epoch in range(4):
        assert_frame_equal(*(pl.read_parquet(r.epoch_folder(epoch) / "valid.parquet") for r in (whole, cut)))


def test_a_fine_tuning_can_be_repeated_to_the_bit(config: Config, linear: Run, tmp_path: Path) -> None:
    first = train(going_on(config, linear, "train.epochs=2"), folder=tmp_path, quiet=True)
    again, differences = reproduce(first.path, quiet=True)
    assert differences == []
    summary = first.epoch_folder(0) / "summary.json"
    changed = json.loads(summary.read_text())
    changed["valid"]["loss"] += 1.0
    summary.write_text(json.dumps(changed))
    _, differences = reproduce(first.path, quiet=True)
    assert [(found["epoch"], found["what"]) for found in differences] == [(0, "valid.loss")]
    assert again.start


def test_its_lines_are_shown_again(config: Config, linear: Run, tmp_path: Path, hilum: Any) -> None:
    run = train(going_on(config, linear, "train.epochs=2"), folder=tmp_path, quiet=True)
    shown = hilum("runs", "show", run.path, "--epochs").out
    assert [line.split()[0] for line in shown.splitlines()[2:]] == ["0/2", "1/2", "2/2"]
    shown = hilum("runs", "show", run.path, "--epochs", "--part", "train").out
    assert [line.split()[0] for line in shown.splitlines()[2:]] == ["1/2", "2/2"]
    entries = json.loads(hilum("runs", "show", run.path, "--epochs", "--json").out)
    assert [entry["epoch"] for entry in entries] == [0, 1, 2]


def test_heads_that_cannot_be_carried(config: Config, linear: Run, tmp_path: Path, hilum: Any) -> None:
    own, link = f"model.head={linear.path}", tmp_path / "best"
    link.symlink_to("gone-1")
    wrong = {
        (f"model.head={tmp_path}",): f"model.head: {tmp_path} is not a run's folder",
        (f"model.head={link}",): f"{link} points to gone-1, which is not there",
        (own, 'data.findings=["Left"]', "data.path=csv:nowhere"): "Left, Top",
        (own, "model.name=resnet18"): "the head of a densenet-small",
        (own, "prepare.size=64"): "--set prepare.size=32",
        (own, 'data.findings=["Left"]'): "Left, Top",
        (own, "model.weights=some.pt"): "does not go with it",
        (own, "labels.uncertain=multiclass"): "does not fit this model",
    }
    write_config(config, tmp_path / "small.toml")
    for changes, said in wrong.items():
        settings = [part for change in changes for part in ("--set", change)]
        outcome = hilum("train", tmp_path / "small.toml", *settings, "--out", tmp_path / "runs", "--quiet")
        assert outcome.code == 2, (changes, outcome.err)
        assert said in outcome.err
        assert "Traceback" not in outcome.err
    assert not (tmp_path / "runs").exists()


def test_a_head_of_nearest_images_is_refused(config: Config, linear: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(linear.path, tmp_path / "knn")))
    own = linear.config.model_copy(
        update={"model": linear.config.model.model_copy(update={"classifier": "knn", "pooling": "avg"})}
    )
    write_config(own, copy.path / "config.toml")
    save_file(build_model(own.model, 2, 32).state_dict(), copy.path / "checkpoints" / "best.safetensors")
    for learn in ("whole", "head", "staged"):
        with pytest.raises(ConfigError, match="nothing to learn") as caught:
            train(going_on(config, copy, f"finetune.learn={learn}"), folder=tmp_path / "runs", quiet=True)
        assert f"--set model.weights={copy.path}" in str(caught.value)


def test_a_head_run_that_is_gone_stops_a_resume_with_a_message(
    config: Config, linear: Run, tmp_path: Path
) -> None:
    copy = Run(Path(shutil.copytree(linear.path, tmp_path / "gone")))
    run = train(going_on(config, copy, "train.epochs=2"), folder=tmp_path / "runs", quiet=True)
    run.write_info({**run.info, "status": "stopped"})
    shutil.rmtree(copy.path)
    with pytest.raises(RunError, match="gone"):
        resume(run.path, quiet=True)
    # To look at images, it needs no other run.
    assert load(run).findings == ("Left", "Top")


def test_learner_of_a_head_has_no_notes(config: Config, head: Run) -> None:
    learner = Learner(make_job(going_on(config, head)))
    assert learner.notes == ()
