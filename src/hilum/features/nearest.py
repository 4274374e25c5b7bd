"""Nearest neighbours among vectors in memory: exact, in blocks of matrix products."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError

Floats = npt.NDArray[np.float32]
BLOCK = 64 * 2**20
"""Bytes of similarities at a time."""


def neighbours(
    vectors: Floats, k: int, *, queries: Floats | None = None
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The k vectors with the largest cosine, for each query.

    Args:
        vectors: float32 [n, d].
        k: how many; fewer are given where there are fewer.
        queries: float32 [m, d]; by default the vectors themselves, each of which is then left out of its own.

    Returns:
        Index int64 [m, k] and similarity float32 [m, k], the most similar first. A vector of zeros is as
        similar as nothing: 0 to all.

    Raises:
        DataError: lengths differ, or k is below 1.
    """
    itself = queries is None
    asked = vectors if queries is None else queries
    if k < 1 or vectors.ndim != 2 or asked.ndim != 2 or vectors.shape[1] != asked.shape[1]:
        raise DataError(
            f"neighbours of {asked.shape} among {vectors.shape}, k = {k}: lengths must agree, k be at least 1."
        )
    among = _unit(np.ascontiguousarray(vectors, np.float32))
    asked = among if itself else _unit(np.ascontiguousarray(asked, np.float32))
    k = max(0, min(k, len(among) - itself))
    index = np.empty((len(asked), k), np.int64)
    similarity = np.empty((len(asked), k), np.float32)
    step = max(1, BLOCK // (4 * max(1, len(among))))
    for start in range(0, len(asked), step):
        block = asked[start : start + step] @ among.T
        if itself:
            rows = np.arange(len(block))
            block[rows, start + rows] = -np.inf
        best = np.argpartition(-block, k - 1, axis=1)[:, :k] if 0 < k < block.shape[1] else _all(block, k)
        values = np.take_along_axis(block, best, axis=1)
        order = np.lexsort((best, -values), axis=1)
        index[start : start + step] = np.take_along_axis(best, order, axis=1)
        similarity[start : start + step] = np.take_along_axis(values, order, axis=1)
    return index, similarity


def _unit(vectors: Floats) -> Floats:
    """Rows of length 1 (all zeros stay so): float32 [n, d] -> float32 [n, d]."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return made


def _all(block: Floats, k: int) -> npt.NDArray[np.int64]:
    return np.tile(np.arange(block.shape[1])[:k], (len(block), 1)).astype(np.int64)
