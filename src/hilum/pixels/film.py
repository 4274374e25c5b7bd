"""Whether a picture is a film of a chest: by what its tags say, and by what it looks like.

Training and inference ask the same two questions:

- A DICOM file's Modality and BodyPartExamined may name something else (no patient data are read).
- A network of one hidden layer looks at 32 x 32 pixels and eight measures of the grays (how bright, how much
  contrast, how many grays are used, how much is flat, how rough), and gives odds for a chest film against slices,
  abdomens, limbs, photographs, screenshots, masks and empty pictures. Below `_LEAST` it is none. A picture that
  is not beyond doubt is decoded in colour too: a film has none.

The network was learned by `benchmarks/films.py` from frontal films of children and adults, drawn films,
photographs and drawings of everything else; `docs/decisions/0010-films.md` has what it finds and refuses.
Of a view that is known to be lateral no more is asked than whether it is flat or in colour: there were no
real ones to learn from.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from hilum.pixels.decoding import Gray, decode
from hilum.pixels.dicom import is_dicom
from hilum.pixels.jpeg_png import JPEG_START, PNG_START, jpeg_header, png_header
from hilum.table import VIEW_CODES

_MODEL = Path(__file__).with_name("film.safetensors")
_OTHER = {
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
_FLAT = ("screenshot", "mask", "empty")
"""Kinds that are told from a chest by their grays, whatever its view."""

_LEAST = -2.0
"""Log odds of a chest film below which a picture is none."""
_SURE = 3.0
"""Log odds from which on colour is not asked."""
_COLOURFUL = 8.0
"""Grays by which red and blue differ from what follows from green; see `_colour`. A tinted scan of a film has 1 or
2, a photograph 10 to 60."""
_MOST = 0.5
"""If more of a data set's pictures are none, it is no set of films."""

_SIDE = 32
_ENOUGH = 64
"""Of larger pictures every second pixel is looked at, or every third, ..., so that this many remain to a side."""
_MEASURES = 8

_PARTS = 12
"""In so many parts the largest product is taken: each is too small for OpenBLAS to wake threads of its own, which
would wait for the ones that decode and take twice the time."""
_TOGETHER = 32
_HELD = 2**24
"""Pictures, and bytes of their files, that wait at most until the network is asked."""

_Weights = dict[str, npt.NDArray[np.float32]]


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
        gray: uint8 [h, w], as `read_picture` gives it, or prepared for a network.
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
            tags = _film_tags(data)
            if why := _by_tags(tags, self._learned):
                self._unlike[at] = why
                return
            view = view or tags.view
        self._waiting.append(_Asked(at, _glance(gray), min(gray.shape), data, suffix, view))
        self._held += len(data)
        if len(self._waiting) >= _TOGETHER or self._held > _HELD:
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
            if odds < _SURE and asked.data and _colour(asked.data, asked.suffix, asked.side) > _COLOURFUL:
                self._unlike[asked.at] = "is no chest film: it is in colour"
            elif odds < _LEAST and (asked.view != "lateral" or kind in _FLAT):
                self._unlike[asked.at] = f"does not look like a chest film, rather like {_OTHER[kind]}"
        self._waiting, self._held = [], 0


def _by_tags(tags: _FilmTags, learned: Collection[str] | None) -> str:
    """Why a DICOM file will not do by its tags alone, or nothing."""
    if tags.other:
        return f"is no chest film: {tags.other}"
    if learned is not None and tags.view and tags.view not in (learned or ("frontal",)):
        known = f"{' and '.join(sorted(learned))} ones alone" if learned else "none that is known to be one"
        return f"is a {tags.view} view ({tags.position}), and the run learned {known}"
    return ""


def are_films(refused: int, asked: int) -> bool:
    """Whether a data set is one of chest films, told by how many of its pictures are none."""
    return refused <= _MOST * asked


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


class _Glance(NamedTuple):
    """What the network is told from.

    Attributes:
        small: uint8 [_SIDE, _SIDE], the picture.
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
    glance: _Glance
    side: int
    data: bytes
    suffix: str
    view: str | None


def _looks(glances: Sequence[_Glance]) -> list[tuple[float, str]]:
    """Log odds of a chest film, and what else each picture resembles most (a key of `_OTHER`)."""
    weights = _weights()
    parts = _measured(glances).reshape(len(glances), _PARTS, -1).swapaxes(0, 1)
    sums = np.matmul(parts, weights["hidden"].reshape(_PARTS, parts.shape[2], -1)).sum(axis=0)
    hidden = np.maximum(sums + weights["hidden_bias"], 0)
    logits = hidden @ weights["kinds"] + weights["kinds_bias"]
    other = logits[:, 1:]
    highest = other.max(axis=1)
    odds = logits[:, 0] - highest - np.log(np.exp(other - highest[:, None]).sum(axis=1))
    kinds = list(_OTHER)
    return list(zip(odds.tolist(), (kinds[at] for at in other.argmax(axis=1)), strict=True))


def _glance(gray: Gray) -> _Glance:
    """Look at a picture, uint8 [h, w]."""
    near = max(1, min(gray.shape) // _ENOUGH)
    left = np.ascontiguousarray(gray[::near, ::near])
    right = gray[::near, 1::near]
    step = cv2.absdiff(left[:, : right.shape[1]], right) if right.size else np.zeros((1, 1), np.uint8)
    return _Glance(
        cv2.resize(left, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA),
        cv2.calcHist([left], [0], None, [256], [0, 256]),
        left.size,
        step.size,
        cv2.countNonZero(step),
        cv2.sumElems(step)[0],
    )


def _measured(glances: Sequence[_Glance]) -> npt.NDArray[np.float32]:
    """What the network is given: pictures at 32 x 32 without brightness and contrast, then eight measures.

    Returns:
        float32 [n, _SIDE * _SIDE + _MEASURES], most within -2..2.
    """
    smalls, counts, *numbers = zip(*glances, strict=True)
    pixels, steps, uneven, rough = (np.array(column, np.float64) for column in numbers)
    found = np.empty((len(glances), _SIDE * _SIDE + _MEASURES), np.float32)
    picture = found[:, : _SIDE * _SIDE]
    picture[:] = np.concatenate(smalls).reshape(-1, _SIDE * _SIDE)
    mean = picture.mean(axis=1)
    picture -= mean[:, None]
    sd = np.sqrt(np.einsum("ij,ij->i", picture, picture) / picture.shape[1])
    picture /= sd[:, None] + 2
    shares = np.concatenate(counts).reshape(-1, 256) / pixels[:, None]
    used = np.einsum("ij,ij->i", shares, np.log2(shares + (shares == 0)))
    largest = 2 * np.sort(shares, axis=1)[:, :-4:-1].cumsum(axis=1)
    found[:, _SIDE * _SIDE :] = np.column_stack(
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


def _colour(data: bytes, suffix: str, side: int) -> float:
    """Grays by which red and blue differ from straight lines of green: 0 for gray and for a uniform tint.

    `side` is the shorter one of the gray picture that was made of the file.
    """
    if is_dicom(data, suffix):
        picture = _dicom_colour(data)
    elif _is_gray(data):
        return 0.0
    else:
        flag = cv2.IMREAD_REDUCED_COLOR_8 if side > 8 * _SIDE else cv2.IMREAD_COLOR
        picture = decode(data, flag)
    if picture is None or picture.ndim != 3:
        return 0.0
    small = (
        cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64)
    )
    blue, green, red = (small - small.mean(axis=0)).T
    spread = float(green @ green) + 1.0
    left_over = [channel - green * float(channel @ green) / spread for channel in (blue, red)]
    return float(np.sqrt(np.mean(np.square(left_over)) * 2))


def _is_gray(data: bytes) -> bool:
    """Whether a file says that it is a gray JPEG or PNG."""
    if data.startswith(JPEG_START):
        return jpeg_header(data).info.mode.startswith("gray")
    return data.startswith(PNG_START) and png_header(data).mode.startswith("gray")


@cache
def _weights() -> _Weights:
    return {name: value.astype(np.float32) for name, value in load_file(_MODEL).items()}


_TAGS = ["Modality", "BodyPartExamined", "AnatomicRegionSequence", "ViewPosition", "ViewCodeSequence"]

_MODALITIES = {
    "BDUS": "ultrasound of bones", "BMD": "bone densitometry", "CT": "computed tomography",
    "ECG": "electrocardiography", "ES": "endoscopy", "GM": "microscopy", "IO": "a film of teeth",
    "IVUS": "ultrasound within vessels", "KO": "a list of objects", "MG": "mammography",
    "MR": "magnetic resonance", "NM": "nuclear medicine", "OCT": "optical coherence tomography",
    "OP": "a photograph of the eye", "OPT": "tomography of the eye", "PT": "positron emission tomography",
    "PX": "a panorama of teeth", "SEG": "a segmentation", "SM": "a slide of a microscope", "US": "ultrasound",
    "XA": "angiography", "XC": "a photograph",
}  # fmt: skip
"""Modalities that are no projection of a chest (PS3.3 C.7.3.1.1.1). CR, DX, RG and the like, OT, SC and all that
are not listed say nothing against one."""

_CHEST = re.compile("CHEST|THORA|TORAX|TORSO|LUNG|RIB|HEART|STERN|CLAVIC|MEDIAST|PULM|BODY")
"""A body part with one of these in it is of the chest, also together with others (CHESTABDOMEN)."""
_OTHERS = re.compile(
    "ABDO|PELVI|HIP|KUB|SKULL|HEAD|BRAIN|NECK|FACE|FACIAL|JAW|MANDIB|TEETH|DENTAL|ORBIT|SINUS|NOSE|NASAL|EYE|"
    "SPINE|SPINAL|CERVIC|LUMB|SACR|COCCYX|HAND|FINGER|THUMB|WRIST|ARM|ELBOW|HUMER|RADIUS|ULNA|SHOULDER|SCAPULA|"
    "LEG|KNEE|PATELLA|ANKLE|FOOT|TOE|HEEL|CALCAN|FEMUR|TIBIA|FIBULA|THIGH|CALF|EXTREMIT|BREAST|BLADDER|KIDNEY|"
    "LIVER|BOWEL|COLON|STOMACH|PROSTATE|UTERUS"
)
"""Body parts that are none (the defined terms of PS3.16 annex L, and how they are written). Others say nothing."""
_LATERAL = ("LL", "RL", "LLD", "RLD", "LAT", "LATERAL", "LEFTLATERAL", "RIGHTLATERAL")
_FRONTAL = ("AP", "PA", "FRONTAL", "ANTEROPOSTERIOR", "POSTEROANTERIOR")


@dataclass(frozen=True)
class _FilmTags:
    """What a header says.

    Attributes:
        other: why it is no chest film, as `BodyPartExamined is HAND`; empty where the header says nothing of it.
        view: `frontal`, `lateral` or None.
        position: the view in letters, as `LL`.
    """

    other: str = ""
    view: str | None = None
    position: str = ""


def _film_tags(data: bytes) -> _FilmTags:
    """Read the tags of a DICOM file's bytes; a header that cannot be read says nothing."""
    try:
        import pydicom

        dataset = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True, specific_tags=_TAGS)
        modality = _word(dataset, "Modality")
        name, part = "BodyPartExamined", _word(dataset, "BodyPartExamined")
        if not part:
            name, part = "AnatomicRegionSequence", _code(dataset, "AnatomicRegionSequence", "CodeMeaning")
        position = _word(dataset, "ViewPosition")
        position = position or VIEW_CODES.get(_code(dataset, "ViewCodeSequence", "CodeValue"), "")
    except Exception:  # whatever a damaged header leads to; the decoder names it
        return _FilmTags()
    view = "lateral" if _plain(position) in _LATERAL else "frontal" if _plain(position) in _FRONTAL else None
    other = ""
    if modality in _MODALITIES:
        other = f"Modality is {modality} ({_MODALITIES[modality]})"
    elif not _CHEST.search(_plain(part)) and _OTHERS.search(_plain(part)):
        other = f"{name} is {part}"
    return _FilmTags(other, view, position)


def _dicom_colour(data: bytes) -> npt.NDArray[np.uint8] | None:
    """The picture of a DICOM file in 8-bit colour, uint8 [h, w, 3]; None where it is gray, or of other depth."""
    try:
        import pydicom
        from pydicom.pixels import pixel_array

        header = pydicom.dcmread(
            io.BytesIO(data), force=True, stop_before_pixels=True, specific_tags=["SamplesPerPixel"]
        )
        found = pixel_array(io.BytesIO(data)) if header.get("SamplesPerPixel") == 3 else None
    except Exception:  # as above; the gray picture could be decoded
        return None
    fits = found is not None and found.dtype == np.uint8 and found.ndim == 3
    return np.asarray(found) if fits else None


def _word(dataset: Any, tag: str) -> str:
    """A value as its bytes stand there: pydicom would judge it, and warn."""
    element = dataset.get_item(tag)
    value = b"" if element is None else element.value
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text.strip(" \0").upper()[:64]


def _code(dataset: Any, sequence: str, keyword: str) -> str:
    """A word of the first item of a sequence."""
    items = dataset.get(sequence)
    return _word(items[0], keyword) if items else ""


def _plain(text: str) -> str:
    return re.sub(r"[^A-Z]", "", text)
