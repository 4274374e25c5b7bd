"""Weights that fit, and those that must not be taken."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.error import URLError

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from hilum.config import ModelConfig
from hilum.errors import ConfigError, WeightsError
from hilum.models import Classifier, backbone, build_model, load_weights, read_weights
from hilum.models.channels import first_conv, fold_channels


def build(name: str = "resnet18", outputs: int = 3, size: int = 64, **settings: object) -> Classifier:
    return build_model(ModelConfig.model_validate({"name": name, **settings}), outputs, size)


def file_of(state: Mapping[str, Tensor], path: Path) -> Path:
    save_file({key: value.detach().clone() for key, value in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    """torchvision's own ResNet18 with statistics that are not those of a fresh network."""
    torch.manual_seed(3)
    net = torchvision.models.resnet18(num_classes=1000)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


@pytest.fixture(scope="module")
def imagenet(reference: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return file_of(reference.state_dict(), tmp_path_factory.mktemp("weights") / "resnet18.safetensors")


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_images_give_what_the_colour_network_gives(
    channels: int, reference: nn.Module, imagenet: Path
) -> None:
    model = build(outputs=1000, channels=channels, weights=str(imagenet)).eval()
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        expected = reference(images.expand(-1, 3, -1, -1))
        torch.testing.assert_close(model(images), expected, atol=1e-4, rtol=1e-4)
    assert model.notes == ()


@pytest.mark.parametrize("name", ["densenet121", "timm:convnext_atto", "timm:vit_tiny_patch16_224"])
def test_other_networks_fold_their_first_layer_too(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    if name.startswith("timm:"):
        size = {"img_size": 64} if "vit" in name else {}
        net = timm.create_model(name.removeprefix("timm:"), num_classes=5, **size).eval()
    else:
        net = torchvision.models.densenet121(num_classes=5).eval()
    path = file_of(net.state_dict(), tmp_path / "w.safetensors")
    model = build(name, outputs=5, weights=str(path)).eval()
    assert not any("random" in note for note in model.notes)
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        colour = images.expand(-1, 3, -1, -1)
        if "vit" in name:
            expected, got = net.forward_features(colour)[:, 1:].mean(1), model.features(images)
        elif "convnext" in name:
            expected, got = net.forward_features(colour), model.backbone.net.forward_features(images)
        else:
            expected, got = net(colour), model(images)
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(
        model.classifier.weight, net.get_classifier().weight if "timm" in name else net.classifier.weight
    )


def test_folding_there_and_back_keeps_the_output() -> None:
    kernels, image = torch.randn(4, 3, 5, 5), torch.rand(1, 1, 9, 9)
    expected = torch.conv2d(image.expand(-1, 3, -1, -1), kernels)
    gray = fold_channels(kernels, 1)
    torch.testing.assert_close(torch.conv2d(image, gray), expected)
    back = torch.conv2d(image.expand(-1, 3, -1, -1), fold_channels(gray, 3))
    torch.testing.assert_close(back, expected)


def test_a_network_without_convolutions_has_no_first_one() -> None:
    from hilum.errors import InputError

    with pytest.raises(InputError, match="no convolution"):
        first_conv(nn.Linear(2, 2))


WRAPPINGS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "plain": lambda state: state,
    "lightning": lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}, "epoch": 3},
    "parallel": lambda state: {"model": {f"module.{k}": v for k, v in state.items()}},
    "compiled": lambda state: {f"module._orig_mod.backbone.{k}": v for k, v in state.items()},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_wrapped_state_dicts_are_unwrapped(wrapping: str, reference: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(WRAPPINGS[wrapping](dict(reference.state_dict())), path)
    model = build(outputs=1000, weights=str(path))
    assert torch.equal(model.backbone.layer4[1].conv2.weight, reference.layer4[1].conv2.weight)
    assert torch.equal(model.classifier.weight, reference.fc.weight)


@pytest.mark.parametrize("name", ["resnet18", "densenet-small", "cnn", "timm:convnext_atto"])
def test_own_checkpoints_come_back_exactly(name: str, tmp_path: Path) -> None:
    size = 32
    pooling = "avg" if name == "cnn" else "attention"
    trained = build(name, size=size, pooling=pooling)
    path = file_of(trained.state_dict(), tmp_path / "best.safetensors")
    model = build(name, size=size, pooling=pooling)
    loaded = load_weights(model, path, exact=True)
    assert (loaded.left_out, loaded.fresh, loaded.notes()) == ((), (), ())
    state = model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in trained.state_dict().items())


def test_a_classifier_of_another_size_is_left_out_and_said(reference: nn.Module, imagenet: Path) -> None:
    model = build(outputs=14, weights=str(imagenet))
    assert torch.equal(model.backbone.layer1[0].conv1.weight, reference.layer1[0].conv1.weight)
    (note,) = model.notes
    assert "classifier.weight" in note
    assert "left out: fc.bias, fc.weight" in note


def test_a_missing_classifier_is_said(reference: nn.Module, tmp_path: Path) -> None:
    bare = {key: value for key, value in reference.state_dict().items() if not key.startswith("fc.")}
    model = build(pooling="attention")
    loaded = load_weights(model, file_of(bare, tmp_path / "bare.safetensors"))
    assert loaded.left_out == ()
    assert set(loaded.fresh) == {
        key for key in model.state_dict() if key.startswith(("classifier.", "pool."))
    }
    assert "the file has none" in loaded.notes()[0]


def test_exact_refuses_another_classifier(imagenet: Path, reference: nn.Module, tmp_path: Path) -> None:
    model = build(outputs=14)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match=r"fc.weight \[1000, 512\] where the model has \[14, 512\]"):
        load_weights(model, imagenet, exact=True)
    bare = {key: value for key, value in reference.state_dict().items() if not key.startswith("fc.")}
    with pytest.raises(WeightsError, match="2 missing: classifier"):
        load_weights(model, file_of(bare, tmp_path / "bare.safetensors"), exact=True)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_every_kind_of_mismatch_is_listed(reference: nn.Module, tmp_path: Path) -> None:
    state = dict(reference.state_dict())
    state = {key: value for key, value in state.items() if not key.startswith("layer3.")}
    state["extra.weight"] = torch.zeros(2)
    state["bn1.weight"] = torch.zeros(2)
    model = build()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_weights(model, file_of(state, tmp_path / "w.safetensors"))
    message = str(caught.value)
    assert re.search(r"25 missing: backbone\.layer3.*and 17 more", message)
    assert "1 unexpected: extra.weight" in message
    assert "1 of another shape: bn1.weight [2] where the model has [64]" in message
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_another_network_is_told_in_one_line(imagenet: Path) -> None:
    with pytest.raises(WeightsError, match="none of its 122 names is of this network") as caught:
        build("densenet-small", weights=str(imagenet))
    assert len(str(caught.value).splitlines()) == 2


def test_old_batch_norms_without_counter_are_taken(reference: nn.Module, tmp_path: Path) -> None:
    state = {k: v for k, v in reference.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert build(weights=str(file_of(state, tmp_path / "w.safetensors"))).notes


def test_old_densenet_names_are_renamed(tmp_path: Path) -> None:
    net = torchvision.models.densenet121(num_classes=3)
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", k): v for k, v in net.state_dict().items()}
    assert any(".norm.1." in key for key in old)
    model = build("densenet121", weights=str(file_of(old, tmp_path / "w.safetensors")))
    got = model.backbone.features.denseblock4.denselayer16.conv2.weight
    assert torch.equal(got, net.features.denseblock4.denselayer16.conv2.weight)


def test_half_precision_files_become_float32(reference: nn.Module, tmp_path: Path) -> None:
    half = {k: v.half() if v.is_floating_point() else v for k, v in reference.state_dict().items()}
    model = build(weights=str(file_of(half, tmp_path / "w.safetensors")))
    assert model.backbone.layer1[0].conv1.weight.dtype == torch.float32


class Malicious:
    """What a pickle could carry."""

    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("pickle ran",))


def damaged(kind: str, path: Path) -> Path:
    if kind == "object":
        torch.save({"conv1.weight": Malicious()}, path)
    elif kind == "list":
        torch.save([torch.zeros(1)], path)
    elif kind == "empty dict":
        torch.save({}, path)
    elif kind == "numbers":
        torch.save({"lr": 3, "epoch": 1}, path)
    elif kind == "truncated":
        buffer = io.BytesIO()
        torch.save({"a": torch.zeros(1000)}, buffer)
        path.write_bytes(buffer.getvalue()[:1500])
    elif kind == "text":
        path.write_text("hello")
    else:
        path.write_bytes(b"")
    return path


@pytest.mark.parametrize("kind", ["object", "list", "empty dict", "numbers", "truncated", "text", "empty"])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_what_is_no_state_dict_is_refused(
    kind: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WeightsError, match=re.escape(str(tmp_path))):
        read_weights(damaged(kind, tmp_path / f"w.{suffix}"))
    assert "pickle ran" not in capsys.readouterr().out


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not exist"):
        build(weights=str(tmp_path / "no.safetensors"))
    with pytest.raises(WeightsError, match="is a folder"):
        build(weights=str(tmp_path))


def test_pretrained_from_torchvision(monkeypatch: pytest.MonkeyPatch, reference: nn.Module) -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    def hub(url: str, **options: object) -> Mapping[str, Tensor]:
        asked.append((url, options))
        return reference.state_dict()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", hub)
    model = build(weights="pretrained")
    assert torch.equal(model.backbone.layer1[0].conv1.weight, reference.layer1[0].conv1.weight)
    assert "classifier.weight" in model.notes[0]
    assert asked[0][0].startswith("https://download.pytorch.org/models/resnet18")
    assert asked[0][1]["weights_only"] is True


def test_unreachable_hub_tells_the_offline_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(WeightsError, match="no route to host") as caught:
        build(weights="pretrained")
    assert 'model.weights = "file.safetensors"' in str(caught.value)
    assert "https://download.pytorch.org/models/resnet18" in str(caught.value)


def test_timm_pretrained(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def from_hub(name: str, pretrained: bool = False, **options: object) -> nn.Module:
        assert pretrained
        net: nn.Module = create(name, **options)
        nn.init.constant_(net.stem[0].bias, 7.0)
        return net

    monkeypatch.setattr(timm, "create_model", from_hub)
    monkeypatch.setattr(backbone, "check_hub", lambda *_: None)
    model = build("timm:convnext_atto", weights="pretrained")
    assert torch.all(model.backbone.net.stem[0].bias == 7.0)
    assert model.backbone.net.stem[0].in_channels == 1
    assert "classifier starts at random" in model.notes[0]


def test_timm_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise UnknownError("first line\nsecond line")

    class UnknownError(Exception):
        """An error of a library that hilum does not know."""

    monkeypatch.setattr(timm, "create_model", offline)
    monkeypatch.setattr(backbone, "check_hub", lambda *_: None)
    with pytest.raises(WeightsError, match=r"fetched from timm/convnext_atto.*: first line\n") as caught:
        build("timm:convnext_atto", weights="pretrained")
    assert 'model.weights = "file.safetensors"' in str(caught.value)


def test_networks_without_pretrained_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="no pretrained weights of cnn"):
        build("cnn", weights="pretrained")
    with pytest.raises(ConfigError, match=r"nearest: resnet10t\.c3_in1k"):
        build("timm:resnet10t.c3_in1", weights="pretrained")
    monkeypatch.setattr(timm, "is_model_pretrained", lambda _name: False)
    with pytest.raises(WeightsError, match="timm has no pretrained weights for convnext_atto"):
        build("timm:convnext_atto", weights="pretrained")
