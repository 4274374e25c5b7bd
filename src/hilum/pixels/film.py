"""Whether a picture is a film of a chest: by what its tags say, and by what it looks like.

Training and inference ask the same two questions:

- A DICOM file's Modality and BodyPartExamined may name something else (`hilum.pixels.film_tags`).
- A network of one hidden layer looks at 32 x 32 pixels and eight measures of the grays (how bright, how much
  contrast, how many grays are used, how much is flat, how rough), and gives odds for a chest film against slices,
  abdomens, limbs, photographs, screenshots, masks and empty pictures. Below `LEAST` the picture is none. A picture
  that is not beyond doubt is decoded in colour too: a film has none.

The network was learned by `benchmarks/films.py` from frontal films of children and adults, drawn films,
photographs and drawings of everything else; `docs/decisions/0010-films.md` has what it finds and refuses.
Of a view that is known to be lateral no more is asked than whether it is flat or in colour: there were no
real ones to learn from.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from hilum.pixels.dicom import is_dicom
from hilum.pixels.film_tags import FilmTags, dicom_colour, film_tags
from hilum.pixels.header import info_of
from hilum.pixels.opencv import Gray, decode
from hilum.pixels.parse import JPEG_START, PNG_START

MODEL = Path(__file__).with_name("film.safetensors")
OTHER = {
    "ct": "a slice of a CT or MR, or an ultrasound",
    "abdomen": "a film of the abdomen",
    "limb": "a film of a limb or a skull",
    "photo": "a photograph",
    "screenshot": "a screenshot or a printed page",
    "mask": "a mask of few grays",
    "empty": "an empty picture",
    "other": "a pattern, or a scan of goods",
}
"""What the network tells from a chest film, in the order of its outputs after the first, and in words."""
FLAT = ("screenshot", "mask", "empty")
"""Kinds that are told from a chest by their grays, whatever its view."""

LEAST = -2.0
"""Log odds of a chest film below which a picture is none."""
SURE = 3.0
"""Log odds from which on colour is not asked."""
COLOURFUL = 8.0
"""Grays by which red and blue differ from what follows from green; see `colour`. A tinted scan of a film has 1 or
2, a photograph 10 to 60."""
MOST = 0.5
"""If more of a data set's pictures are none, it is no set of films."""

SIDE = 32
ENOUGH = 64
"""Of larger pictures every second pixel is looked at, or every third, ..., so that this many remain to a side."""
MEASURES = 8

Weights = dict[str, npt.NDArray[np.float32]]


def no_film(
    gray: Gray,
    data: bytes = b"",
    suffix: str = "",
    *,
    view: str | None = None,
    learned: Collection[str] | None = None,
) -> str | None:
    """Why a picture is no film of a chest; None where it is one.

    Args:
        gray: uint8 [h, w], as `read_gray` gives it, or prepared for a network.
        data: the file that it comes from; without it neither tags nor colour are looked at.
        suffix: the ending of the file's name.
        view: `frontal` or `lateral`, where that is known.
        learned: the views, as far as they are known, that a run learned: another one, by the file's tags, will not
            do. None asks for no view.

    Returns:
        What follows "this picture ...", such as `is no chest film: BodyPartExamined is ABDOMEN`.
    """
    tags = film_tags(data) if data and is_dicom(data, suffix) else FilmTags()
    if tags.other:
        return f"is no chest film: {tags.other}"
    if learned is not None and tags.view and tags.view not in (learned or ("frontal",)):
        known = f"{' and '.join(sorted(learned))} ones alone" if learned else "none that is known to be one"
        return f"is a {tags.view} view ({tags.position}), and the run learned {known}"
    odds, kind = looks(gray)
    if odds < SURE and data and colour(data, suffix, gray) > COLOURFUL:
        return "is no chest film: it is in colour"
    if odds >= LEAST or ((view or tags.view) == "lateral" and kind not in FLAT):
        return None
    return f"does not look like a chest film, rather like {OTHER[kind]}"


def are_films(refused: int, asked: int) -> bool:
    """Whether a data set is one of chest films, told by how many of its pictures are none."""
    return refused <= MOST * asked


def unlike_films(
    pictures: npt.NDArray[np.uint8], slots: Sequence[int] | npt.NDArray[np.int64], views: Sequence[str | None]
) -> dict[int, str]:
    """Position -> why a picture of a pack is no chest film, by its pixels alone.

    Args:
        pictures: uint8 [n, size, size].
        slots: which of them.
        views: `frontal`, `lateral` or None of each.
    """
    found = {at: no_film(pictures[slot], view=views[at]) for at, slot in enumerate(slots)}
    return {at: why for at, why in found.items() if why}


class Looks(NamedTuple):
    """Log odds of a chest film, and what else it resembles most (a key of `OTHER`)."""

    odds: float
    kind: str


def looks(gray: Gray) -> Looks:
    """What a gray picture looks like, to the network."""
    weights = _weights()
    hidden = np.maximum(measured(gray) @ weights["hidden"] + weights["hidden_bias"], 0)
    logits = hidden @ weights["kinds"] + weights["kinds_bias"]
    other = logits[1:]
    highest = other.max()
    against = highest + np.log(np.exp(other - highest).sum())
    return Looks(float(logits[0] - against), list(OTHER)[int(other.argmax())])


def measured(gray: Gray) -> npt.NDArray[np.float32]:
    """What the network is given: the picture at 32 x 32 without brightness and contrast, then eight measures.

    Returns:
        float32 [SIDE * SIDE + MEASURES], most within -2..2.
    """
    near = max(1, min(gray.shape) // ENOUGH)
    left = np.ascontiguousarray(gray[::near, ::near])
    right = gray[::near, 1::near]
    step = cv2.absdiff(left[:, : right.shape[1]], right) if right.size else np.zeros((1, 1), np.uint8)
    small = cv2.resize(left, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    mean, sd = (float(value[0, 0]) for value in cv2.meanStdDev(small))
    shares = np.bincount(left.ravel(), minlength=256) / left.size
    used = shares[shares > 0]
    first, second, third = np.sort(shares)[:-4:-1]
    found = np.empty(SIDE * SIDE + MEASURES, np.float32)
    found[: SIDE * SIDE] = small.ravel()
    found[: SIDE * SIDE] -= mean
    found[: SIDE * SIDE] /= sd + 2.0
    found[SIDE * SIDE :] = (
        mean / 128 - 1,
        sd / 32 - 1.5,
        -float(used @ np.log2(used)) / 2 - 3,
        2 * first,
        2 * (first + second),
        2 * (first + second + third),
        1.5 - 2 * cv2.countNonZero(step) / step.size,
        math.log2(0.01 + cv2.mean(step)[0] / (sd + 2.0)) / 2 + 2,
    )
    return found


def colour(data: bytes, suffix: str, gray: Gray) -> float:
    """Grays by which red and blue differ from straight lines of green: 0 for gray and for a uniform tint."""
    if is_dicom(data, suffix):
        picture = dicom_colour(data)
    elif data.startswith((JPEG_START, PNG_START)) and info_of(data).mode.startswith("gray"):
        return 0.0
    else:
        large = min(gray.shape) > 8 * SIDE
        picture = decode(data, cv2.IMREAD_REDUCED_COLOR_8 if large else cv2.IMREAD_COLOR)
    if picture is None or picture.ndim != 3:
        return 0.0
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64)
    blue, green, red = (small - small.mean(axis=0)).T
    spread = float(green @ green) + 1.0
    left_over = [channel - green * float(channel @ green) / spread for channel in (blue, red)]
    return float(np.sqrt(np.mean(np.square(left_over)) * 2))


@cache
def _weights() -> Weights:
    return {name: value.astype(np.float32) for name, value in load_file(MODEL).items()}
