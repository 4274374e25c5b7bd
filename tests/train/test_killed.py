"""SIGKILL at random moments of a training, then a resume: the final weights are bit-identical."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_runs import weights_of, with_settings

from hilum.config import Config, write_config
from hilum.runs import list_runs

EPOCHS = 40


def _epochs(folder: Path) -> int:
    """How many epochs the run in a folder has finished."""
    return len(list(folder.glob("*/epochs/*/summary.json")))


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_ten_kills_change_nothing(config: Config, tmp_path: Path) -> None:
    config = with_settings(
        config, f"train.epochs={EPOCHS}", "train.checkpoint_minutes=0.002", "train.ema=0.9"
    )
    write_config(config, tmp_path / "small.toml")
    hilum = [sys.executable, "-m", "hilum", "train"]
    recipe = [tmp_path / "small.toml", "--out"]
    started = time.monotonic()
    subprocess.run([*hilum, *recipe, tmp_path / "whole"], check=True, capture_output=True)
    seconds = time.monotonic() - started
    epoch_seconds = list_runs(tmp_path / "whole")[0].info["seconds"] / EPOCHS
    start_seconds = seconds - EPOCHS * epoch_seconds

    draw = random.Random(0)
    command, cut_folder = [*hilum, *recipe, str(tmp_path / "cut")], tmp_path / "cut"
    for kill in range(10):
        before = _epochs(cut_folder)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Anywhere in the first seconds of starting, or in the two epochs after the next one that ends.
        while kill % 3 and _epochs(cut_folder) == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 2 * epoch_seconds) if kill % 3 else draw.uniform(0, start_seconds))
        assert process.poll() is None, f"the run ended before kill {kill + 1}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        if cut_folder.is_dir() and (runs := list_runs(cut_folder)):
            command = [*hilum, "--resume", str(runs[0].path)]
    subprocess.run(command, check=True, capture_output=True)
    whole, cut = list_runs(tmp_path / "whole")[0], list_runs(tmp_path / "cut")[0]
    assert cut.info["status"] == "done"
    for name in ("last", "best"):
        one, two = (weights_of(run.path / "checkpoints" / f"{name}.safetensors") for run in (whole, cut))
        assert one.keys() == two.keys()
        assert all(np.array_equal(one[key], two[key]) for key in one)
    assert not list(cut.path.rglob("*.partial"))
