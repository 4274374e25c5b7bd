"""From candidates to trained heads, all of one kind and pooling in the same matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from hilum.device import pick_device
from hilum.errors import ConfigError, DataError
from hilum.heads.candidates import Candidate
from hilum.heads.fitted import Fitted, Floats, Targets, Vectors
from hilum.heads.folds import folds_of
from hilum.heads.linear import fit_linear
from hilum.heads.mlp import fit_mlps
from hilum.heads.neighbours import fit_neighbours
from hilum.heads.platt import platt

PLATT_FOLDS = 5
"""Folds whose margins an SVM is scaled by, where none are given."""

Rows = npt.NDArray[np.int64]


def fit(
    candidates: Sequence[Candidate],
    vectors: Vectors,
    targets: Targets,
    *,
    rows: Rows | None = None,
    fold_of: Rows | None = None,
    device: str = "auto",
    seed: int = 0,
) -> list[Fitted]:
    """Train heads.

    Each vector is standardised by the training rows alone, and that is folded into the weights afterwards. SVM
    margins become logits by Platt's scaling, fitted on margins of folds that the SVM did not see.

    Args:
        candidates: which; they may be of several kinds and poolings.
        vectors: pooling -> float32 [n, d], for each pooling of the candidates.
        targets: float32 [n, k] of 0, 1 and NaN (unknown: not learned from).
        rows: which rows are learned from; None is all.
        fold_of: int64 [n], folds for scaling SVMs, best by patient (`folds_of`); None deals single images.
        device: `auto`, `cpu`, `cuda`, ...
        seed: of the MLPs' draws and of folds that are not given.

    Returns:
        In the order of the candidates.

    Raises:
        ConfigError: a pooling of a candidate is not among the vectors, or there is no candidate.
        DataError: shapes that do not fit, or vectors that are not finite.
    """
    chosen = np.arange(len(targets)) if rows is None else np.asarray(rows, dtype=np.int64)
    found = fit_margins(candidates, vectors, targets, rows=chosen, device=device, seed=seed)
    places = [j for j, one in enumerate(candidates) if one.kind == "svm"]
    if not places:
        return found
    if fold_of is None:
        names = np.array([str(row) for row in chosen], dtype=object)
        inner = folds_of(names, targets[chosen], min(PLATT_FOLDS, len(chosen)), seed)
    else:
        inner = fold_of[chosen]
    machines = [candidates[j] for j in places]
    margins = [np.full((len(chosen), targets.shape[1]), np.nan) for _ in machines]
    for fold in np.unique(inner):
        outside, inside = chosen[inner != fold], inner == fold
        for number, one in enumerate(
            fit_margins(machines, vectors, targets, rows=outside, device=device, seed=seed)
        ):
            margins[number][inside] = one.logits(vectors[one.candidate.pooling][chosen[inside]])
    for number, j in enumerate(places):
        found[j] = found[j].shifted(*platt(margins[number], targets[chosen]))
    return found


def fit_margins(
    candidates: Sequence[Candidate],
    vectors: Vectors,
    targets: Targets,
    *,
    rows: Rows,
    device: str = "auto",
    seed: int = 0,
) -> list[Fitted]:
    """As `fit`, but what SVMs give are margins, not logits."""
    _check(candidates, vectors, targets, rows)
    processor = pick_device(device)
    truth = torch.from_numpy(np.ascontiguousarray(targets[rows], dtype=np.float32)).to(processor)
    found: dict[int, Fitted] = {}
    for group in grouped(candidates):
        some = [candidates[place] for place in group]
        inputs = torch.from_numpy(vectors[some[0].pooling][rows]).to(processor)
        if some[0].classifier == "linear":
            heads = fit_linear(some, inputs, truth)
        elif some[0].classifier == "knn":
            heads = fit_neighbours(some, inputs, truth)
        else:
            heads = fit_mlps(some, inputs, truth, seed)
        found |= dict(zip(group, heads, strict=True))
    return [found[j] for j in range(len(candidates))]


def grouped(candidates: Sequence[Candidate]) -> list[list[int]]:
    """Places of the candidates that are trained together: one pooling, and one kind of classifier."""
    groups: dict[tuple[str, str], list[int]] = {}
    for j, one in enumerate(candidates):
        groups.setdefault((one.pooling, one.classifier), []).append(j)
    return list(groups.values())


def _check(candidates: Sequence[Candidate], vectors: Vectors, targets: Targets, rows: Rows) -> None:
    if not candidates:
        raise ConfigError("there is no head to try: the list of candidates is empty.")
    if not len(rows):
        raise DataError("there is no row to learn from.")
    for pooling in dict.fromkeys(one.pooling for one in candidates):
        if pooling not in vectors:
            raise ConfigError(
                f"a head of pooling {pooling!r} needs such vectors; there are {', '.join(vectors) or 'none'}."
            )
        found = vectors[pooling]
        if found.ndim != 2 or len(found) != len(targets):
            raise DataError(
                f"{len(targets):,} rows of labels need vectors of shape [{len(targets)}, d]; "
                f"those of pooling {pooling!r} are {list(found.shape)}."
            )
        if not np.isfinite(found).all():
            raise DataError(f"some vectors of pooling {pooling!r} are not finite; embed the images again.")


__all__ = ["Fitted", "Floats", "fit", "fit_margins"]
