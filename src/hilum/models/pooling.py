"""From a feature map [n, c, h, w] to one vector an image [n, c]."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hilum.errors import ConfigError, did_you_mean

LSE_SHARPNESS = 10.0
"""`r` of log-sum-exp pooling: 10 was the best of those tried on ChestX-ray14 (Wang et al. 2017, table 4)."""
ATTENTION_WIDTH = 128
"""Hidden units of the attention score (Ilse et al. 2018 use 64 to 128)."""


class AveragePool(nn.Module):
    """Mean over positions."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c]."""
        return feature_map.mean(dim=(2, 3))


class MaxPool(nn.Module):
    """Maximum over positions."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c]."""
        return feature_map.amax(dim=(2, 3))


class AvgMaxPool(nn.Module):
    """Mean and maximum over positions, side by side."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, 2 c]."""
        return torch.cat([feature_map.mean(dim=(2, 3)), feature_map.amax(dim=(2, 3))], dim=1)


class LsePool(nn.Module):
    """Log-sum-exp, `log(mean(exp(r x))) / r`: the mean for small r, the maximum for large r.

    Pinheiro and Collobert, CVPR 2015; on chest X-rays Wang et al., CVPR 2017. Computed in float32, since
    `exp` of a bfloat16 has two digits.
    """

    def __init__(self, sharpness: float = LSE_SHARPNESS) -> None:
        """`sharpness` is r, above 0."""
        super().__init__()
        self.sharpness = sharpness

    def forward(self, feature_map: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c]."""
        positions = feature_map.shape[2] * feature_map.shape[3]
        summed = torch.logsumexp(self.sharpness * feature_map.float(), dim=(2, 3))
        pooled: Tensor = (summed - math.log(positions)) / self.sharpness
        return pooled.to(feature_map.dtype)


class AttentionPool(nn.Module):
    """Weighted mean over positions, with weights learned by a small network that sees each position alone.

    Ilse et al., ICML 2018 (attention-based multiple instance learning). The weights sum to 1 over positions.
    """

    def __init__(self, width: int) -> None:
        """`width` is the number of channels of the feature map."""
        super().__init__()
        self.hidden = nn.Conv2d(width, ATTENTION_WIDTH, 1)
        # A bias would add the same to all positions, which the softmax takes away again.
        self.score = nn.Conv2d(ATTENTION_WIDTH, 1, 1, bias=False)

    def weights(self, feature_map: Tensor) -> Tensor:
        """How much each position counts: [n, c, h, w] -> [n, 1, h, w], summing to 1."""
        scores: Tensor = self.score(torch.tanh(self.hidden(feature_map)))
        return scores.float().flatten(2).softmax(dim=2).view_as(scores).to(feature_map.dtype)

    def forward(self, feature_map: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c]."""
        return (feature_map * self.weights(feature_map)).sum(dim=(2, 3))


def make_pool(kind: str, width: int) -> nn.Module:
    """The pooling called `avg`, `max`, `both`, `lse` or `attention`, for maps of `width` channels."""
    if kind == "attention":
        return AttentionPool(width)
    plain = {"avg": AveragePool, "max": MaxPool, "both": AvgMaxPool, "lse": LsePool}
    if kind not in plain:
        raise ConfigError(
            f"model.pooling = {kind!r} is not known; {did_you_mean(kind, [*plain, 'attention'])}"
        )
    return plain[kind]()


def pooled_width(kind: str, width: int) -> int:
    """Length of the vector that a map of `width` channels becomes."""
    return 2 * width if kind == "both" else width
