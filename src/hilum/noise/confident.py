"""Probabilities of a finding by classifiers that have not seen the patient, and what cleanlab makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.config import NoiseConfig
from hilum.heads import Candidate, cross_fit, folds_of
from hilum.metrics import sigmoid

Floats = npt.NDArray[np.float64]
SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1."""
CANDIDATES = tuple(
    Candidate("logistic", pooling, "l2", C) for pooling in ("avg", "both") for C in (1e-3, 3e-3, 1e-2, 3e-2)
)
"""Tried where no classifier is named; that of the smallest log loss out of fold is taken. See docs/noise.md for
what else was measured."""


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
    """Estimate which labels are wrong, and how many (Northcutt, Jiang and Chuang 2021).

    Args:
        given: int64 [n], 1 or 0; both occur.
        probability: float64 [n], of the positive class, by classifiers that have not seen the image.
    """
    from cleanlab import count, filter, rank

    clipped = np.clip(probability, SMALLEST, 1 - SMALLEST)
    both = np.stack([1 - clipped, clipped], axis=1)
    joint = count.estimate_joint(given, both)
    # More than one process would be slower for one finding: starting them takes longer than the work.
    issues = filter.find_label_issues(given, both, filter_by="prune_by_noise_rate", n_jobs=1)
    return Confident(
        rank.get_label_quality_scores(given, both, method="self_confidence"),
        issues,
        float(joint[1, 0] / joint[1].sum()),
        float(joint[0, 1] / joint[0].sum()),
    )


def out_of_sample(
    vectors: Mapping[str, npt.NDArray[np.float32]],
    given: npt.NDArray[np.int64],
    patient_ids: npt.NDArray[np.object_],
    candidates: Sequence[Candidate],
    settings: NoiseConfig,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Floats, Candidate]:
    """Probabilities of a finding, cross-validated by patient several times with other folds, and averaged.

    The log loss is a proper score of the labels as given, wrong ones included: the classifier of the smallest one
    has learned the least of single wrong labels.

    Args:
        vectors: pooling -> float32 [n, d], for each pooling of the candidates.
        given: int64 [n], 1 or 0.
        patient_ids: [n].
        candidates: which are tried on the first folds.
        settings: `folds`, `repeats`, `seed` of the first (the next are seed + 1, ...), `device`.
        advance: called with the number of repeats newly done.

    Returns:
        float64 [n], and the classifier that gave them.

    Raises:
        DataError: fewer patients than folds.
    """
    targets = given[:, None].astype(np.float32)
    total = np.zeros(len(given))
    for seed in range(settings.seed, settings.seed + settings.repeats):
        fold_of = folds_of(patient_ids, targets, settings.folds, seed)
        heads = cross_fit(candidates, vectors, targets, fold_of, device=settings.device, seed=seed)
        logits = heads.logits(range(len(candidates)), vectors, targets)[:, :, 0]
        best = int(np.argmin([_log_loss(one, given) for one in logits]))
        candidates = [candidates[best]]
        total += sigmoid(logits[best])
        advance(1)
    return total / settings.repeats, candidates[0]


def _log_loss(logits: Floats, given: npt.NDArray[np.int64]) -> float:
    return float(np.logaddexp(0, np.where(given == 1, -logits, logits)).mean())
