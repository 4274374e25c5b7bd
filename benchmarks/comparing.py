"""`hilum compare` of ten runs, and one comparison against the way that is usual without it."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from hilum.compare import compare_runs
from hilum.config import make_config
from hilum.files import write_json
from hilum.metrics import Predictions, compare_predictions, fit_thresholds
from hilum.report import write_comparison
from hilum.runs import Run

IMAGES, FINDINGS, RUNS, REPLICATES = 26_410, 12, 10, 1000
LOOPED = 5
"""Replicates of the loop that are timed; the others would take as long each."""


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    return [_ten_runs(), _against_a_loop()]


def _ten_runs() -> dict[str, Any]:
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        runs = [_run(Path(folder), number) for number in range(RUNS)]
        for _ in range(3):
            started = time.perf_counter()
            write_comparison(compare_runs([run.path for run in runs]), Path(folder) / "out")
            seconds.append(time.perf_counter() - started)
    return {
        "work": f"`hilum compare` of {RUNS} runs, {IMAGES:,} images x {FINDINGS} findings, page and figures too",
        "target": "< 60 s",
        "ours": statistics.median(seconds),
        "unit": "s",
        "note": f"paired DeLong by patient and {REPLICATES:,} bootstrap replicates",
    }


def _against_a_loop() -> dict[str, Any]:
    """The paired bootstrap of one difference: ours, and a loop over replicates and findings with scikit-learn."""
    first, second = (_predictions("test", number) for number in range(2))
    thresholds = fit_thresholds(_predictions("valid", 0), make_config({}).scores)
    ours, peer = [], []
    for _ in range(3):
        started = time.perf_counter()
        compare_predictions([(first, thresholds)], [(second, thresholds)], replicates=REPLICATES)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        _loop(first, second)
        peer.append((time.perf_counter() - started) * REPLICATES / LOOPED)
    return {
        "work": f"Difference in AUC of two models, {IMAGES:,} images x {FINDINGS}, {REPLICATES:,} replicates",
        "target": ">= 50x",
        "ours": statistics.median(ours),
        "peer": statistics.median(peer),
        "ratio": statistics.median(peer) / statistics.median(ours),
        "unit": "s",
        "note": f"scikit-learn's roc_auc_score in a loop over resampled patients ({LOOPED} timed)",
    }


def _loop(first: Predictions, second: Predictions) -> None:
    rng = np.random.default_rng(0)
    assert first.patient_ids is not None
    patients, code = np.unique(first.patient_ids.astype(str), return_inverse=True)
    rows_of = np.split(np.argsort(code, kind="stable"), np.cumsum(np.bincount(code))[:-1])
    for _ in range(LOOPED):
        drawn = np.concatenate([rows_of[p] for p in rng.integers(0, len(patients), len(patients))])
        for j in range(FINDINGS):
            truth = first.targets[drawn, j]
            for predictions in (first, second):
                roc_auc_score(truth, predictions.logits[drawn, j])


def _run(folder: Path, number: int) -> Run:
    """A finished run with drawn predictions; every second one has another recipe's settings."""
    config = make_config({"name": f"run{number}", "train": {"epochs": number + 1}})
    run = Run.create(folder, config, {"command": "", "status": "done"})
    valid = _predictions("valid", number, 2000)
    run.write_thresholds(fit_thresholds(valid, config.scores))
    for predictions in (valid, _predictions("test", number)):
        predictions.save(run.path / "predictions" / f"{predictions.part}.parquet")
    split = {"id": "0" * 12, "by": "patient", "counts": {}}
    write_json(run.path / "data.json", {"findings": list(valid.findings), "split": split})
    return run


def _predictions(part: str, number: int, images: int = IMAGES) -> Predictions:
    shared, own = np.random.default_rng([*part.encode()]), np.random.default_rng([number, *part.encode()])
    shape = images, FINDINGS
    targets = (shared.random(shape) < np.linspace(0.45, 0.02, FINDINGS)).astype(np.float32)
    noise = 0.8 * shared.normal(size=shape) + 0.6 * own.normal(size=shape)
    logits = ((1.2 + 0.01 * number) * targets + noise - 1).astype(np.float32)
    ids = np.array([f"{part}{row}" for row in range(images)], dtype=object)
    patients = np.array([f"p{row // 2}" for row in range(images)], dtype=object)
    names = tuple(f"Finding {j + 1}" for j in range(FINDINGS))
    return Predictions(ids, names, logits, targets, part, patients)
