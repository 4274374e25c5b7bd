"""Every network has the same surface."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hilum.config import ModelConfig
from hilum.errors import ConfigError
from hilum.models import MODELS, Classifier, build_model, find_model, positive_logits
from hilum.models.describe import _count

TIMM = (
    "timm:resnet10t",
    "timm:convnext_atto",
    "timm:mobilenetv3_small_050",
    "timm:vit_tiny_patch16_224",
    "timm:swin_tiny_patch4_window7_224",
)


def build(name: str, outputs: int = 3, size: int = 64, **settings: object) -> Classifier:
    return build_model(ModelConfig.model_validate({"name": name, **settings}), outputs, size)


def on_meta(name: str, outputs: int = 3, size: int = 64, **settings: object) -> Classifier:
    with torch.device("meta"):
        return build(name, outputs, size, **settings)


def test_cnn_has_the_published_number_of_parameters() -> None:
    assert _count(on_meta("cnn", outputs=1, size=320)) == 106_726_337


@pytest.mark.parametrize("name", [*MODELS, *TIMM])
@pytest.mark.parametrize("channels", [1, 3])
def test_surface(name: str, channels: int) -> None:
    size = 224 if "swin" in name else 64
    model = on_meta(name, size=size, channels=channels).eval()
    images = torch.empty(2, 1, size, size, device="meta")
    feature_map = model.feature_map(images)
    features = model.features(images)
    assert feature_map.ndim == 4
    assert features.shape == (2, model.width)
    assert model(images).shape == (2, 3)
    assert isinstance(model.classifier, nn.Linear)
    assert model.outputs == 3


@pytest.mark.parametrize(
    "name", ["resnet18", "densenet-small", "timm:convnext_atto", "timm:vit_tiny_patch16_224"]
)
def test_forward_is_the_classifier_of_the_features(name: str) -> None:
    model = build(name).eval()
    images = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        features = model.features(images)
        torch.testing.assert_close(model(images), model.classifier(features))
        if not name.startswith("timm:vit"):
            torch.testing.assert_close(features, model.feature_map(images).mean((2, 3)))


@pytest.mark.parametrize("name", ["resnet18", "timm:vit_tiny_patch16_224"])
def test_logits_are_not_rounded_to_bfloat16(name: str) -> None:
    model = build(name, outputs=200).eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(torch.randn(2, 1, 64, 64))
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())
    double = model.double()
    assert double(torch.randn(1, 1, 64, 64, dtype=torch.float64)).dtype == torch.float64


def test_every_parameter_learns() -> None:
    for name, settings in [("resnet18", {}), ("densenet-small", {"pooling": "attention"}), ("cnn", {})]:
        model = build(name, size=32, **settings)
        torch.manual_seed(0)
        model(torch.randn(2, 1, 32, 32)).sum().backward()
        for key, parameter in model.named_parameters():
            assert parameter.grad is not None, f"{name}: {key}"
            assert parameter.grad.isfinite().all(), f"{name}: {key}"
            assert parameter.grad.any(), f"{name}: {key}"


def test_same_seed_same_weights() -> None:
    def draw(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        return build("resnet18", size=32).state_dict()

    first, again, other = draw(1), draw(1), draw(2)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["backbone.conv1.weight"], other["backbone.conv1.weight"])


def test_gray_first_layer_keeps_the_scale_of_he() -> None:
    torch.manual_seed(0)
    for name, fan_out in [("resnet18", 64 * 49), ("densenet121", 64 * 49), ("cnn", None)]:
        model = build(name, size=32)
        weight = next(p for p in model.backbone.parameters() if p.ndim == 4)
        expected = np.sqrt(2 / (fan_out or 25))
        assert float(weight.detach().std()) == pytest.approx(expected, rel=0.05), name


def test_dropout_stands_before_the_classifier() -> None:
    model = build("resnet18", dropout=0.5).train()
    seen: list[torch.Tensor] = []
    model.classifier.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    model(torch.randn(4, 1, 64, 64))
    assert 0.3 < float((seen[0] == 0).float().mean()) < 0.7


def test_cnn_tells_the_size_it_was_built_for() -> None:
    model = build("cnn", size=32)
    with pytest.raises(ConfigError, match="32 px"):
        model(torch.zeros(1, 1, 48, 48))


def test_cnn_takes_sizes_that_are_no_multiple_of_eight() -> None:
    assert build("cnn", size=37)(torch.zeros(2, 1, 37, 37)).shape == (2, 3)


def test_cnn_refuses_another_pooling() -> None:
    with pytest.raises(ConfigError, match="resnet18"):
        on_meta("cnn", pooling="lse")


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'resnet18'"):
        find_model("resnet-18")
    with pytest.raises(ConfigError, match="convnext_tiny"):
        build("timm:convnext_tinny")
    with pytest.raises(ConfigError, match=r"timm:\*"):
        build("timm:qqqqqqqqqqqq")


def test_a_network_without_a_feature_map_is_refused() -> None:
    with pytest.raises(ConfigError, match="no feature map"):
        on_meta("timm:deit_tiny_distilled_patch16_224", size=224)


def test_images_too_small_for_a_network_are_refused() -> None:
    with pytest.raises(ConfigError, match="4 px"):
        on_meta("timm:vit_tiny_patch16_224", size=4)
    with pytest.raises(ConfigError, match="8 px"):
        on_meta("cnn", size=4)


def test_catalogue_figures_are_right() -> None:
    from hilum.models import describe_model

    alike = [spec for name, spec in MODELS.items() if name.startswith("xrv-densenet121-")]
    assert len({(spec.parameters, spec.gflops, spec.size) for spec in alike}) == 1
    for name, spec in MODELS.items():
        if spec in alike[1:]:
            continue
        shown = describe_model(ModelConfig(name=name), outputs=1, size=spec.size)
        if name != "cnn":  # its parameters grow with the image and are given at 320 px: tested above
            assert spec.parameters == shown.parameters, name
        assert spec.gflops == round(shown.gflops, 2), name


def test_positive_logits_of_three_classes_are_those_of_the_pair() -> None:
    raw = torch.randn(5, 6)
    pair = torch.softmax(raw.view(5, 2, 3)[:, :, :2], dim=2)[:, :, 1]
    torch.testing.assert_close(torch.sigmoid(positive_logits(raw, 2)), pair)
    assert positive_logits(raw, 6) is raw
    with pytest.raises(ValueError, match="4 findings"):
        positive_logits(raw, 4)
