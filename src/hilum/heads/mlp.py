"""Small MLPs: those of one width learn side by side in one wide network, or on the CPU in a thread each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from hilum.heads.candidates import Candidate
from hilum.heads.fitted import Fitted
from hilum.heads.problem import Standard
from hilum.heads.threads import in_threads

BATCH = 128
"""Rows a step."""
DECAY = 1e-2
"""Decoupled weight decay of AdamW (Loshchilov & Hutter 2019), on weights alone."""
WARMUP = 0.1
"""Share of steps over which the rate rises; then half a cosine takes it to 0."""
BETAS, EPSILON = (0.9, 0.999), 1e-8


def fit_mlps(candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor, seed: int) -> list[Fitted]:
    """One hidden layer, ReLU, dropout; binary cross-entropy of known labels; AdamW.

    Args:
        candidates: of kind `mlp` and one pooling.
        vectors: float32 [n, d], the training rows.
        targets: float32 [n, k].
        seed: of first weights, order and dropout; they do not depend on what else is tried beside a candidate.
    """
    standard = Standard.of(vectors)
    rows = standard.apply(vectors)
    groups: dict[tuple[int, int, int], list[int]] = {}
    for j, one in enumerate(candidates):
        # The CPU is as fast with one network a thread as with all in one product.
        alone = j if rows.device.type == "cpu" else -1
        groups.setdefault((one.hidden, one.epochs, alone), []).append(j)
    # The longest first, so that none is waited for in the end.
    shapes = sorted(groups, key=lambda shape: -shape[0] * shape[1])

    def learn(shape: tuple[int, int, int]) -> list[Tensor]:
        return _learn([candidates[j] for j in groups[shape]], rows, targets, seed)

    found: dict[int, Fitted] = {}
    for shape, networks in zip(shapes, in_threads(learn, shapes, rows.device), strict=True):
        for number, j in enumerate(groups[shape]):
            found[j] = _as_fitted(candidates[j], [tensor[number] for tensor in networks], standard)
    return [found[j] for j in range(len(candidates))]


def _as_fitted(candidate: Candidate, network: list[Tensor], standard: Standard) -> Fitted:
    inner, inner_bias, outer, outer_bias = network
    raw, raw_bias = standard.fold(inner, inner_bias)
    tensors = {"hidden.weight": raw.T, "hidden.bias": raw_bias, "out.weight": outer.T, "out.bias": outer_bias}
    return Fitted(candidate, {name: one.float().contiguous().cpu().numpy() for name, one in tensors.items()})


def _learn(candidates: Sequence[Candidate], rows: Tensor, targets: Tensor, seed: int) -> list[Tensor]:
    """Weights [c, d, h], [c, h], [c, h, k], [c, k] of c networks of one width and number of epochs."""
    n, d = rows.shape
    count, hidden, epochs = len(candidates), candidates[0].hidden, candidates[0].epochs
    weight = _label_weights(candidates, targets)
    truth = torch.nan_to_num(targets)
    generator = torch.Generator().manual_seed(seed)
    network = [
        one.to(rows.device).expand(count, *one.shape).clone().requires_grad_()
        for one in _first_weights(d, hidden, targets.shape[1], generator)
    ]
    keep = 1 - torch.tensor([one.dropout for one in candidates], device=rows.device)[:, None, None]
    rates = torch.tensor([one.lr for one in candidates], device=rows.device)
    moments = [(torch.zeros_like(one), torch.zeros_like(one)) for one in network]
    steps = epochs * math.ceil(n / BATCH)
    step = 0
    for _ in range(epochs):
        for part in torch.split(torch.randperm(n, generator=generator).to(rows.device), BATCH):
            mask = torch.rand(len(part), hidden, generator=generator).to(rows.device)
            logits = _forward(network, rows[part], (mask < keep) / keep)
            loss = F.binary_cross_entropy_with_logits(
                logits, truth[part].expand_as(logits), weight[:, part], reduction="sum"
            )
            gradients = torch.autograd.grad(loss / len(part), network)
            step += 1
            _adamw(network, gradients, moments, rates * _pace(step, steps), step)
    return [one.detach() for one in network]


def _forward(network: Sequence[Tensor], rows: Tensor, mask: Tensor) -> Tensor:
    """[b, d] -> [c, b, k]; the first layers of all networks are one matrix product."""
    inner, inner_bias, outer, outer_bias = network
    hidden = torch.matmul(rows, inner) + inner_bias[:, None]
    return torch.matmul(F.relu(hidden) * mask, outer) + outer_bias[:, None]


def _label_weights(candidates: Sequence[Candidate], targets: Tensor) -> Tensor:
    """[c, n, k]: 0 where unknown; balanced ones n / (2 x rows of the class)."""
    positive, negative = (targets == 1).float(), (targets == 0).float()
    many, few = positive.sum(0), negative.sum(0)
    plain, known = positive + negative, many + few
    even = positive * (known / (2 * many.clamp_min(1))) + negative * (known / (2 * few.clamp_min(1)))
    even = torch.where((many > 0) & (few > 0), even, plain)
    return torch.stack([even if one.class_weight == "balanced" else plain for one in candidates])


def _first_weights(d: int, hidden: int, k: int, generator: torch.Generator) -> list[Tensor]:
    """He et al. 2015 before the ReLU; zeros behind, so that every network starts at even odds."""
    inner = torch.randn(d, hidden, generator=generator) * math.sqrt(2 / d)
    outer = torch.randn(hidden, k, generator=generator) * math.sqrt(1 / hidden) * 0.1
    return [inner, torch.zeros(hidden), outer, torch.zeros(k)]


def _pace(step: int, steps: int) -> float:
    warm = max(1.0, WARMUP * steps)
    return (
        step / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))
    )


@torch.no_grad()
def _adamw(
    network: Sequence[Tensor],
    gradients: Sequence[Tensor],
    moments: Sequence[tuple[Tensor, Tensor]],
    rates: Tensor,
    step: int,
) -> None:
    """One step of all networks, each at its own rate [c]."""
    for one, gradient, (first, second) in zip(network, gradients, moments, strict=True):
        rate = rates.reshape(-1, *[1] * (one.dim() - 1))
        first.lerp_(gradient, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        if one.dim() == 3:
            one.mul_(1 - rate * DECAY)
        size = (second / (1 - BETAS[1] ** step)).sqrt_().add_(EPSILON)
        one.sub_(rate * (first / (1 - BETAS[0] ** step)) / size)
