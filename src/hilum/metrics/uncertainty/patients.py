"""Patients as the unit: which rows are whose, and what some scores are made of, summed for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Bools, Floats, Rows
from hilum.metrics.predictions import Predictions
from hilum.metrics.values.engine import Tally
from hilum.metrics.values.registry import SCORES, check_score
from hilum.text import items

FEW = 10
"""With fewer patients with a finding, or without it, a score says little: one moves recall by over 10 points."""


@dataclass(frozen=True)
class _Clusters:
    """Which patient each row belongs to.

    Attributes:
        code: number of the patient of each row, int64 [n]; patients are sorted by id.
        count: how many patients there are.
    """

    code: npt.NDArray[np.int64]
    count: int

    def holding(self, rows: Bools) -> Floats:
        """How many patients have at least one of these rows, [n, k] -> float64 [k]."""
        return np.array(
            [np.count_nonzero(np.bincount(self.code[column])) for column in rows.T], dtype=np.float64
        )


def clusters(predictions: Predictions) -> _Clusters:
    """The patients of predictions; a row without a patient id counts as a patient of its own."""
    ids = predictions.patient_ids
    if ids is None:
        return _Clusters(np.arange(len(predictions)), len(predictions))
    known = np.array([value is not None for value in ids], dtype=np.bool_)
    names, of_known = np.unique(ids[known].astype(str), return_inverse=True)
    code = np.empty(len(ids), dtype=np.int64)
    code[known] = of_known
    code[~known] = len(names) + np.arange((~known).sum())
    return _Clusters(code, len(names) + int((~known).sum()))


def tally(
    predictions: Predictions, decisions: Bools | None, names: Sequence[str], max_fpr: float = 0.1
) -> Tally:
    """Some scores of predictions, for any weights of their patients.

    Args:
        predictions: n rows, k findings.
        decisions: bool [n, k]; only scores of decisions look at them.
        names: of `SCORES`.
        max_fpr: for the partial AUC.

    Raises:
        ConfigError: no score is called so.
        DataError: NaN logits where the target is known.
    """
    for name in items(names):
        check_score(name)
    # Logits make the order, because probabilities beyond 37 nats round to 0 or 1 and would tie.
    rows = Rows(
        predictions.targets,
        scores=predictions.logits,
        probabilities=predictions.probabilities,
        decisions=decisions,
        max_fpr=max_fpr,
    )
    patients = clusters(predictions)
    return Tally(rows, {name: SCORES[name] for name in items(names)}, patients.code, patients.count)
