"""What those that follow a training are told of an epoch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hilum.metrics import Floats, Predictions

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Epoch:
    """What an epoch gave.

    Attributes:
        entry: what the run keeps of it (summary.json).
        predictions: of `train` and `valid`.
        model: with the weights at its end.
        gradient_norms: float64 [m], of some of its updates, before clipping.
        pixels: ids of validation images -> uint8 [n, s, s].
    """

    entry: Mapping[str, Any]
    predictions: Mapping[str, Predictions]
    model: nn.Module
    gradient_norms: Floats
    pixels: Callable[[Sequence[str]], npt.NDArray[np.uint8]]


_LONGEST = 200
"""Characters of a finding's key: MLflow takes 250 with the score's name in front."""


def keys(findings: Iterable[str]) -> dict[str, str]:
    """What findings are called in MLflow and TensorBoard, no two alike: their names wherever those are possible.

    Letters, digits, spaces, `_`, `-` and `.` stay; other signs become `_`, as `/` would begin a group or a path.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for finding in findings:
        key = re.sub(r"[^\w.\- ]+", "_", finding, flags=re.UNICODE).strip()[:_LONGEST]
        base = key = key if key.strip(".") else "finding"
        while key.casefold() in taken:  # some databases of MLflow do not tell case apart
            number = int(key[len(base) + 1 :] or 1) + 1
            key = f"{base} {number}"
        taken.add(key.casefold())
        found[finding] = key
    return found
