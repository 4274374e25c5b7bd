"""Numbers of a DICOM header, whatever a writer made of them."""

from __future__ import annotations

import math
from typing import Any

from hilum.errors import ImageError


def numbers(dataset: Any, keyword: str) -> list[float]:
    """All values of an element; empty where it is missing or empty.

    Raises:
        ImageError: one of them is no number.
    """
    try:
        value = dataset.get(keyword)
        if value is None or value == "":
            return []
        several = not isinstance(value, str) and hasattr(value, "__iter__")
        return [float(each) for each in (value if several else [value])]
    except Exception as error:  # pydicom reads a value when it is asked for, and raises nearly every type
        raise ImageError(f"is a DICOM file whose {keyword} is not a number") from error


def number(dataset: Any, keyword: str) -> float | None:
    """The first value of an element; None where it is missing or empty."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def whole(dataset: Any, keyword: str, default: int | None = None) -> int:
    """A whole number; `default` where it is missing, and None there means that it must not be.

    Raises:
        ImageError: missing, no number or no whole one.
    """
    found = number(dataset, keyword)
    if found is None:
        if default is None:
            raise ImageError(f"is a DICOM file that does not say its {keyword}")
        return default
    if not math.isfinite(found) or found != int(found):
        raise ImageError(f"is a DICOM file whose {keyword} is {found:g}; expected a whole number")
    return int(found)


def fitting(value: int, low: int, high: int, bits: int) -> int:
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
