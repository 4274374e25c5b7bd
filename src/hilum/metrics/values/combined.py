"""One number over all findings.

`macro_` is the mean over findings, `micro_` counts all cells as one finding, `sample_` is the mean over
images. A finding, or an image, without a positive cannot be recalled: it stays out of macro and sample means.
(scikit-learn counts it as 0, so that a perfect model scores below 1; `empty=0` does the same.)
All take [n, k] targets of 0, 1 and NaN (not scored) and bool [n, k] decisions, and give a float.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats, row_weights
from hilum.metrics.values.counts import Confusion, confusion

Weights = npt.ArrayLike | None


def macro(values: Floats) -> float:
    """Mean over the findings that have a value; NaN where none has."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def exact_match(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None) -> float:
    """Share of images decided rightly on every finding that is scored on them (subset accuracy).

    Images without any scored finding stay out.
    """
    cells = confusion(targets, decisions, axis=1)
    wrong = cells.false_positives + cells.false_negatives
    return _mean((wrong == 0).astype(np.float64), weights, cells.positives + cells.negatives > 0)


def hamming_loss(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None) -> float:
    """Share of wrong decisions over all scored cells, lower is better."""
    return 1.0 - float(_pooled(targets, decisions, weights).accuracy)


def macro_recall(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None) -> float:
    """Mean recall over the findings with a positive."""
    return macro(confusion(targets, decisions, weights).recall)


def macro_precision(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None) -> float:
    """Mean precision over the findings with a positive."""
    return macro(confusion(targets, decisions, weights).precision)


def macro_f1(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None) -> float:
    """Mean F1 over the findings with a positive."""
    return macro(confusion(targets, decisions, weights).f_beta(1))


def micro_recall(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None) -> float:
    """Share of all positive cells that is found."""
    return float(_pooled(targets, decisions, weights).recall)


def micro_precision(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None) -> float:
    """Share of all cells decided positive that is right."""
    return float(_pooled(targets, decisions, weights).precision)


def micro_f1(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None) -> float:
    """F1 of all cells as one finding."""
    return float(_pooled(targets, decisions, weights).f_beta(1))


def sample_recall(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None, empty: float = np.nan
) -> float:
    """Mean over images of the share of their findings that is found.

    Args:
        targets, decisions: see the module.
        weights: how often each row counts, [n]; None means once.
        empty: what an image without a positive finding counts as; NaN leaves it out, 0 is scikit-learn's.
    """
    return _sample_mean(confusion(targets, decisions, axis=1).recall, weights, empty)


def sample_precision(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None, empty: float = np.nan
) -> float:
    """Mean over images of the share of their decided findings that is right; see `sample_recall`."""
    return _sample_mean(confusion(targets, decisions, axis=1).precision, weights, empty)


def sample_f1(
    targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights = None, empty: float = np.nan
) -> float:
    """Mean over images of F1 over their findings; see `sample_recall`."""
    return _sample_mean(confusion(targets, decisions, axis=1).f_beta(1), weights, empty)


FUNCTIONS: dict[str, Callable[[npt.ArrayLike, npt.ArrayLike], float]] = {
    "exact_match": exact_match,
    "hamming_loss": hamming_loss,
    "macro_recall": macro_recall,
    "macro_precision": macro_precision,
    "macro_f1": macro_f1,
    "micro_recall": micro_recall,
    "micro_precision": micro_precision,
    "micro_f1": micro_f1,
    "sample_recall": sample_recall,
    "sample_precision": sample_precision,
    "sample_f1": sample_f1,
}
"""Name -> function of targets and decisions."""


def _pooled(targets: npt.ArrayLike, decisions: npt.ArrayLike, weights: Weights) -> Confusion:
    return confusion(targets, decisions, weights).pooled


def _sample_mean(values: Floats, weights: Weights, empty: float) -> float:
    values = np.where(np.isnan(values), empty, values)
    return _mean(values, weights, ~np.isnan(values))


def _mean(values: Floats, weights: Weights, take: npt.NDArray[np.bool_]) -> float:
    each = row_weights(weights, len(values)) * take
    return float((np.where(take, values, 0.0) * each).sum() / each.sum()) if each.sum() > 0 else float("nan")
