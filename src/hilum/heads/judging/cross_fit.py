"""Candidates trained once a fold, so that every row can be predicted by heads that have not seen its patient."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.heads.candidates import Candidate
from hilum.heads.solvers.fit import fit_margins
from hilum.heads.solvers.fitted import FittedHead, Floats, Rows, Targets, Vectors, logits_of
from hilum.heads.solvers.platt import platt


@dataclass(frozen=True)
class CrossFitted:
    """What heads of c candidates, trained once a fold, say of the rows that they did not learn from.

    Of lines only the parameters are kept: predictions of hundreds of them could be larger than the features. Of
    MLPs and k-NN, which are fewer and larger, only the predictions.

    Attributes:
        candidates: c of them.
        rows: the rows of each fold.
        lines: candidate -> its head of each fold; SVMs give margins here.
        others: candidate -> out-of-fold logits, float32 [n, k].
        seconds: what training each candidate took, [c]; those trained together share their time.
    """

    candidates: tuple[Candidate, ...]
    rows: tuple[Rows, ...]
    lines: Mapping[int, Sequence[FittedHead]]
    others: Mapping[int, npt.NDArray[np.float32]]
    seconds: Floats

    def logits(self, places: Sequence[int], vectors: Vectors, targets: Targets) -> Floats:
        """Out-of-fold logits of the candidates at these places, float64 [places, n, k].

        An SVM's margins of a fold are scaled (Platt) by margins and labels of the other folds.
        """
        result = np.full((len(places), *targets.shape), np.nan)
        lines: dict[str, list[int]] = {}
        for number, place in enumerate(places):
            if place in self.lines:
                lines.setdefault(self.candidates[place].pooling, []).append(number)
            else:
                result[number] = self.others[place]
        for pooling, numbers in lines.items():
            for fold, rows in enumerate(self.rows):
                heads = [self.lines[places[number]][fold] for number in numbers]
                result[np.array(numbers)[:, None], rows] = logits_of(heads, vectors[pooling][rows])
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
    fold_of: Rows,
    *,
    device: str = "auto",
    seed: int = 0,
    advance: Callable[[int], None] = lambda _: None,
) -> CrossFitted:
    """Train every candidate without each fold in turn.

    Args:
        candidates: which.
        vectors: pooling -> float32 [n, d].
        targets: float32 [n, k] of 0, 1 and NaN; a row without known labels is predicted all the same.
        fold_of: int64 [n], as `folds_of` gives it.
        device: `auto`, `cpu`, `cuda`, ...
        seed: of MLPs.
        advance: called with the number of heads newly fitted, candidates x folds in all.
    """
    folds = tuple(np.flatnonzero(fold_of == fold) for fold in np.unique(fold_of))
    lines: dict[int, list[FittedHead]] = {}
    others: dict[int, npt.NDArray[np.float32]] = {}
    seconds = np.zeros(len(candidates))
    for inside in folds:
        outside = np.setdiff1d(np.arange(len(targets)), inside)
        for group in Candidate.grouped(candidates):
            started, some = time.perf_counter(), [candidates[place] for place in group]
            heads = fit_margins(some, vectors, targets, rows=outside, device=device, seed=seed)
            if some[0].classifier == "linear":
                for place, head in zip(group, heads, strict=True):
                    lines.setdefault(place, []).append(head)
            else:
                held_out = logits_of(heads, vectors[some[0].pooling][inside])
                for place, logits in zip(group, held_out, strict=True):
                    others.setdefault(place, np.empty(targets.shape, np.float32))[inside] = logits
            seconds[group] += (time.perf_counter() - started) / len(group)
            advance(len(group))
    return CrossFitted(tuple(candidates), folds, lines, others, seconds)
