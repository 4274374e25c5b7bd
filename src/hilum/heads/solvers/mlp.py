"""Small MLPs, on the CPU on a core each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hilum.heads.candidates import Candidate
from hilum.heads.solvers.fitted import FittedHead
from hilum.heads.solvers.problem import Columns, Standard
from hilum.heads.solvers.threads import in_threads

BATCH = 128
"""Rows a step."""
DECAY = 1e-2
"""Decoupled weight decay of AdamW (Loshchilov & Hutter 2019), on weights alone."""
WARMUP = 0.1
"""Share of steps over which the rate rises; then half a cosine takes it to 0."""


def fit_mlps(
    candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor, seed: int
) -> list[FittedHead]:
    """One hidden layer, ReLU, dropout; binary cross-entropy of known labels; AdamW.

    Args:
        candidates: of kind `mlp` and one pooling.
        vectors: float32 [n, d], the training rows.
        targets: float32 [n, k].
        seed: of first weights, order and dropout; they do not depend on what else is tried beside a candidate.
    """
    standard = Standard.of(vectors)
    rows = standard.apply(vectors)
    # The longest first, so that none is waited for in the end.
    order = sorted(range(len(candidates)), key=lambda j: -candidates[j].hidden * candidates[j].epochs)

    def learn(j: int) -> list[Tensor]:
        return _learn(candidates[j], rows, targets, seed)

    networks = dict(zip(order, in_threads(learn, order, rows.device), strict=True))
    return [_as_fitted(one, networks[j], standard) for j, one in enumerate(candidates)]


def _as_fitted(candidate: Candidate, network: list[Tensor], standard: Standard) -> FittedHead:
    inner, inner_bias, outer, outer_bias = network
    raw, raw_bias = standard.fold(inner, inner_bias)
    tensors = {"hidden.weight": raw.T, "hidden.bias": raw_bias, "out.weight": outer.T, "out.bias": outer_bias}
    return FittedHead(
        candidate, {name: one.float().contiguous().cpu().numpy() for name, one in tensors.items()}
    )


def _learn(candidate: Candidate, rows: Tensor, targets: Tensor, seed: int) -> list[Tensor]:
    """Weights [d, h], biases [h], weights [h, k], biases [k]."""
    weight = Columns.weights(targets)[candidate.class_weight == "balanced"]
    truth, keep = torch.nan_to_num(targets), 1 - candidate.dropout
    # Draws of its own: another thread's would come in between.
    generator = torch.Generator().manual_seed(seed)
    first = _first_weights(rows.shape[1], candidate.hidden, targets.shape[1], generator)
    network = [one.to(rows.device).requires_grad_() for one in first]
    inner, inner_bias, outer, outer_bias = network
    steps = candidate.epochs * math.ceil(len(rows) / BATCH)
    groups: list[dict[str, Any]] = [
        {"params": [inner, outer], "weight_decay": DECAY},
        {"params": [inner_bias, outer_bias], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=candidate.lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: _pace(done + 1, steps))
    for _ in range(candidate.epochs):
        for part in torch.split(torch.randperm(len(rows), generator=generator).to(rows.device), BATCH):
            mask = torch.rand(len(part), candidate.hidden, generator=generator).to(rows.device)
            hidden = F.relu(rows[part] @ inner + inner_bias) * ((mask < keep) / keep)
            loss = F.binary_cross_entropy_with_logits(
                hidden @ outer + outer_bias, truth[part], weight[part], reduction="sum"
            )
            optimizer.zero_grad()
            (loss / len(part)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return [one.detach() for one in network]


def _first_weights(d: int, hidden: int, k: int, generator: torch.Generator) -> list[Tensor]:
    """He et al. 2015 before the ReLU; small ones behind, so that every network starts near even odds."""
    inner = torch.randn(d, hidden, generator=generator) * math.sqrt(2 / d)
    outer = torch.randn(hidden, k, generator=generator) * math.sqrt(1 / hidden) * 0.1
    return [inner, torch.zeros(hidden), outer, torch.zeros(k)]


def _pace(step: int, steps: int) -> float:
    warm = max(1.0, WARMUP * steps)
    return (
        step / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))
    )
