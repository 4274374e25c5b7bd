"""Newton's method for many L2-penalised logistic regressions at once.

Each step solves for its direction by preconditioned conjugate gradients, to a tolerance that shrinks as the step
does (truncated Newton: Dembo & Steihaug 1983; Eisenstat & Walker 1996; for this loss Lin, Weng & Keerthi 2008).
All columns share the matrix products, and leave once they are solved.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hilum.device import has_bf16
from hilum.heads.solvers.problem import Basis, Columns
from hilum.heads.solvers.threads import in_threads

TOLERANCE = 1e-2
"""A column is solved by a full step shorter than this share of its weights, both measured so that the bound holds:
the step in the Hessian's norm, the weights in the penalty's. As convergence is faster than linear, what is left
after that step is far less: logits then agree with scikit-learn's at 1e-8 to 0.0005 of their spread."""
STEPS, INNER, HALVINGS = 60, 100, 12
"""Newton steps, conjugate gradients within one, and halvings of its length, at most."""
FORCING = (0.03, 0.3)
"""Smallest and largest share of the gradient that a direction may leave over."""
CROWD = 0.8
"""Finished columns are taken out once no more than this share is left: taking out costs as much as a step."""
WIDTH = {"cpu": 32, "cuda": 1024}
"""Columns solved together: [n, WIDTH] arrays stay small whatever the number of candidates. On the CPU one thread
solves one such block, and 32 columns take as long as one: reading the rows is what takes the time."""
TINY = 1e-38

Both = tuple[Tensor, Tensor]
"""Rows [n, r + 1] and the same turned, [r + 1, n], float32 or bf16: a product with a transposed view takes the CPU
twice as long."""


def solve(basis: Basis, columns: Columns) -> Tensor:
    """Minimise `sum(weight * log(1 + exp(-margin))) + penalty / 2 * |weights|^2` in every column.

    Directions come of products in bf16 where the processor has instructions for it, which need as many steps and
    take half the time; gradients and scores are float32, so that what is reached does not depend on it.

    Args:
        basis: the training rows.
        columns: m problems.

    Returns:
        float32 [r + 1, m]; the last row is the intercepts.
    """
    rows = basis.rows
    low = rows.bfloat16() if has_bf16(rows.device) else rows
    both = low, low.T.contiguous()
    # A block takes as many steps as its hardest column needs: hard ones together, and first, so that no thread is
    # waited for in the end.
    own = torch.split(columns.penalty.argsort(), WIDTH.get(rows.device.type, WIDTH["cuda"]))

    def one(block: Tensor) -> Tensor:
        return _solve_block(basis, both, columns.take(block))

    solution = rows.new_empty(rows.shape[1], columns.count)
    for block, found in zip(own, in_threads(one, own, rows.device), strict=True):
        solution[:, block] = found
    return solution


def _solve_block(basis: Basis, both: Both, columns: Columns) -> Tensor:
    rows = basis.rows
    solution = rows.new_zeros(rows.shape[1], columns.count)
    active = torch.arange(columns.count, device=rows.device)
    own, here, scores = columns, solution, rows.new_zeros(len(rows), columns.count)
    before = torch.full_like(own.penalty, torch.inf)
    for _ in range(STEPS):
        margin = own.sign * scores
        gradient = own.ridge(here) - rows.T @ (own.weight * own.sign * torch.sigmoid(-margin))
        right = torch.sigmoid(margin)
        curvature = own.weight * (right * (1 - right))
        # Where the loss bends everywhere alike this is the Hessian.
        scale = curvature.sum(dim=0) * basis.spectrum[:, None] + own.ridge(torch.ones_like(gradient)) + TINY
        size = (gradient.square() / scale).sum(dim=0)
        enough = (0.9 * size / before).clamp(*FORCING).square() * size
        direction = _direction(both, own, gradient, curvature, scale, enough)
        moved = rows @ direction
        decrement = -(gradient * direction).sum(dim=0)
        length = _line_search(own, here, scores, direction, moved, 0.5 * decrement.abs())
        here, scores, before = here + length * direction, scores + length * moved, size
        solution[:, active] = here
        far = decrement > TOLERANCE**2 * (own.ridge(here) * here).sum(dim=0)
        left = (far | (length < 1)).nonzero()[:, 0]
        if not len(left):
            break
        if len(left) < len(active):
            active, own = active[left], own.take(left)
            here, scores, before = here[:, left], scores[:, left], before[left]
    return solution


def _direction(
    both: Both, columns: Columns, gradient: Tensor, curvature: Tensor, scale: Tensor, enough: Tensor
) -> Tensor:
    """-H^-1 gradient in every column, [r + 1, m], by conjugate gradients.

    `curvature` [n, m] includes the weights; `scale` [r + 1, m] is about the diagonal of H; `enough` [m] is what
    the squared residual over `scale` is to come down to.
    """
    rows, turned = both
    direction = torch.zeros_like(gradient)
    at = torch.arange(columns.count, device=rows.device)
    residual = -gradient
    step = residual / scale
    power = (residual * step).sum(dim=0)
    for _ in range(INNER):
        bent = curvature * (rows @ step.to(rows.dtype))
        product = (turned @ bent.to(rows.dtype)).float() + columns.ridge(step)
        amount = power / (step * product).sum(dim=0).clamp_min(TINY)
        if len(at) == direction.shape[1]:
            direction += amount * step
        else:
            direction[:, at] += amount * step
        residual -= amount * product
        smooth = residual / scale
        before, power = power, (residual * smooth).sum(dim=0)
        keep = (power > enough).nonzero()[:, 0]
        if not len(keep):
            break
        step = smooth + (power / before.clamp_min(TINY)) * step
        if len(keep) <= CROWD * len(at):
            at, columns, curvature, enough = at[keep], columns.take(keep), curvature[:, keep], enough[keep]
            scale, residual, step, power = scale[:, keep], residual[:, keep], step[:, keep], power[keep]
    return direction


def _line_search(
    columns: Columns,
    here: Tensor,
    scores: Tensor,
    direction: Tensor,
    moved: Tensor,
    allowed: Tensor,
) -> Tensor:
    """How far to go in each column, [m]: 1, or by halves to where the slope is no longer steeply upwards.

    For a convex function that is the approximate Wolfe condition of Hager & Zhang (2005), which rounding does not
    spoil near the minimum as it does a comparison of values.

    `scores` and `moved` [n, m] are the rows times `here` and `direction` [r + 1, m]; `allowed` [m] is the steepest
    slope that is taken.
    """
    own = columns.ridge(direction)
    straight, bent = (own * here).sum(0), (own * direction).sum(0)
    length = torch.ones_like(columns.penalty)
    for _ in range(HALVINGS):
        push = torch.sigmoid(-columns.sign * (scores + length * moved))
        slope = straight + length * bent - (columns.weight * columns.sign * push * moved).sum(0)
        steep = slope > allowed
        if not steep.any():
            break
        length = torch.where(steep, length / 2, length)
    return length
