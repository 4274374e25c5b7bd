"""Blocks of a backbone, from which on fine-tuning can start."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hilum.config import ModelConfig
from hilum.models import MODELS, Classifier, build_model

TIMM = (
    "timm:convnext_atto",
    "timm:densenet121",
    "timm:efficientnet_b0",
    "timm:regnety_004",
    "timm:resnet10t",
    "timm:swin_tiny_patch4_window7_224",
    "timm:vit_tiny_patch16_224",
)


def on_meta(name: str) -> Classifier:
    with torch.device("meta"):
        return build_model(ModelConfig(name=name), 2, 224).eval()


@pytest.mark.parametrize("name", [*MODELS, *TIMM])
def test_blocks_are_in_the_order_in_which_images_pass_them(name: str) -> None:
    model, passed = on_meta(name), list[str]()
    for block, module in model.blocks().items():
        module.register_forward_pre_hook(lambda _module, _inputs, block=block: passed.append(block))
    model(torch.empty(1, 1, 224, 224, device="meta"))
    never_called = [block for block, module in model.blocks().items() if isinstance(module, nn.ModuleList)]
    assert [block for block in model.blocks() if block not in never_called] == passed


@pytest.mark.parametrize("name", [*MODELS, *TIMM])
def test_all_weights_but_loose_ones_are_in_a_block(name: str) -> None:
    model = on_meta(name)
    inside = {id(p) for block in model.blocks().values() for p in block.parameters()}
    loose = [key for key, p in model.backbone.named_parameters() if id(p) not in inside]
    transformer = "vit" in name or name == "rad-dino"
    assert loose == (["net.cls_token", "net.pos_embed"] if transformer else [])


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("resnet18", ["conv1", "layer4", "layer4.0", "layer4.1"]),
        ("densenet121", ["features.conv0", "features.denseblock1", "features.denseblock4"]),
        ("cnn", ["conv1", "conv2", "conv3"]),
        ("timm:vit_tiny_patch16_224", ["patch_embed", "blocks", "blocks.0", "blocks.11", "norm"]),
        ("timm:convnext_atto", ["stem", "stages", "stages.3"]),
    ],
)
def test_names_are_those_of_the_bare_network(name: str, some: list[str]) -> None:
    listed = list(on_meta(name).blocks())
    assert [block for block in listed if block in some] == some
    assert not any("conv2" in block for block in listed if "." in block)
