"""Rescale, window, look-up tables, padding and bits: every number that a header may hold."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from dicoms import dicom, lut, with_text, with_unsigned, written
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import smooth
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from hilum.errors import ImageError
from hilum.pixels.dicom import dicom_gray
from hilum.pixels.read import _decode_picture

PICTURE = smooth(60, 44)
TWELVE = np.rint(PICTURE * (4095 / 255)).astype(np.uint16)
SIGNED = TWELVE.astype(np.int16) - 2000
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}


def off(data: bytes, right: np.ndarray) -> float:
    """The largest difference of what is read from the right gray."""
    return float(np.abs(dicom_gray(data).astype(float) - right).max())


@given(
    slope=st.floats(0.5, 100).flatmap(lambda size: st.sampled_from([size, -size])),
    intercept=st.floats(-5000, 5000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    bits=st.sampled_from([8, 12]),
)
@settings(max_examples=60)
def test_any_slope_with_a_window_over_its_range(
    slope: float, intercept: float, function: str, bits: int
) -> None:
    stored = PICTURE if bits == 8 else TWELVE
    span = abs(float(f"{slope:.6g}")) * (2**bits - 1)
    centre = float(f"{slope:.6g}") * (2**bits - 1) / 2 + float(f"{intercept:.6g}")
    tags = {
        "RescaleSlope": f"{slope:.6g}",
        "RescaleIntercept": f"{intercept:.6g}",
        "VOILUTFunction": function,
    }
    data = dicom(stored, bits, WindowCenter=f"{centre:.8g}", WindowWidth=f"{span:.8g}", **tags)
    share = stored / (2**bits - 1)
    share = share if slope > 0 else 1 - share
    if function == "SIGMOID":
        share = 1 / (1 + np.exp(-4 * (share - 0.5)))
    assert off(data, share * 255) < 4  # LINEAR is a half and one value narrower


@pytest.mark.parametrize("slope", [-1, -0.5, -10])
def test_a_negative_slope_without_a_window_turns_the_picture(slope: float) -> None:
    data = dicom(TWELVE, 12, RescaleSlope=slope, RescaleIntercept=4095)
    assert off(data, 255.0 - PICTURE) <= 1


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "0", "0.0", "1e300", "-1e300", "1e-300", "x", "1,5", "--1"]
)
@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_a_rescale_that_cannot_be_used_is_refused(keyword: str, text: str) -> None:
    data = with_text(dicom(TWELVE, 12, RescaleSlope=1, RescaleIntercept=0, **WINDOW), keyword, text)
    if keyword == "RescaleIntercept" and text in ("0", "0.0", "1e-300"):
        assert off(data, PICTURE) <= 1
    else:
        with pytest.raises(ImageError, match=r"^is a DICOM file"):
            dicom_gray(data)


@pytest.mark.parametrize("keyword", ["WindowCenter", "WindowWidth"])
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "0", "-5", "1e400", ""])
def test_a_window_that_is_none_is_not_used_and_said(keyword: str, text: str) -> None:
    data = with_text(dicom(TWELVE, 12, **WINDOW), keyword, text)
    if keyword == "WindowCenter" and text in ("0", "-5"):
        return  # a window like any other
    picture = _decode_picture(data)
    assert np.abs(picture.gray.astype(int) - PICTURE).max() <= 1
    assert any("own darkest" in note for note in picture.notes)
    assert any("not used" in note for note in picture.notes) == bool(text)


def test_a_window_beside_the_values_is_refused() -> None:
    for centre in (-9000, 9000):
        with pytest.raises(ImageError, match="leaves no gray between black and white"):
            dicom_gray(dicom(TWELVE, 12, WindowCenter=centre, WindowWidth=100))


def test_an_unknown_window_function_is_refused_by_name() -> None:
    with pytest.raises(ImageError, match="VOILUTFunction is 'CUBIC'; known: LINEAR"):
        dicom_gray(dicom(TWELVE, 12, VOILUTFunction="CUBIC", **WINDOW))


@pytest.mark.parametrize(("bits", "size"), [(8, 16), (10, 16), (12, 16), (14, 16), (7, 8)])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [None, RLELossless])
def test_values_at_the_top_of_a_word_are_shifted_down(
    bits: int, size: int, signed: bool, syntax: str
) -> None:
    if syntax and bits == 8:
        return  # pydicom packs these as bytes
    low = 2 ** (bits - 1) if signed else 0
    values = np.rint(PICTURE * ((2**bits - 1) / 255)).astype(np.int32) - low
    kind = np.dtype(f"{'i' if signed else 'u'}{size // 8}")
    data = dicom(
        (values << (size - bits)).astype(kind),
        bits,
        HighBit=size - 1,
        **({"syntax": syntax} if syntax else {}),
    )
    right = (values - values.min()) / np.ptp(values) * 255
    assert off(data, right) <= 1.5


@pytest.mark.parametrize("high", [10, 13, 15, 40])
def test_a_high_bit_that_does_not_fit_is_refused(high: int) -> None:
    with pytest.raises(ImageError, match=f"HighBit {high} does not fit its 12 bits stored"):
        dicom_gray(dicom(TWELVE | 1, 12, HighBit=high))


@pytest.mark.parametrize("written_as", [63536, 2096])
@pytest.mark.parametrize("bits", [12, 16])
def test_padding_of_signed_pixels_written_as_unsigned(written_as: int, bits: int) -> None:
    if bits == 16 and written_as == 2096:
        return  # a value of its own
    pixels = np.clip(SIGNED // 2 + 500, -1999, 2047).astype(np.int16)
    pixels[:8] = -2000
    read = dicom_gray(with_unsigned(dicom(pixels, bits), PixelPaddingValue=written_as))
    kept = pixels[8:].astype(float)
    assert not read[:8].any()
    assert np.abs(read[8:] - (kept - kept.min()) / np.ptp(kept) * 255).max() <= 1


def test_a_range_of_padding_written_as_unsigned() -> None:
    pixels = np.clip(SIGNED // 2 + 500, -1000, 2047).astype(np.int16)
    pixels[:8], pixels[8:12] = -2000, -1950
    data = dicom(pixels, 16)
    read = dicom_gray(with_unsigned(data, PixelPaddingValue=63536, PixelPaddingRangeLimit=63636))
    assert not read[:12].any()
    assert np.ptp(read[12:]) == 255


@pytest.mark.parametrize(
    ("stored", "first", "rescale"),
    [(SIGNED, 63536, {}), (TWELVE, 63536, {"RescaleSlope": 1, "RescaleIntercept": -2000})],
    ids=["signed pixels", "signed after the rescale"],
)
def test_a_look_up_table_that_starts_below_zero_written_as_unsigned(
    stored: np.ndarray, first: int, rescale: dict[str, Any]
) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom(stored, 16, **rescale)))
    table = lut(0, 12, np.arange(4096))[0]
    table.add(DataElement(0x00283002, "US", [4096, first, 12]))
    dataset.VOILUTSequence = Sequence([table])
    assert off(written(dataset), PICTURE) <= 1


def test_a_look_up_table_that_starts_beyond_32767_written_as_signed() -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom((TWELVE + 40_000).astype(np.uint16))))
    table = lut(0, 12, np.arange(4096))[0]
    table.add(DataElement(0x00283002, "SS", [4096, 40_000 - 65_536, 12]))
    dataset.VOILUTSequence = Sequence([table])
    assert off(written(dataset), PICTURE) <= 1


def test_entries_beyond_32767_written_as_signed_are_unsigned() -> None:
    entries = np.linspace(0, 65_535, 4096).astype(np.uint16)
    dataset = pydicom.dcmread(io.BytesIO(dicom(SIGNED)))
    table = lut(0, 16, entries)[0]
    table.add(DataElement(0x00283002, "SS", [4096, -2000, 16]))
    table.add(DataElement(0x00283006, "SS", entries.view(np.int16).tolist()))
    dataset.VOILUTSequence = Sequence([table])
    assert off(written(dataset), PICTURE) <= 1


def test_a_table_of_bytes() -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom(PICTURE)))
    table = lut(0, 8, np.arange(256))[0]
    table.add(DataElement(0x00283006, "OW", np.arange(256)[::-1].astype(np.uint8).tobytes()))
    dataset.VOILUTSequence = Sequence([table])
    assert off(written(dataset), 255.0 - PICTURE) == 0


def test_a_modality_table_then_a_window() -> None:
    table = lut(0, 16, 4095 - np.arange(4096))[0]
    assert off(dicom(TWELVE, 12, ModalityLUTSequence=[table], **WINDOW), 255.0 - PICTURE) <= 1


@pytest.mark.parametrize(
    ("descriptor", "entries"),
    [([4096, 0, 40], 4096), ([4096, 0, 12], 100), ([4096, 0], 4096), ([9, 0, 0], 9)],
)
def test_a_table_that_contradicts_itself_is_refused(descriptor: list[int], entries: int) -> None:
    table = lut(0, 12, np.arange(entries))[0]
    table.LUTDescriptor = descriptor
    with pytest.raises(ImageError, match="look-up table"):
        dicom_gray(dicom(TWELVE, 12, VOILUTSequence=[table]))


@given(top=st.sampled_from([255, 511, 1023, 2047, 4094]), declared=st.sampled_from([12, 16]))
def test_no_gray_of_a_table_hangs_on_another_pixel(top: int, declared: int) -> None:
    grays = []
    for brightest in (top, top + 1):
        pixels = np.minimum(TWELVE, top)
        pixels[0, 0] = brightest
        data = dicom(pixels, 12, VOILUTSequence=lut(0, declared, np.arange(4096)))
        grays.append(dicom_gray(data)[1:])
    assert (grays[0] == grays[1]).all()


def test_signed_bytes_span_all_grays() -> None:
    assert off(dicom((PICTURE.astype(int) - 128).astype(np.int8)), PICTURE) == 0


@pytest.mark.parametrize(
    ("tags", "shape"),
    [
        ({"PixelAspectRatio": [2, 1]}, (120, 44)),
        ({"PixelAspectRatio": [1, 2]}, (60, 88)),
        ({"PixelAspectRatio": [1, 1], "PixelSpacing": [0.2, 0.1]}, (60, 44)),
        ({"PixelSpacing": [0.2, 0.1]}, (120, 44)),
        ({"ImagerPixelSpacing": [0.1, 0.15]}, (60, 66)),
        ({"PixelSpacing": [0.1439, 0.1441]}, (60, 44)),
        ({"PixelSpacing": [0, 0]}, (60, 44)),
    ],
)
def test_pixels_that_are_not_square_are_made_so(tags: dict[str, Any], shape: tuple[int, int]) -> None:
    picture = _decode_picture(dicom(PICTURE, **tags))
    assert picture.gray.shape == shape
    assert any("not square" in note for note in picture.notes) == (shape != (60, 44))


def test_a_pixel_of_an_absurd_shape_is_refused() -> None:
    with pytest.raises(ImageError, match="PixelAspectRatio says 1 to 100"):
        dicom_gray(dicom(PICTURE, PixelAspectRatio=[1, 100]))
