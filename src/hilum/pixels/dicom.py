"""DICOM files to gray: modality and VOI transforms, bit depths, signs and MONOCHROME1.

The transforms of stored values to displayed values are those of DICOM PS3.3 C.11 (modality LUT or rescale,
then VOI LUT or window) and act on single pixels, so they are worked out once for every stored value and the
picture is one table look-up. Only tags that describe pixels are parsed: no patient data are ever read.
"""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hilum.errors import ImageError, MissingExtra
from hilum.pixels.opencv import Gray, decode

SUFFIXES = (".dcm", ".dicom", ".dic")
"""A file without the DICM mark (old exports) is taken for DICOM only under one of these endings."""

TAGS = [
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PixelData",
]

JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
NEEDS_EXTRA = {
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    **dict.fromkeys(JPEG_2000, "pylibjpeg-openjpeg"),
}


def is_dicom(data: bytes, suffix: str = "") -> bool:
    """Whether the bytes are a DICOM file: by its mark, else by the ending of its name."""
    return data[128:132] == b"DICM" or suffix.lower() in SUFFIXES


def dicom_gray(data: bytes) -> Gray:
    """Decode a single-frame DICOM file.

    A VOI LUT or else the first window decides what is black and white. Without either, 8-bit values are taken
    as they are and deeper ones run from the image's own minimum to its maximum, as viewers show them. Padding
    pixels are black; MONOCHROME1 is inverted, so that air is dark in every picture.

    Returns:
        uint8 [h, w].

    Raises:
        ImageError: no or several frames, cut short, or a compression that no installed decoder reads.
        MissingExtra: pydicom, or the decoder that this file needs, is not installed.
    """
    dataset = _parse(data)
    frames = int(dataset.get("NumberOfFrames") or 1)
    if "PixelData" not in dataset:
        raise ImageError("is a DICOM file without pixels: cut short, or not an image")
    if frames > 1:
        raise ImageError(f"is a DICOM file of {frames} frames; expected a single image")
    try:
        stored = _stored(dataset)
        return _colour(stored, dataset) if stored.ndim == 3 else _shown(stored, dataset)
    except (ImageError, MissingExtra):
        raise
    except Exception as error:  # pydicom and its decoders raise nearly every type there is
        raise ImageError(f"is a DICOM file whose pixels cannot be decoded: {_first_line(error)}") from error


def dicom_header(data: bytes) -> tuple[int, int, int, str]:
    """Width, height, bits stored and mode, from the beginning of a DICOM file or all of it."""
    dataset = _parse(data, stop_before_pixels=True)
    try:
        mode = "gray" if int(dataset.SamplesPerPixel) == 1 else "rgb"
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            mode = "palette"
        return int(dataset.Columns), int(dataset.Rows), int(dataset.BitsStored), mode
    except (AttributeError, TypeError, ValueError) as error:
        raise ImageError("is a DICOM file that does not describe an image") from error


def _parse(data: bytes, stop_before_pixels: bool = False) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtra("pydicom", "dicom", "reading DICOM files") from error
    try:
        return pydicom.dcmread(
            io.BytesIO(data),
            force=data[128:132] != b"DICM",
            stop_before_pixels=stop_before_pixels,
            specific_tags=TAGS,
        )
    except Exception as error:
        raise ImageError("is a DICOM file that is cut short or damaged within its header") from error


def _stored(dataset: Any) -> npt.NDArray[Any]:
    """Stored values, integer [h, w] or [h, w, 3], without bits above the stored ones (old overlays)."""
    values = _jpeg_2000(dataset)
    if values is None:
        values = _decode(dataset)
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 2:
        raise ImageError(f"is a DICOM file of {values.dtype} pixels; expected integers of up to 16 bits")
    spare = values.dtype.itemsize * 8 - int(dataset.BitsStored)
    if spare > 0 and values.ndim == 2 and (values >> (values.dtype.itemsize * 8 - spare)).any():
        values = (values << spare) >> spare  # arithmetic on signed types: extends the sign
    return values


def _decode(dataset: Any) -> npt.NDArray[Any]:
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is None:  # a file without meta header: pydicom has told the encoding from the bytes
        from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

        implicit = dataset.original_encoding[0]
        syntax = dataset.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        )
    try:
        values: npt.NDArray[Any] = dataset.pixel_array
    except RuntimeError as error:
        if "missing dependencies" not in str(error) and "Unable to decompress" not in str(error):
            raise
        if "missing dependencies" in str(error) and syntax in NEEDS_EXTRA:
            raise MissingExtra(NEEDS_EXTRA[syntax], "dicom", f"reading {syntax.name}") from error
        raise ImageError(
            f"is a DICOM file compressed as {syntax.name}, which no installed decoder reads; "
            "pip install python-gdcm, or decompress it with gdcmconv --raw"
        ) from error
    return values


def _jpeg_2000(dataset: Any) -> npt.NDArray[Any] | None:
    """Decode plain gray JPEG 2000 by OpenCV, or None where it is anything else.

    Same library and same values as pylibjpeg's, but OpenCV lets go of Python's lock: on 4 cores a 1955 x 1841
    image takes 31 instead of 130 ms.
    """
    from pydicom.encaps import get_frame
    from pydicom.pixels.utils import get_j2k_parameters

    if getattr(dataset, "file_meta", {}).get("TransferSyntaxUID") not in JPEG_2000:
        return None
    if dataset.SamplesPerPixel != 1 or dataset.PixelRepresentation:
        return None
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    coded = get_j2k_parameters(frame)
    if coded.get("is_signed", True) or coded.get("precision") != dataset.BitsStored:
        return None
    values = decode(frame, cv2.IMREAD_ANYDEPTH)
    fits = values is not None and values.shape == (dataset.Rows, dataset.Columns)
    return values if fits else None


def _shown(stored: npt.NDArray[Any], dataset: Any) -> Gray:
    """Displayed gray of stored values."""
    interpretation = dataset.PhotometricInterpretation
    if interpretation not in ("MONOCHROME1", "MONOCHROME2"):
        raise ImageError(f"is a DICOM file of {interpretation} pixels; expected gray, or 8-bit colour")
    low, high = int(stored.min()), int(stored.max())
    index = stored.astype(np.int32) - low
    ramp = np.arange(low, high + 1, dtype=np.int64)
    picture = ~_padding(ramp, dataset)
    if not picture.all():  # values between the picture's and the padding's do not occur
        picture &= np.bincount(index.ravel(), minlength=len(ramp)) > 0
    gray = _display(ramp, picture, dataset)
    if interpretation == "MONOCHROME1":
        gray = 255 - gray
    gray[~picture] = 0
    return np.rint(gray).astype(np.uint8)[index]


def _display(
    ramp: npt.NDArray[np.int64], picture: npt.NDArray[np.bool_], dataset: Any
) -> npt.NDArray[np.float64]:
    """Gray, 0 to 255, of every stored value in `ramp`; `picture` says which occur and are not padding."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut, apply_windowing

    values = np.asarray(apply_modality_lut(ramp, dataset))
    if dataset.get("VOILUTSequence"):
        shown = apply_voi_lut(np.rint(values).astype(np.int64), dataset)
        # Many writers declare 16 bits a LUT entry and fill fewer.
        low, high = 0.0, 2.0 ** max(8, int(shown.max()).bit_length()) - 1
    elif (window := _window(dataset)) is not None:
        centre, width = window
        # All window functions are at their limits 100 widths off the centre.
        ends = np.array([centre - 100 * width, centre + 100 * width])
        with np.errstate(over="ignore"):  # exp of a narrow sigmoid
            (low, high), shown = (apply_windowing(v, dataset) for v in (ends, values.astype(np.float64)))
    elif int(dataset.BitsStored) <= 8 and np.array_equal(values, ramp):
        shown, low, high = values, 0.0, 2.0 ** int(dataset.BitsStored) - 1
    else:
        kept = values[picture] if picture.any() else values
        shown, low, high = values, float(kept.min()), float(kept.max())
    share = (shown.astype(np.float64) - low) / (high - low if high > low else 1.0)
    return np.asarray(np.clip(share, 0.0, 1.0) * 255.0)


def _window(dataset: Any) -> tuple[float, float] | None:
    """Centre and width of the first window; None where there is none, or one of no width."""

    def first(keyword: str) -> float | None:
        value = dataset.get(keyword)
        if value is None or value == "":
            return None
        return float(value[0] if hasattr(value, "__len__") else value)

    centre, width = first("WindowCenter"), first("WindowWidth")
    return (centre, width) if centre is not None and width is not None and width >= 1 else None


def _padding(ramp: npt.NDArray[np.int64], dataset: Any) -> npt.NDArray[np.bool_]:
    """Which stored values mark pixels outside the picture (PS3.3 C.7.5.1.1.2)."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int):
        return np.zeros(len(ramp), bool)
    limit = dataset.get("PixelPaddingRangeLimit")
    limit = limit if isinstance(limit, int) else value
    return (ramp >= min(value, limit)) & (ramp <= max(value, limit))


def _colour(values: npt.NDArray[Any], dataset: Any) -> Gray:
    """Luma of an 8-bit RGB picture (pydicom has turned YBR into RGB)."""
    if values.dtype != np.uint8 or values.shape[2] != 3:
        raise ImageError(
            f"is a DICOM file of {dataset.BitsStored}-bit colour; expected gray, or 8-bit colour"
        )
    return np.asarray(cv2.cvtColor(values, cv2.COLOR_RGB2GRAY), np.uint8)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
