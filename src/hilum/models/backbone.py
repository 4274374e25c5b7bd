"""Any network of timm (Wightman, PyTorch Image Models) as a body that gives a feature map."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from hilum.config import ModelConfig
from hilum.errors import ConfigError, WeightsError, did_you_mean
from hilum.models.classifier import Trunk
from hilum.models.normalise import Normalisation, Preparation
from hilum.models.published import Published, check_hub, unreachable

TIMM = "timm:"


class _TimmBody(nn.Module):
    """A timm network without classifier and pooling, whose output is laid out as a map [n, c, h, w]."""

    def __init__(self, net: nn.Module) -> None:
        """`net` gives a map in either order of axes, or tokens [n, prefix + h * w, c]."""
        super().__init__()
        self.net = net
        self.channels_last = str(getattr(net, "output_fmt", "NCHW")).endswith("NHWC")
        self.prefix_tokens = int(getattr(net, "num_prefix_tokens", 0))

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, s, s] -> [n, c, h, w]. Class and register tokens of transformers are dropped."""
        out: Tensor = self.net(images)
        if out.ndim == 4:
            return out.permute(0, 3, 1, 2) if self.channels_last else out
        if out.ndim != 3:
            raise ConfigError(f"its output has the shape {tuple(out.shape)}, which is no feature map")
        tokens = out[:, self.prefix_tokens :]
        side = math.isqrt(tokens.shape[1])
        if side * side != tokens.shape[1] or side == 0:
            raise ConfigError(f"its {tokens.shape[1]} tokens are no square map")
        return tokens.transpose(1, 2).reshape(-1, tokens.shape[2], side, side)


def build_timm(config: ModelConfig, size: int, pretrained: bool = False) -> Trunk:
    """The network `timm:NAME` for images of `size` px.

    Args:
        config: name, with `timm:` before it, and channels.
        size: side of the image; networks of a fixed size (most transformers) are built for it.
        pretrained: load the hub's weights; timm folds the first layer to `channels` and resamples position
            embeddings to `size`.

    Raises:
        ConfigError: timm has no such network, or it gives no feature map at this size.
        WeightsError: the hub's weights do not exist or cannot be reached.
    """
    import timm

    name = config.name.removeprefix(TIMM)
    if not timm.is_model(name.split(".")[0]):
        raise ConfigError(f"timm has no network {name!r}; {_nearest(name, timm.list_models())}")
    try:
        known = timm.get_pretrained_cfg(name, allow_unregistered=True)
    except RuntimeError as error:
        variants = timm.list_pretrained(f"{name.split('.')[0]}.*")
        raise ConfigError(f"timm has no weights called {name!r}; {_nearest(name, variants)}") from error
    options: dict[str, Any] = {"in_chans": config.channels}
    if getattr(known, "fixed_input_size", False):
        options["img_size"] = size
    try:
        net: Any = _pretrained(name, options) if pretrained else timm.create_model(name, **options)
        net.reset_classifier(0, "")
        body = _TimmBody(net)
        width = _width(body, config.channels, size)
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError, ConfigError) as error:
        raise ConfigError(f"{config.name} cannot be used at {size} px: {error}") from error
    names = (getattr(net, "default_cfg", None) or {}).get("classifier") or ()
    names = (names,) if isinstance(names, str) else tuple(names)
    return Trunk(body, width, config.channels, prefix="backbone.net.", classifier_names=names)


def _nearest(name: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=5, cutoff=0.6)
    return f"nearest: {', '.join(close)}" if close else "`hilum models 'timm:*'` lists them all"


def _pretrained(name: str, options: dict[str, Any]) -> nn.Module:
    import timm

    if not timm.is_model_pretrained(name):
        with_weights = timm.list_pretrained(f"{name.split('.')[0]}*")
        raise WeightsError(
            f"timm has no pretrained weights for {name}; "
            + (did_you_mean(name, with_weights) if with_weights else "no variant of it has any.")
        )
    if hub := timm.get_pretrained_cfg(name).hf_hub_id:
        check_hub(f"{TIMM}{name}", hub)
    try:
        net: nn.Module = timm.create_model(name, pretrained=True, **options)
    # The hub's client raises errors of several libraries, which change between versions.
    except Exception as error:
        raise unreachable(f"{TIMM}{name}", hub or "the hub", error) from error
    return net


def published_timm(name: str) -> Published | None:
    """What timm says of the weights of `timm:NAME`; None where it has none of that name."""
    import timm

    try:
        known = timm.get_pretrained_cfg(name.removeprefix(TIMM), allow_unregistered=False)
    except RuntimeError:
        return None
    if known is None or not known.has_weights:
        return None
    normalisation = Normalisation.of_channels(tuple(known.mean), tuple(known.std))
    size = known.input_size[-1] if known.fixed_input_size else None
    licence = known.license or "not said"
    return Published(known.tag or "ImageNet", "timm", Preparation(normalisation, size), licence)


def _width(body: _TimmBody, channels: int, size: int) -> int:
    """Channels of the feature map, found on the `meta` device: no arithmetic, no random numbers drawn."""
    training = body.training
    body.eval()
    state = {name: value.to("meta") for name, value in [*body.named_parameters(), *body.named_buffers()]}
    images = torch.empty(1, channels, size, size, device="meta")
    with torch.no_grad():
        shape = torch.func.functional_call(body, state, (images,)).shape
    body.train(training)
    return int(shape[1])


def timm_names(pattern: str) -> list[str]:
    """Names `timm:NAME` that match a pattern with `*`, such as `timm:*densenet*`; none without `timm:`."""
    import timm

    if not pattern.startswith(TIMM):
        return []
    return [f"{TIMM}{name}" for name in timm.list_models(pattern.removeprefix(TIMM))]
