"""From settings to a model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from hilum.config import ModelConfig
from hilum.errors import WeightsError
from hilum.models.backbone import TIMM, build_timm
from hilum.models.catalogue import MODELS, ModelSpec, find_model
from hilum.models.classifier import Classifier
from hilum.models.published import fetch_file, fetch_torchvision
from hilum.models.weights import fit_weights, load_weights, read_weights, with_plain_names

_PRETRAINED = "pretrained"


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
    from_hub = config.weights == _PRETRAINED
    if from_hub and config.name.startswith(TIMM):
        model = Classifier(build_timm(config, size, pretrained=True), config, outputs)
        model.notes = (f"{config.name}: weights of the hub; the classifier starts at random",)
        model.note_size(config.name, spec.preparation.size if spec.preparation else None, size)
        return model
    fetched = _fetch(spec) if from_hub and not spec.carries_weights else None
    model = Classifier(spec.build(config, size), config, outputs)
    if fetched is not None and spec.published is not None:
        origin = f"{config.name} of {spec.published.source}"
        model.notes = fit_weights(model, fetched, origin, head=False).notes()
    elif from_hub:
        model.notes = (f"{config.name}: weights of its plugin; the classifier starts at random",)
    elif config.weights:
        model.notes = load_weights(model, config.weights).notes()
    if config.weights and spec.preparation is not None:
        model.note_size(config.name, spec.preparation.size, size)
    return model


def _fetch(spec: ModelSpec) -> Mapping[str, Tensor]:
    """Published weights, named as in the bare network."""
    if spec.published is None:
        have = ", ".join(name for name, other in MODELS.items() if other.published)
        raise WeightsError(
            f"there are no pretrained weights of {spec.name}. Take one of {have} or a timm: network, "
            'or train from scratch: model.weights = "".'
        )
    if not spec.published.url:
        return with_plain_names(fetch_torchvision(spec.name))
    return read_weights(fetch_file(spec.name, spec.published))
