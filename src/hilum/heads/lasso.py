"""L1-penalised linear problems, many at once, by accelerated proximal gradients.

FISTA (Beck & Teboulle 2009) with the restart of O'Donoghue & Candes (2015); all columns share two matrix products.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hilum.heads.problem import Columns, Loss

TOLERANCE = 1e-4
"""Largest violation of a column's optimality conditions, in units of the gradient of the mean loss."""
STEPS = 5000


def solve_lasso(vectors: Tensor, columns: Columns, loss: Loss) -> tuple[Tensor, Tensor]:
    """Minimise `sum(weight * loss(margin)) + penalty * |w|_1` in every column; the intercept is free.

    Args:
        vectors: float32 [n, d], standardised.
        columns: m problems.
        loss: of the margin.

    Returns:
        Weights float32 [d, m] and intercepts [m].
    """
    weight = vectors.new_zeros(vectors.shape[1], columns.count)
    bias = vectors.new_zeros(columns.count)
    limit = _curvature(vectors, columns, loss)
    active = torch.arange(columns.count, device=vectors.device)
    own, w, b, L = columns, weight.clone(), bias.clone(), limit
    ahead_w, ahead_b = w, b
    momentum = torch.ones_like(b)
    for step in range(STEPS):
        push = own.weight * own.sign * loss.push(own.sign * (vectors @ ahead_w + ahead_b))
        gradient, gradient_b = -(vectors.T @ push), -push.sum(0)
        moved = ahead_w - gradient / L
        new_w = moved.sign() * (moved.abs() - own.penalty / L).clamp_min(0)
        new_b = ahead_b - gradient_b / L
        change, change_b = new_w - w, new_b - b
        back = ((ahead_w - new_w) * change).sum(0) + (ahead_b - new_b) * change_b > 0
        if step % 10 == 0:
            violation = torch.maximum(((ahead_w - new_w) * L).abs().amax(0), ((ahead_b - new_b) * L).abs())
            weight[:, active], bias[active] = new_w, new_b
            left = (violation > TOLERANCE).nonzero()[:, 0]
            if not len(left):
                break
        following = torch.where(back, 1.0, (1 + (1 + 4 * momentum**2).sqrt()) / 2)
        pace = torch.where(back, 0.0, (momentum - 1) / following)
        ahead_w, ahead_b = new_w + pace * change, new_b + pace * change_b
        w, b, momentum = new_w, new_b, following
        if step % 10 == 0 and len(left) < len(active):
            active, own = active[left], own.take(left)
            w, b, L, momentum = w[:, left], b[left], L[left], momentum[left]
            ahead_w, ahead_b = ahead_w[:, left], ahead_b[left]
    weight[:, active], bias[active] = w, b
    return weight, bias


def _curvature(vectors: Tensor, columns: Columns, loss: Loss) -> Tensor:
    """An upper bound of the Hessian's largest eigenvalue in each column, [m], by power iteration."""
    vector = vectors.new_ones(vectors.shape[1] + 1, columns.count)
    size = vector.norm(dim=0)
    for _ in range(30):
        vector = vector / size
        product = columns.weight * (vectors @ vector[:-1] + vector[-1])
        vector = torch.cat([vectors.T @ product, product.sum(0, keepdim=True)])
        size = vector.norm(dim=0)
    bound: Tensor = loss.most * 1.05 * size
    return bound
