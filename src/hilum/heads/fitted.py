"""`Fitted`: a trained head, as plain arrays that act on raw vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hilum.heads.candidates import Candidate
from hilum.models.heads import KnnHead

Vectors = Mapping[str, npt.NDArray[np.float32]]
"""Pooling -> float32 [n, d], the same n images under each."""
Targets = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

BLOCK = 2048
"""Rows whose votes are counted at once: similarities to all kept images are [BLOCK, m]."""


@dataclass(frozen=True)
class Fitted:
    """A trained head.

    Attributes:
        candidate: how it was made.
        parameters: name -> array, the state of the module of `hilum.models.heads` that it becomes: `weight` and
            `bias` of a line; `hidden.weight`, `hidden.bias`, `out.weight`, `out.bias` of an MLP; `vectors`,
            `labels`, `mean`, `scale` of k-NN. All float32, and on raw vectors.
        notes: what could not be learned and why, one sentence a finding.
    """

    candidate: Candidate
    parameters: dict[str, npt.NDArray[np.float32]]
    notes: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """Number of findings."""
        name = {"linear": "bias", "mlp": "out.bias", "knn": "labels"}[self.candidate.classifier]
        return int(self.parameters[name].shape[-1])

    def logits(self, vectors: npt.NDArray[np.float32]) -> Floats:
        """Logits of raw vectors [n, d] of the candidate's pooling, float64 [n, k]."""
        own = self.parameters
        if self.candidate.classifier == "linear":
            return _affine(vectors, own["weight"], own["bias"])
        if self.candidate.classifier == "mlp":
            hidden = _affine(vectors, own["hidden.weight"], own["hidden.bias"])
            return _affine(np.maximum(hidden, 0), own["out.weight"], own["out.bias"])
        return _votes(self, vectors)

    def shifted(self, slope: Floats, offset: Floats) -> Fitted:
        """A line whose logits are `slope * logits + offset`, [k] each."""
        weight = (self.parameters["weight"] * slope[:, None]).astype(np.float32)
        bias = (self.parameters["bias"] * slope + offset).astype(np.float32)
        return replace(self, parameters={"weight": weight, "bias": bias})


def _affine(vectors: npt.NDArray[Any], weight: npt.NDArray[Any], bias: npt.NDArray[Any]) -> Floats:
    product: Floats = vectors.astype(np.float64) @ weight.T.astype(np.float64) + bias
    return product


def _votes(fitted: Fitted, vectors: npt.NDArray[np.float32]) -> Floats:
    kept, labels = fitted.parameters["vectors"], fitted.parameters["labels"]
    module = KnnHead(kept.shape[1], labels.shape[1], fitted.candidate.neighbours)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in fitted.parameters.items()})
    with torch.inference_mode():
        parts = [
            module(torch.from_numpy(vectors[at : at + BLOCK])).double().numpy()
            for at in range(0, len(vectors), BLOCK)
        ]
    return np.concatenate(parts) if parts else np.zeros((0, labels.shape[1]))
