"""k-NN heads: nothing to fit but the standardisation; the training images themselves are the parameters."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from hilum.heads.candidates import Candidate
from hilum.heads.fitted import Fitted
from hilum.heads.problem import Standard


def fit_neighbours(candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor) -> list[Fitted]:
    """k-NN heads that differ in the number of neighbours; they share one copy of the images.

    Args:
        candidates: of kind `knn` and one pooling.
        vectors: float32 [n, d], the training rows.
        targets: float32 [n, k]; an unknown label has no vote.
    """
    standard = Standard.of(vectors)
    kept = F.normalize(standard.apply(vectors), dim=1)
    tensors = {"vectors": kept, "labels": targets, "mean": standard.mean, "scale": standard.scale}
    arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    return [Fitted(candidate, arrays) for candidate in candidates]
