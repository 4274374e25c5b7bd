"""torchrun: processes share the gradients of what learns, also after the stage in which only the head did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_runs import weights_of, with_settings

from hilum.config import Config, write_config
from hilum.runs import list_runs
from hilum.train.session import train


@pytest.mark.slow
def test_two_processes_fine_tune_in_stages_as_one_does(config: Config, tmp_path: Path) -> None:
    # No dropout, no augmentation, no batch statistics: what differs is the order of sums. The two have unequal
    # shares: steps are of odd numbers of images, and some labels are unknown.
    config = with_settings(
        config, "model.dropout=0.0", "augment.share=0", "train.batch=5", "train.epochs=2", "optimizer.kind=sgd",
        "optimizer.lr=1e-2",
    )  # fmt: skip
    head = train(config, folder=tmp_path / "head", quiet=True)
    config = with_settings(
        config, f"model.head={head.path}", "finetune.learn=staged", "finetune.batch_norm=frozen",
        "finetune.start_at=features.denseblock3",
    )  # fmt: skip
    write_config(config, tmp_path / "small.toml")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
               "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "hilum", "train",
               tmp_path / "small.toml", "--out", tmp_path / "two"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch      lr") == 1
    two, one = list_runs(tmp_path / "two")[0], train(config, folder=tmp_path / "one", quiet=True)
    assert np.isnan(one.predictions("train", 1).targets).any()
    for epoch in range(3):
        a, b = one.predictions("valid", epoch), two.predictions("valid", epoch)
        np.testing.assert_allclose(b.logits, a.logits, atol=1e-5)
    before, alone, shared = (
        weights_of(run.path / "checkpoints" / f"{name}.safetensors")
        for run, name in ((head, "best"), (one, "last"), (two, "last"))
    )
    key = "backbone.features.denseblock3.denselayer1.conv2.weight"
    moved = np.abs(alone[f"model.{key}"] - before[key]).max()
    assert np.abs(shared[f"model.{key}"] - alone[f"model.{key}"]).max() < 0.01 * moved
