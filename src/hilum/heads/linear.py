"""Logistic regression and linear SVM: all candidates of a pooling over the same training rows at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hilum.heads.candidates import Candidate
from hilum.heads.fitted import Fitted
from hilum.heads.lasso import solve_lasso
from hilum.heads.newton import solve
from hilum.heads.problem import LOSSES, Basis, Standard, make_columns

SMOOTHING = 0.5
"""Added to both counts of a finding of one class, whose logit is then the log odds (Jeffreys' prior)."""


def fit_linear(candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor) -> list[Fitted]:
    """Lines of all candidates, one a finding; SVM margins are not scaled to logits here.

    Args:
        candidates: of kinds `logistic` and `svm`, and of one pooling.
        vectors: float32 [n, d], the training rows.
        targets: float32 [n, k]. A finding without both classes has weight 0 and the log odds of its counts.
    """
    positive, negative = (targets == 1).sum(0), (targets == 0).sum(0)
    usable = ((positive > 0) & (negative > 0)).nonzero()[:, 0]
    weight = torch.zeros(len(candidates), targets.shape[1], vectors.shape[1], dtype=torch.float64)
    odds = torch.log((positive + SMOOTHING) / (negative + SMOOTHING)).double().cpu()
    bias = odds.expand(len(candidates), -1).clone()
    for places, lines, intercepts in _solved(candidates, vectors, targets, usable):
        at = torch.tensor(places)[:, None]
        columns = usable.cpu()[None, :]
        weight[at, columns] = lines
        bias[at, columns] = intercepts
    return [
        Fitted(
            candidate,
            {
                "weight": weight[j].numpy().astype(np.float32),
                "bias": bias[j].numpy().astype(np.float32),
            },
        )
        for j, candidate in enumerate(candidates)
    ]


def _solved(
    candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor, usable: Tensor
) -> list[tuple[list[int], Tensor, Tensor]]:
    """Places of candidates of one loss and penalty, their weights [c, u, d] and intercepts [c, u]."""
    if not len(usable):
        return []
    groups: dict[tuple[str, str], list[int]] = {}
    for j, candidate in enumerate(candidates):
        groups.setdefault((candidate.kind, candidate.penalty), []).append(j)
    dense = any(penalty == "l2" for _, penalty in groups)
    basis = Basis.of(vectors) if dense else None
    result = []
    for (kind, penalty), places in groups.items():
        chosen = [candidates[j] for j in places]
        c, u, device = len(chosen), len(usable), vectors.device
        columns = make_columns(
            targets,
            usable.repeat(c),
            torch.tensor([one.C for one in chosen], dtype=torch.float32, device=device).repeat_interleave(u),
            torch.tensor([one.class_weight == "balanced" for one in chosen], device=device).repeat_interleave(
                u
            ),
        )
        if penalty == "l1":
            standard = Standard.of(vectors)
            raw, intercept = standard.fold(*solve_lasso(standard.apply(vectors), columns, LOSSES[kind]))
        else:
            assert basis is not None
            raw, intercept = basis.fold(solve(basis, columns, LOSSES[kind]))
        result.append((places, raw.T.reshape(c, u, -1).cpu(), intercept.reshape(c, u).cpu()))
    return result
