"""Layers, shapes, parameters and arithmetic of a network, without building it in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from hilum.config import ModelConfig
from hilum.models.build import build_model
from hilum.models.catalogue import find_model
from hilum.models.classifier import Classifier

_EXPAND_ABOVE = 0.85
"""A layer with more than this share of all parameters is shown by its parts."""


@dataclass(frozen=True)
class _Layer:
    """One row of a description.

    Attributes:
        name: path in the model.
        kind: class of the module.
        shape: output for one image, without the batch axis; None where the layer is not called by itself.
        parameters: how many.
        gflops: 1e9 floating-point operations for one image, two per multiply-add.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    gflops: float


@dataclass(frozen=True)
class _Description:
    """A network at one image size; `blocks` are those that `finetune.start_at` can name, from input to output."""

    name: str
    title: str
    paper: str
    size: int
    channels: int
    outputs: int
    layers: tuple[_Layer, ...]
    blocks: tuple[str, ...]
    parameters: int
    gflops: float

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def describe_model(config: ModelConfig, outputs: int = 1, size: int = 224) -> _Description:
    """Build the network on the `meta` device, show it one image, and write down what each layer did.

    Args:
        config: which network; `weights` is not looked at.
        outputs: number of logits.
        size: side of the image in pixels.

    Raises:
        ConfigError: an unknown name, or settings that do not go together.
    """
    spec = find_model(config.name)
    with torch.device("meta"):
        model = build_model(config.model_copy(update={"weights": ""}), outputs, size).eval()
    shown = _layers_to_show(model)
    shapes, flops = _run(model, shown, size)
    layers = tuple(
        _Layer(name, type(module).__name__, shapes.get(name), _count(module), flops.get(name, 0) / 1e9)
        for name, module in shown.items()
    )
    # Position embeddings and class tokens of transformers belong to no layer of their own.
    others = _count(model) - sum(layer.parameters for layer in layers)
    if others:
        layers += (_Layer("(no layer of its own)", "Parameter", None, others, 0.0),)
    return _Description(
        config.name,
        spec.title,
        spec.paper,
        size,
        config.channels,
        outputs,
        layers,
        tuple(model.blocks()),
        _count(model),
        flops[""] / 1e9,
    )


def _count(module: nn.Module) -> int:
    """Number of learned values, shared ones once."""
    return sum(parameter.numel() for parameter in module.parameters())


def _layers_to_show(model: Classifier) -> dict[str, nn.Module]:
    """The children of the model, with the parts of those that hold most of it."""
    most = _EXPAND_ABOVE * _count(model)
    shown: dict[str, nn.Module] = {}

    def add(name: str, module: nn.Module) -> None:
        parts = list(module.named_children())
        if len(parts) > 0 and (name == "backbone" or _count(module) > most):
            for part, child in parts:
                add(f"{name}.{part}", child)
        elif not isinstance(module, nn.Identity):
            shown[name] = module

    for name, module in model.named_children():
        add(name, module)
    return shown


def _run(
    model: Classifier, shown: dict[str, nn.Module], size: int
) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """Output shapes and floating-point operations by layer; the name of the whole model is empty."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape[1:])

        return hook

    for name, module in shown.items():
        module.register_forward_hook(note(name))
    device = next(model.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, 1, size, size, device=device))
    root = type(model).__name__
    counts = counter.get_flop_counts()
    flops = {name: sum(counts.get(f"{root}.{name}", {}).values()) for name in shown}
    return shapes, flops | {"": counter.get_total_flops()}
