"""Newton's method for many L2-penalised linear problems at once.

Each step solves for its direction by preconditioned conjugate gradients (truncated Newton: Dembo & Steihaug 1983;
for these losses Lin, Weng & Keerthi 2008 and Keerthi & DeCoste 2005), all columns in the same two matrix products.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hilum.heads.problem import Basis, Columns, Loss

TOLERANCE = 1e-5
"""Length of the gradient of the mean loss at which a column is solved; scikit-learn's default is 1e-4."""
STEPS, INNER = 60, 100
"""Newton steps, and conjugate gradients within one, at most."""
WIDTH = 256
"""Columns solved together: [n, WIDTH] arrays stay small whatever the number of candidates."""


def solve(basis: Basis, columns: Columns, loss: Loss, start: Tensor | None = None) -> Tensor:
    """Minimise `sum(weight * loss(margin)) + penalty / 2 * |solution without intercept|^2` in every column.

    Args:
        basis: the training rows.
        columns: m problems.
        loss: of the margin, sign x score.
        start: [r + 1, m] to start from; zeros else.

    Returns:
        float32 [r + 1, m]; the last row is the intercepts.
    """
    solution = start if start is not None else basis.rows.new_zeros(basis.rows.shape[1], columns.count)
    for at in range(0, columns.count, WIDTH):
        block = torch.arange(at, min(at + WIDTH, columns.count), device=basis.rows.device)
        solution[:, block] = _solve_block(basis, columns.take(block), loss, solution[:, block])
    return solution


def _solve_block(basis: Basis, columns: Columns, loss: Loss, solution: Tensor) -> Tensor:
    rows = basis.rows
    active = torch.arange(columns.count, device=rows.device)
    solution = solution.clone()
    here, scores, own = solution.clone(), rows @ solution, columns
    for _ in range(STEPS):
        slopes = loss(own.sign * scores)
        ridge = own.penalty.expand_as(here).clone()
        ridge[-1] = 0
        gradient = ridge * here - rows.T @ (own.weight * own.sign * slopes.push)
        left = gradient.norm(dim=0) > TOLERANCE
        solution[:, active] = here
        if not left.any():
            break
        if not left.all():
            keep = left.nonzero()[:, 0]
            active, own = active[keep], own.take(keep)
            here, scores, gradient, ridge = here[:, keep], scores[:, keep], gradient[:, keep], ridge[:, keep]
            slopes = loss(own.sign * scores)
        curvature = own.weight * slopes.curvature
        direction = _direction(basis, curvature, ridge, gradient)
        moved = rows @ direction
        length = _line_search(own, loss, ridge, here, scores, direction, moved)
        here, scores = here + length * direction, scores + length * moved
    return solution


def _direction(basis: Basis, curvature: Tensor, ridge: Tensor, gradient: Tensor) -> Tensor:
    """-H^-1 gradient in every column, to a share of the gradient that falls with it."""
    rows = basis.rows
    scale = curvature.sum(dim=0) * basis.spectrum[:, None] + ridge + 1e-12
    size = gradient.norm(dim=0)
    enough = size * size.sqrt().clamp(max=0.3)
    direction, residual = torch.zeros_like(gradient), -gradient
    smooth = residual / scale
    step, power = smooth, (residual * smooth).sum(dim=0)
    for _ in range(INNER):
        product = rows.T @ (curvature * (rows @ step)) + ridge * step
        bend = (step * product).sum(dim=0)
        going = (residual.norm(dim=0) > enough) & (bend > 0)
        if not going.any():
            break
        amount = torch.where(going, power / bend.clamp_min(1e-38), 0.0)
        direction = direction + amount * step
        residual = residual - amount * product
        smooth = residual / scale
        before, power = power, (residual * smooth).sum(dim=0)
        step = smooth + torch.where(going, power / before.clamp_min(1e-38), 0.0) * step
    return direction


def _line_search(
    columns: Columns,
    loss: Loss,
    ridge: Tensor,
    here: Tensor,
    scores: Tensor,
    direction: Tensor,
    moved: Tensor,
) -> Tensor:
    """How far to go in each column, [m]: 1, or where the slope along the way is nearly gone before."""
    straight, bent = (ridge * here * direction).sum(0), (ridge * direction * direction).sum(0)

    def slope(length: Tensor) -> Tensor:
        push = loss(columns.sign * (scores + length * moved)).push
        fall: Tensor = (columns.weight * columns.sign * push * moved).sum(0, dtype=torch.float64)
        return straight + length * bent - fall

    low = torch.zeros_like(columns.penalty, dtype=torch.float64)
    high = torch.ones_like(low)
    first = slope(low.float())
    length = high.clone()
    for _ in range(12):
        now = slope(length.float())
        done = now <= 0.5 * first.abs()
        if done.all():
            break
        high = torch.where(done, high, length)
        length = torch.where(done, length, low + (high - low) / 2)
    return length.float()
