"""`FittedHead`: a trained head, as plain arrays that act on raw vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hilum.heads.candidates import Candidate
from hilum.heads.solvers.threads import in_threads
from hilum.models import KnnHead

Vectors = Mapping[str, npt.NDArray[np.float32]]
"""Pooling -> float32 [n, d], the same n images under each."""
Targets = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

BLOCK = 1024
"""Rows whose votes are counted at once: similarities to all kept images are [BLOCK, m]."""


@dataclass(frozen=True)
class FittedHead:
    """A trained head.

    Attributes:
        candidate: how it was made.
        parameters: name -> array, the state of the module of `hilum.models.heads` that it becomes: `weight` and
            `bias` of a line; `hidden.weight`, `hidden.bias`, `out.weight`, `out.bias` of an MLP; `vectors`,
            `labels`, `mean`, `scale` of k-NN. All float32, and on raw vectors.
    """

    candidate: Candidate
    parameters: dict[str, npt.NDArray[np.float32]]

    def logits(self, vectors: npt.NDArray[np.float32]) -> Floats:
        """Logits of raw vectors [n, d] of the candidate's pooling, float64 [n, k]."""
        return logits_of([self], vectors)[0]

    def shifted(self, slope: Floats, offset: Floats) -> FittedHead:
        """A line whose logits are `slope * logits + offset`, [k] each."""
        weight = (self.parameters["weight"] * slope[:, None]).astype(np.float32)
        bias = (self.parameters["bias"] * slope + offset).astype(np.float32)
        return replace(self, parameters={"weight": weight, "bias": bias})


def logits_of(heads: Sequence[FittedHead], vectors: npt.NDArray[np.float32]) -> list[Floats]:
    """Logits of several heads of one kind and pooling, trained on the same rows; float64 [n, k] each."""
    kind = heads[0].candidate.classifier
    if kind == "linear":
        return _lines(heads, vectors)
    return _votes(heads, vectors) if kind == "knn" else [_network(head, vectors) for head in heads]


def _lines(heads: Sequence[FittedHead], vectors: npt.NDArray[np.float32]) -> list[Floats]:
    """By one matrix product."""
    weight = np.concatenate([head.parameters["weight"] for head in heads])
    bias = np.concatenate([head.parameters["bias"] for head in heads])
    return np.split(_affine(vectors, weight, bias), len(heads), axis=1)


def _affine(vectors: npt.NDArray[Any], weight: npt.NDArray[Any], bias: npt.NDArray[Any]) -> Floats:
    """In float64: weights on raw vectors cancel, and what is left would have few digits."""
    product: Floats = vectors.astype(np.float64) @ weight.T.astype(np.float64) + bias
    return product


def _network(head: FittedHead, vectors: npt.NDArray[np.float32]) -> Floats:
    own = head.parameters
    hidden = _affine(vectors, own["hidden.weight"], own["hidden.bias"])
    return _affine(np.maximum(hidden, 0), own["out.weight"], own["out.bias"])


def _votes(heads: Sequence[FittedHead], vectors: npt.NDArray[np.float32]) -> list[Floats]:
    """Neighbours are sought once, as many as the head that asks most."""
    kept, labels = heads[0].parameters["vectors"], heads[0].parameters["labels"]
    most = max(head.candidate.neighbours for head in heads)
    module = KnnHead(kept.shape[1], labels.shape[1], most)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in heads[0].parameters.items()})

    @torch.inference_mode()
    def odds(rows: torch.Tensor) -> list[Floats]:
        votes = module.votes(rows)
        return [module.odds(votes[:, : head.candidate.neighbours]).double().numpy() for head in heads]

    parts = in_threads(odds, torch.split(torch.from_numpy(vectors), BLOCK), torch.device("cpu"))
    return [np.concatenate(own) for own in zip(*parts, strict=True)]
