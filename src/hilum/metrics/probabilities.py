"""Scores of probabilities themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats, probability_columns, ratio, row_weights, sides


def brier(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Mean squared difference of probability and truth, lower is better (Brier 1950).

    Args:
        targets: [n, k] of 0, 1 and NaN (not scored); one column may come as [n].
        probabilities: [n, k] within 0..1.
        weights: how often each row counts, [n]; None means once.

    Returns:
        float64 [k]; NaN for a finding without a scored row.

    Raises:
        DataError: targets other than 0, 1 and NaN, or probabilities outside 0..1 or of another shape.
    """
    positive, negative = sides(targets)
    p = probability_columns(probabilities, positive + negative > 0)
    return _mean(positive * (1 - p) ** 2 + negative * p**2, positive + negative, weights)


def log_loss(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Mean negative log likelihood in nats, lower is better; arguments and result as for `brier`.

    Probabilities are kept float64's epsilon away from 0 and 1, as scikit-learn does.
    """
    positive, negative = sides(targets)
    epsilon = np.finfo(np.float64).eps
    p = np.clip(probability_columns(probabilities, positive + negative > 0), epsilon, 1 - epsilon)
    return _mean(-(positive * np.log(p) + negative * np.log1p(-p)), positive + negative, weights)


def _mean(cost: Floats, scored: Floats, weights: npt.ArrayLike | None) -> Floats:
    each = row_weights(weights, len(cost))
    return ratio(each @ cost, each @ scored)
