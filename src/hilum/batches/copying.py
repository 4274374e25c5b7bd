"""Test-time augmentation: the changed copies of a batch over which logits are averaged."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from hilum.config import PredictConfig


def count(config: PredictConfig) -> int:
    """How many copies `copies` gives; 1 is the image alone."""
    return 1 + config.flip + 4 * (config.shift > 0)


def copies(images: Tensor, config: PredictConfig) -> Iterator[Tensor]:
    """The images as they are, then their changed copies, one batch after another.

    What a shift uncovers is 0, the training mean of normalised images, as in training.

    Args:
        images: [n, channels, height, width], normalised, on any device.
        config: `flip` adds the mirror image; `shift` adds four copies moved by that share of the side, at least a
            pixel, along each axis.
    """
    yield images
    if config.flip:
        yield images.flip(3)
    if config.shift:
        rows, columns = (max(1, round(config.shift * side)) for side in images.shape[2:])
        for down, right in ((rows, 0), (-rows, 0), (0, columns), (0, -columns)):
            yield _shifted(images, down, right)


def _shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Images moved by whole pixels; what comes into view is 0."""
    height, width = images.shape[2:]
    moved = torch.zeros_like(images)
    moved[..., max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = images[
        ..., max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return moved
