"""Networks of plugins have hilum's surface, or are refused by what they give."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hilum.config import ModelConfig
from hilum.errors import ConfigError
from hilum.models import all_models, build_model, describe_model, find_model
from hilum.plugins import using

TEXT = """
import torch
from torch import nn
from torchvision.models import squeezenet1_1

class Own(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body, self.classifier = nn.Conv2d(channels, 6, 3, 2), nn.Linear(6, 9)
    def feature_map(self, images):
        return self.body(images)
    def features(self, images):
        return self.feature_map(images).square().mean(dim=(2, 3))
    def forward(self, images):
        return self.classifier(self.features(images))

MODELS = {
    "plain": lambda channels, size: nn.Conv2d(channels, 5, 3, 2),
    "own": lambda channels, size: Own(channels),
    "cut": (lambda channels, size: squeezenet1_1(), "features"),
    "no_layer": (lambda channels, size: squeezenet1_1(), "featurs"),
    "vector": lambda channels, size: nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, 4)),
    "nothing": lambda channels, size: 3,
    "three": lambda channels, size: nn.Conv2d(3, 5, 3),
}
BACKBONES = {
    "known": (MODELS["plain"], {"mean": [0.4, 0.5, 0.6], "sd": [0.2, 0.2, 0.2], "size": 64}),
}
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path) -> object:
    (tmp_path / "nets.py").write_text(TEXT)
    with using(tmp_path / "nets.py"):
        yield


@pytest.mark.parametrize(("name", "channels", "width"), [("plain", 1, 5), ("own", 1, 6), ("cut", 3, 512)])
def test_surface(name: str, channels: int, width: int) -> None:
    model = build_model(ModelConfig(name=name, channels=channels), 2, 64).eval()
    images = torch.randn(3, 1, 64, 64)
    assert model(images).shape == (3, 2)
    assert model.features(images).shape == (3, width) == (3, model.width)
    assert model.feature_map(images).shape[:2] == (3, width)
    torch.testing.assert_close(model(images), model.classifier(model.features(images)))
    model(images).sum().backward()
    assert [key for key, value in model.named_parameters() if value.grad is None] == []
    again = build_model(ModelConfig(name=name, channels=channels), 2, 64)
    again.load_state_dict(model.state_dict())
    assert describe_model(ModelConfig(name=name, channels=channels), 1, 64).parameters > 0
    assert model.own_pooling == (name == "own")


def test_whose_own_vectors_are_used() -> None:
    model = build_model(ModelConfig(name="own"), 1, 32).eval()
    images = torch.randn(2, 1, 32, 32)
    vectors = model.feature_map(images).square().mean(dim=(2, 3))
    torch.testing.assert_close(model.features(images), vectors)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_layer", "has no layer 'featurs'; did you mean 'features'"),
        ("vector", r"gives \[1, 4\]; expected a feature map \[n, c, h, w\]"),
        ("nothing", "is a int; expected an nn.Module"),
        ("three", r"fails on an image \[1, 1, 32, 32\]: RuntimeError"),
    ],
)
def test_what_is_no_network(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_model(ModelConfig(name=name), 1, 32)


def test_a_backbone_says_what_images_it_wants() -> None:
    spec = find_model("known")
    assert spec.size == 64
    assert spec.preparation is not None
    assert spec.preparation.normalisation.mean == pytest.approx((0.4, 0.5, 0.6))
    model = build_model(ModelConfig(name="known", channels=3, weights="pretrained"), 1, 32)
    assert model.notes[0].startswith("known: weights of its plugin")
    assert "was trained on images of 64 px" in model.notes[1]


@pytest.mark.parametrize(
    "wants", ['{"mean": 0.5}', '{"mean": 0.5, "sd": 0}', '{"mean": [1, 2], "sd": [1, 2]}']
)
def test_a_backbone_that_does_not(wants: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(f"BACKBONES = {{'bad': (print, {wants})}}")
    with using(tmp_path / "bad.py"), pytest.raises(ConfigError, match="Expected mean and sd"):
        all_models()


def test_a_name_that_hilum_has(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("MODELS = {'resnet18': print}")
    with using(tmp_path / "mine.py"), pytest.raises(ConfigError, match="'resnet18', which hilum has already"):
        find_model("resnet18")
