"""`hilum runs show RUN --epochs`: the table of a run that is over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hilum.config import Config
from hilum.files import write_json
from hilum.runs import Run
from hilum.track.lines import EpochTable


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run's folder with two epochs."""
    made = Run.create(tmp_path, Config(name="made"), {})
    for epoch in (1, 2):
        row = {"roc_auc": 0.5 + epoch / 10, "recall": 0.25, "true_positives": 3}
        mean = {
            name: {"value": value, "findings": 1} for name, value in row.items() if isinstance(value, float)
        }
        scores = {"mean": mean, "combined": {"exact_match": 0.125}, "per_finding": {"Edema": row}}
        parts = {part: {"loss": 0.75, "scores": scores} for part in ("train", "valid")}
        numbers = {"epoch": epoch, "improved": True, "lr": 0.1, "seconds": 1.0, "images_per_second": 9.0}
        write_json(made.epoch_folder(epoch) / "summary.json", {**numbers, **parts})
    return made


def test_the_epochs_are_shown_as_while_it_trained(run: Run, hilum: Callable[..., Any]) -> None:
    found = hilum("runs", "show", run.path, "--epochs")
    assert found.code == 0
    assert found.out.splitlines() == EpochTable(run.config.track, run.config.train.epochs, None).whole(
        run.history
    )
    assert [line.split()[0] for line in found.out.splitlines()] == ["loss", "epoch", "1/8", "2/8"]
    assert found.out.splitlines()[2].split()[4] == "0.600"


def test_with_other_knobs(run: Run, hilum: Callable[..., Any]) -> None:
    knobs = ["--column", "true_positives", "--column", "exact_match", "--part", "train", "--part", "valid"]
    found = hilum("runs", "show", run.path, *knobs, "--per-finding")
    lines = [line.split() for line in found.out.splitlines()]
    assert lines[2] == ["1/8", "1.0e-01", "train", "0.7500", "3", "0.125"]
    assert lines[3] == ["Edema", "3", "–"]
    assert lines[4][:4] == ["valid", "0.7500", "3", "0.125"]
    assert json.loads(hilum("runs", "show", run.path, "--epochs", "--json").out)[1]["best"] is True


@pytest.mark.parametrize(
    ("knobs", "said"),
    [(["--column", "rcall"], "did you mean 'recall'?"), (["--part", "test"], "came: 'test'")],
)
def test_wrong_knobs_are_said(run: Run, hilum: Callable[..., Any], knobs: list[str], said: str) -> None:
    found = hilum("runs", "show", run.path, "--epochs", *knobs)
    assert (found.code, found.out) == (2, "")
    assert said in found.err


def test_a_run_without_an_epoch_says_so(tmp_path: Path, hilum: Callable[..., Any]) -> None:
    empty = Run.create(tmp_path, Config(name="empty"), {})
    assert hilum("runs", "show", empty.path, "--epochs").out == "no epoch is finished yet\n"
