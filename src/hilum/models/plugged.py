"""Networks and backbones of plugins: whatever their functions build becomes a `Trunk`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hilum.config import ModelConfig
from hilum.errors import ConfigError, did_you_mean
from hilum.models.classifier import Trunk
from hilum.models.normalise import Normalisation, Preparation
from hilum.models.published import Published


def build_plugged(name: str, part: Any, config: ModelConfig, size: int) -> Trunk:
    """Build the network that a plugin has under a name.

    Args:
        name: for messages.
        part: `build(channels, size) -> nn.Module`, or a tuple of that and a layer's name. The module gives a
            feature map [n, c, h, w]; or has such a layer, behind which nothing is used; or has methods
            `feature_map` and `features` (pooled, [n, width]).
        config: `channels` is used.
        size: side of the images.

    Raises:
        ConfigError: it is no such module.
    """
    build, layer = part if isinstance(part, tuple) else (part, "")
    net: nn.Module = build(config.channels, size)
    if not isinstance(net, nn.Module):
        raise ConfigError(f"the plugin's network {name} is a {type(net).__name__}; expected an nn.Module.")
    if layer:
        width = _run(name, body := _UpTo(net, layer, name), config, size, 4)
        return Trunk(body, width, config.channels, prefix="backbone.net.")
    if callable(getattr(net, "feature_map", None)) and callable(getattr(net, "features", None)):
        if isinstance(getattr(net, "classifier", None), nn.Module):
            net.classifier = nn.Identity()  # hilum has one of its own, for any number of findings
        width = _run(name, net, config, size, 2, "features")
        return Trunk(net, width, config.channels, nn.Identity(), own_features=True)
    return Trunk(net, _run(name, net, config, size, 4), config.channels)


def published_plugged(wants: Mapping[str, Any]) -> Published:
    """What a plugin's backbone wants of images: `mean` and `sd`, of one channel or three, and perhaps `size`."""
    try:
        given = (wants[key] for key in ("mean", "sd"))
        mean, sd = (tuple(map(float, v if isinstance(v, Sequence) else (v,))) for v in given)
        if (
            len(mean) != len(sd)
            or len(mean) not in (1, 3)
            or min(sd) <= 0
            or not set(wants) <= {"mean", "sd", "size"}
        ):
            raise ValueError(dict(wants))
        size = None if wants.get("size") is None else int(wants["size"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"a backbone of a plugin says what images it wants: {error} is not that. Expected mean and sd, "
            'a number or three each, and perhaps size: {"mean": 0.5, "sd": 0.25, "size": 224}.'
        ) from error
    return Published(
        "what its plugin says", "a plugin", Preparation(Normalisation(mean, sd), size), "its plugin's"
    )


class _UpTo(nn.Module):
    """A network as far as one of its layers."""

    def __init__(self, net: nn.Module, layer: str, name: str) -> None:
        from torchvision.models.feature_extraction import create_feature_extractor

        super().__init__()
        layers = [path for path, _ in net.named_modules() if path]
        if layer not in layers:
            raise ConfigError(
                f"the plugin's network {name} has no layer {layer!r}; {did_you_mean(layer, layers)}"
            )
        try:
            self.net = create_feature_extractor(net, {layer: "map"})
        except Exception as error:  # torch.fx has many words for what it cannot follow
            reason = str(error).splitlines()[0]
            raise ConfigError(
                f"the plugin's network {name} cannot be cut behind {layer}: {reason} Build one that ends there."
            ) from error

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.net(images)["map"]
        return result


@torch.no_grad()
def _run(
    name: str, net: nn.Module, config: ModelConfig, size: int, axes: int, method: str = "forward"
) -> int:
    """Show a network a blank image; the width of what it gives, which has to have so many axes."""
    net.eval()
    device = next((tensor.device for tensor in net.parameters()), None)
    call: Callable[[Tensor], object] = getattr(net, method)
    try:
        given = call(torch.zeros(1, config.channels, size, size, device=device))
    except Exception as error:
        raise ConfigError(
            f"the plugin's network {name} fails on an image [1, {config.channels}, {size}, {size}]: "
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        ) from error
    finally:
        net.train()
    if not isinstance(given, Tensor) or given.ndim != axes:
        shape = f"[{', '.join(map(str, given.shape))}]" if isinstance(given, Tensor) else type(given).__name__
        wanted = "a feature map [n, c, h, w]" if axes == 4 else "vectors [n, width]"
        raise ConfigError(
            f"the plugin's network {name} gives {shape}; expected {wanted}. Of a network with a head of its own, "
            f'name the layer that gives the map: "{name}": (build, "layer").'
        )
    return int(given.shape[1])
