"""torchrun: several processes share each step and give one run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from small_runs import with_settings

from hilum.config import Config, write_config
from hilum.metrics import Predictions
from hilum.predict import raw_predictions
from hilum.runs import Run, list_runs
from hilum.train.session import train


def judged_again(run: Run) -> Predictions:
    return raw_predictions(run, "valid", device="cpu", batch=run.config.train.batch, again=True)


def test_two_processes_train_what_one_trains(config: Config, tmp_path: Path) -> None:
    # No dropout and no batch statistics across processes: what differs is the order of sums, and batch norm.
    config = with_settings(config, "model.dropout=0.0", "train.epochs=2", "optimizer.lr=1e-4")
    write_config(config, tmp_path / "small.toml")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
               "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "hilum", "train",
               tmp_path / "small.toml", "--out", tmp_path / "two"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list_runs(tmp_path / "two")) == 1
    assert done.stdout.count("Validation scores of small-1") == 1
    assert done.stderr.count("epoch      lr") == 1
    assert {file.parent.name: 1 for file in (tmp_path / "two").rglob("events.*")} == {
        "tensorboard": 1, "train": 1, "valid": 1, "result": 1,
    }  # fmt: skip
    assert len(list((tmp_path / "two").rglob("events.*"))) == 4
    two, one = list_runs(tmp_path / "two")[0], train(config, folder=tmp_path / "one", quiet=True)
    for epoch in (1, 2):
        for part in ("train", "valid"):
            a, b = one.predictions(part, epoch), two.predictions(part, epoch)
            assert sorted(a.image_ids) == sorted(b.image_ids)
    # What is kept of the validation part is what the kept weights say, batch norm's statistics included.
    kept = two.predictions("valid").logits
    np.testing.assert_allclose(judged_again(two).logits, kept, atol=1e-5)
    first = [run.history[0]["train"]["loss"] for run in (one, two)]
    assert np.isclose(*first, rtol=0.1)
