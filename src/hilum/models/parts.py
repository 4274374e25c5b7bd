"""The blocks of a backbone by name: where fine-tuning can start, as `finetune.start_at` names them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from hilum.models.classifier import Classifier

DEEPEST = 2
"""Names have this many parts at most: `layer4.1` is a block, `layer4.1.conv2` is not."""


def blocks(model: Classifier) -> dict[str, nn.Module]:
    """The parts of the backbone that have weights, from input to output.

    Args:
        model: any network.

    Returns:
        By the bare network's own names: its children, and the members of those that are plain sequences, each
        sequence right before its members (`layer4`, `layer4.0`, `layer4.1`). So the weights of a block and of
        all that come after it in this order are those from the block on. Weights of no block, such as the
        position embeddings of a transformer, belong to the input.
    """
    root = model.backbone.get_submodule(model.bare_prefix.removeprefix("backbone.").rstrip("."))
    return dict(_below(root, "", 1))


def _below(module: nn.Module, prefix: str, depth: int) -> Iterator[tuple[str, nn.Module]]:
    parts = [(name, part) for name, part in module.named_children() if any(True for _ in part.parameters())]
    if len(parts) == 1 and not any(True for _ in module.parameters(recurse=False)):
        # A wrapper around all of the rest, as DenseNet's `features` is.
        name, part = parts[0]
        inner = list(_below(part, f"{prefix}{name}.", depth + 1 if depth < DEEPEST else depth))
        yield from inner or [(f"{prefix}{name}", part)]
        return
    for name, part in parts:
        yield f"{prefix}{name}", part
        if depth < DEEPEST and _is_sequence(part):
            yield from _below(part, f"{prefix}{name}.", depth + 1)


def _is_sequence(module: nn.Module) -> bool:
    """Whether its members come one after the other, also below a wrapper that only runs them."""
    if isinstance(module, nn.Sequential | nn.ModuleList):
        return len(module) > 1
    parts = list(module.children())
    return len(parts) == 1 and isinstance(parts[0], nn.ModuleList)
