"""The first layer of a network, for one gray channel or three equal ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hilum.errors import InputError


def first_conv(module: nn.Module) -> tuple[str, nn.Conv2d]:
    """Name and module of the convolution that sees the image."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            return name, part
    raise InputError(f"{type(module).__name__} has no convolution that its input could go through.")


def gray_conv(conv: nn.Conv2d, channels: int) -> nn.Conv2d:
    """A convolution like `conv` that takes `channels` channels.

    Weights are drawn anew from He's normal distribution over the outputs (He et al. 2015), as torchvision
    does for its residual networks.
    """
    made = nn.Conv2d(
        channels,
        conv.out_channels,
        kernel_size=(conv.kernel_size[0], conv.kernel_size[1]),
        stride=(conv.stride[0], conv.stride[1]),
        padding=conv.padding if isinstance(conv.padding, str) else (conv.padding[0], conv.padding[1]),
        bias=conv.bias is not None,
    )
    nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    return made


def fold_channels(kernels: Tensor, channels: int) -> Tensor:
    """First-layer kernels [o, c, h, w] for another number of input channels.

    To one channel the kernels are summed, from one channel they are divided by `channels` and repeated: on a
    gray image, repeated as needed, the layer's output stays the same.
    """
    if kernels.shape[1] == channels:
        return kernels
    summed = kernels.sum(dim=1, keepdim=True)
    return summed if channels == 1 else torch.cat([summed / channels] * channels, dim=1)
