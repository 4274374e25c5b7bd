"""What 16-bit pixels mean: how many of the bits a detector filled."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hilum.errors import ImageError
from hilum.pixels.opencv import Gray

DEPTHS = (14, 12, 10, 8)
STRAY = 1000
"""One pixel of so many may lie above a depth: a burnt-in letter or a dead pixel does not decide."""


def to_uint8(image: npt.NDArray[Any], bits: int = 16, said: int = 0, notes: list[str] | None = None) -> Gray:
    """8 bits of pixels that span 0 to 2^bits - 1.

    A 16-bit file often carries 10, 12 or 14 bits of a detector and does not say so; by its header it would come
    out nearly black. So 16 bits are taken for the least of 8, 10, 12, 14 and 16 that holds all but one pixel in
    1,000. That is a guess, and said; single pixels do not change it. Depths between (11, 13, 15) come out up to
    half as bright: guessing finer would hang on how much a film was exposed. Where the file says a depth
    (`said`, the sBIT of a PNG), only that one and the full range come into question.

    Args:
        image: uint8 or uint16 [height, width].
        bits: depth of the samples, by the header.
        said: bits that were in use, as the file says; 0 where it does not.
        notes: takes a sentence on what was guessed.
    """
    if image.dtype == np.uint8 and bits == 8:
        return np.asarray(image, np.uint8)
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"holds {image.dtype} pixels; expected 8 or 16 bits")
    if bits == 16:
        bits = _in_use(image, (said,) if 8 <= said < 16 else DEPTHS)
        if bits < 16 and not said and notes is not None:
            notes.append(
                f"16-bit pixels of unknown depth: taken for {bits} bits, which hold nearly all of them"
            )
    return np.asarray(cv2.convertScaleAbs(image, alpha=255.0 / (2**bits - 1)), np.uint8)


def _in_use(image: npt.NDArray[Any], depths: tuple[int, ...]) -> int:
    bits = 16
    for lower in depths:
        if np.count_nonzero(image >= 1 << lower) * STRAY > image.size:
            break
        bits = lower
    return bits
