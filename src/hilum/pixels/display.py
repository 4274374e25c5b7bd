"""From stored values of a DICOM file to displayed gray: modality and VOI transforms, padding, MONOCHROME1.

The transforms are those of DICOM PS3.3 C.11 (modality LUT or rescale, then VOI LUT or window) and act on single
pixels, so they are worked out once for every stored value and the picture is one table look-up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.errors import ImageError
from hilum.pixels.decoding import Gray
from hilum.pixels.tags import numbers, whole

_Ramp = npt.NDArray[np.int64]
_Shares = npt.NDArray[np.float64]
_ROWS = 64
_NARROWEST = {"LINEAR": 1.0, "LINEAR_EXACT": 0.0, "SIGMOID": 0.0}
"""The least width of a window, of each function; only LINEAR may be as narrow as this."""


def shown(stored: npt.NDArray[Any], dataset: Any, notes: list[str]) -> Gray:
    """Displayed gray of stored values.

    A VOI LUT or else the first window decides what is black and white; a LUT by the depth that it declares.
    Without either (or with a window that is none), values of up to 8 bits are taken as they are and deeper ones
    run from the image's own minimum to its maximum, as viewers show them; that is noted. Padding pixels are
    black; MONOCHROME1 is inverted, so that air is dark in every picture.

    Args:
        stored: integers [h, w].
        dataset: the tags.
        notes: takes a clause on each guess.

    Raises:
        ImageError: not gray, a rescale or LUT that cannot be used, or one that leaves no gray.
    """
    interpretation = dataset.get("PhotometricInterpretation")
    if interpretation not in ("MONOCHROME1", "MONOCHROME2"):
        raise ImageError(f"is a DICOM file of {interpretation} pixels; expected gray, or 8-bit colour")
    low, high = int(stored.min()), int(stored.max())
    ramp = np.arange(low, high + 1, dtype=np.int64)
    picture = ~_padding(ramp, dataset)
    if not picture.all():  # values between the picture's and the padding's do not occur
        picture &= sum(np.bincount(rows.ravel(), minlength=len(ramp)) for rows in _indices(stored, low)) > 0
    share = _display(ramp, picture, dataset, notes)
    gray = share * 255.0
    _check_grays(np.rint(gray[picture]))
    if interpretation == "MONOCHROME1":
        gray = 255 - gray
    gray[~picture] = 0
    table = np.rint(gray).astype(np.uint8)
    return np.concatenate([table[rows] for rows in _indices(stored, low)])


def _indices(stored: npt.NDArray[Any], low: int) -> Iterator[npt.NDArray[np.int32]]:
    """Places of the values in the ramp, some rows at a time: NumPy looks up by numbers of 8 bytes."""
    for start in range(0, len(stored), _ROWS):
        yield stored[start : start + _ROWS].astype(np.int32) - low


def _check_grays(kept: _Shares) -> None:
    """Refuse a display of one gray, or of black and white alone, of more values: rescale and window do not fit."""
    between = bool(((kept > 0) & (kept < 255)).any())
    if len(kept) > 1 and not between and (len(kept) > 2 or np.ptp(kept) == 0):
        raise ImageError(
            "is a DICOM file whose window or look-up table leaves no gray between black and white"
        )


def _display(ramp: _Ramp, picture: npt.NDArray[np.bool_], dataset: Any, notes: list[str]) -> _Shares:
    """Gray, 0 to 1, of every stored value in `ramp`; `picture` says which occur and are not padding."""
    values = _modality(ramp, dataset)
    if dataset.get("VOILUTSequence"):
        table = dataset.VOILUTSequence[0]
        mapped, bits = _look_up(np.rint(values), table, _modality(_range(dataset), dataset), dataset, notes)
        return np.clip(mapped / (2.0**bits - 1), 0.0, 1.0)
    if (window := _window(dataset, notes)) is not None:
        return _windowed(values, *window)
    bits, low = whole(dataset, "BitsStored"), int(_range(dataset)[0])
    if bits <= 8 and np.array_equal(values, ramp):
        return (values - low) / (2.0**bits - 1)
    kept = values[picture] if picture.any() else values
    darkest, lightest = float(kept.min()), float(kept.max())
    notes.append("no window and no look-up table: its own darkest and lightest value are black and white")
    return np.clip((values - darkest) / ((lightest - darkest) or 1.0), 0.0, 1.0)


def _range(dataset: Any) -> _Ramp:
    """The least and the greatest value that the bits stored can hold."""
    bits, signed = whole(dataset, "BitsStored"), whole(dataset, "PixelRepresentation", 0)
    low = -(1 << bits - 1) if signed else 0
    return np.array([low, low + (1 << bits) - 1])


def _modality(values: _Ramp, dataset: Any) -> _Shares:
    """Output of the modality LUT or of the rescale (PS3.3 C.11.1): any slope but zero, negative ones too."""
    if dataset.get("ModalityLUTSequence"):
        table = dataset.ModalityLUTSequence[0]
        return _look_up(values.astype(np.float64), table, _range(dataset).astype(np.float64), dataset, [])[0]
    slope, intercept = _number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")
    slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    if not slope or not math.isfinite(slope) or not math.isfinite(intercept):
        raise ImageError(f"is a DICOM file whose rescale, {slope:g} x + {intercept:g}, cannot be used")
    return values.astype(np.float64) * slope + intercept


def _look_up(
    values: _Shares, item: Any, span: npt.NDArray[Any], dataset: Any, notes: list[str]
) -> tuple[_Shares, int]:
    """Entries of a LUT (PS3.3 C.11.1.1.1 and C.11.2.1.1) and the bits that white has.

    Args:
        values: what is looked up.
        item: of the ModalityLUTSequence or VOILUTSequence.
        span: two values between which all input lies, whatever the picture.
        dataset: the file.
        notes: takes a clause where the depth is a guess.
    """
    described = [int(value) for value in item.LUTDescriptor]
    if len(described) != 3:
        raise ImageError("is a DICOM file with a look-up table that does not say its length, start and depth")
    count, first, bits = described[0] % (1 << 16) or 1 << 16, described[1], described[2]
    table = _entries(item, count, dataset)
    if not 8 <= bits <= 16:
        raise ImageError(f"is a DICOM file with a look-up table of {bits} bits; expected 8 to 16")
    first = _fitting(first, math.floor(span.min()), math.ceil(span.max()), 16)
    filled = max(8, int(table.max()).bit_length())
    if filled != bits:  # Agfa and others declare the 16 bits of a word and fill fewer
        notes.append(f"a look-up table that says {bits} bits and fills {filled}: these are taken")
        bits = filled
    return table[np.clip(values - first, 0, count - 1).astype(np.int64)].astype(np.float64), bits


def _entries(item: Any, count: int, dataset: Any) -> npt.NDArray[np.uint16]:
    """The entries of a LUT: words, or bytes where so many are there."""
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.original_encoding[1] else ">"
        kind = f"{order}u2" if len(data) >= 2 * count else "u1"
        table = np.frombuffer(data, kind, len(data) // np.dtype(kind).itemsize)
    else:
        table = np.atleast_1d(np.asarray(data, np.int64)) % (1 << 16)
    if len(table) < count:
        raise ImageError(f"is a DICOM file with a look-up table of {len(table)} entries; it says {count}")
    return table[:count].astype(np.uint16)


def _window(dataset: Any, notes: list[str]) -> tuple[float, float, str] | None:
    """Centre, width and function of the first window; None where there is none, or none that can be used."""
    centre, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    if centre is None or width is None:
        return None
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    if function not in _NARROWEST:
        raise ImageError(
            f"is a DICOM file whose VOILUTFunction is {function[:20]!r}; known: {', '.join(_NARROWEST)}"
        )
    narrow = _NARROWEST[function]
    if not math.isfinite(centre) or not math.isfinite(width) or width < narrow or width == 0:
        notes.append(f"a window of centre {centre:g} and width {width:g}: not used")
        return None
    return centre, width, function


def _windowed(values: _Shares, centre: float, width: float, function: str) -> _Shares:
    """Gray, 0 to 1, under a window (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    if function == "SIGMOID":
        with np.errstate(over="ignore"):  # exp of a narrow one
            return 1.0 / (1.0 + np.exp(-4.0 * (values - centre) / width))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1.0
    below, above = values <= centre - width / 2, values > centre + width / 2
    inside = (values - centre) / (width or 1.0) + 0.5
    return np.asarray(np.where(below, 0.0, np.where(above, 1.0, inside)), np.float64)


def _padding(ramp: _Ramp, dataset: Any) -> npt.NDArray[np.bool_]:
    """Which stored values mark pixels outside the picture (PS3.3 C.7.5.1.1.2)."""
    value = _number(dataset, "PixelPaddingValue")
    if value is None or not math.isfinite(value):
        return np.zeros(len(ramp), bool)
    limit = _number(dataset, "PixelPaddingRangeLimit")
    limit = value if limit is None or not math.isfinite(limit) else limit
    low, high = _range(dataset).tolist()
    ends = [_fitting(int(end), low, high, whole(dataset, "BitsStored")) for end in (value, limit)]
    return (ramp >= min(ends)) & (ramp <= max(ends))


def _number(dataset: Any, keyword: str) -> float | None:
    """The first value of an element; None where it is missing or empty."""
    return next(iter(numbers(dataset, keyword)), None)


def _fitting(value: int, low: int, high: int, bits: int) -> int:
    """A value of `bits` bits of which only one reading, signed or unsigned, lies in [low, high].

    Attributes of the kind "US or SS" are signed where pixels are (PS3.6), and files err. Padding may also have
    been written in 16 bits where fewer are stored.
    """
    for span in (1 << 16, 1 << bits):
        if value > high:
            value = value - span if low <= value - span <= high else value
        elif value < low:
            value = value + span if low <= value + span <= high else value
    return value
