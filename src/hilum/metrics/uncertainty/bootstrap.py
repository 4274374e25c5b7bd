"""The bootstrap over patients: all images of a patient are drawn together, as often as the patient is drawn.

Images of one patient are alike; a bootstrap over images would take them for independent and give intervals that
are too narrow. Replicates are made in blocks by a few threads, each needing a few megabytes however many
replicates there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from hilum.cores import cores
from hilum.metrics.inputs import Bools, Floats
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty.patients import tally
from hilum.metrics.values.engine import Tally

BLOCK = 16
"""Replicates that are drawn and scored at once; 16 rows of 26,410 float32 stay within a core's cache."""
_EXACT = 2**23
"""Up to this many rows, sums of counts are exact in float32 (a replicate can hold more rows than the data)."""


def _draw(patients: int, block: int, size: int, seed: int) -> npt.NDArray[np.int64]:
    """How often each patient is drawn in each replicate of one block, int64 [size, patients].

    Depends on nothing else, so that two models' replicates over the same patients are paired.
    """
    drawn = np.random.default_rng((seed, block)).integers(0, patients, size=(size, patients))
    return np.stack([np.bincount(row, minlength=patients) for row in drawn])


def replicate(
    predictions: Predictions,
    decisions: Bools,
    names: Sequence[str],
    *,
    replicates: int,
    seed: int = 0,
    max_fpr: float = 0.1,
) -> dict[str, Floats]:
    """Scores of bootstrap samples of patients (Efron & Tibshirani 1993; clusters: Field & Welsh 2007).

    The same patients are drawn for every call with as many patients and the same seed, whatever is scored.

    Args:
        predictions: n rows, k findings.
        decisions: bool [n, k]; only scores of decisions look at them.
        names: of `SCORES`.
        replicates: how many samples.
        seed: of the draws.
        max_fpr: for the partial AUC.

    Returns:
        Name -> float64 [replicates, k], or [replicates, 1] for a score over all findings. NaN where a sample holds
        one class only.

    Raises:
        ConfigError: no score is called so.
        DataError: NaN logits where the target is known.
    """
    return resamples(tally(predictions, decisions, names, max_fpr), replicates, seed)


def resamples(scores: Tally, replicates: int, seed: int) -> dict[str, Floats]:
    """`replicate` of what is summed up already."""
    k = scores.rows.positive.shape[1]
    result = {
        name: np.full((replicates, 1 if score.over_all else k), np.nan)
        for name, score in scores.scores.items()
    }
    if not scores.patients or not result:
        return result
    exact = len(scores.code) <= _EXACT

    def fill(block: int) -> None:
        rows = slice(block * BLOCK, min(replicates, (block + 1) * BLOCK))
        counts = _draw(scores.patients, block, BLOCK, seed)[: rows.stop - rows.start]
        for name, values in scores.resampled(
            counts.astype(np.float32) if exact else counts.astype(np.float64)
        ).items():
            result[name][rows] = values

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(fill, range(-(-replicates // BLOCK))))
    return result
