"""Residual and densely connected networks of torchvision, with a first layer for gray images.

He et al., Deep Residual Learning, CVPR 2016; Huang et al., Densely Connected Convolutional Networks, CVPR 2017.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from hilum.config import ModelConfig
from hilum.models.channels import gray_conv
from hilum.models.classifier import Trunk

_LAYERS = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def build_resnet(config: ModelConfig, size: int) -> Trunk:  # noqa: ARG001
    """`resnet18`, `34`, `50`, `101` or `152`; any image size."""
    # torchvision imports the compiler, which takes seconds: only where a network of it is built.
    from torchvision.models import get_model

    net = get_model(config.name, weights=None)
    if config.channels != net.conv1.in_channels:
        net.conv1 = gray_conv(net.conv1, config.channels)
    body = nn.Sequential(OrderedDict((name, getattr(net, name)) for name in _LAYERS))
    return Trunk(body, net.fc.in_features, config.channels, classifier_names=("fc",))


def build_densenet(config: ModelConfig, size: int) -> Trunk:  # noqa: ARG001
    """`densenet121`, `161`, `169`, `201` or `densenet-small`; any image size from 29 px.

    The small one has three dense blocks of five layers: stem 7x7 of stride 2 to 64 channels and 3x3 max pooling,
    growth 32 per layer with bottlenecks of 128, transitions that halve the channels: 64, 224, 112, 272, 136,
    296 channels at 1/16 of the side.
    """
    from torchvision.models import get_model
    from torchvision.models.densenet import DenseNet

    small = config.name == "densenet-small"
    net = DenseNet(32, (5, 5, 5), 64) if small else get_model(config.name, weights=None)
    features, classifier = net.features, net.classifier
    if not isinstance(features, nn.Sequential) or not isinstance(classifier, nn.Linear):
        raise TypeError("torchvision's DenseNet no longer has `features` and `classifier`")
    conv = features.get_submodule("conv0")
    if isinstance(conv, nn.Conv2d) and conv.in_channels != config.channels:
        features.conv0 = gray_conv(conv, config.channels)
    body = nn.Sequential(OrderedDict([("features", features), ("relu", nn.ReLU())]))
    return Trunk(body, classifier.in_features, config.channels, classifier_names=("classifier",))
