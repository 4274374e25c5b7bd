"""Densely connected networks (Huang et al., CVPR 2017) of torchvision, with a first layer for gray images."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from hilum.config import ModelConfig
from hilum.models.channels import gray_conv
from hilum.models.classifier import Trunk

SMALL_GROWTH = 32
SMALL_BLOCKS = (5, 5, 5)
SMALL_STEM = 64


def build_densenet(config: ModelConfig, size: int) -> Trunk:  # noqa: ARG001
    """`densenet121`, `161`, `169` or `201`; any image size from 29 px."""
    from torchvision.models import get_model

    return _trunk(get_model(config.name, weights=None), config.channels)


def build_densenet_small(config: ModelConfig, size: int) -> Trunk:  # noqa: ARG001
    """`densenet-small`: three dense blocks of five layers.

    Stem 7x7 of stride 2 to 64 channels and 3x3 max pooling, growth 32 per layer with bottlenecks of 128,
    transitions that halve the channels: 64 -> 224 -> 112 -> 272 -> 136 -> 296 channels at 1/16 of the side.
    """
    from torchvision.models.densenet import DenseNet

    return _trunk(DenseNet(SMALL_GROWTH, SMALL_BLOCKS, SMALL_STEM), config.channels)


def _trunk(net: nn.Module, channels: int) -> Trunk:
    features, classifier = net.features, net.classifier
    if not isinstance(features, nn.Sequential) or not isinstance(classifier, nn.Linear):
        raise TypeError("torchvision's DenseNet no longer has `features` and `classifier`")
    conv = features.get_submodule("conv0")
    if isinstance(conv, nn.Conv2d) and conv.in_channels != channels:
        features.conv0 = gray_conv(conv, channels)
    body = nn.Sequential(OrderedDict([("features", features), ("relu", nn.ReLU())]))
    return Trunk(body, classifier.in_features, channels, classifier_names=("classifier",))
