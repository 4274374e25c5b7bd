"""What is kept of an image's pixels to tell later whether they are still the same."""

from __future__ import annotations

import hashlib

import cv2

from hilum.pixels.journal import DIGEST_BYTES
from hilum.pixels.opencv import Gray


def moments(image: Gray) -> tuple[int, int]:
    """Sum and sum of squares of the pixels: 4 us for 320 x 320, where a sha256 takes 50."""
    return int(cv2.sumElems(image)[0]), round(cv2.norm(image, cv2.NORM_L2SQR))


def digest(image: Gray) -> str:
    """The first 32 hexadecimal digits of the pixels' sha256."""
    return hashlib.sha256(image.data).hexdigest()[: 2 * DIGEST_BYTES]
