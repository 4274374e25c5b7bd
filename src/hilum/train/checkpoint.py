"""Saving and loading all that a resume needs, as safetensors: tensors, and JSON in the file's metadata.

One file, replaced in one step, is the commit point of an epoch: whatever is killed whenever, a run's folder holds
one whole state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hilum import seals
from hilum.errors import RunError
from hilum.files import whole_file

_MODEL, _OPTIMIZER, _AVERAGE, _EXTRA = "model.", "optimizer.", "average.", "extra."


def save_state(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: dict[str, Tensor],
    extra: dict[str, Tensor],
    progress: dict[str, Any],
) -> None:
    """Write model, optimizer, averaged weights and the loop's own tensors and counters, whole.

    Args:
        path: the file.
        model: its state.
        optimizer: its state; only tensors and numbers are kept, no objects.
        average: averaged weights, or empty.
        extra: tensors of the loop, e.g. the logits of the epoch so far.
        progress: counters of the loop, JSON.
    """
    packed = optimizer.state_dict()
    tensors = {_MODEL + key: value for key, value in model.state_dict().items()}
    tensors |= {_AVERAGE + key: value for key, value in average.items()}
    tensors |= {_EXTRA + key: value for key, value in extra.items()}
    numbers: dict[str, dict[str, Any]] = {}
    for index, entries in packed["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{_OPTIMIZER}{index}.{key}"] = value
            else:
                numbers.setdefault(str(index), {})[key] = value
    kept = {"numbers": numbers, "groups": packed["param_groups"]}
    save_weights(tensors, path, {"progress": progress, "optimizer": kept})


def load_state(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """Put a saved state back into model and optimizer.

    Returns:
        averaged weights, the loop's own tensors, and its counters.

    Raises:
        RunError: the file is not a state that `save_state` wrote, or is damaged.
    """
    try:
        if seals.state_of(path) == "changed":
            raise ValueError("it is damaged: not what was written, by its checksum")
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["hilum"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        groups, numbers = metadata["optimizer"]["groups"], metadata["optimizer"]["numbers"]
        state: dict[int, dict[str, Any]] = {}
        for key, value in _under(_OPTIMIZER, tensors).items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        for index, entries in numbers.items():
            state.setdefault(int(index), {}).update(entries)
        model.load_state_dict(_under(_MODEL, tensors))
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        return _under(_AVERAGE, tensors), _under(_EXTRA, tensors), metadata["progress"]
    # RuntimeError is torch's word for tensors that are missing or of another shape.
    except (
        OSError,
        SafetensorError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
    ) as error:
        raise RunError(
            f"{path} is not a checkpoint of this run: {error}. The run cannot be resumed from it."
        ) from error


def save_weights(tensors: dict[str, Tensor], path: Path, metadata: dict[str, Any]) -> None:
    """Write tensors by name, such as a model's, and JSON beside them, whole, with a checksum in the file."""
    flat = {key: value.detach().to("cpu").contiguous() for key, value in tensors.items()}
    with whole_file(path) as temporary:
        try:
            save_file(flat, temporary, metadata={"hilum": json.dumps(metadata), **seals.UNSEALED})
            seals.seal(temporary)
        except SafetensorError as error:  # its way of saying that the file system refused
            raise OSError(str(error)) from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
