"""The one call to OpenCV's decoders, and turning upright what other decoders leave lying."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]
"""A gray image, [height, width]."""

SILENT = 0


def decode(data: bytes, flag: int) -> npt.NDArray[Any] | None:
    """Decode a file's bytes under one of OpenCV's IMREAD flags; None where it cannot.

    OpenCV's own log is switched off: its lines would say nothing that our errors do not.
    """
    if hasattr(cv2, "setLogLevel"):  # OpenCV 4
        cv2.setLogLevel(SILENT)
    else:
        cv2.utils.logging.setLogLevel(SILENT)
    try:
        image: npt.NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None
    return image


def turned(image: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """A picture upright, by its EXIF orientation, 1 to 8."""
    if orientation == 1:
        return np.ascontiguousarray(image)
    if orientation >= 5:
        image = image.T
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
