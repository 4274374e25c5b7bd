"""Probabilities of a finding by classifiers that have not seen the patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.heads import Candidate, Pooling, cross_fit, folds_of, out_of_fold
from hilum.metrics import sigmoid

Floats = npt.NDArray[np.float64]

POOLINGS: tuple[Pooling, ...] = ("avg", "both")
DEFAULT = tuple(
    Candidate("logistic", pooling, "l2", C) for pooling in POOLINGS for C in (1e-3, 3e-3, 1e-2, 3e-2)
)
"""Tried where no classifier is named; that of the smallest log loss out of fold is taken. See docs/noise.md for
what else was measured."""


@dataclass(frozen=True)
class OutOfSample:
    """Probabilities of one finding.

    Attributes:
        probability: float64 [n], averaged over the ways to form folds.
        candidate: the classifier.
    """

    probability: Floats
    candidate: Candidate


def out_of_sample(
    vectors: Mapping[str, npt.NDArray[np.float32]],
    given: npt.NDArray[np.int64],
    patient_ids: npt.NDArray[np.object_],
    candidates: Sequence[Candidate],
    *,
    folds: int,
    repeats: int,
    seed: int,
    device: str,
    advance: Callable[[int], None] = lambda _: None,
) -> OutOfSample:
    """Cross-validate by patient, several times with other folds.

    The log loss is a proper score of the labels as given, wrong ones included: the classifier of the smallest one
    has learned the least of single wrong labels.

    Args:
        vectors: pooling -> float32 [n, d], for each pooling of the candidates.
        given: int64 [n], 1 or 0.
        patient_ids: [n].
        candidates: which are tried on the first folds.
        folds: parts of the cross-validation.
        repeats: with how many ways to form them.
        seed: of the first; the next are seed + 1, ...
        device: where classifiers are fitted.
        advance: called with the number of repeats newly done.

    Raises:
        ConfigError: fewer than 2 folds.
        DataError: fewer patients than folds.
    """
    targets = given[:, None].astype(np.float32)
    first = folds_of(patient_ids, targets, folds, seed)
    tried = cross_fit(candidates, vectors, targets, first, device=device, seed=seed)
    logits = tried.logits(range(len(candidates)), vectors, targets)[:, :, 0]
    best = int(np.argmin([_log_loss(one, given) for one in logits]))
    total = sigmoid(logits[best])
    advance(1)
    for repeat in range(1, repeats):
        fold_of = folds_of(patient_ids, targets, folds, seed + repeat)
        once = out_of_fold(candidates[best], vectors, targets, fold_of, device=device, seed=seed + repeat)
        total += sigmoid(once[:, 0])
        advance(1)
    return OutOfSample(total / repeats, candidates[best])


def _log_loss(logits: Floats, given: npt.NDArray[np.int64]) -> float:
    return float(np.logaddexp(0, np.where(given == 1, -logits, logits)).mean())
