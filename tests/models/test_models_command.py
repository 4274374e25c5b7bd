"""`hilum models` and the description behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from hilum.config import ModelConfig
from hilum.models import MODELS, build_model, describe_model
from hilum.models.describe import _count

Command = Callable[..., Any]


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "cnn", "timm:vit_tiny_patch16_224"])
def test_rows_add_up_to_the_whole(name: str) -> None:
    shown = describe_model(ModelConfig(name=name), outputs=14, size=64)
    assert sum(layer.parameters for layer in shown.layers) == shown.parameters
    assert sum(layer.gflops for layer in shown.layers) == pytest.approx(shown.gflops)
    assert 8 <= len(shown.layers) <= 24
    assert len({layer.name for layer in shown.layers}) == len(shown.layers)


def test_description_is_that_of_the_real_model() -> None:
    config = ModelConfig(name="resnet18", channels=3)
    shown = {layer.name: layer for layer in describe_model(config, 5, 64).layers}
    model = build_model(config, 5, 64)
    assert shown["backbone.layer4"].shape == tuple(model.feature_map(torch.zeros(1, 1, 64, 64)).shape[1:])
    assert shown["backbone.layer4"].parameters == _count(model.backbone.layer4)
    assert shown["classifier"].shape == (5,)
    # 7 x 7 kernels over 3 channels, 64 of them at 32 x 32 places, two operations each
    assert shown["backbone.conv1"].gflops == pytest.approx(2 * 49 * 3 * 64 * 32 * 32 / 1e9)


def test_weights_are_not_looked_at() -> None:
    assert describe_model(ModelConfig(weights="pretrained"), 1, 64).parameters == 11_170_753


def test_list_names_every_network(hilum: Command) -> None:
    done = hilum("models")
    assert done.code == 0
    assert all(name in done.out for name in MODELS)
    assert "106,726,337" in done.out
    listed = json.loads(hilum("models", "--json").out)
    assert [row["name"] for row in listed] == list(MODELS)
    published = {row["name"]: row["published"] for row in listed}
    assert published["cnn"] is None
    assert published["xrv-resnet50-all"]["size"] == 512
    assert published["rad-dino"] == {
        "trained_on": "5 public sets of chest X-rays, no labels",
        "source": "Hugging Face",
        "licence": "MIT, for research",
        "url": "https://huggingface.co/microsoft/rad-dino/resolve/main/model.safetensors",
        "size": 518,
        "fit": "crop",
        "mean": 0.5307,
        "sd": 0.2583,
    }


def test_one_network(hilum: Command) -> None:
    done = hilum("models", "cnn", "--size", 320)
    assert done.code == 0
    assert "106,726,337" in done.out
    assert "512 x 320 x 320" in done.out
    shown = json.loads(hilum("models", "resnet18", "--outputs", 14, "--size", 64, "--json").out)
    assert shown["outputs"] == 14
    assert shown["layers"][-1]["shape"] == [14]


def test_blocks_and_published_weights_of_one_network(hilum: Command) -> None:
    said = hilum("models", "xrv-resnet50-all").out
    assert "input 512 x 512" in said
    assert "blocks, for finetune.start_at: conv1 bn1 layer1 layer1.0 layer1.1" in said
    assert "licence: Apache-2.0" in said
    assert "they want: 512 px, fit crop" in said
    assert "published weights" not in hilum("models", "densenet-small").out
    assert json.loads(hilum("models", "resnet18", "--json").out)["blocks"][-1] == "layer4.1"
    assert "they want: any size, fit crop" in hilum("models", "timm:convnext_atto").out


def test_transformers_show_their_loose_parameters(hilum: Command) -> None:
    done = hilum("models", "timm:vit_tiny_patch16_224", "--size", 64, "--channels", 3)
    assert "(no layer of its own)" in done.out
    assert "repeated 3 times" in done.out


def test_timm_names_by_pattern(hilum: Command) -> None:
    assert "timm:densenet121" in hilum("models", "timm:*densenet*").out.splitlines()
    assert "timm:densenet121" in json.loads(hilum("models", "timm:*densenet*", "--json").out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resnet43"], "did you mean 'resnet34'?"),
        (["resnet18", "--pooling", "mean"], "model.pooling"),
        (["resnet18", "--channels", "2"], "model.channels"),
        (["x*"], "timm:resnet*"),
        (["timm:vit_tiny_patch16_224", "--size", "17", "--pooling", "max"], None),
    ],
)
def test_wrong_input(hilum: Command, arguments: list[str], said: str | None) -> None:
    done = hilum("models", *arguments)
    if said is None:
        assert done.code == 0  # timm rounds the grid down to one patch of 16 px
        return
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_list_does_not_import_torchvision() -> None:
    code = "import sys, hilum.models; print('torchvision' in sys.modules, 'timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
