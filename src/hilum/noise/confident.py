"""Confident learning (Northcutt, Jiang and Chuang 2021) by cleanlab, of one finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.errors import MissingExtra

Floats = npt.NDArray[np.float64]
SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1."""


@dataclass(frozen=True)
class Confident:
    """What cleanlab says of n labels.

    Attributes:
        quality: float64 [n], the probability of the given label; lower is worse.
        issues: bool [n], the labels that are probably wrong: as many of each class as are estimated to be wrong,
            those of the lowest quality.
        wrong_positive: share of the given positives that is estimated to be negative.
        wrong_negative: share of the given negatives that is estimated to be positive.
    """

    quality: Floats
    issues: npt.NDArray[np.bool_]
    wrong_positive: float
    wrong_negative: float


def confident_learning(given: npt.NDArray[np.int64], probability: Floats) -> Confident:
    """Estimate which labels are wrong, and how many.

    Args:
        given: int64 [n], 1 or 0; both occur.
        probability: float64 [n], of the positive class, by classifiers that have not seen the image.

    Raises:
        MissingExtra: cleanlab is not installed.
    """
    count, find, rank = _cleanlab()
    clipped = np.clip(probability, SMALLEST, 1 - SMALLEST)
    both = np.stack([1 - clipped, clipped], axis=1)
    joint = count.estimate_joint(given, both)
    # More than one process would be slower for one finding: starting them takes longer than the work.
    issues = find.find_label_issues(given, both, filter_by="prune_by_noise_rate", n_jobs=1)
    return Confident(
        rank.get_label_quality_scores(given, both, method="self_confidence"),
        issues,
        float(joint[1, 0] / joint[1].sum()),
        float(joint[0, 1] / joint[0].sum()),
    )


def need_cleanlab() -> None:
    """Fail before the work where cleanlab is missing.

    Raises:
        MissingExtra: it is not installed.
    """
    _cleanlab()


def _cleanlab() -> tuple[Any, Any, Any]:
    try:
        from cleanlab import count, filter, rank
    except ImportError as error:
        raise MissingExtra("cleanlab", "noise", "finding wrong labels") from error
    return count, filter, rank
