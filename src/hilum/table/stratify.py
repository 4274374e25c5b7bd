"""Dealing groups out to parts so that every label is equally frequent in each.

Iterative stratification of multi-label data (Sechidis, Tsoumakas and Vlahavas 2011) carried over to groups:
groups rich in rare labels are dealt first, each to the part that lacks most of what the group brings.
All arithmetic is on integers, so that every machine deals alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
SHARE_UNITS = 10_000
WEIGHT_UNITS = 10_000_000


def shuffled(names: Sequence[str], purpose: str, seed: int) -> Ints:
    """A random order of distinct names that follows from (purpose, seed, name) alone.

    The order in which the names come does not matter, and neither does the numpy version.

    Returns:
        int64 [n]: positions into `names`.
    """
    prefix = hashlib.sha256(f"{purpose}:{seed}:".encode())
    keys = []
    for name in names:
        key = prefix.copy()
        key.update(name.encode())
        keys.append(key.digest())
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def deal(amounts: Ints, shares: Sequence[float], order: Ints) -> Ints:
    """Deal groups to parts.

    Args:
        amounts: int64 [groups, m], how much of each of m things a group brings: its images, the positives
            of each finding among them, and so on.
        shares: share of each part, summing to 1.
        order: int64 [groups], a random order, which breaks ties.

    Returns:
        int64 [groups], the part of each group. No part with a share is empty where there are groups enough.
    """
    units = _units(shares)
    weights = WEIGHT_UNITS // np.maximum(amounts.sum(axis=0), 1)
    weighted = amounts * weights
    # Stable: groups of equal weight stay in random order.
    order = order[np.argsort(-weighted.sum(axis=1)[order], kind="stable")]
    part_of = np.zeros(len(amounts), np.int64)
    surplus = np.zeros((len(units), amounts.shape[1]), np.int64)
    column = units[:, None]
    for group in order:
        brings = amounts[group]
        surplus -= column * brings
        part = int(surplus.dot(weighted[group]).argmin())
        surplus[part] += brings * SHARE_UNITS
        part_of[group] = part
    return _fill_empty(part_of, order, units)


def _units(shares: Sequence[float]) -> Ints:
    """Shares as whole ten-thousandths that sum to `SHARE_UNITS`."""
    edges = np.rint(np.cumsum([0.0, *shares]) / sum(shares) * SHARE_UNITS).astype(np.int64)
    return np.diff(edges)


def _fill_empty(part_of: Ints, order: Ints, units: Ints) -> Ints:
    """Give every part with a share at least one group: the lightest one of the part that has most."""
    for part in np.flatnonzero(units):
        sizes = np.bincount(part_of, minlength=len(units))
        if sizes[part] == 0 and sizes.max() > 1:
            richest = int(sizes.argmax())
            part_of[order[part_of[order] == richest][-1]] = part
    return part_of
