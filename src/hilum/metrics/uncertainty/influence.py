"""How much each patient moves a score: standard errors without resampling, and the bootstrap's acceleration."""

from __future__ import annotations

import numpy as np

from hilum.metrics.inputs import Bools, Floats
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty.patients import tally


def influence(
    predictions: Predictions, decisions: Bools, name: str, *, max_fpr: float = 0.1
) -> tuple[Floats, Floats]:
    """A score and the empirical influence of each patient on it; a patient's images count together.

    - ROC AUC and partial AUC: DeLong's placements (1988) by sorting (Sun & Xu 2014), summed per patient
      (Obuchowski 1997); the positives' and the negatives' sums are multiplied by sqrt(m / (m - 1)), m their
      patients, so that `standard_error` is DeLong's unbiased one where each patient has one image.
    - average precision, and plain functions that give their derivative by each row's weight: the infinitesimal
      jackknife.
    - all others: the jackknife, leaving out one patient after the other (plain functions: one of 200 groups).

    Args:
        predictions: n rows, k findings.
        decisions: bool [n, k]; only scores of decisions look at them.
        name: of `SCORES`.
        max_fpr: for the partial AUC.

    Returns:
        The score, float64 [k], and the influence, float64 [patients, k], whose sum is about 0; k is 1 for a
        score over all findings. NaN where the score cannot be measured, or hangs on a single patient.

    Raises:
        ConfigError: no score is called so.
    """
    found = tally(predictions, decisions, [name], max_fpr)
    return found.values[name], found.influence(name)


def standard_error(influence: Floats) -> Floats:
    """Standard error of a score from the influence [patients, ...] of each patient, [...]."""
    patients = len(influence)
    if patients < 2:
        return np.full(influence.shape[1:], np.nan)
    return np.asarray(np.sqrt(patients / (patients - 1) * (influence**2).sum(axis=0)))
