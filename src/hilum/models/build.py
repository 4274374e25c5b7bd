"""From settings to a model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hilum.config import ModelConfig
from hilum.errors import WeightsError
from hilum.models.backbone import TIMM, build_timm, unreachable
from hilum.models.catalogue import MODELS, find_model
from hilum.models.classifier import Classifier, Trunk
from hilum.models.heads import make_classifier
from hilum.models.pooling import make_pool, pooled_width
from hilum.models.weights import fit_weights, load_weights, with_plain_names

PRETRAINED = "pretrained"


def build_model(config: ModelConfig, outputs: int, size: int) -> Classifier:
    """Build a network and give it its first weights.

    Random weights are drawn from torch's global generator: seed it first for the same ones.

    Args:
        config: name, channels, weights, dropout, pooling.
        outputs: number of logits: the findings, or three times as many with a class for uncertain labels.
        size: side of the images in pixels.

    Returns:
        The model in training mode. Its `notes` say what starts at random although weights were asked for.

    Raises:
        ConfigError: an unknown name, or settings that do not go together.
        WeightsError: weights that cannot be reached, read or fitted.
    """
    spec = find_model(config.name)
    from_hub = config.weights == PRETRAINED
    if from_hub and config.name.startswith(TIMM):
        model = _assemble(build_timm(config, size, pretrained=True), config, outputs)
        model.notes = (f"{config.name}: ImageNet weights of the hub; the classifier starts at random",)
        return model
    fetched = _fetch(config.name) if from_hub else None
    model = _assemble(spec.build(config, size), config, outputs)
    if fetched is not None:
        model.notes = fit_weights(model, with_plain_names(fetched), f"{config.name} of torchvision").notes()
    elif config.weights:
        model.notes = load_weights(model, config.weights).notes()
    return model


def _assemble(trunk: Trunk, config: ModelConfig, outputs: int) -> Classifier:
    width = trunk.width if trunk.head is not None else pooled_width(config.pooling, trunk.width)
    pool, classifier = make_pool(config.pooling, trunk.width), make_classifier(config, width, outputs)
    return Classifier(trunk, pool, classifier, config.dropout)


def _fetch(name: str) -> Mapping[str, Tensor]:
    """torchvision's best ImageNet weights, from torch's cache or the hub."""
    if not MODELS[name].hub:
        have = ", ".join(spec.name for spec in MODELS.values() if spec.hub)
        raise WeightsError(
            f"there are no pretrained weights of {name}. Take one of {have} or a timm: network, "
            'or train from scratch: model.weights = "".'
        )
    from torchvision.models import get_model_weights

    url = get_model_weights(name).DEFAULT.url
    try:
        tensors: Mapping[str, Tensor] = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", weights_only=True, check_hash=True
        )
    except (OSError, RuntimeError) as error:
        raise unreachable(name, url, error) from error
    return tensors
