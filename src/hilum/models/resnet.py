"""Residual networks (He et al., CVPR 2016) of torchvision, with a first layer for gray images."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from hilum.config import ModelConfig
from hilum.models.channels import gray_conv
from hilum.models.classifier import Trunk

LAYERS = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def build_resnet(config: ModelConfig, size: int) -> Trunk:  # noqa: ARG001
    """`resnet18`, `34`, `50`, `101` or `152`; any image size."""
    # torchvision imports the compiler, which takes seconds: only where a network of it is built.
    from torchvision.models import get_model

    net = get_model(config.name, weights=None)
    if config.channels != net.conv1.in_channels:
        net.conv1 = gray_conv(net.conv1, config.channels)
    body = nn.Sequential(OrderedDict((name, getattr(net, name)) for name in LAYERS))
    return Trunk(body, net.fc.in_features, config.channels, classifier_names=("fc",))
