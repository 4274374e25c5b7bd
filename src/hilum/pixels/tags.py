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


def whole(dataset: Any, keyword: str, default: int | None = None) -> int:
    """A whole number; `default` where it is missing, and None there means that it must not be.

    Raises:
        ImageError: missing, no number or no whole one.
    """
    found = next(iter(numbers(dataset, keyword)), default)
    if found is None:
        raise ImageError(f"is a DICOM file that does not say its {keyword}")
    if not math.isfinite(found) or found != int(found):
        raise ImageError(f"is a DICOM file whose {keyword} is {found:g}; expected a whole number")
    return int(found)
