"""A searched head on its backbone: one network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hilum.config import ModelConfig
from hilum.errors import ConfigError, PackError
from hilum.heads.stacking.data import TrainingData
from hilum.models import Classifier
from hilum.predict import Encoder

LOOKED_AT = 8
"""Images that are embedded anew, to see that a store's vectors are what the backbone gives."""
UNLIKE = {"fp32": 0.01, "bf16": 0.1}
"""How far a vector may be from the stored one, as a share of its length: other processors round otherwise
(bf16 on the same one: below 0.005), other weights or pixels give other vectors altogether."""


def check_backbone(encoder: Encoder, data: TrainingData) -> None:
    """Check that a head can be put on this network, and look at a few validation images anew.

    Raises:
        ConfigError: it has a pooling of its own.
        PackError: it does not give the store's vectors.
    """
    if encoder.model.own_pooling:
        raise ConfigError(
            f"{encoder.name} turns its feature map into a vector in a way of its own, which no head on its "
            "average or maximum can stand for. Embed with another network: `hilum models` lists them."
        )
    part = data.job.part("valid")
    rows = np.unique(np.linspace(0, len(part) - 1, min(LOOKED_AT, len(part))).round().astype(np.int64))
    now = np.concatenate(encoder.vectors(data.job.pack.images(part.slots[rows])), axis=1)
    kept = data.vectors(part, ["both"])["both"][rows]
    far = np.linalg.norm(now - kept, axis=1) / np.maximum(np.linalg.norm(kept, axis=1), 1e-12)
    if not (far <= UNLIKE[encoder.precision]).all():
        raise PackError(
            f"the store's vector of {part.table.image_ids[rows[far.argmax()]]!r} is not what {encoder.name} gives "
            f"now (off by {100 * far.max():.0f} %). Embed the pack anew: hilum embed {encoder.origin} --data "
            f"{data.job.pack.path} --out STORE --replace"
        )


def stack(
    encoder: Encoder, config: ModelConfig, parameters: Mapping[str, npt.NDArray[Any]], outputs: int
) -> Classifier:
    """The encoder's backbone, the pooling that a head was fitted on, and the head.

    Args:
        encoder: whose vectors the head was fitted on.
        config: `pooling`, `classifier` and what belongs to it.
        parameters: the state of the head's module.
        outputs: how many findings.

    Returns:
        The network in evaluation mode, on the encoder's device; it shares the backbone's tensors.
    """
    model = encoder.model.with_head(config, outputs)
    model.classifier.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in parameters.items()}
    )
    model.adopt(encoder.normalisation)
    return model.to(encoder.device).eval()
