"""Candidates trained once a fold, so that every row can be predicted by heads that have not seen its patient."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.heads.candidates import Candidate
from hilum.heads.fit import fit_margins
from hilum.heads.fitted import Fitted, Floats, Targets, Vectors
from hilum.heads.platt import platt

Folds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CrossFitted:
    """Heads of all candidates, one a fold.

    Only their parameters are kept: predictions of hundreds of candidates would be larger than the features.

    Attributes:
        candidates: c of them.
        heads: [folds][c]; those of a fold have not learned from its rows. SVMs give margins here.
        rows: [folds], the rows of each.
        seconds: what training each candidate took, [c]; those trained together share their time.
    """

    candidates: tuple[Candidate, ...]
    heads: tuple[tuple[Fitted, ...], ...]
    rows: tuple[npt.NDArray[np.int64], ...]
    seconds: Floats

    def logits(self, places: Sequence[int], vectors: Vectors, targets: Targets) -> Floats:
        """Out-of-fold logits of the candidates at these places, float64 [places, n, k].

        An SVM's margins of a fold are scaled (Platt) by margins and labels of the other folds.
        """
        result = np.full((len(places), *targets.shape), np.nan)
        for heads, rows in zip(self.heads, self.rows, strict=True):
            for number, place in enumerate(places):
                pooling = heads[place].candidate.pooling
                result[number, rows] = heads[place].logits(vectors[pooling][rows])
        for number, place in enumerate(places):
            if self.candidates[place].kind == "svm":
                result[number] = self._scaled(result[number], targets)
        return result

    def _scaled(self, margins: Floats, targets: Targets) -> Floats:
        logits = np.empty_like(margins)
        for rows in self.rows:
            others = np.setdiff1d(np.arange(len(targets)), rows)
            slope, offset = platt(margins[others], targets[others])
            logits[rows] = margins[rows] * slope + offset
        return logits


def cross_fit(
    candidates: Sequence[Candidate],
    vectors: Vectors,
    targets: Targets,
    fold_of: Folds,
    *,
    device: str = "auto",
    seed: int = 0,
    advance: Callable[[int], None] | None = None,
) -> CrossFitted:
    """Train every candidate without each fold in turn; arguments as for `hilum.heads.fit.fit`."""
    heads, rows = [], []
    seconds = np.zeros(len(candidates))
    for fold in np.unique(fold_of):
        started = time.perf_counter()
        inside = np.flatnonzero(fold_of == fold)
        others = np.flatnonzero(fold_of != fold)
        heads.append(tuple(fit_margins(candidates, vectors, targets, rows=others, device=device, seed=seed)))
        rows.append(inside)
        seconds += (time.perf_counter() - started) / len(candidates)
        if advance is not None:
            advance(1)
    return CrossFitted(tuple(candidates), tuple(heads), tuple(rows), seconds)


def out_of_fold(
    candidate: Candidate,
    vectors: Vectors,
    targets: Targets,
    fold_of: Folds,
    *,
    device: str = "auto",
    seed: int = 0,
) -> Floats:
    """Logits of every row by a head that learned from the other folds, float64 [n, k].

    Args:
        candidate: how the heads are made.
        vectors: pooling -> float32 [n, d].
        targets: float32 [n, k] of 0, 1 and NaN; a row without known labels is predicted all the same.
        fold_of: int64 [n], as `folds_of` gives it.
        device: `auto`, `cpu`, `cuda`, ...
        seed: of MLPs.
    """
    heads = cross_fit([candidate], vectors, targets, fold_of, device=device, seed=seed)
    logits: Floats = heads.logits([0], vectors, targets)[0]
    return logits
