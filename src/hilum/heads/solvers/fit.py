"""`fit_heads`: from candidates to trained heads, all of one kind and pooling together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hilum.device import pick_device
from hilum.errors import ConfigError, DataError
from hilum.heads.candidates import Candidate
from hilum.heads.folds import folds_of
from hilum.heads.solvers.fitted import FittedHead, Floats, Rows, Targets, Vectors
from hilum.heads.solvers.lines import fit_lines
from hilum.heads.solvers.mlp import fit_mlps
from hilum.heads.solvers.platt import platt
from hilum.heads.solvers.problem import Standard

PLATT_FOLDS = 5
"""Folds whose margins an SVM is scaled by, where none are given."""


def fit_heads(
    candidates: Sequence[Candidate],
    vectors: Vectors,
    targets: Targets,
    *,
    rows: Rows | None = None,
    fold_of: Rows | None = None,
    device: str = "auto",
    seed: int = 0,
) -> list[FittedHead]:
    """Train heads.

    Each vector is standardised by the training rows alone, and that is folded into the weights afterwards. SVM
    margins become logits by Platt's scaling, fitted on margins of folds that the SVM did not see.

    Args:
        candidates: which; they may be of several kinds and poolings.
        vectors: pooling -> float32 [n, d], for each pooling of the candidates.
        targets: float32 [n, k] of 0, 1 and NaN (unknown: not learned from).
        rows: which are learned from; None is all.
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
    heads = fit_margins(candidates, vectors, targets, rows=chosen, device=device, seed=seed)
    places = [j for j, one in enumerate(candidates) if one.kind == "svm"]
    if not places:
        return heads
    margins = _held_out([candidates[j] for j in places], vectors, targets, chosen, fold_of, device, seed)
    for number, j in enumerate(places):
        heads[j] = heads[j].shifted(*platt(margins[number], targets[chosen]))
    return heads


def _held_out(
    machines: Sequence[Candidate],
    vectors: Vectors,
    targets: Targets,
    rows: Rows,
    fold_of: Rows | None,
    device: str,
    seed: int,
) -> Floats:
    """Margins of these rows by SVMs that did not learn from their fold, [machines, rows, k]."""
    if fold_of is None:
        names = np.array([str(row) for row in rows], dtype=object)
        folds = folds_of(names, targets[rows], min(PLATT_FOLDS, len(rows)), seed)
    else:
        folds = fold_of[rows]
    margins = np.full((len(machines), len(rows), targets.shape[1]), np.nan)
    for fold in np.unique(folds):
        others = fit_margins(machines, vectors, targets, rows=rows[folds != fold], device=device, seed=seed)
        for number, one in enumerate(others):
            margins[number, folds == fold] = one.logits(vectors[one.candidate.pooling][rows[folds == fold]])
    return margins


def fit_margins(
    candidates: Sequence[Candidate],
    vectors: Vectors,
    targets: Targets,
    *,
    rows: Rows,
    device: str = "auto",
    seed: int = 0,
) -> list[FittedHead]:
    """As `fit_heads`, but what SVMs give are margins, not logits."""
    _check(candidates, vectors, targets, rows)
    processor = pick_device(device)
    truth = torch.from_numpy(np.ascontiguousarray(targets[rows], dtype=np.float32)).to(processor)
    heads: dict[int, FittedHead] = {}
    for group in Candidate.grouped(candidates):
        some = [candidates[place] for place in group]
        inputs = torch.from_numpy(vectors[some[0].pooling][rows]).to(processor)
        if some[0].classifier == "linear":
            fitted = fit_lines(some, inputs, truth)
        elif some[0].classifier == "knn":
            fitted = _fit_neighbours(some, inputs, truth)
        else:
            fitted = fit_mlps(some, inputs, truth, seed)
        heads |= dict(zip(group, fitted, strict=True))
    return [heads[j] for j in range(len(candidates))]


def _fit_neighbours(candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor) -> list[FittedHead]:
    """k-NN heads that differ in the number of neighbours share one copy of the standardised training images."""
    standard = Standard.of(vectors)
    kept = F.normalize(standard.apply(vectors), dim=1)
    tensors = {"vectors": kept, "labels": targets, "mean": standard.mean, "scale": standard.scale}
    arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    return [FittedHead(candidate, arrays) for candidate in candidates]


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
        own = vectors[pooling]
        if own.ndim != 2 or len(own) != len(targets):
            raise DataError(
                f"{len(targets):,} rows of labels need vectors of shape [{len(targets)}, d]; "
                f"those of pooling {pooling!r} are {list(own.shape)}."
            )
        if not np.isfinite(own).all():
            raise DataError(f"some vectors of pooling {pooling!r} are not finite; embed the images again.")
