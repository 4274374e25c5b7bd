"""From a feature map [n, c, h, w] to one vector an image [n, c]."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hilum.errors import ConfigError, did_you_mean

_ATTENTION_WIDTH = 128
"""Hidden units of the attention score (Ilse et al. 2018 use 64 to 128)."""


class _Pool(nn.Module):
    """Over positions: the mean (`avg`), the maximum (`max`), these side by side (`both`), or `lse`.

    That is log-sum-exp, `log(mean(exp(r x))) / r`: the mean for small r, the maximum for large r. Pinheiro and
    Collobert, CVPR 2015; on chest X-rays Wang et al., CVPR 2017, for whom r = 10 was the best of those tried
    (table 4). Computed in float32, since `exp` of a bfloat16 has two digits.
    """

    def __init__(self, kind: str, sharpness: float = 10.0) -> None:
        """`sharpness` is r, above 0."""
        super().__init__()
        self.kind, self.sharpness = kind, sharpness

    def forward(self, feature_map: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c], or [n, 2 c] of `both`."""
        if self.kind == "lse":
            positions = feature_map.shape[2] * feature_map.shape[3]
            summed = torch.logsumexp(self.sharpness * feature_map.float(), dim=(2, 3))
            pooled: Tensor = (summed - math.log(positions)) / self.sharpness
            return pooled.to(feature_map.dtype)
        mean = feature_map.mean(dim=(2, 3)) if self.kind != "max" else None
        largest = feature_map.amax(dim=(2, 3)) if self.kind != "avg" else None
        both = [part for part in (mean, largest) if part is not None]
        return both[0] if len(both) == 1 else torch.cat(both, dim=1)

    def extra_repr(self) -> str:
        """What it is, where a network is printed."""
        return self.kind


class AttentionPool(nn.Module):
    """Weighted mean over positions, with weights learned by a small network that sees each position alone.

    Ilse et al., ICML 2018 (attention-based multiple instance learning). The weights sum to 1 over positions.
    """

    def __init__(self, width: int) -> None:
        """`width` is the number of channels of the feature map."""
        super().__init__()
        self.hidden = nn.Conv2d(width, _ATTENTION_WIDTH, 1)
        # A bias would add the same to all positions, which the softmax takes away again.
        self.score = nn.Conv2d(_ATTENTION_WIDTH, 1, 1, bias=False)

    def weights(self, feature_map: Tensor) -> Tensor:
        """How much each position counts: [n, c, h, w] -> [n, 1, h, w], summing to 1."""
        scores: Tensor = self.score(torch.tanh(self.hidden(feature_map)))
        return scores.float().flatten(2).softmax(dim=2).view_as(scores).to(feature_map.dtype)

    def forward(self, feature_map: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c]."""
        return (feature_map * self.weights(feature_map)).sum(dim=(2, 3))


def make_pool(kind: str, width: int) -> nn.Module:
    """The pooling called `avg`, `max`, `both`, `lse` or `attention`, for maps of `width` channels."""
    kinds = ("avg", "max", "both", "lse", "attention")
    if kind not in kinds:
        raise ConfigError(f"model.pooling = {kind!r} is not known; {did_you_mean(kind, kinds)}")
    return AttentionPool(width) if kind == "attention" else _Pool(kind)
