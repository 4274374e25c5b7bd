"""Intervals of scores: our replicates against a loop of scikit-learn over replicates and findings."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
from sklearn.metrics import average_precision_score, roc_auc_score

from hilum.config import ScoresConfig
from hilum.metrics import Predictions, Thresholds, score
from hilum.metrics.uncertainty.bootstrap import replicate
from hilum.metrics.uncertainty.patients import clusters

IMAGES, PATIENTS, FINDINGS = 26_410, 18_000, 12
REPLICATES, LOOPED, ROUNDS = 1_000, 20, 3
"""The loop is timed over `LOOPED` replicates and scaled: all of them take four minutes."""
NAMES = ("roc_auc", "average_precision")


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    part = predictions()
    return [_replicates(part), _memory(part), _all(part)]


def predictions() -> Predictions:
    """A validation part as large as the reference's: 12 findings of 2 to 40 %, patients with several images."""
    rng = np.random.default_rng(0)
    owner = rng.integers(0, PATIENTS, IMAGES)
    share = np.geomspace(0.02, 0.4, FINDINGS)
    targets = (rng.random((IMAGES, FINDINGS)) < share).astype(np.float32)
    logits = (rng.normal(size=(IMAGES, FINDINGS)) + 1.2 * targets - 1).astype(np.float32)
    names = tuple(f"Finding {j}" for j in range(FINDINGS))
    ids = np.arange(IMAGES).astype(str).astype(object)
    return Predictions(ids, names, logits, targets, "valid", owner.astype(str).astype(object))


def _replicates(part: Predictions) -> dict[str, Any]:
    ours, peer, ratios = [], [], []
    for _ in range(ROUNDS):
        ours.append(_seconds(lambda: replicate(part, _none(part), NAMES, replicates=REPLICATES)))
        peer.append(_seconds(lambda: _loop(part, LOOPED)) * REPLICATES / LOOPED)
        ratios.append(peer[-1] / ours[-1])
    return {
        "work": f"AUC and AP, {IMAGES:,} images x {FINDINGS} findings, {REPLICATES:,} replicates of patients",
        "target": ">= 50x",
        "ours": statistics.median(ours),
        "peer": statistics.median(peer),
        "unit": "s",
        "ratio": statistics.median(ratios),
        "note": f"peer: scikit-learn's two functions in a loop, {LOOPED} replicates timed and scaled",
    }


def _memory(part: Predictions) -> dict[str, Any]:
    grown = [
        _growth(lambda n=n: replicate(part, _none(part), NAMES, replicates=n))  # type: ignore[misc]
        for n in (REPLICATES, 4 * REPLICATES)
    ]
    return {
        "work": "the same: memory on top of the predictions",
        "target": "< 1 GB",
        "ours": grown[0],
        "unit": "MB",
        "note": f"{grown[1]:.0f} MB for {4 * REPLICATES:,} replicates",
    }


def _all(part: Predictions) -> dict[str, Any]:
    thresholds = Thresholds(np.full(FINDINGS, 0.5), part.findings)
    config = ScoresConfig(replicates=REPLICATES)
    seconds = [_seconds(lambda: score(part, thresholds, config)) for _ in range(ROUNDS)]
    return {
        "work": "the same data: all scores, each with its interval",
        "target": "",
        "ours": statistics.median(seconds),
        "unit": "s",
        "note": "15 scores a finding, their means and 12 combined ones",
    }


def _loop(part: Predictions, replicates: int) -> None:
    """What one would write with scikit-learn: draw patients, take their rows, score every finding."""
    patients = clusters(part)
    rows = np.argsort(patients.code, kind="stable")
    stops = np.cumsum(np.bincount(patients.code))
    of = np.split(rows, stops[:-1])
    rng = np.random.default_rng(0)
    targets, scores = part.targets, part.probabilities
    for _ in range(replicates):
        drawn = np.concatenate([of[patient] for patient in rng.integers(0, patients.count, patients.count)])
        for j in range(len(part.findings)):
            roc_auc_score(targets[drawn, j], scores[drawn, j])
            average_precision_score(targets[drawn, j], scores[drawn, j])


def _none(part: Predictions) -> np.ndarray:  # type: ignore[type-arg]
    return np.zeros(part.targets.shape, dtype=np.bool_)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _growth(work: Callable[[], object]) -> float:
    """Megabytes by which this process's memory peaked above what it was."""
    process, done = psutil.Process(os.getpid()), threading.Event()
    before = process.memory_info().rss
    peak = [before]

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return (peak[0] - before) / 1e6
