"""`hilum train --repeats`: seeds of one recipe on one split."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hilum import api
from hilum.api import training
from hilum.cli import main
from hilum.compare import group_runs
from hilum.errors import ConfigError, Stopped
from hilum.runs import Run, list_runs
from hilum_phantom import make_phantom

Hilum = Callable[..., Any]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom study of 24 patients and a recipe of one epoch."""
    folder = tmp_path_factory.mktemp("repeats")
    make_phantom(folder / "phantom", 24, size=64, workers=1)
    assert (
        main(["pack", "chexpert", str(folder / "phantom"), "--out", str(folder / "pack"), "--size", "32"])
        == 0
    )
    (folder / "small.toml").write_text(
        'data.findings = ["Support Devices", "Pleural Effusion"]\nmodel.name = "densenet-small"\n'
        "prepare.size = 32\nsplit.keep_official = false\nsplit.valid = 0.4\ntrain.epochs = 1\ntrain.batch = 16\n"
        "seed = 4\n"
    )
    return folder


def test_repeats_share_all_but_the_seed(study: Path, hilum: Hilum, tmp_path: Path) -> None:
    given = ["train", study / "small.toml", "--data", study / "pack", "--out", tmp_path, "--quiet"]
    code, out, _ = hilum(*given, "--repeats", "2")
    assert code == 0
    assert "Validation scores of small over 2 runs, seeds 4 to 5, means over findings" in out
    runs = list_runs(tmp_path)
    assert [run.name for run in runs] == ["small-1", "small-2"]
    assert [run.config.seed for run in runs] == [4, 5]
    assert [run.info["status"] for run in runs] == ["done", "done"]
    assert len({run.data["split"]["id"] for run in runs}) == 1
    assert all((run.path / "report.html").is_file() for run in runs)
    assert len(group_runs([run.path for run in runs])) == 1
    weights = [(run.path / "checkpoints" / "best.safetensors").read_bytes() for run in runs]
    assert weights[0] != weights[1]
    code, out, _ = hilum(*given, "--repeats", "2", "--json", "--name", "again")
    found = json.loads(out)
    assert [entry["seed"] for entry in found["runs"]] == [4, 5]
    assert {row["runs"] for row in found["over_seeds"]} == {2}


def test_a_stop_leaves_the_finished_ones(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    trained: list[Run] = []
    real = training._train

    def stops(config: Any, **given: Any) -> Run:
        if trained:
            raise Stopped("stopped in epoch 1")
        trained.append(real(config, **given))
        return trained[-1]

    monkeypatch.setattr(training, "_train", stops)
    with pytest.raises(Stopped):
        api.repeat(study / "small.toml", 3, data=study / "pack", out=tmp_path, quiet=True)
    assert [run.info["status"] for run in list_runs(tmp_path)] == ["done"]
    said = capfd.readouterr().err
    assert f"1 of 3 runs are finished: {trained[0].path}. The seeds left begin with seed = 6." in said


def test_what_is_refused(study: Path, hilum: Hilum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = hilum("train", "--resume", tmp_path / "x", "--repeats", "3")
    assert code == 2
    assert "--repeats" in err
    assert hilum("train", study / "small.toml", "--repeats", "0")[0] == 2
    with pytest.raises(ConfigError, match="at least one run"):
        api.repeat(study / "small.toml", 0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one at a time"):
        api.repeat(study / "small.toml", 2)
