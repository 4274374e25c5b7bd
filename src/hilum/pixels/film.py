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

PARTS = 12
"""In so many parts the largest product is taken: each is too small for OpenBLAS to wake threads of its own, which
would wait for the ones that decode and take twice the time."""
TOGETHER = 32
HELD = 2**24
"""Pictures, and bytes of their files, that wait at most until the network is asked."""

Weights = dict[str, npt.NDArray[np.float32]]


def no_film(
    gray: Gray,
    data: bytes = b"",
    suffix: str = "",
    *,
    view: str | None = None,
    learned: Collection[str] | None = None,
) -> str | None:
    """Why a picture is no film of a chest; None where it is one. Of many, `Films` tells it faster.

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
    films = Films(learned)
    films.add(0, gray, data, suffix, view)
    return films.unlike().get(0)


class Films:
    """Pictures that are asked about together: numpy takes as long for one of them as for a dozen."""

    def __init__(self, learned: Collection[str] | None = None) -> None:
        self._learned = learned
        self._waiting: list[_Asked] = []
        self._held = 0
        self._unlike: dict[int, str] = {}

    def add(self, at: int, gray: Gray, data: bytes = b"", suffix: str = "", view: str | None = None) -> None:
        """One more picture, under the number `at`; for the others see `no_film`."""
        if data and is_dicom(data, suffix):
            tags = film_tags(data)
            if why := _by_tags(tags, self._learned):
                self._unlike[at] = why
                return
            view = view or tags.view
        self._waiting.append(_Asked(at, glance(gray), min(gray.shape), data, suffix, view))
        self._held += len(data)
        if len(self._waiting) >= TOGETHER or self._held > HELD:
            self._answer()

    def unlike(self) -> dict[int, str]:
        """Number -> why that picture is no chest film, in the order in which they came."""
        self._answer()
        return dict(sorted(self._unlike.items()))

    def _answer(self) -> None:
        if not self._waiting:
            return
        found = _looks([asked.glance for asked in self._waiting])
        for asked, (odds, kind) in zip(self._waiting, found, strict=True):
            if odds < SURE and asked.data and colour(asked.data, asked.suffix, asked.side) > COLOURFUL:
                self._unlike[asked.at] = "is no chest film: it is in colour"
            elif odds < LEAST and (asked.view != "lateral" or kind in FLAT):
                self._unlike[asked.at] = f"does not look like a chest film, rather like {OTHER[kind]}"
        self._waiting, self._held = [], 0


def _by_tags(tags: FilmTags, learned: Collection[str] | None) -> str:
    """Why a DICOM file will not do by its tags alone, or nothing."""
    if tags.other:
        return f"is no chest film: {tags.other}"
    if learned is not None and tags.view and tags.view not in (learned or ("frontal",)):
        known = f"{' and '.join(sorted(learned))} ones alone" if learned else "none that is known to be one"
        return f"is a {tags.view} view ({tags.position}), and the run learned {known}"
    return ""


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
    films = Films()
    for at, slot in enumerate(slots):
        films.add(at, pictures[slot], view=views[at])
    return films.unlike()


class Glance(NamedTuple):
    """What the network is told from.

    Attributes:
        small: uint8 [SIDE, SIDE], the picture.
        counts: float32 [256, 1], how often each gray occurs among the pixels that are looked at.
        pixels, steps: how many those are, and how many pairs of neighbours.
        uneven, rough: how many of these differ, and by how many grays all together.
    """

    small: Gray
    counts: npt.NDArray[np.float32]
    pixels: int
    steps: int
    uneven: int
    rough: float


class _Asked(NamedTuple):
    at: int
    glance: Glance
    side: int
    data: bytes
    suffix: str
    view: str | None


class Looks(NamedTuple):
    """Log odds of a chest film, and what else it resembles most (a key of `OTHER`)."""

    odds: float
    kind: str


def looks(gray: Gray) -> Looks:
    """What a gray picture looks like, to the network."""
    return _looks([glance(gray)])[0]


def _looks(glances: Sequence[Glance]) -> list[Looks]:
    weights = _weights()
    parts = measured(glances).reshape(len(glances), PARTS, -1).swapaxes(0, 1)
    sums = np.matmul(parts, weights["hidden"].reshape(PARTS, parts.shape[2], -1)).sum(axis=0)
    hidden = np.maximum(sums + weights["hidden_bias"], 0)
    logits = hidden @ weights["kinds"] + weights["kinds_bias"]
    other = logits[:, 1:]
    highest = other.max(axis=1)
    odds = logits[:, 0] - highest - np.log(np.exp(other - highest[:, None]).sum(axis=1))
    kinds = list(OTHER)
    return [
        Looks(*one) for one in zip(odds.tolist(), (kinds[at] for at in other.argmax(axis=1)), strict=True)
    ]


def glance(gray: Gray) -> Glance:
    """Look at a picture, uint8 [h, w]."""
    near = max(1, min(gray.shape) // ENOUGH)
    left = np.ascontiguousarray(gray[::near, ::near])
    right = gray[::near, 1::near]
    step = cv2.absdiff(left[:, : right.shape[1]], right) if right.size else np.zeros((1, 1), np.uint8)
    return Glance(
        cv2.resize(left, (SIDE, SIDE), interpolation=cv2.INTER_AREA),
        cv2.calcHist([left], [0], None, [256], [0, 256]),
        left.size,
        step.size,
        cv2.countNonZero(step),
        cv2.sumElems(step)[0],
    )


def measured(glances: Sequence[Glance]) -> npt.NDArray[np.float32]:
    """What the network is given: pictures at 32 x 32 without brightness and contrast, then eight measures.

    Returns:
        float32 [n, SIDE * SIDE + MEASURES], most within -2..2.
    """
    smalls, counts, *numbers = zip(*glances, strict=True)
    pixels, steps, uneven, rough = (np.array(column, np.float64) for column in numbers)
    found = np.empty((len(glances), SIDE * SIDE + MEASURES), np.float32)
    picture = found[:, : SIDE * SIDE]
    picture[:] = np.concatenate(smalls).reshape(-1, SIDE * SIDE)
    mean = picture.mean(axis=1)
    picture -= mean[:, None]
    sd = np.sqrt(np.einsum("ij,ij->i", picture, picture) / picture.shape[1])
    picture /= sd[:, None] + 2
    shares = np.concatenate(counts).reshape(-1, 256) / pixels[:, None]
    used = np.einsum("ij,ij->i", shares, np.log2(shares + (shares == 0)))
    largest = 2 * np.sort(shares, axis=1)[:, :-4:-1].cumsum(axis=1)
    found[:, SIDE * SIDE :] = np.column_stack(
        (
            mean / 128 - 1,
            sd / 32 - 1.5,
            -used / 2 - 3,
            largest,
            1.5 - 2 * uneven / steps,
            np.log2(0.01 + rough / steps / (sd + 2)) / 2 + 2,
        )
    )
    return found


def colour(data: bytes, suffix: str, side: int) -> float:
    """Grays by which red and blue differ from straight lines of green: 0 for gray and for a uniform tint.

    `side` is the shorter one of the gray picture that was made of the file.
    """
    if is_dicom(data, suffix):
        picture = dicom_colour(data)
    elif data.startswith((JPEG_START, PNG_START)) and info_of(data).mode.startswith("gray"):
        return 0.0
    else:
        flag = cv2.IMREAD_REDUCED_COLOR_8 if side > 8 * SIDE else cv2.IMREAD_COLOR
        picture = decode(data, flag)
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
