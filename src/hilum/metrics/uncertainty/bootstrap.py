"""The bootstrap over patients: all images of a patient are drawn together, as often as the patient is drawn.

Images of one patient are alike; a bootstrap over images would take them for independent and give intervals that
are too narrow. Replicates are made in blocks by a few threads, each needing a few megabytes however many
replicates there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.cores import cores
from hilum.errors import ConfigError, did_you_mean
from hilum.metrics.inputs import Bools, Floats
from hilum.metrics.predictions import Predictions
from hilum.metrics.values.orders import RANKED, Counts, PatientOrder, orders_of
from hilum.metrics.values.sums import OVER_ALL, PER_FINDING, sums_of

BLOCK = 16
"""Replicates that are drawn and scored at once; 16 rows of 26,410 float32 stay within a core's cache."""
EXACT = 2**23
"""Up to this many rows, sums of counts are exact in float32 (a replicate can hold more rows than the data)."""


@dataclass(frozen=True)
class Clusters:
    """Which patient each row belongs to.

    Attributes:
        code: number of the patient of each row, int64 [n]; patients are sorted by id.
        count: how many patients there are.
    """

    code: npt.NDArray[np.int64]
    count: int


def clusters(predictions: Predictions) -> Clusters:
    """The patients of predictions; a row without a patient id counts as a patient of its own."""
    ids = predictions.patient_ids
    if ids is None:
        return Clusters(np.arange(len(predictions)), len(predictions))
    known = np.array([value is not None for value in ids], dtype=np.bool_)
    names, of_known = np.unique(ids[known].astype(str), return_inverse=True)
    code = np.empty(len(ids), dtype=np.int64)
    code[known] = of_known
    code[~known] = len(names) + np.arange((~known).sum())
    return Clusters(code, len(names) + int((~known).sum()))


def draw(patients: int, block: int, size: int, seed: int) -> npt.NDArray[np.int64]:
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
        names: names of `RATES` and `COMBINED`.
        replicates: how many samples.
        seed: of the draws.
        max_fpr: for the partial AUC.

    Returns:
        Name -> float64 [replicates, k], or [replicates] for a combined score. NaN where a sample holds one
        class only.

    Raises:
        ConfigError: no score is called so.
        DataError: NaN logits where the target is known.
    """
    known = (*RANKED, *PER_FINDING, *OVER_ALL)
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no score {name!r}; {did_you_mean(name, known)}")
    k = len(predictions.findings)
    result = {name: np.full(replicates if name in OVER_ALL else (replicates, k), np.nan) for name in names}
    patients = clusters(predictions)
    if not patients.count:
        return result
    ranked = [name for name in names if name in RANKED]
    summed = [name for name in names if name not in RANKED]
    columns = orders_of(predictions.targets, predictions.logits) if ranked else []
    orders = [PatientOrder.of(order, patients.code, patients.count) for order in columns]
    sums = sums_of(predictions, decisions, patients.code, patients.count, summed) if summed else None
    exact = np.float32 if len(predictions) <= EXACT else np.float64

    def fill(block: int) -> None:
        rows = slice(block * BLOCK, min(replicates, (block + 1) * BLOCK))
        counts = draw(patients.count, block, BLOCK, seed)[: rows.stop - rows.start]
        if orders:
            with_nobody = np.zeros((len(counts), patients.count + 1), dtype=exact)
            with_nobody[:, :-1] = counts
            _fill_ranked(result, rows, orders, with_nobody, ranked, max_fpr)
        if sums is not None:
            totals = sums.weighted(counts.astype(np.float64))
            for name in summed:
                result[name][rows] = sums.value(name, totals)

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(fill, range(-(-replicates // BLOCK))))
    return result


def _fill_ranked(
    result: dict[str, Floats],
    rows: slice,
    orders: Sequence[PatientOrder],
    counts: Counts,
    names: Sequence[str],
    max_fpr: float,
) -> None:
    for j, order in enumerate(orders):
        for name, values in order.values(counts, names, max_fpr).items():
            result[name][rows, j] = values
