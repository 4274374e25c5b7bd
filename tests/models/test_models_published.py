"""Networks whose weights others published: ours give what theirs give."""

from __future__ import annotations

import io
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

import pytest
import timm
import torch
import torchvision
import torchxrayvision
from safetensors.torch import save_file
from torch import nn
from transformers import Dinov2Config, Dinov2Model

from hilum.config import ModelConfig
from hilum.errors import WeightsError
from hilum.models import (
    MODELS,
    Classifier,
    Normalisation,
    Preparation,
    build_model,
    find_model,
    rad_dino,
)
from hilum.models import published as published_weights

XRV = [name for name in MODELS if name.startswith("xrv-")]


def build(name: str, outputs: int, size: int, **settings: object) -> Classifier:
    return build_model(ModelConfig.model_validate({"name": name, **settings}), outputs, size).eval()


def stirred(net: nn.Module) -> nn.Module:
    """With statistics that are not those of a fresh network."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def theirs_of(name: str) -> str:
    """What torchxrayvision calls it."""
    _, architecture, data = name.split("-")
    return f"{architecture}-res{find_model(name).size}-{data}"


@pytest.mark.parametrize("name", XRV)
def test_addresses_and_sizes_are_those_of_torchxrayvision(name: str) -> None:
    theirs, spec = torchxrayvision.models.model_urls[theirs_of(name)], find_model(name)
    assert spec.published is not None
    assert spec.published.url == theirs["weights_url"]
    assert spec.published.preparation.size == theirs["input_resolution"]


def xrv_file(name: str, home: Path) -> Path:
    """Random weights in the form and place in which torchxrayvision keeps the published ones."""
    torch.manual_seed(1)
    file = home / ".torchxrayvision" / "models_data" / find_model(name).published.url.rsplit("/", 1)[1]
    file.parent.mkdir(parents=True)
    if "densenet" in name:
        net = stirred(torchxrayvision.models.DenseNet())
        torch.save(net, file, _use_new_zipfile_serialization=False)
    else:
        net = torchvision.models.resnet50(num_classes=18)
        net.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        torch.save(stirred(net).state_dict(), file)
    return file


@pytest.mark.parametrize("name", ["xrv-densenet121-all", "xrv-resnet50-all"])
def test_ours_gives_what_torchxrayvision_gives(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = xrv_file(name, tmp_path)
    theirs = torchxrayvision.models.get_model(theirs_of(name))
    theirs.op_threshs = None
    size, normalisation = find_model(name).size, find_model(name).preparation.normalisation
    pixels = torch.randint(0, 256, (1, 1, size, size))
    wanted = torch.from_numpy(torchxrayvision.utils.normalize(pixels.numpy(), 255))
    mean, sd = normalisation.gray
    images = (pixels / 255 - mean) / sd
    torch.testing.assert_close(images, wanted, atol=1e-3, rtol=0)

    ours = build(name, 18, size, weights=str(file))
    assert ours.notes == ()
    with torch.no_grad():
        features = theirs.features2(wanted) if "densenet" in name else theirs.features(wanted)
        torch.testing.assert_close(ours.features(images), features, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours(images), theirs(wanted), atol=1e-4, rtol=1e-4)
        coloured = build(name, 18, size, weights=str(file), channels=3)
        torch.testing.assert_close(coloured.features(images), features, atol=1e-2, rtol=1e-4)

    fetched = build(name, 18, size, weights="pretrained")
    assert torch.equal(fetched.backbone.state_dict()[_last(fetched)], ours.backbone.state_dict()[_last(ours)])
    assert "left out: " in fetched.notes[0], "18 findings of theirs are not 18 of the user's"


def _last(model: Classifier) -> str:
    return [key for key in model.backbone.state_dict() if key.endswith("weight")][-1]


def test_state_dicts_of_torchxrayvision_fit_too(tmp_path: Path) -> None:
    net = torchxrayvision.models.DenseNet(op_threshs=torch.rand(18))
    assert "op_threshs" in net.state_dict()
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    ours = build("xrv-densenet121-nih", 18, 64, weights=str(tmp_path / "w.safetensors"))
    assert torch.equal(ours.classifier.weight, net.classifier.weight)


@pytest.fixture
def small_dino(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Dinov2Model]:
    """A folder as transformers writes it, of a network a quarter as large, for 56 px."""
    monkeypatch.setattr(rad_dino, "_SHAPE", "vit_small_patch14_dinov2")
    torch.manual_seed(2)
    config = Dinov2Config(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=56
    )
    net = Dinov2Model(config).eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.05)
    net.save_pretrained(tmp_path / "dino")
    return tmp_path / "dino", net


@pytest.mark.parametrize("channels", [1, 3])
def test_rad_dino_gives_what_transformers_gives(channels: int, small_dino: tuple[Path, Dinov2Model]) -> None:
    folder, theirs = small_dino
    images = torch.randn(2, 1, 56, 56)
    with torch.no_grad():
        tokens = theirs(images.expand(-1, 3, -1, -1)).last_hidden_state[:, 1:]
    expected = tokens.transpose(1, 2).reshape(2, 384, 4, 4)
    ours = build("rad-dino", 2, 56, weights=str(folder), channels=channels)
    with torch.no_grad():
        torch.testing.assert_close(ours.feature_map(images), expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours.features(images), tokens.mean(1), atol=1e-4, rtol=1e-4)
    assert "classifier.weight" in ours.notes[0]


def test_rad_dino_takes_its_file_alone_and_names_of_either_version(
    small_dino: tuple[Path, Dinov2Model], tmp_path: Path
) -> None:
    folder, theirs = small_dino
    from_folder = build("rad-dino", 2, 56, weights=str(folder)).backbone.state_dict()
    from_file = build("rad-dino", 2, 56, weights=str(folder / "model.safetensors")).backbone.state_dict()
    save_file(theirs.state_dict(), tmp_path / "memory.safetensors")
    assert any("q_proj" in key for key in theirs.state_dict())
    from_memory = build("rad-dino", 2, 56, weights=str(tmp_path / "memory.safetensors")).backbone.state_dict()
    for key, value in from_folder.items():
        assert torch.equal(value, from_file[key])
        assert torch.equal(value, from_memory[key])


def test_rad_dino_at_another_size_resamples_its_positions(small_dino: tuple[Path, Dinov2Model]) -> None:
    folder, theirs = small_dino
    images = torch.randn(2, 1, 98, 98)
    ours = build("rad-dino", 2, 98, weights=str(folder))
    with torch.no_grad():
        got = ours.feature_map(images)
        tokens = theirs(images.expand(-1, 3, -1, -1)).last_hidden_state[:, 1:]
    # transformers resamples too, with a slightly other kernel.
    expected = tokens.transpose(1, 2).reshape(2, 384, 7, 7)
    assert got.shape == expected.shape
    assert float(nn.functional.cosine_similarity(got.flatten(), expected.flatten(), dim=0)) > 0.99


def test_rad_dino_with_a_part_missing_is_refused(
    small_dino: tuple[Path, Dinov2Model], tmp_path: Path
) -> None:
    state = dict(small_dino[1].state_dict())
    del state["encoder.layer.3.attention.k_proj.bias"]
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"1 missing: backbone.net.blocks.3.attn.qkv.bias"):
        build("rad-dino", 2, 56, weights=str(tmp_path / "w.safetensors"))


def test_rad_dino_is_taken_from_where_hugging_face_keeps_it(
    small_dino: tuple[Path, Dinov2Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def kept(repository: str, file: str) -> str:
        assert repository == "microsoft/rad-dino"
        return str(small_dino[0] / file)

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", kept)
    assert "rad-dino of Hugging Face" in build("rad-dino", 2, 56, weights="pretrained").notes[0]


@pytest.fixture
def no_copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No file is on this machine yet; the answer is torch's cache."""
    import huggingface_hub

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("name", ["xrv-densenet121-all", "rad-dino"])
def test_no_connection_is_one_message_with_the_offline_way(
    name: str, no_copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(_request: Any, timeout: float) -> None:
        assert timeout <= 30
        raise URLError("no route to host")

    monkeypatch.setattr(published_weights, "urlopen", offline)
    with pytest.raises(WeightsError, match=f"weights of {name} could not be fetched from https://") as caught:
        build(name, 2, 56, weights="pretrained")
    assert "no route to host" in str(caught.value)
    assert 'model.weights = "file.safetensors"' in str(caught.value)
    assert not list(no_copies.parent.rglob("*.p*t*"))


def test_the_hub_is_asked_once_where_it_is_needed(no_copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[str] = []

    def offline(request: Request, timeout: float) -> None:
        assert timeout <= 30
        asked.append(request.full_url)
        raise URLError("no route to host")

    monkeypatch.setattr(published_weights, "urlopen", offline)
    with pytest.raises(WeightsError, match=r"weights of timm:convnext_atto could not.*no route to host"):
        build("timm:convnext_atto", 2, 56, weights="pretrained")
    assert asked == ["https://huggingface.co/timm/convnext_atto.d2_in1k"]

    def refused(request: Request, **_options: float) -> None:
        raise HTTPError(request.full_url, 401, "who are you?", Message(), None)

    monkeypatch.setattr(published_weights, "urlopen", refused)
    published_weights.check_hub("x", "timm/x")
    monkeypatch.setattr(published_weights, "urlopen", offline)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: str(no_copies))
    published_weights.check_hub("x", "timm/x")


def answers(content: bytes, said: int) -> Callable[..., Any]:
    """A server that says how much comes, and sends `content`."""

    def urlopen(_request: Any, **_options: float) -> Any:
        answer = io.BytesIO(content)
        answer.headers = {"Content-Length": str(said)}  # type: ignore[attr-defined]
        return answer

    return urlopen


def test_what_was_downloaded_is_kept(no_copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    net = torchxrayvision.models.DenseNet()
    torch.save(net, file)
    monkeypatch.setattr(published_weights, "urlopen", answers(file.getvalue(), len(file.getvalue())))
    first = build("xrv-densenet121-pc", 2, 64, weights="pretrained")
    assert torch.equal(first.backbone.features.conv0.weight, net.features.conv0.weight)
    monkeypatch.setattr(published_weights, "urlopen", None)
    again = build("xrv-densenet121-pc", 2, 64, weights="pretrained")
    assert torch.equal(first.backbone.features.conv0.weight, again.backbone.features.conv0.weight)
    assert [path.name for path in no_copies.iterdir()] == ["xrv-densenet121-pc.pt"]


def test_half_a_download_is_not_kept(no_copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_weights, "urlopen", answers(b"x" * 100, 200))
    with pytest.raises(WeightsError, match="100 of 200 bytes came"):
        build("xrv-densenet121-pc", 2, 64, weights="pretrained")
    assert not list(no_copies.iterdir())


@pytest.mark.usefixtures("no_copies")
def test_a_connection_that_breaks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        headers = SimpleNamespace(get=lambda _name: None)

        def read(self, _size: int | None = -1, /) -> bytes:
            raise TimeoutError("timed out")

    monkeypatch.setattr(published_weights, "urlopen", lambda *_args, **_options: Broken())
    with pytest.raises(WeightsError, match="timed out"):
        build("xrv-densenet121-pc", 2, 64, weights="pretrained")


def gray_and_colour(pixels: torch.Tensor, wants: Normalisation) -> tuple[torch.Tensor, torch.Tensor]:
    """Images normalised as hilum does, one channel, and as the network's own package does, three."""
    mean, sd = wants.gray
    colour = torchvision.transforms.Normalize(wants.mean, wants.sd)(pixels.expand(-1, 3, -1, -1))
    return (pixels - mean) / sd, colour


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_gray_images_are_normalised_channel_by_channel_as_torchvision_does(name: str, tmp_path: Path) -> None:
    torch.manual_seed(4)
    theirs = stirred(torchvision.models.get_model(name, num_classes=5))
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    ours = build(name, 5, 64, weights=str(tmp_path / "w.safetensors"), channels=3)
    ours.adopt(Preparation.imagenet().normalisation)
    gray, colour = gray_and_colour(torch.rand(4, 1, 64, 64), Preparation.imagenet().normalisation)
    with torch.no_grad():
        torch.testing.assert_close(ours(gray), theirs(colour), atol=1e-4, rtol=1e-4)
        ours.adopt(Normalisation((0.449,), (0.226,)))
        assert not torch.allclose(ours(gray), theirs(colour), atol=1e-2)


def test_one_folded_channel_agrees_nearly(tmp_path: Path) -> None:
    torch.manual_seed(4)
    theirs = stirred(torchvision.models.resnet18(num_classes=5))
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    folded = build("resnet18", 5, 64, weights=str(tmp_path / "w.safetensors"))
    folded.adopt(Preparation.imagenet().normalisation)
    gray, colour = gray_and_colour(torch.rand(8, 1, 64, 64), Preparation.imagenet().normalisation)
    with torch.no_grad():
        # The mean over channels stands for each: their means differ by up to 0.16 sd.
        features = nn.functional.adaptive_avg_pool2d(nn.Sequential(*list(theirs.children())[:-2])(colour), 1)
        alike = nn.functional.cosine_similarity(folded.features(gray), features.flatten(1))
    assert 0.95 < float(alike.min()) < 1


def test_timm_weights_bring_their_own_normalisation(tmp_path: Path) -> None:
    wants = find_model("timm:vit_tiny_patch16_224").preparation
    assert wants is not None
    assert (wants.normalisation, wants.size) == (Normalisation((0.5,), (0.5,)), 224)
    wants = find_model("timm:convnext_atto").preparation
    assert wants is not None
    assert (wants.normalisation, wants.size) == (Preparation.imagenet().normalisation, None)
    clip = find_model("timm:vit_base_patch16_clip_224.openai").preparation
    assert clip is not None
    assert clip.normalisation.mean[0] == pytest.approx(0.4815, abs=1e-4)
    assert find_model("timm:nothing").preparation is None
    assert find_model("timm:resnet50.nothing").preparation is None

    theirs = timm.create_model("convnext_atto", num_classes=0, global_pool="").eval()
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    ours = build("timm:convnext_atto", 1, 64, weights=str(tmp_path / "w.safetensors"), channels=3)
    ours.adopt(Preparation.imagenet().normalisation)
    gray, colour = gray_and_colour(torch.rand(2, 1, 64, 64), Preparation.imagenet().normalisation)
    with torch.no_grad():
        torch.testing.assert_close(ours.feature_map(gray), theirs(colour), atol=1e-4, rtol=1e-4)


def test_a_timm_transformer_from_a_file_fits_another_size(tmp_path: Path) -> None:
    torch.manual_seed(5)
    net = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    file = tmp_path / "w.safetensors"
    save_file(net.state_dict(), file)
    cfg = {"file": str(file), "num_classes": 0}
    theirs = timm.create_model(
        "vit_tiny_patch16_224", pretrained=True, pretrained_cfg_overlay=cfg, num_classes=0, img_size=96
    )
    ours = build("timm:vit_tiny_patch16_224", 1, 96, weights=str(file))
    torch.testing.assert_close(ours.backbone.net.pos_embed, theirs.pos_embed)


def test_a_folder_says_how_its_weights_want_pixels(tmp_path: Path) -> None:
    said = tmp_path / "preprocessor_config.json"
    assert Normalisation.beside(tmp_path) is None
    said.write_text('{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2]}')
    assert Normalisation.beside(tmp_path) == Normalisation((0.5,), (0.2,))
    assert Normalisation.beside(tmp_path / "model.safetensors") is None
    said.unlink()
    (tmp_path / "config.json").write_text(
        '{"architecture": "x", "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]}}'
    )
    assert Normalisation.beside(tmp_path) == Normalisation((0.1, 0.2, 0.3), (1, 2, 3))
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    assert Normalisation.beside(tmp_path) is None


@pytest.mark.parametrize("wrong", ["{", "[]", '{"image_mean": 0.5, "image_std": 0.2}', "nonsense"])
def test_a_folder_that_says_it_wrongly_is_refused(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(wrong)
    with pytest.raises(WeightsError, match="Expected image_mean and image_std"):
        Normalisation.beside(tmp_path)


def test_a_folder_of_the_present_one_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.1], "image_std": [1]}')
    assert Normalisation.beside("") is None
