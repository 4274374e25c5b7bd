"""A small pack, an encoder with random weights, and a store: what tests of features share."""

from __future__ import annotations

import torch

from hilum.config import ModelConfig, PrepareConfig
from hilum.models import Normalisation, build_model
from hilum.predict import Encoder

SIZE = 48


def random_encoder(name: str = "random", seed: int = 0, size: int = SIZE, precision: str = "fp32") -> Encoder:
    """A ResNet18 with weights drawn from `seed`."""
    config = ModelConfig(name="resnet18")
    torch.manual_seed(seed)
    return Encoder(
        name,
        "drawn",
        build_model(config, 2, size),
        config,
        Normalisation((0.5,), (0.2,)),
        prepare=PrepareConfig(size=size),
        device=torch.device("cpu"),
        precision=precision,
    )
