"""Pictures of inputs, errors and filters, as arrays of gray."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch import nn

from hilum.metrics import Predictions

_Gray = npt.NDArray[np.uint8]

_TILE = 128
"""Side of a picture in a grid, in pixels: 16 of them are a PNG of about 150 KB."""
_CAPTION = 30
"""Height of the two lines under a picture."""


@dataclass(frozen=True)
class _Error:
    """A validation image about which the model was wrong.

    Attributes:
        image_id: which.
        finding: about what.
        truth: whether it has the finding.
        probability: what the model said.
    """

    image_id: str
    finding: str
    truth: bool
    probability: float


def most_wrong(predictions: Predictions, count: int = 16) -> list[_Error]:
    """The errors with the largest distance between truth and probability, missed and false alarms in turn.

    Args:
        predictions: of a part.
        count: how many at most; half of them false alarms where there are as many.
    """
    probabilities, known = predictions.probabilities, np.isfinite(predictions.targets)
    distance = np.where(known, np.abs(probabilities - np.nan_to_num(predictions.targets)), -1.0)
    found: list[_Error] = []
    for truth in (True, False):
        of_kind = np.where(predictions.targets == float(truth), distance, -1.0)
        order = np.argsort(of_kind, axis=None, kind="stable")[::-1][:count]
        for row, column in zip(*np.unravel_index(order, distance.shape), strict=True):
            if of_kind[row, column] > 0.5:
                found.append(
                    _Error(
                        str(predictions.image_ids[row]),
                        predictions.findings[column],
                        truth,
                        float(probabilities[row, column]),
                    )
                )
    missed, alarms = [e for e in found if e.truth], [e for e in found if not e.truth]
    half = count // 2
    missed = missed[: max(half, count - len(alarms))]
    return [*missed, *alarms[: count - len(missed)]]


def error_grid(errors: Sequence[_Error], pixels: _Gray) -> _Gray:
    """The errors' images with the finding, the truth and the probability under each.

    Args:
        errors: n of them.
        pixels: uint8 [n, s, s], their images.

    Returns:
        uint8 [h, w].
    """
    tiles = []
    for error, image in zip(errors, pixels, strict=True):
        caption = np.zeros((_CAPTION, _TILE), np.uint8)
        _write(caption, error.finding, 11)
        _write(caption, f"{'missed' if error.truth else 'false alarm'} p={error.probability:.3f}", 25)
        tiles.append(np.concatenate([_resized(image, _TILE), caption]))
    return _grid(tiles)


def input_grid(images: npt.NDArray[np.float32]) -> _Gray:
    """Shares of white, float32 [n, s, s], as one picture, uint8 [h, w]; what is beyond white or black is cut."""
    return _grid([_resized(np.round(255 * np.clip(image, 0, 1)).astype(np.uint8), _TILE) for image in images])


def first_filters(model: nn.Module, most: int = 64) -> _Gray | None:
    """What the first convolution looks for, one square a filter; gray is no weight, white the filter's largest.

    Filters over three channels are summed over them: all three hold the same gray picture.

    Returns:
        uint8 [h, w], or None where the model has no convolution over pixels wider than one.
    """
    first = next((layer for layer in model.modules() if isinstance(layer, nn.Conv2d)), None)
    if first is None or first.kernel_size == (1, 1):
        return None
    weights = first.weight.detach().float().sum(1)[:most].cpu().numpy()
    side = max(24, weights.shape[-1])
    largest = np.abs(weights).max(axis=(1, 2), keepdims=True)
    shades = np.clip(np.round(127.5 + 127.5 * weights / np.where(largest > 0, largest, 1.0)), 0, 255)
    return _grid(
        [cv2.resize(s, (side, side), interpolation=cv2.INTER_NEAREST) for s in shades.astype(np.uint8)]
    )


def _grid(tiles: Sequence[_Gray], gap: int = 2) -> _Gray:
    """Pictures of one size, uint8 [h, w] each, in rows of about twice as many as there are rows."""
    height, width = tiles[0].shape
    across = min(len(tiles), max(1, math.ceil(math.sqrt(2 * len(tiles)))))
    down = math.ceil(len(tiles) / across)
    whole = np.zeros((down * (height + gap) - gap, across * (width + gap) - gap), np.uint8)
    for i, tile in enumerate(tiles):
        y, x = (i // across) * (height + gap), (i % across) * (width + gap)
        whole[y : y + height, x : x + width] = tile
    return whole


def _write(picture: _Gray, text: str, y: int) -> None:
    """Put a line of text on the picture, small enough to fit."""
    font, largest = cv2.FONT_HERSHEY_SIMPLEX, 0.38
    plain = text.encode("ascii", "replace").decode()  # all that this font has
    width = cv2.getTextSize(plain, font, largest, 1)[0][0]
    scale = largest * min(1.0, (picture.shape[1] - 2) / max(1, width))
    cv2.putText(picture, plain, (1, y), font, scale, 235, 1, cv2.LINE_AA)


def _resized(image: _Gray, side: int) -> _Gray:
    smaller = image.shape[0] > side
    return np.asarray(
        cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR),
        np.uint8,
    )
