"""DICOM files to gray: which files are read, and what their headers say.

Stored values are decoded in `stored.py` and become gray in `display.py`. Only tags that describe pixels are
parsed: no patient data are ever read.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from hilum.config import LimitsConfig
from hilum.errors import ImageError, MissingExtra
from hilum.pixels.decoding import LIMITS, Gray, check_size, too_much
from hilum.pixels.display import shown
from hilum.pixels.stored import stored_values
from hilum.pixels.tags import numbers, whole

_SUFFIXES = (".dcm", ".dicom", ".dic")
"""A file without the DICM mark (old exports) is taken for DICOM only under one of these endings."""

_TAGS = [
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction", "FloatPixelData",
    "DoubleFloatPixelData", "PixelData",
]  # fmt: skip

_UNHEARD = ("ignore", None, Warning, re.compile("pydicom"), 0)
"""The filter of pydicom's warnings, as Python keeps it."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_META_AT = 132
"""Where the group of file meta information begins; its first element, of 12 bytes, says how long the rest is."""
_SQUARE = 0.01
"""Sides of a pixel that differ by a smaller share than this are taken for equal."""
_LONGEST = 4.0
"""A pixel that is said to be longer than this many times its width is not believed."""


def is_dicom(data: bytes, suffix: str = "") -> bool:
    """Whether the bytes are a DICOM file: by its mark, else by the ending of its name."""
    return data[128:132] == b"DICM" or suffix.lower() in _SUFFIXES


def dicom_gray(data: bytes, limits: LimitsConfig = LIMITS, notes: list[str] | None = None) -> Gray:
    """Decode a single-frame DICOM file.

    What is black and white is decided as `hilum.pixels.display.shown` says. Pixels that are not square by
    PixelAspectRatio, PixelSpacing or ImagerPixelSpacing are made so along their longer side, and that is noted.

    Args:
        data: the file.
        limits: what it may cost.
        notes: takes a clause on each guess.

    Returns:
        uint8 [h, w].

    Raises:
        ImageError: no or several frames, cut short, tags that contradict each other or hold no number, float or
            palette pixels, or a compression that no installed decoder reads.
        MissingExtra: pydicom, or the decoder that this file needs, is not installed.
    """
    notes = [] if notes is None else notes
    dataset = _parse(data, limits)
    with _image_errors("is a DICOM file whose pixels cannot be decoded"):
        _check(dataset, limits)
        stored = stored_values(dataset, limits, notes)
        if whole(dataset, "SamplesPerPixel") == 1:
            gray = shown(stored, dataset, notes)
        else:
            gray = _colour(stored, dataset)
        width, height = _upright_size(dataset)
        if gray.shape != (height, width):
            check_size(width, height, 1, limits)
            notes.append("pixels that are not square: made so")
            gray = np.asarray(cv2.resize(gray, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return gray


def dicom_header(data: bytes, limits: LimitsConfig = LIMITS) -> tuple[int, int, int, str]:
    """Width, height, bits stored and mode, from the beginning of a DICOM file or all of it."""
    dataset = _parse(data, limits, stop_before_pixels=True)
    with _image_errors("is a DICOM file that does not describe an image"):
        mode = "gray" if whole(dataset, "SamplesPerPixel") == 1 else "rgb"
        if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
            mode = "palette"
        return *_upright_size(dataset), whole(dataset, "BitsStored"), mode


def _parse(data: bytes, limits: LimitsConfig = LIMITS, stop_before_pixels: bool = False) -> Any:
    """The tags of `_TAGS` as a pydicom dataset, unread: a value that is none raises when it is asked for.

    Raises:
        ImageError: not DICOM, damaged, or deflated and too large.
        MissingExtra: pydicom is not installed.
    """
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtra("pydicom", "dicom", "reading DICOM files") from error
    # Values that break the standard are warned of and read; what counts is checked where it is used.
    if _UNHEARD not in warnings.filters:
        warnings.filterwarnings("ignore", module="pydicom")
    try:
        _check_deflated(data, limits)
        return pydicom.dcmread(
            io.BytesIO(data),
            force=data[128:132] != b"DICM",
            stop_before_pixels=stop_before_pixels,
            specific_tags=_TAGS,
        )
    except ImageError:
        raise
    except Exception as error:
        raise ImageError("is a DICOM file that is cut short or damaged within its header") from error


def _check_deflated(data: bytes, limits: LimitsConfig) -> None:
    """Refuse a deflated file that would inflate to too much; pydicom inflates whatever comes."""
    start = _META_AT + 12 + int.from_bytes(data[_META_AT + 8 : _META_AT + 12], "little")
    if _DEFLATED not in data[_META_AT:start]:
        return
    inflate, at, size, step = zlib.decompressobj(-zlib.MAX_WBITS), start, 0, 1 << 16
    while at < len(data) and not inflate.eof:
        rest = data[at : at + step]
        while rest and not inflate.eof:
            size += len(inflate.decompress(rest, 1 << 24))
            rest = inflate.unconsumed_tail
            if size > limits.bytes:
                raise too_much(
                    f"is a deflated DICOM file that inflates to over {limits.bytes:,} bytes", "bytes"
                )
        at += step


def _check(dataset: Any, limits: LimitsConfig) -> None:
    """Refuse what is not one picture of integers within the limits, or contradicts itself."""
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise ImageError("is a DICOM file of float pixels; expected integers of up to 16 bits")
    if "PixelData" not in dataset:
        raise ImageError("is a DICOM file without pixels: cut short, or not an image")
    frames = whole(dataset, "NumberOfFrames", 1)
    if frames > 1:
        raise ImageError(f"is a DICOM file of {frames} frames; expected a single image")
    allocated, stored = whole(dataset, "BitsAllocated"), whole(dataset, "BitsStored")
    samples, signed = whole(dataset, "SamplesPerPixel"), whole(dataset, "PixelRepresentation", 0)
    if allocated not in (1, 8, 16):
        raise ImageError(f"is a DICOM file of {allocated}-bit pixels; expected integers of 8 or 16 bits")
    if not 1 <= stored <= allocated or signed not in (0, 1) or samples not in (1, 3):
        raise ImageError(
            f"is a DICOM file that contradicts itself: BitsStored {stored} of {allocated}, "
            f"PixelRepresentation {signed}, SamplesPerPixel {samples}"
        )
    check_size(whole(dataset, "Columns"), whole(dataset, "Rows"), samples * -(-allocated // 8), limits)


def _upright_size(dataset: Any) -> tuple[int, int]:
    """Width and height once pixels are square (PS3.3 C.7.6.3.1.7 and 10.7.1.3: down before across)."""
    width, height = whole(dataset, "Columns"), whole(dataset, "Rows")
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        sides = numbers(dataset, keyword)
        if len(sides) == 2 and all(np.isfinite(sides)) and min(sides) > 0:
            ratio = sides[0] / sides[1]
            if not 1 / _LONGEST <= ratio <= _LONGEST:
                raise ImageError(f"is a DICOM file whose {keyword} says {sides[0]:g} to {sides[1]:g}")
            if abs(ratio - 1) > _SQUARE:
                return (width, round(height * ratio)) if ratio > 1 else (round(width / ratio), height)
            break
    return width, height


def _colour(values: Any, dataset: Any) -> Gray:
    """Luma of an 8-bit RGB picture (pydicom has turned YBR into RGB), or what is luma already."""
    interpretation = str(dataset.get("PhotometricInterpretation"))
    if not interpretation.startswith(("RGB", "YBR_")):
        raise ImageError(f"is a DICOM file of {interpretation} pixels; expected gray, or 8-bit colour")
    if values.dtype != np.uint8:
        raise ImageError(
            f"is a DICOM file of {whole(dataset, 'BitsStored')}-bit colour; expected gray, or 8-bit colour"
        )
    return np.asarray(values if values.ndim == 2 else cv2.cvtColor(values, cv2.COLOR_RGB2GRAY), np.uint8)


@contextmanager
def _image_errors(what: str) -> Iterator[None]:
    """Whatever a value or a decoder raises is this file's ImageError."""
    try:
        yield
    except (ImageError, MissingExtra):
        raise
    except Exception as error:  # pydicom and its decoders raise nearly every type there is
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ImageError(f"{what}: {line}") from error
