"""From one vector an image [n, width] to logits [n, outputs]: a line, a small network, or the nearest images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hilum.config import ModelConfig

_SMOOTHING = 0.5
"""Added to the votes of both sides, so that a unanimous vote has finite odds (Jeffreys' prior)."""


class _MlpHead(nn.Module):
    """One hidden layer: linear, ReLU, dropout, linear."""

    def __init__(self, in_features: int, hidden: int, out_features: int, dropout: float) -> None:
        """Widths of the three layers; `dropout` is on the hidden one."""
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.hidden = nn.Linear(in_features, hidden)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, out_features)

    def forward(self, features: Tensor) -> Tensor:
        """[n, in_features] -> [n, out_features]."""
        result: Tensor = self.out(self.dropout(self.relu(self.hidden(features))))
        return result


class KnnHead(nn.Module):
    """The log odds of a vote among the nearest images kept, by cosine similarity of standardised vectors.

    Attributes:
        vectors: float32 [m, in_features], of length 1.
        labels: float32 [m, out_features]: 1, 0, or NaN, which has no vote.
        mean: float32 [in_features], taken off before lengths are made 1.
        scale: float32 [in_features], what differences are then divided by.
    """

    vectors: Tensor
    labels: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, in_features: int, out_features: int, neighbours: int) -> None:
        """Without images yet: they come with the weights."""
        super().__init__()
        self.in_features, self.out_features, self.neighbours = in_features, out_features, neighbours
        self.register_buffer("vectors", torch.zeros(1, in_features))
        self.register_buffer("labels", torch.full((1, out_features), float("nan")))
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("scale", torch.ones(in_features))

    def forward(self, features: Tensor) -> Tensor:
        """[n, in_features] -> [n, out_features]."""
        return self.odds(self.votes(features))

    def votes(self, features: Tensor) -> Tensor:
        """Labels of the nearest images, nearest first: [n, in_features] -> [n, neighbours, out_features]."""
        standard = nn.functional.normalize((features - self.mean) / self.scale, dim=1)
        similar = standard @ self.vectors.T
        return self.labels[similar.topk(min(self.neighbours, len(self.vectors)), dim=1).indices]

    def odds(self, votes: Tensor) -> Tensor:
        """Log odds of votes [n, neighbours, out_features], [n, out_features]."""
        positive, negative = (votes == 1).sum(1), (votes == 0).sum(1)
        return torch.log((positive + _SMOOTHING) / (negative + _SMOOTHING))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take as many images as the file has."""
        for name in ("vectors", "labels"):
            found = state_dict.get(prefix + name)
            if found is not None:
                setattr(self, name, torch.empty_like(found, device=self.mean.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def make_classifier(config: ModelConfig, width: int, outputs: int) -> nn.Module:
    """The head that `model.classifier` names, for vectors of `width` numbers."""
    if config.classifier == "mlp":
        return _MlpHead(width, config.hidden, outputs, config.dropout)
    if config.classifier == "knn":
        return KnnHead(width, outputs, config.neighbours)
    return nn.Linear(width, outputs)
