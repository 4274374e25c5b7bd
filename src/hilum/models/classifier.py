"""The surface that every model has, and what a model is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from hilum.config import ModelConfig
from hilum.models.heads import make_classifier
from hilum.models.normalise import Normalisation
from hilum.models.pooling import make_pool

_DEEPEST = 2
"""Names of blocks have this many parts at most: `layer4.1` is one, `layer4.1.conv2` is not."""


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
        own_features: whether `body` has methods `feature_map` and `features` of its own, as a plugin's may.
    """

    body: nn.Module
    width: int
    channels: int
    head: nn.Module | None = None
    prefix: str = "backbone."
    classifier_names: tuple[str, ...] = ("classifier",)
    own_features: bool = False


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

    def __init__(self, trunk: Trunk, config: ModelConfig, outputs: int) -> None:
        """Put pooling, where the trunk has no head of its own, and classifier on a trunk, as the settings say."""
        super().__init__()
        self._trunk, self.channels, self.notes = trunk, trunk.channels, tuple[str, ...]()
        self.backbone = trunk.body
        pool = make_pool(config.pooling, trunk.width)
        self.pool = pool if trunk.head is None else trunk.head
        self.dropout = nn.Dropout(config.dropout)
        both = trunk.head is None and config.pooling == "both"
        self.classifier = make_classifier(config, (1 + both) * trunk.width, outputs)
        self.register_buffer("channel_scale", None, persistent=False)
        self.register_buffer("channel_shift", None, persistent=False)

    def with_head(self, config: ModelConfig, outputs: int) -> Classifier:
        """Another network on the same backbone, whose tensors it shares; its head is new, without weights yet."""
        return Classifier(replace(self._trunk, head=None), config, outputs)

    @property
    def own_pooling(self) -> bool:
        """Whether the network makes its feature map a vector in its own way, whatever `model.pooling` says."""
        return self._trunk.head is not None

    @property
    def bare_prefix(self) -> str:
        """Where the bare network's parameters are, e.g. `backbone.`."""
        return self._trunk.prefix

    @property
    def classifier_names(self) -> tuple[str, ...]:
        """What the bare network calls its classifier in files of weights."""
        return self._trunk.classifier_names

    def blocks(self) -> dict[str, nn.Module]:
        """The parts of the backbone that have weights, from input to output, as `finetune.start_at` names them.

        By the bare network's own names: its children, and the members of those that are plain sequences, each
        sequence right before its members (`layer4`, `layer4.0`, `layer4.1`). So the weights of a block and of
        all that come after it in this order are those from the block on. Weights of no block, such as the
        position embeddings of a transformer, belong to the input.
        """
        root = self.backbone.get_submodule(self.bare_prefix.removeprefix("backbone.").rstrip("."))
        return dict(_below(root, "", 1))

    def note_size(self, of: str, wanted: int | None, size: int) -> None:
        """Note where weights `of` something were trained on images of another size than those here."""
        if wanted is not None and wanted != size:
            self.notes += (f"{of} was trained on images of {wanted} px; these have {size} px",)

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
        body: Any = self.backbone
        result: Tensor = (body.feature_map if self._trunk.own_features else body)(self.seen(images))
        return result

    def features(self, images: Tensor) -> Tensor:
        """[n, 1, s, s] -> pooled [n, width]."""
        body: Any = self.backbone
        own = self._trunk.own_features
        result: Tensor = body.features(self.seen(images)) if own else self.pool(self.feature_map(images))
        return result

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
        return self._exact(self.dropout(self.features(images)))


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


def _below(module: nn.Module, prefix: str, depth: int) -> Iterator[tuple[str, nn.Module]]:
    parts = [(name, part) for name, part in module.named_children() if any(True for _ in part.parameters())]
    if len(parts) == 1 and not any(True for _ in module.parameters(recurse=False)):
        # A wrapper around all of the rest, as DenseNet's `features` is.
        name, part = parts[0]
        inner = list(_below(part, f"{prefix}{name}.", depth + 1 if depth < _DEEPEST else depth))
        yield from inner or [(f"{prefix}{name}", part)]
        return
    for name, part in parts:
        yield f"{prefix}{name}", part
        if depth < _DEEPEST and _is_sequence(part):
            yield from _below(part, f"{prefix}{name}.", depth + 1)


def _is_sequence(module: nn.Module) -> bool:
    """Whether its members come one after the other, also below a wrapper that only runs them."""
    if isinstance(module, nn.Sequential | nn.ModuleList):
        return len(module) > 1
    parts = list(module.children())
    return len(parts) == 1 and isinstance(parts[0], nn.ModuleList)
