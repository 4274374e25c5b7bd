"""The surface that every model has, and what a model is made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hilum.models.normalise import Normalisation


@dataclass(frozen=True)
class Trunk:
    """What a build function gives: everything below the classifier.

    Attributes:
        body: [n, channels, s, s] -> feature map [n, c, h, w].
        width: length of the pooled vector.
        channels: 1 or 3: what `body` takes.
        head: [n, c, h, w] -> [n, width] where the model has a pooling of its own; None leaves it to the setting.
        prefix: where the bare network's parameters are in a `Classifier`, e.g. `backbone.`.
        classifier_names: what the bare network calls its classifier in files of weights, e.g. `fc`.
    """

    body: nn.Module
    width: int
    channels: int
    head: nn.Module | None = None
    prefix: str = "backbone."
    classifier_names: tuple[str, ...] = ("classifier",)


class Classifier(nn.Module):
    """An image classifier: body -> feature map -> pooling -> features -> dropout -> classifier -> logits.

    Attributes:
        backbone: [n, channels, s, s] -> [n, c, h, w].
        pool: [n, c, h, w] -> [n, width].
        dropout: on the pooled vector.
        classifier: [n, width] -> [n, outputs]; a linear layer, or another of `hilum.models.heads`.
        channels: what the backbone takes. The input is one gray channel always; with 3 it is repeated here.
        channel_scale: float32 [1, 3, 1, 1], or None: what `adopt` found each channel to need.
        channel_shift: likewise.
        notes: what a user should know of the weights it started from, one sentence each.
    """

    channel_scale: Tensor | None
    channel_shift: Tensor | None

    def __init__(self, trunk: Trunk, pool: nn.Module, classifier: nn.Module, dropout: float) -> None:
        """`pool` stands in where the trunk has no head of its own; `classifier` has the width of its vector."""
        super().__init__()
        self.channels = trunk.channels
        self.bare_prefix = trunk.prefix
        self.classifier_names = trunk.classifier_names
        self.notes: tuple[str, ...] = ()
        self.backbone = trunk.body
        self.pool = trunk.head if trunk.head is not None else pool
        self.dropout = nn.Dropout(dropout)
        self.classifier = classifier
        self.register_buffer("channel_scale", None, persistent=False)
        self.register_buffer("channel_shift", None, persistent=False)

    def adopt(self, normalisation: Normalisation) -> None:
        """Have images that come normalised as its `gray` seen as this normalisation asks, channel by channel."""
        if self.channels == 1 or len(normalisation.mean) == 1:
            self.channel_scale = self.channel_shift = None
            return
        device = next(self.parameters()).device
        pairs = torch.tensor(normalisation.channels, device=device).T.reshape(2, 1, -1, 1, 1)
        self.channel_scale, self.channel_shift = pairs[0].clone(), pairs[1].clone()

    @property
    def width(self) -> int:
        """Length of the pooled vector."""
        return int(self.classifier.in_features)  # type: ignore[arg-type]

    @property
    def outputs(self) -> int:
        """Number of logits."""
        return int(self.classifier.out_features)  # type: ignore[arg-type]

    def seen(self, images: Tensor) -> Tensor:
        """[n, 1, s, s] -> [n, channels, s, s], as the backbone sees them."""
        if self.channels != 1:
            images = images.expand(-1, self.channels, -1, -1)
            if self.channel_scale is not None and self.channel_shift is not None:
                images = images * self.channel_scale + self.channel_shift
        return images

    def feature_map(self, images: Tensor) -> Tensor:
        """[n, 1, s, s] -> [n, c, h, w]."""
        result: Tensor = self.backbone(self.seen(images))
        return result

    def features(self, images: Tensor) -> Tensor:
        """[n, 1, s, s] -> pooled [n, width]."""
        result: Tensor = self.pool(self.feature_map(images))
        return result

    def head(self, feature_map: Tensor) -> Tensor:
        """Logits [n, outputs] of a feature map [n, c, h, w]: `forward` is `head(feature_map(images))`."""
        return self._exact(self.dropout(self.pool(feature_map)))

    def _exact(self, features: Tensor) -> Tensor:
        """The classifier in full precision, also within autocast.

        Rounded to bf16's eight bits, logits tie and AUC loses its third digit; this one product costs nothing.
        """
        device = features.device.type
        result: Tensor
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                own = next(iter(self.classifier.state_dict().values()))
                result = self.classifier(features.to(own.dtype))
        else:
            result = self.classifier(features)
        return result

    def forward(self, images: Tensor) -> Tensor:
        """[n, 1, s, s] -> logits [n, outputs]."""
        return self.head(self.feature_map(images))


def classes_of(uncertain: str) -> int:
    """How many outputs each finding has under a policy for uncertain labels."""
    return 3 if uncertain == "multiclass" else 1


def positive_logits(raw: Tensor, classes: int) -> Tensor:
    """The logit of the positive class per finding, whatever the policy for uncertain labels.

    Args:
        raw: [n, classes], given back as it is; or [n, 3 * classes] of a model trained with
            `labels.uncertain = "multiclass"`, per finding the logits of negative, positive, uncertain.
        classes: number of findings, k.

    Returns:
        [n, k]. For three classes it is `positive - negative`, whose sigmoid is the softmax over these two
        alone: U-MultiClass of Irvin et al., AAAI 2019.
    """
    if raw.shape[1] == classes:
        return raw
    if raw.shape[1] != 3 * classes:
        raise ValueError(
            f"{classes} findings have {classes} or {3 * classes} logits; there are {raw.shape[1]}"
        )
    return raw[:, 1::3] - raw[:, 0::3]
