"""Scores of probabilities themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats, probability_columns, ratio, row_weights, sides

BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""


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
    p = clipped(probability_columns(probabilities, positive + negative > 0))
    return _mean(-(positive * np.log(p) + negative * np.log1p(-p)), positive + negative, weights)


def ece(targets: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Expected calibration error, lower is better: how far probabilities lie from the shares that come true.

    Probabilities are sorted into 15 bins of equal width (1 belongs to the last); the error is the mean over
    images of their bin's |mean probability - share of positives|. Of the *positive* class's probability, as
    for calibrated risks, not of the confidence in the answer given (Guo et al. 2017, whose bins these are).
    Biased upwards on few images: noise within bins counts as error. Arguments and result as for `brier`.
    """
    positive, negative = sides(targets, weights)
    scored = positive + negative
    p = probability_columns(probabilities, scored > 0)
    gaps = np.zeros(p.shape[1])
    bins = bin_of(p)
    for number in range(BINS):
        gaps += np.abs(np.where(bins == number, scored * p - positive, 0.0).sum(axis=0))
    return ratio(gaps, scored.sum(axis=0))


def bin_of(probabilities: Floats) -> npt.NDArray[np.int64]:
    """Which of the 15 equal-width bins each probability falls into, int64 of the same shape."""
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)


def clipped(probabilities: Floats) -> Floats:
    """Probabilities kept float64's epsilon away from 0 and 1, so that their logarithms are finite."""
    epsilon = np.finfo(np.float64).eps
    return np.clip(probabilities, epsilon, 1 - epsilon)


def _mean(cost: Floats, scored: Floats, weights: npt.ArrayLike | None) -> Floats:
    each = row_weights(weights, len(cost))
    return ratio(each @ cost, each @ scored)
