"""Finding the same picture twice among many: exactly, and nearly.

Near duplicates are sought with a perceptual hash: the signs, about their median, of the 255 lowest AC
coefficients of a 32 x 32 thumbnail's cosine transform (Zauner 2010, with 255 bits in place of 63).

Measured on all 17 million pairs of 5,840 paediatric and of 621 adult (NIH) chest X-rays: with the usual 63 bits,
1,889 pairs of different pictures differ in 6 bits or fewer. With 255 bits the nearest different pictures differ
in 36 bits (paediatric) and 60 (adult), and the 34 pairs of the same picture in none; so at most 32 bits gave no
false alarm. Of 1,000 pictures each, all were found again after JPEG of quality 20, halving, gamma 0.8 or 1.3,
noise of 10 gray values or brightening by 15 % (at most 22 bits); 983 after a crop of 1 %, 968 after CLAHE, 954
after a turn of 1 degree, 762 after histogram equalisation, 352 with a label written into a corner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

SIDE = 32
"""Thumbnails are SIDE x SIDE."""
LOW = 16
"""The hash is of LOW x LOW coefficients."""
BANDS = 16
MOST_BITS = 32
"""Pairs that differ in more of the 255 bits are different pictures."""
LEAST_CORRELATION = 0.9
"""Thumbnails of near duplicates correlate at least this much."""

LOOK_ALIKE = 62
"""Where 1 pair of images in 100 differs in fewer bits, near pairs need not be the same picture.

Measured: 86 to 88 bits of paediatric and of adult (NIH) chest X-rays, 68 to 74 of drawn ones, 56 of drawn
containers, of which 1 pair in 1,000 differs in at most `MOST_BITS`."""
NEARER = 0.375
"""Near duplicates are at most this share as far apart as the nearest 1 in 100 of different pictures: 32 bits among
chest X-rays, 25 to 28 among drawn ones, of which two different lateral films may differ in 28."""
SAMPLE = 1000
"""Images of which all pairs are looked at for that; of fewer than a tenth of it nothing can be said."""

COMMON = 32
SHARE_COMMON = 8
COPY = 0.93
"""Where pictures look alike, those are copies whose `own_correlation` is this or more.

Measured on 558 drawn containers: at most 0.89 among all 155,403 pairs of different pictures; of copies 0.98 or
more in 9 of 10 after JPEG of quality 20, halving, gamma 1.3, noise of 10 gray values or brightening, and in few
after a shift by 1 %."""

Thumbnails = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Near:
    """Two images that show nearly the same: rows, bits of the hash that differ, correlation of thumbnails."""

    first: int
    second: int
    bits: int
    correlation: float


def thumbnail(gray: npt.NDArray[np.uint8]) -> Thumbnails:
    """A gray image, uint8 [h, w], as uint8 [SIDE, SIDE] of its area means."""
    small: Thumbnails = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return small


def perceptual_hash(small: Thumbnails) -> Hashes:
    """The hash of one thumbnail: uint16 [BANDS]; the first of the 256 bits is always 0."""
    coefficients = cv2.dct(small.astype(np.float32))[:LOW, :LOW].ravel()
    bits = coefficients > np.median(coefficients[1:])
    bits[0] = False
    hashed: Hashes = np.packbits(bits[_BIT_ORDER]).view(np.uint16)
    return hashed


def exact_groups(digests: list[str | None]) -> list[list[int]]:
    """Rows that share a digest, in groups of two or more, in row order; None is not compared."""
    rows: dict[str, list[int]] = {}
    for row, digest in enumerate(digests):
        if digest is not None:
            rows.setdefault(digest, []).append(row)
    return [group for group in rows.values() if len(group) > 1]


def near_pairs(rows: npt.NDArray[np.int64], hashes: Hashes, thumbnails: Thumbnails) -> list[Near]:
    """Pairs of images that show nearly the same picture.

    Only pairs that agree in one of 16 bands of 16 bits are compared in full (multi-index hashing, Norouzi
    et al. 2012): all pairs that differ in 15 bits or fewer, 99 in 100 that differ in 24 bits at random and 90
    in 100 at 32. About one pair in 750 of different chests is a candidate: 100,000 images took 0.3 s.

    Args:
        rows: int64 [m], the rows to compare.
        hashes: uint16 [n, BANDS], of all rows.
        thumbnails: uint8 [n, SIDE, SIDE], of all rows.

    Returns:
        each pair once, first < second, in order.
    """
    rows = np.sort(rows)
    hashes = np.ascontiguousarray(hashes[rows])
    words = hashes.view(np.uint64)
    found: dict[tuple[int, int], int] = {}
    for a, b in _candidates(hashes):
        bits = np.bitwise_count(words[a] ^ words[b]).sum(axis=1)
        near = bits <= MOST_BITS
        low, high = np.minimum(a[near], b[near]), np.maximum(a[near], b[near])
        pairs = zip(rows[low].tolist(), rows[high].tolist(), strict=True)
        found |= zip(pairs, bits[near].tolist(), strict=True)
    return list(_confirmed(found, thumbnails))


def mirrored_pairs(
    rows: npt.NDArray[np.int64], others: npt.NDArray[np.int64], hashes: Hashes, thumbnails: Thumbnails
) -> list[Near]:
    """Pairs of which one shows nearly what the other does with left and right exchanged, as `near_pairs` has them.

    Measured as above: different pictures differ from each other's mirror images in 52 bits or more (paediatric),
    66 (NIH) and 70 (drawn), and pictures from their own in 104 or more.

    Args:
        rows: int64 [m], the rows to compare.
        others: int64 [p], with the mirror images of these.
        hashes, thumbnails: of all rows.
    """
    flipped = np.ascontiguousarray(thumbnails[others][:, :, ::-1])
    own = [perceptual_hash(one) for one in flipped]
    everything = np.concatenate([hashes[rows], np.array(own, np.uint16).reshape(-1, BANDS)])
    pairs = near_pairs(np.arange(len(everything)), everything, np.concatenate([thumbnails[rows], flipped]))
    across = [pair for pair in pairs if pair.first < len(rows) <= pair.second]
    return [
        replace(pair, first=int(rows[pair.first]), second=int(others[pair.second - len(rows)]))
        for pair in across
    ]


def usual_distance(hashes: Hashes) -> float:
    """In how many bits 1 pair of images in 100 differs at most, by a sample of them; NaN for fewer than 100.

    Args:
        hashes: uint16 [n, BANDS].
    """
    if len(hashes) < SAMPLE // 10:
        return float("nan")
    places = np.linspace(0, len(hashes) - 1, min(SAMPLE, len(hashes))).astype(np.int64)
    words = np.ascontiguousarray(hashes[places]).view(np.uint64)
    bits = [np.bitwise_count(words[k + 1 :] ^ words[k]).sum(axis=1) for k in range(len(words) - 1)]
    return float(np.percentile(np.concatenate(bits), 1))


def most_bits(usual: float) -> int:
    """In how many bits near duplicates differ at most, where `usual` is the `usual_distance` of the data set."""
    return MOST_BITS if math.isnan(usual) else min(MOST_BITS, int(NEARER * usual))


def own_correlation(
    pairs: Sequence[Near], thumbnails: Thumbnails, rows: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """How alike the two of each pair are in what is not common to all pictures, float64 [p], -1 to 1.

    That is the correlation of their thumbnails after the first `COMMON` principal components of all thumbnails are
    taken out, the mean first; of fewer than `SHARE_COMMON` pictures a component, fewer are.

    Args:
        pairs: rows of `thumbnails`.
        thumbnails: uint8 [n, SIDE, SIDE], of all rows.
        rows: int64 [m], the rows of the pictures to compare with.
    """
    seen = thumbnails[rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)]]
    mean = _standard(seen).mean(axis=0)
    count = min(COMMON, len(seen) // SHARE_COMMON)
    _, axes = np.linalg.eigh((scatter := _standard(seen) - mean).T @ scatter)
    axes = axes[:, axes.shape[1] - count :]

    def own(rows: list[int]) -> npt.NDArray[np.float32]:
        rest = _standard(thumbnails[rows]) - mean
        return _unit(rest - (rest @ axes) @ axes.T)

    first, second = own([pair.first for pair in pairs]), own([pair.second for pair in pairs])
    correlation: npt.NDArray[np.float64] = (first * second).sum(axis=1, dtype=np.float64)
    return correlation


def _standard(thumbnails: Thumbnails) -> npt.NDArray[np.float32]:
    """float32 [n, SIDE * SIDE], each of mean 0 and length 1."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    return _unit(flat - flat.mean(axis=1, keepdims=True))


def _unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    unit: npt.NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-9))
    return unit


def _candidates(hashes: Hashes) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Positions of pairs that agree in a band, in arrays of at most as many as there are images."""
    for keys in hashes.T:
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        apart, left = 1, np.arange(len(keys))
        while len(left):
            left = left[left + apart < len(keys)]
            left = left[keys[left] == keys[left + apart]]
            yield order[left], order[left + apart]
            apart += 1


def _confirmed(found: dict[tuple[int, int], int], thumbnails: Thumbnails) -> Iterator[Near]:
    pairs = sorted(found.items())
    for start in range(0, len(pairs), SAMPLE):
        some = pairs[start : start + SAMPLE]
        first, second = (_standard(thumbnails[[pair[side] for pair, _ in some]]) for side in (0, 1))
        correlations = (first * second).sum(axis=1, dtype=np.float64).tolist()
        for ((one, other), bits), correlation in zip(some, correlations, strict=True):
            if correlation >= LEAST_CORRELATION:
                yield Near(one, other, bits, correlation)


def _diagonal_order() -> npt.NDArray[np.intp]:
    """Bits so that each band gets one of every row and column of coefficients.

    Low frequencies have the same sign in most chests; a band of these alone would tell few images apart.
    """
    row, column = np.divmod(np.arange(LOW * LOW), LOW)
    return np.argsort((row + column) % BANDS, kind="stable")


_BIT_ORDER = _diagonal_order()
