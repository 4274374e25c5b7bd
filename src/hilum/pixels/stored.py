"""Stored values of a DICOM file: which decoder reads which compression, and which bits hold the picture.

Decoders that let go of Python's lock and tell of damage are taken before pydicom's own choice:

| transfer syntax | decoder |
|---|---|
| JPEG baseline and extended | libjpeg-turbo (simplejpeg; imagecodecs beyond 8 bits) |
| JPEG Lossless (.57, .70) | libjpeg-turbo (imagecodecs); simplejpeg says whether the codes are whole |
| JPEG 2000 | OpenCV where it is plain gray, else pydicom's |
| RLE | imagecodecs (PackBits) |
| JPEG-LS, none, deflated | pydicom's |
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hilum.config import LimitsConfig
from hilum.errors import ImageError, MissingExtra
from hilum.pixels.decoding import decode
from hilum.pixels.jpeg_png import check_stream, jpeg_header, luma
from hilum.pixels.sizes import CODESTREAM, check_end, size_of
from hilum.pixels.tags import whole

_JPEG_DCT = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_RLE = "1.2.840.10008.1.2.5"
_NEEDS_EXTRA = {**dict.fromkeys(_JPEG_LS, "pyjpegls"), **dict.fromkeys(_JPEG_2000, "pylibjpeg-openjpeg")}

_Values = npt.NDArray[Any]


def stored_values(dataset: Any, limits: LimitsConfig, notes: list[str]) -> _Values:
    """Stored values, integers [h, w] or [h, w, 3], of the bits stored only, at the bottom; of JPEG colours, luma.

    Raises:
        ImageError: damaged, or of another size than the header says.
        MissingExtra: the decoder is not installed.
    """
    syntax = _syntax(dataset)
    if syntax.is_encapsulated:
        values = _unpacked(dataset, syntax, limits)
    else:
        _check_length(dataset, notes)
        values = _by_pydicom(dataset, syntax)
    if values.ndim not in (2, 3) or values.shape[:2] != (whole(dataset, "Rows"), whole(dataset, "Columns")):
        raise ImageError(f"is a DICOM file whose pixels are {values.shape}, not what its header says")
    # Codes of the JPEG family hold samples; where these lie in a word is said of words only.
    return _bits_stored(values, dataset, words=not syntax.is_encapsulated or syntax == _RLE)


def _syntax(dataset: Any) -> Any:
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is None:  # a file without meta header: pydicom has told the encoding from the bytes
        from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

        implicit = dataset.original_encoding[0]
        syntax = dataset.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        )
    return syntax


def _check_length(dataset: Any, notes: list[str]) -> None:
    """Refuse data for more rows than the header says; a little more is padding, and noted."""
    bits = whole(dataset, "SamplesPerPixel") * whole(dataset, "BitsAllocated")
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        bits = 16
    needed = -(-whole(dataset, "Rows") * whole(dataset, "Columns") * bits // 8)
    there = len(dataset.PixelData)
    if there - needed >= max(2, needed // whole(dataset, "Rows")):
        raise ImageError(
            f"is a DICOM file with {there:,} bytes of pixels where its header says {needed:,}: several frames, "
            "or another size or colour than it says"
        )
    if there > needed + 1:
        notes.append(f"{there - needed} bytes after the pixels: not looked at")


def _unpacked(dataset: Any, syntax: Any, limits: LimitsConfig) -> _Values:
    """Values of the one frame of a compressed file."""
    from pydicom.encaps import get_frame

    if syntax not in (*_JPEG_DCT, *_JPEG_LOSSLESS, *_JPEG_LS, *_JPEG_2000, _RLE):
        return _by_pydicom(dataset, syntax)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if syntax == _RLE:
        return _run_lengths(frame, dataset)
    if syntax in _JPEG_2000:
        check_end(frame)
        at = max(frame.find(CODESTREAM), 0)
        _check_sides(dataset, size_of(frame[at:], "JPEG 2000")[:2])
        values = _jpeg_2000(dataset, frame)
        return _by_pydicom(dataset, syntax) if values is None else values
    header = jpeg_header(frame)
    info = header.info
    _check_sides(dataset, (info.width, info.height))
    if syntax in _JPEG_LS:
        return _by_pydicom(dataset, syntax)
    if whole(dataset, "SamplesPerPixel") != info.channels:
        raise ImageError(
            f"is a DICOM file that holds codes for {info.channels} values a pixel; it says otherwise"
        )
    if info.bits == 8 and syntax in _JPEG_DCT:
        return luma(
            frame, header, limits
        )  # the codes say whether colours are YBR or RGB; tags are often wrong
    if info.channels > 1:
        raise ImageError(f"is a DICOM file compressed as {syntax.name} in colour; expected gray")
    check_stream(frame, limits)
    import imagecodecs

    return np.asarray(imagecodecs.jpeg8_decode(frame))


def _check_sides(dataset: Any, sides: tuple[int, int]) -> None:
    """Refuse codes of another size than the header's: it was the header's that the limits were asked of."""
    said = whole(dataset, "Columns"), whole(dataset, "Rows")
    if sides != said:
        raise ImageError(
            f"is a DICOM file that says {said[0]} x {said[1]} pixels and holds codes for {sides[0]} x {sides[1]}"
        )


def _run_lengths(frame: bytes, dataset: Any) -> _Values:
    """Decode RLE (PS3.5 annex G): one segment a byte of a sample, the highest first.

    pydicom's decoder is a loop in Python, and takes the first pixels of a segment that holds too many.
    """
    import imagecodecs

    samples, size = whole(dataset, "SamplesPerPixel"), -(-whole(dataset, "BitsAllocated") // 8)
    sides = whole(dataset, "Rows"), whole(dataset, "Columns")
    count, *offsets = struct.unpack_from("<16I", frame)
    if count != samples * size:
        raise ImageError(f"is a DICOM file of {count} RLE segments; its header says {samples * size}")
    pixels, ends = sides[0] * sides[1], [*offsets[1:count], len(frame)]
    planes = [
        np.frombuffer(imagecodecs.packbits_decode(frame[start:end], out=pixels + 1), np.uint8)
        for start, end in zip(offsets, ends, strict=False)
    ]
    if any(not 0 <= len(plane) - pixels <= 1 for plane in planes):
        raise ImageError(
            "is a DICOM file whose RLE segments hold other numbers of pixels than its header says"
        )
    values = np.empty((*sides, samples, size), np.uint8)
    for at, plane in enumerate(planes):
        values[..., at // size, size - 1 - at % size] = plane[:pixels].reshape(sides)
    whole_values = values.view(f"<u{size}")[..., 0]
    return whole_values[..., 0] if samples == 1 else whole_values


def _by_pydicom(dataset: Any, syntax: Any) -> _Values:
    try:
        dataset.pixel_array_options(correct_unused_bits=False)  # it takes HighBit to be BitsStored - 1
        values: _Values = dataset.pixel_array
    except RuntimeError as error:
        if "missing dependencies" not in str(error) and "Unable to decompress" not in str(error):
            raise
        if "missing dependencies" in str(error) and syntax in _NEEDS_EXTRA:
            raise MissingExtra(_NEEDS_EXTRA[syntax], "dicom", f"reading {syntax.name}") from error
        raise ImageError(
            f"is a DICOM file compressed as {syntax.name}, which no installed decoder reads; decompress it, "
            "for example with gdcmconv --raw"
        ) from error
    return values


def _jpeg_2000(dataset: Any, frame: bytes) -> _Values | None:
    """Decode plain gray JPEG 2000 by OpenCV, or None where it is anything else.

    Same library and same values as pylibjpeg's, but OpenCV lets go of Python's lock: on 4 cores a 1955 x 1841
    image takes 31 instead of 130 ms.
    """
    from pydicom.pixels.utils import get_j2k_parameters

    if whole(dataset, "SamplesPerPixel") != 1 or whole(dataset, "PixelRepresentation", 0):
        return None
    coded = get_j2k_parameters(frame)
    if coded.get("is_signed", True) or coded.get("precision") != whole(dataset, "BitsStored"):
        return None
    values = decode(frame, cv2.IMREAD_ANYDEPTH)
    fits = values is not None and values.shape == (whole(dataset, "Rows"), whole(dataset, "Columns"))
    return values if fits else None


def _bits_stored(values: _Values, dataset: Any, words: bool) -> _Values:
    """Values without bits above the stored ones (old overlays), shifted down where HighBit says so.

    HighBit is BitsStored - 1 by PS3.5 8.1.1; older files put the bits at the top of a word.
    """
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 2:
        raise ImageError(f"is a DICOM file of {values.dtype} pixels; expected integers of up to 16 bits")
    stored, size = whole(dataset, "BitsStored"), values.dtype.itemsize * 8
    high = whole(dataset, "HighBit", stored - 1) if words else stored - 1
    below = high + 1 - stored
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if whole(dataset, "PixelRepresentation", 0) and values.dtype.kind == "u":
        values = values.view(values.dtype.str.replace("u", "i"))
    if below < 0 or high >= size or (below and (values & ((1 << below) - 1)).any()):
        raise ImageError(f"is a DICOM file whose HighBit {high} does not fit its {stored} bits stored")
    spare = size - high - 1
    if spare > 0 and values.ndim == 2 and (values >> (high + 1)).any():
        values = (values << spare) >> spare  # arithmetic on signed types: extends the sign
    return values >> below if below else values
