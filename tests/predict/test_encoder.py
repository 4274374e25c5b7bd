"""Encoders: vectors, what they are of, and which images they take."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

from hilum.config import ModelConfig, PrepareConfig
from hilum.errors import ConfigError, PackError, RunError
from hilum.models import Normalisation, build_model, find_model
from hilum.pixels import Pack, build_pack
from hilum.predict import Encoder, Origin
from hilum.predict.network import Network
from hilum.runs import Run

SMALL = PrepareConfig(size=32)


def of_run(run: Run | Path, precision: str = "fp32") -> Encoder:
    return Encoder.open(run.path if isinstance(run, Run) else run, device="cpu", precision=precision)


def made(prepare: PrepareConfig = SMALL, **changes: object) -> str:
    """The fingerprint of a small encoder with one thing changed."""
    torch.manual_seed(7)
    config = ModelConfig.model_validate({"name": "densenet-small", "channels": changes.get("channels", 1)})
    model = build_model(config, 1, 32)
    if changes.get("nudged"):
        with torch.no_grad():
            model.backbone.features.denseblock3.denselayer5.conv2.weight[0, 0, 0, 0] += 1e-6
    if changes.get("counted"):
        model.backbone.features.norm0.num_batches_tracked += 1
    if changes.get("head"):
        torch.nn.init.zeros_(model.classifier.weight)
    normalisation = Normalisation((float(str(changes.get("mean", 0.5))),), (0.25,))
    precision = str(changes.get("precision", "fp32"))
    encoder = Encoder(
        str(changes.get("name", "a")),
        "file",
        model,
        config,
        normalisation,
        device=torch.device("cpu"),
        precision=precision,
    )
    return encoder.settings(prepare)["fingerprint"]


def test_vectors_are_the_poolings_of_the_networks_own_map(run: Run, pack: Pack) -> None:
    network, encoder = Network(run, device="cpu"), of_run(run)
    images = np.array(pack.pixels[:9])
    mean, sd = network.normalisation.gray
    with torch.inference_mode():
        normal = (torch.from_numpy(images).unsqueeze(1).float() / 255 - mean) / sd
        both = network.model.features(normal).numpy()
    vectors = encoder.vectors(images)
    assert vectors.avg.dtype == vectors.max.dtype == np.float32
    assert vectors.avg.shape == (9, encoder.width) == (9, 296)
    np.testing.assert_allclose(np.hstack(vectors), both, rtol=1e-5, atol=1e-6)
    images.flags.writeable = False
    np.testing.assert_array_equal(encoder.vectors(images).max, vectors.max)


def test_a_pack_gives_the_same_vectors_in_batches(run: Run, pack: Pack) -> None:
    encoder, slots = of_run(run), np.array([5, 3, 40, 0, 7, 21, 22])
    avg = np.full((7, encoder.width), np.nan, np.float32)
    largest = avg.copy()
    for rows, vectors in encoder.pack(pack, slots, batch=3):
        avg[rows], largest[rows] = vectors
    expected = encoder.vectors(np.asarray(pack.pixels)[slots])
    np.testing.assert_allclose(avg, expected.avg, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(largest, expected.max, rtol=1e-5, atol=1e-5)


def test_settings_say_what_a_vector_is_of(run: Run) -> None:
    settings = of_run(run).settings(SMALL)
    assert (settings["name"], settings["origin"]) == (run.name, str(run.path))
    assert settings["model"] == {"name": "densenet-small", "channels": 1}
    assert settings["prepare"] == SMALL.model_dump()
    assert (settings["precision"], settings["width"], len(settings["fingerprint"])) == ("fp32", 296, 64)


def test_fingerprint_is_of_what_changes_vectors_and_of_nothing_else() -> None:
    same = made()
    assert made() == same
    assert made(name="b") == same
    assert made(head=True) == same
    assert made(counted=True) == same
    others = [
        made(nudged=True),
        made(mean=0.4),
        made(channels=3),
        made(precision="bf16"),
        made(PrepareConfig(size=33)),
        made(PrepareConfig(size=32, fit="crop")),
        made(PrepareConfig(size=32, clahe=2.0)),
    ]
    assert len({same, *others}) == 1 + len(others)


def test_fingerprint_is_the_same_wherever_the_run_lies(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "elsewhere")
    here, there = of_run(run).settings(SMALL), of_run(tmp_path / "elsewhere").settings(SMALL)
    assert here["fingerprint"] == there["fingerprint"]
    file = tmp_path / "elsewhere" / "checkpoints" / "best.safetensors"
    state = load_file(file)
    save_file({key: value + 1e-3 if "conv0" in key else value for key, value in state.items()}, file)
    assert of_run(tmp_path / "elsewhere").settings(SMALL)["fingerprint"] != here["fingerprint"]


@pytest.mark.gpu
def test_fingerprint_is_the_same_on_another_device(run: Run) -> None:
    on_gpu = Encoder.open(run.path, device="cuda", precision="fp32").settings(SMALL)
    assert on_gpu["fingerprint"] == of_run(run).settings(SMALL)["fingerprint"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_by_name_sees_what_its_own_package_shows_it(channels: int, tmp_path: Path) -> None:
    torch.manual_seed(1)
    theirs = timm.create_model("convnext_atto", num_classes=0, global_pool="").eval()
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    encoder = Encoder.open(
        "timm:convnext_atto",
        weights=str(tmp_path / "w.safetensors"),
        size=64,
        device="cpu",
        precision="fp32",
        channels=channels,
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    wants = encoder.normalisation
    colour = torch.from_numpy(images).unsqueeze(1).expand(-1, 3, -1, -1).float() / 255
    with torch.no_grad():
        expected = theirs(torchvision.transforms.Normalize(wants.mean, wants.sd)(colour)).mean((2, 3))
    got = torch.from_numpy(encoder.vectors(images).avg)
    if channels == 3:
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
    else:
        assert float(torch.cosine_similarity(got, expected).min()) > 0.9
    assert encoder.width == 320


def test_channels_are_by_default_those_of_the_weights(run: Run, tmp_path: Path) -> None:
    net = torchvision.models.resnet18(num_classes=1)
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    by_name = Encoder.open("resnet18", weights=str(tmp_path / "w.safetensors"), device="cpu")
    assert by_name.settings(SMALL)["model"] == {"name": "resnet18", "channels": 3}
    assert by_name.width == 512
    of_weights = Encoder.open("densenet-small", weights=str(run.path), device="cpu", precision="fp32")
    assert of_weights.settings(SMALL)["model"] == {"name": "densenet-small", "channels": 1}
    assert of_weights.settings(SMALL)["fingerprint"] == of_run(run).settings(SMALL)["fingerprint"]


def test_a_pack_prepared_otherwise_is_told_how_to_be_packed(run: Run, pack: Pack, tmp_path: Path) -> None:
    other = build_pack(
        pack.table, tmp_path / "other", PrepareConfig(size=48, fit="pad", clahe=2.0), workers=1
    )
    of_run(run).check(pack)
    with pytest.raises(
        PackError, match=r"hilum pack SOURCE FOLDER --out OUT --size 32 --fit squash --clahe 0.0"
    ):
        of_run(run).check(other)
    with pytest.raises(PackError, match=r"--size 32"):
        Encoder.open("densenet-small", weights=str(run.path), device="cpu").check(other)


def published(name: str) -> Encoder:
    """With random weights."""
    spec = find_model(name)
    assert spec.preparation is not None
    config = ModelConfig(name=name)
    return Encoder(
        name,
        "pretrained",
        build_model(config, 1, 32),
        config,
        spec.preparation.normalisation,
        published=spec.preparation,
        device=torch.device("cpu"),
    )


def test_published_weights_take_their_own_size(pack: Pack) -> None:
    encoder = published("xrv-densenet121-all")
    with pytest.raises(PackError, match=r"size = 32, not 224.*OUT --size 224 --fit crop"):
        encoder.check(pack)
    assert encoder.preparation == PrepareConfig(size=224, fit="crop")
    published("densenet121").check(pack)


def test_what_has_no_vectors_is_refused(unfinished: Path, ensemble: Path) -> None:
    with pytest.raises(RunError, match=r"is an ensemble: it has no single network\. Name one of its members"):
        of_run(ensemble)
    with pytest.raises(RunError, match="has no finished epoch yet"):
        of_run(unfinished)
    with pytest.raises(ConfigError, match="cnn is a cnn, which flattens its feature map"):
        Encoder.open("cnn", weights="w.pt")
    with pytest.raises(ConfigError, match="did you mean 'resnet18'"):
        Encoder.open("resnet-18")
    with pytest.raises(RunError, match=r"nobody knows how images were normalised for the weights 'w\.pt'"):
        Encoder.open("densenet-small", weights="w.pt")


def test_origins_can_be_changed_like_any_value(run: Run) -> None:
    origin = Origin.of(ModelConfig(name="densenet-small", weights=str(run.path)))
    three = replace(origin, model=origin.model.model_copy(update={"channels": 3})).build(2, 32)
    assert three.backbone.features.conv0.in_channels == 3
