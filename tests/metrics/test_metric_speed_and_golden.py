"""Published figures, to the last digit, and the time that a validation part takes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.metrics import roc_auc


@pytest.mark.real
def test_published_nih_aucs_are_reproduced(real: Path) -> None:
    folder = real / "nih-predictions"
    predicted = pl.read_csv(folder / "preds.csv.gz")
    labels = pl.read_csv(
        real / "nih-320" / "Data_Entry_2017_v2020.csv", columns=["Image Index", "Finding Labels"]
    )
    joined = predicted.join(labels, on="Image Index", how="left", maintain_order="left")
    published = pl.read_csv(folder / "aucs.csv")
    findings = published["label"].to_list()
    scores = joined.select(f"prob_{name}" for name in findings).to_numpy()
    said = joined["Finding Labels"].str.split("|")
    targets = np.stack([said.list.contains(name).to_numpy() for name in findings], axis=1)
    assert scores.shape == (22_433, 14)
    np.testing.assert_allclose(roc_auc(targets, scores), published["auc"].to_numpy(), rtol=0, atol=1e-12)


def test_auc_of_a_large_part_is_quick() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((22_433, 14)) < 0.1).astype(np.float32)
    scores = rng.random((22_433, 14), dtype=np.float32)
    times = []
    for _ in range(5):
        started = time.process_time()
        roc_auc(targets, scores)
        times.append(time.process_time() - started)
    assert min(times) < 0.1
