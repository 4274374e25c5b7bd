"""A folded DenseNet gives the network's own map."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from hilum.config import ModelConfig
from hilum.models import build_model
from hilum.models.folded import _FoldedDenseNet as FoldedDenseNet
from hilum.models.folded import fold


def learned(name: str, channels: int, seed: int = 0) -> nn.Module:
    """A backbone whose batch norms are as if it had learned."""
    torch.manual_seed(seed)
    net = build_model(ModelConfig(name=name, channels=channels), 2, 64).eval()
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.2)
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.3, 1.5)
            nn.init.normal_(norm.bias, 0, 0.3)
    return net.backbone


def away(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.float() - wanted).norm() / wanted.norm())


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "channels", "side"),
    [("densenet-small", 1, 64), ("densenet-small", 3, 45), ("densenet121", 1, 64)],
)
def test_the_map_is_the_networks(name: str, channels: int, side: int) -> None:
    backbone = learned(name, channels)
    images = torch.randn(3, channels, side, side)
    wanted = backbone(images)
    before = copy.deepcopy(backbone.state_dict())
    for dtype, most in ((torch.float32, 2e-6), (torch.bfloat16, 0.02)):
        folded = fold(backbone, dtype)
        assert folded is not None
        found = folded(images)
        assert found.dtype == dtype
        assert found.shape == wanted.shape
        assert 0 < away(found, wanted) < most
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())


@torch.inference_mode()
@pytest.mark.parametrize("scale", [-0.7, 0.0, 1e-40])
def test_channels_that_are_turned_round_or_dead(scale: float) -> None:
    backbone = learned("densenet-small", 1)
    features = backbone.features
    assert isinstance(features, nn.Sequential)
    for norm in (
        features.denseblock2.denselayer3.norm1,
        features.transition1.norm,
        features.denseblock1.denselayer1.norm2,
    ):
        norm.weight[::3] = scale
    images = torch.randn(2, 1, 64, 64)
    folded = fold(backbone, torch.float32)
    assert folded is not None
    assert away(folded(images), backbone(images)) < 2e-6


@pytest.mark.parametrize("name", ["resnet18", "timm:densenet121"])
def test_other_networks_are_left_alone(name: str) -> None:
    backbone = build_model(ModelConfig(name=name), 2, 64).eval().backbone
    assert not isinstance(fold(backbone, torch.float32), FoldedDenseNet)
