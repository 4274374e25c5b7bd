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

_SIDE = 32
"""Thumbnails are _SIDE x _SIDE."""
_LOW = 16
"""The hash is of _LOW x _LOW coefficients."""
_BANDS = 16
_MOST_BITS = 32
"""Pairs that differ in more of the 255 bits are different pictures."""
_LEAST_CORRELATION = 0.9
"""Thumbnails of near duplicates correlate at least this much."""

_LOOK_ALIKE = 62
"""Where 1 pair of images in 100 differs in fewer bits, near pairs need not be the same picture.

Measured: 86 to 88 bits of paediatric and of adult (NIH) chest X-rays, 68 to 74 of drawn ones, 56 of drawn
containers, of which 1 pair in 1,000 differs in at most `_MOST_BITS`."""
_NEARER = 0.375
"""Near duplicates are at most this share as far apart as the nearest 1 in 100 of different pictures: 32 bits among
chest X-rays, 25 to 28 among drawn ones, of which two different lateral films may differ in 28."""
_SAMPLE = 1000
"""Images of which all pairs are looked at for that; of fewer than a tenth of it nothing can be said."""

_COMMON = 32
_SHARE_COMMON = 8
_COPY = 0.93
"""Where pictures look alike, those are copies whose `own_correlation` is this or more.

Measured on 558 drawn containers: at most 0.89 among all 155,403 pairs of different pictures; of copies 0.98 or
more in 9 of 10 after JPEG of quality 20, halving, gamma 1.3, noise of 10 gray values or brightening, and in few
after a shift by 1 %."""

_Bytes = npt.NDArray[np.uint8]
_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Near:
    """Two images that show nearly the same: rows, bits of the hash that differ, correlation of thumbnails."""

    first: int
    second: int
    bits: int
    correlation: float


@dataclass(frozen=True)
class Looks:
    """What pictures look like: of each its thumbnail and its perceptual hash; zero where there is no picture.

    Attributes:
        thumbnails: uint8 [n, 32, 32], area means.
        hashes: uint16 [n, 16]; the first of the 256 bits is always 0.
    """

    thumbnails: _Bytes
    hashes: npt.NDArray[np.uint16]

    @classmethod
    def empty(cls, count: int) -> Looks:
        """Room for so many pictures."""
        return cls(np.zeros((count, _SIDE, _SIDE), np.uint8), np.zeros((count, _BANDS), np.uint16))

    def put(self, row: int, gray: _Bytes) -> None:
        """Take in one picture, uint8 [h, w]."""
        cv2.resize(gray, (_SIDE, _SIDE), self.thumbnails[row], interpolation=cv2.INTER_AREA)
        self.hashes[row] = _hash(self.thumbnails[row])

    def near(self, rows: _Rows) -> list[Near]:
        """Pairs of pictures that show nearly the same.

        Only pairs that agree in one of 16 bands of 16 bits are compared in full (multi-index hashing, Norouzi
        et al. 2012): all pairs that differ in 15 bits or fewer, 99 in 100 that differ in 24 bits at random and 90
        in 100 at 32. About one pair in 750 of different chests is a candidate: 100,000 images took 0.3 s.

        Args:
            rows: int64 [m], the rows to compare.

        Returns:
            each pair once, first < second, in order.
        """
        rows = np.sort(rows)
        return _near(rows, self.thumbnails[rows], np.ascontiguousarray(self.hashes[rows]))

    def mirrored(self, rows: _Rows, others: _Rows) -> list[Near]:
        """Pairs of which one shows nearly what the other does with left and right exchanged, as `near` has them.

        Measured as above: different pictures differ from each other's mirror images in 52 bits or more
        (paediatric), 66 (NIH) and 70 (drawn), and pictures from their own in 104 or more.

        Args:
            rows: int64 [m], the rows to compare.
            others: int64 [p], with the mirror images of these.
        """
        flipped = np.ascontiguousarray(self.thumbnails[others][:, :, ::-1])
        own = np.array([_hash(one) for one in flipped], np.uint16).reshape(-1, _BANDS)
        thumbnails = np.concatenate([self.thumbnails[rows], flipped])
        # Positions, not rows: a picture may stand on both sides.
        pairs = _near(np.arange(len(thumbnails)), thumbnails, np.concatenate([self.hashes[rows], own]))
        return [
            Near(int(rows[one.first]), int(others[one.second - len(rows)]), one.bits, one.correlation)
            for one in pairs
            if one.first < len(rows) <= one.second
        ]

    def usual_distance(self, rows: _Rows) -> float:
        """In how many bits 1 pair of pictures in 100 differs at most, by a sample; NaN for fewer than 100."""
        if len(rows) < _SAMPLE // 10:
            return float("nan")
        words = np.ascontiguousarray(self.hashes[_sample(rows)]).view(np.uint64)
        bits = [np.bitwise_count(words[k + 1 :] ^ words[k]).sum(axis=1) for k in range(len(words) - 1)]
        return float(np.percentile(np.concatenate(bits), 1))

    def most_bits(self, rows: _Rows) -> int:
        """In how many bits near duplicates differ at most, by how far apart pictures are here."""
        usual = self.usual_distance(rows)
        return _MOST_BITS if math.isnan(usual) else min(_MOST_BITS, int(_NEARER * usual))

    def all_alike(self, rows: _Rows) -> bool:
        """Whether different pictures look so alike here that near pairs prove nothing."""
        return self.usual_distance(rows) < _LOOK_ALIKE

    def copies(self, pairs: Sequence[Near], rows: _Rows) -> npt.NDArray[np.bool_]:
        """Which pairs are copies where pictures look alike, bool [p]: by what is not common to all of them.

        That is the correlation of their thumbnails after the first principal components of all thumbnails are
        taken out, the mean first; `rows`, int64 [m], are those of the pictures to compare with.
        """
        seen = _standard(self.thumbnails[_sample(rows)])
        mean = seen.mean(axis=0)
        _, axes = np.linalg.eigh((scatter := seen - mean).T @ scatter)
        axes = axes[:, axes.shape[1] - min(_COMMON, len(seen) // _SHARE_COMMON) :]

        def own(rows: list[int]) -> npt.NDArray[np.float32]:
            rest = _standard(self.thumbnails[rows]) - mean
            return _unit(rest - (rest @ axes) @ axes.T)

        first, second = own([pair.first for pair in pairs]), own([pair.second for pair in pairs])
        alike: npt.NDArray[np.bool_] = (first * second).sum(axis=1, dtype=np.float64) >= _COPY
        return alike


def _hash(thumbnail: _Bytes) -> npt.NDArray[np.uint16]:
    coefficients = cv2.dct(thumbnail.astype(np.float32))[:_LOW, :_LOW].ravel()
    bits = coefficients > np.median(coefficients[1:])
    bits[0] = False
    hashed: npt.NDArray[np.uint16] = np.packbits(bits[_BIT_ORDER]).view(np.uint16)
    return hashed


def _near(rows: _Rows, thumbnails: _Bytes, hashes: npt.NDArray[np.uint16]) -> list[Near]:
    """Near pairs among pictures, the numbers of which, ascending, are `rows`."""
    words = hashes.view(np.uint64)
    found: dict[tuple[int, int], int] = {}
    for a, b in _candidates(hashes):
        bits = np.bitwise_count(words[a] ^ words[b]).sum(axis=1)
        near = bits <= _MOST_BITS
        low, high = np.minimum(a[near], b[near]), np.maximum(a[near], b[near])
        found |= zip(zip(low.tolist(), high.tolist(), strict=True), bits[near].tolist(), strict=True)
    return [
        replace(one, first=int(rows[one.first]), second=int(rows[one.second]))
        for one in _confirmed(found, thumbnails)
    ]


def _sample(rows: _Rows) -> _Rows:
    """At most `_SAMPLE` of the rows, evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(np.int64)]


def _standard(thumbnails: _Bytes) -> npt.NDArray[np.float32]:
    """float32 [n, 1024], each of mean 0 and length 1."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    return _unit(flat - flat.mean(axis=1, keepdims=True))


def _unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    unit: npt.NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-9))
    return unit


def _candidates(
    hashes: npt.NDArray[np.uint16],
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
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


def _confirmed(found: dict[tuple[int, int], int], thumbnails: _Bytes) -> Iterator[Near]:
    pairs = sorted(found.items())
    for start in range(0, len(pairs), _SAMPLE):
        some = pairs[start : start + _SAMPLE]
        first, second = (_standard(thumbnails[[pair[side] for pair, _ in some]]) for side in (0, 1))
        correlations = (first * second).sum(axis=1, dtype=np.float64).tolist()
        for ((one, other), bits), correlation in zip(some, correlations, strict=True):
            if correlation >= _LEAST_CORRELATION:
                yield Near(one, other, bits, correlation)


def _diagonal_order() -> npt.NDArray[np.intp]:
    """Bits so that each band gets one of every row and column of coefficients.

    Low frequencies have the same sign in most chests; a band of these alone would tell few images apart.
    """
    row, column = np.divmod(np.arange(_LOW * _LOW), _LOW)
    return np.argsort((row + column) % _BANDS, kind="stable")


_BIT_ORDER = _diagonal_order()
