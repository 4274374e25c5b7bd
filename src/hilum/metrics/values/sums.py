"""Scores that follow from sums over rows: kept per patient, they give every resample by one matrix product.

Counts of decisions, squared errors, log likelihoods and the bins of the calibration error are sums. Summed once
per patient, the sums of a bootstrap replicate are `counts @ per_patient`, and those without a patient are
`total - per_patient`; the formulas are then applied to whole arrays of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Bools, Floats, decision_columns, probability_columns, ratio, sides
from hilum.metrics.predictions import Predictions
from hilum.metrics.values.counts import Confusion, confusion
from hilum.metrics.values.probabilities import BINS, bin_of, clipped

CELLS: dict[str, Callable[[Confusion], Floats]] = {
    "recall": lambda cells: cells.recall,
    "specificity": lambda cells: cells.specificity,
    "precision": lambda cells: cells.precision,
    "npv": lambda cells: cells.npv,
    "f1": lambda cells: cells.f_beta(1),
    "f2": lambda cells: cells.f_beta(2),
    "accuracy": lambda cells: cells.accuracy,
    "balanced_accuracy": lambda cells: cells.balanced_accuracy,
    "mcc": lambda cells: cells.mcc,
}
"""Score of decisions -> its formula over counts of any shape."""

POOLED: dict[str, Callable[[Confusion], Floats]] = {
    "hamming_accuracy": lambda cells: cells.accuracy,
    "hamming_loss": lambda cells: 1.0 - cells.accuracy,
    "micro_recall": lambda cells: cells.recall,
    "micro_precision": lambda cells: cells.precision,
    "micro_f1": lambda cells: cells.f_beta(1),
}
"""Combined score -> its formula over the counts of all findings together."""

ROWS = ("exact_match", "sample_recall", "sample_precision", "sample_f1")
"""Combined scores that are means over rows."""
MACRO = {"macro_recall": "recall", "macro_precision": "precision", "macro_f1": "f1"}
PER_FINDING = (*CELLS, "brier", "log_loss", "ece")
SINGLE = 2**18
"""Up to so many products OpenBLAS multiplies in one thread. Larger ones start threads that wait for each other by
spinning: 16 replicates of 14,000 patients took 1.5 s on a busy machine, and in pieces of this size 4 ms."""
OVER_ALL = (*POOLED, *ROWS, *MACRO)


@dataclass(frozen=True)
class Sums:
    """Sums per patient; make them with `sums_of`.

    Attributes:
        each: float64 [patients, columns].
        places: what lies where among the columns.
    """

    each: Floats
    places: dict[str, slice]

    def weighted(self, counts: Floats) -> Floats:
        """`counts @ each`: the sums of replicates in which each patient counts so often, [b, columns]."""
        step = max(1, SINGLE // max(1, len(counts) * self.each.shape[1]))
        total = np.zeros((len(counts), self.each.shape[1]))
        for start in range(0, len(self.each), step):
            total += counts[:, start : start + step] @ self.each[start : start + step]
        return total

    def value(self, name: str, sums: Floats) -> Floats:
        """A score of sums [..., columns]: [..., k] for one per finding, [...] for one over all of them."""
        if name in MACRO:
            return mean_over_findings(self.value(MACRO[name], sums))
        if name in ROWS:
            total, rows = self._block(name, sums, 2)
            return ratio(total[..., 0], rows[..., 0])
        if name in ("brier", "log_loss"):
            return ratio(self._block(name, sums, 1)[0], sum(self._block("cells", sums, 4)))  # type: ignore[arg-type]
        if name == "ece":
            gaps = np.abs(np.stack(self._block(name, sums, BINS))).sum(axis=0)
            return ratio(gaps, sum(self._block("cells", sums, 4)))  # type: ignore[arg-type]
        cells = Confusion(*self._block("cells", sums, 4))
        return POOLED[name](cells.pooled) if name in POOLED else CELLS[name](cells)

    def _block(self, name: str, sums: Floats, parts: int) -> list[Floats]:
        return np.split(sums[..., self.places[name]], parts, axis=-1)


def sums_of(
    predictions: Predictions,
    decisions: Bools,
    code: npt.NDArray[np.int64],
    patients: int,
    names: Collection[str],
) -> Sums:
    """Add up, per patient, all that some scores need.

    Args:
        predictions: n rows, k findings.
        decisions: bool [n, k].
        code: the patient of each row, [n].
        patients: how many there are.
        names: names of `PER_FINDING` and `OVER_ALL`.
    """
    targets = predictions.targets
    positive, negative = sides(targets)
    yes = decision_columns(decisions, positive + negative > 0)
    blocks: dict[str, Floats] = {
        "cells": np.hstack([positive * yes, negative * yes, positive * ~yes, negative * ~yes])
    }
    probabilities = probability_columns(predictions.probabilities, positive + negative > 0)
    for name in dict.fromkeys(names):
        if name == "brier":
            blocks[name] = positive * (1 - probabilities) ** 2 + negative * probabilities**2
        elif name == "log_loss":
            p = clipped(probabilities)
            blocks[name] = -(positive * np.log(p) + negative * np.log1p(-p))
        elif name == "ece":
            gap, bins = (positive + negative) * probabilities - positive, bin_of(probabilities)
            blocks[name] = np.hstack([np.where(bins == number, gap, 0.0) for number in range(BINS)])
        elif name in ROWS:
            blocks[name] = _row_sums(name, targets, yes)
    places, start = {}, 0
    for name, block in blocks.items():
        places[name] = slice(start, start + block.shape[1])
        start += block.shape[1]
    each = np.zeros((patients, start))
    for name, block in blocks.items():
        each[:, places[name]] = sum_by(block, code, patients)
    return Sums(each, places)


def sum_by(values: Floats, code: npt.NDArray[np.int64], groups: int) -> Floats:
    """Sums of the rows of each group, [groups, columns]."""
    if not len(values):
        return np.zeros((groups, values.shape[1]))
    order = np.argsort(code, kind="stable")
    present, first = np.unique(code[order], return_index=True)
    total = np.zeros((groups, values.shape[1]))
    total[present] = np.add.reduceat(values[order], first, axis=0)
    return total


def mean_over_findings(values: Floats) -> Floats:
    """Mean over the findings (last axis) that have a value; NaN where none has."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def _row_sums(name: str, targets: npt.NDArray[np.float32], yes: Bools) -> Floats:
    """Each row's own value (0 where it has none) and whether it counts, [n, 2]."""
    cells = confusion(targets, yes, axis=1)
    if name == "exact_match":
        counts = cells.positives + cells.negatives > 0
        value = (cells.false_positives + cells.false_negatives == 0).astype(np.float64)
    else:
        value = CELLS[name.removeprefix("sample_")](cells)
        counts = ~np.isnan(value)
    return np.stack([np.where(counts, value, 0.0), counts.astype(np.float64)], axis=1)
