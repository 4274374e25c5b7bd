"""Compressed DICOM files: JPEG of every kind, damage in the codes, and headers that say something else."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from dicoms import dicom, encapsulated, written
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, smooth
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.pixels.dicom import dicom_gray
from hilum.pixels.read import _decode_picture

PICTURE = smooth(120, 88)
COLOUR = np.dstack([PICTURE, 255 - PICTURE, PICTURE // 2])


def lossless(bits: int, predictor: int = 1, **tags: Any) -> bytes:
    """The picture in as many bits as JPEG Lossless."""
    values = np.rint(PICTURE * ((2**bits - 1) / 255)).astype(np.uint8 if bits <= 8 else np.uint16)
    codes = imagecodecs.jpeg8_encode(values, lossless=True, predictor=predictor, bitspersample=bits)
    syntax = JPEGLosslessSV1 if predictor == 1 else JPEGLossless
    return encapsulated(bytes(codes), values, syntax, bits, **tags)


def baseline(mode: str = "L") -> bytes:
    """The picture as JPEG baseline."""
    image = Image.fromarray(PICTURE).convert(mode)
    return encapsulated(encode(image, "JPEG", quality=97), np.asarray(image), JPEGBaseline8Bit, 8)


def extended() -> bytes:
    """The picture as JPEG of 12 bits."""
    values = np.rint(PICTURE * (4095 / 255)).astype(np.uint16)
    codes = imagecodecs.jpeg8_encode(values, level=98, bitspersample=12)
    return encapsulated(bytes(codes), values, JPEGExtended12Bit, 12)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
@pytest.mark.parametrize("predictor", range(1, 8))
def test_jpeg_lossless(bits: int, predictor: int) -> None:
    assert np.abs(dicom_gray(lossless(bits, predictor)).astype(int) - PICTURE).max() <= 1


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 16), st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_jpeg_lossless_of_any_size(height: int, width: int, bits: int, predictor: int) -> None:
    rng = np.random.default_rng(height * 41 + width)
    values = rng.integers(0, 2**bits, (height, width)).astype(np.uint8 if bits <= 8 else np.uint16)
    codes = bytes(imagecodecs.jpeg8_encode(values, lossless=True, predictor=predictor, bitspersample=bits))
    plain = dicom(values, bits)
    assert (dicom_gray(encapsulated(codes, values, JPEGLossless, bits)) == dicom_gray(plain)).all()


def test_jpeg_lossless_of_signed_values_and_of_monochrome1() -> None:
    values = (np.rint(PICTURE * (4095 / 255)) - 2048).astype(np.int16)
    codes = bytes(imagecodecs.jpeg8_encode(values.view(np.uint16), lossless=True, bitspersample=16))
    assert np.abs(dicom_gray(encapsulated(codes, values, JPEGLossless, 16)).astype(int) - PICTURE).max() <= 1
    inverted = lossless(12, PhotometricInterpretation="MONOCHROME1")
    assert np.abs(255 - dicom_gray(inverted).astype(int) - PICTURE).max() <= 1


def test_jpeg_of_8_and_12_bits_and_in_colour() -> None:
    for data in (baseline(), extended(), baseline("RGB")):
        assert np.abs(dicom_gray(data).astype(int) - PICTURE).mean() < 2
    dataset = pydicom.dcmread(io.BytesIO(baseline("RGB")))
    dataset.PhotometricInterpretation = "RGB"  # said of many files whose codes are YBR
    assert (dicom_gray(written(dataset)) == dicom_gray(baseline("RGB"))).all()


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("interpretation", ["RGB", "planes", "YBR_FULL"])
def test_colours_become_luma(syntax: str | None, interpretation: str) -> None:
    if interpretation != "RGB" and syntax:
        return
    right = np.rint(COLOUR @ [0.299, 0.587, 0.114])
    pixels, tags = COLOUR, {"syntax": syntax} if syntax else {}
    if interpretation == "planes":
        tags = {"PlanarConfiguration": 1, "PixelData": COLOUR.transpose(2, 0, 1).tobytes()}
    if interpretation == "YBR_FULL":
        pixels = np.asarray(Image.fromarray(COLOUR).convert("YCbCr"))
    kind = interpretation if interpretation == "YBR_FULL" else "RGB"
    assert np.abs(dicom_gray(dicom(pixels, interpretation=kind, **tags)) - right).max() <= 1


def test_big_endian_and_deflated() -> None:
    values = np.rint(PICTURE * (4095 / 255)).astype(np.uint16)
    dataset = pydicom.dcmread(io.BytesIO(dicom(values, 12)))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    assert np.abs(dicom_gray(written(dataset)).astype(int) - PICTURE).max() <= 1
    dataset = pydicom.dcmread(io.BytesIO(dicom(values, 12)))
    dataset.file_meta.TransferSyntaxUID, dataset.PixelData = (
        ExplicitVRBigEndian,
        values.astype(">u2").tobytes(),
    )
    assert np.abs(dicom_gray(written(dataset)).astype(int) - PICTURE).max() <= 1


CODED = {
    "lossless": lossless(12),
    "lossless 16": lossless(16, 6),
    "baseline": baseline(),
    "baseline colour": baseline("RGB"),
    "extended": extended(),
    "rle": dicom(PICTURE.astype(np.uint16) * 16, 12, syntax=RLELossless),
    "jpeg-ls": dicom(PICTURE.astype(np.uint16) * 16, 12, syntax=JPEGLSLossless),
    "jpeg 2000": dicom(PICTURE.astype(np.uint16) * 16, 12, syntax=JPEG2000Lossless),
}


def codes_of(data: bytes) -> tuple[int, int]:
    """Where the codes of the one frame begin and end."""
    end = data.rfind(b"\xfe\xff\xdd\xe0")
    start = data.rfind(b"\xfe\xff\x00\xe0", 0, end - 100) + 8
    return start, end


@pytest.mark.parametrize("name", [name for name in CODED if name != "jpeg 2000"])
@pytest.mark.parametrize("damage", ["hole", "cut and ended", "zeros at the end", "half"])
def test_damage_in_the_codes_is_an_error(name: str, damage: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(CODED[name])
    start, end = codes_of(bytes(data))
    middle, size = (start + end) // 2, end - start
    if damage == "hole":
        if name == "jpeg-ls":
            pytest.skip("zeros are codes")
        data[middle : middle + 400] = bytes(400)
    elif damage == "cut and ended":
        kept = (bytes(data[start:middle]) + b"\xff\xd9").ljust(size, b"\0")
        data[start:end] = kept
    elif damage == "zeros at the end":
        data[middle:end] = bytes(end - middle)
    else:
        del data[middle:]
    with pytest.raises(ImageError, match=r"^is a (DICOM|JPEG) file"):
        dicom_gray(bytes(data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damage", ["zeros at the end", "half"])
def test_damaged_jpeg_2000(damage: str) -> None:
    data = bytearray(CODED["jpeg 2000"])
    start, end = codes_of(bytes(data))
    middle = (start + end) // 2
    data[middle:] = bytes(len(data) - middle) if damage == "zeros at the end" else b""
    with pytest.raises(ImageError, match=r"DICOM file|JPEG 2000 file"):
        dicom_gray(bytes(data))


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize(("rows", "columns"), [(60, 88), (120, 44), (240, 88), (65_535, 65_535), (0, 88)])
def test_codes_of_another_size_than_the_header_says(name: str, rows: int, columns: int) -> None:
    dataset = pydicom.dcmread(io.BytesIO(CODED[name]))
    dataset.Rows, dataset.Columns = rows, columns
    with pytest.raises(ImageError):
        dicom_gray(written(dataset))


@pytest.mark.parametrize("name", [name for name in CODED if "baseline" not in name])
def test_codes_are_not_decoded_beyond_the_limits(name: str) -> None:
    with pytest.raises(ImageError, match=r"88 x 120 pixels, more than limits.pixels allows"):
        dicom_gray(CODED[name], LimitsConfig(pixels=10_000))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"BitsAllocated": 32}, "32-bit pixels"),
        ({"BitsStored": 17}, "contradicts itself"),
        ({"BitsStored": 0}, "contradicts itself"),
        ({"PixelRepresentation": 2}, "contradicts itself"),
        ({"SamplesPerPixel": 4}, "contradicts itself"),
        ({"SamplesPerPixel": None}, "does not say its SamplesPerPixel"),
        ({"Rows": None}, "does not say its Rows"),
        ({"NumberOfFrames": 2}, "2 frames"),
        ({"Rows": 60}, "several frames, or another size"),
        ({"Columns": 44}, "several frames, or another size"),
        ({"Rows": 119}, "several frames, or another size"),
        ({"Rows": 121}, "cannot be decoded"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR pixels"),
        ({"PhotometricInterpretation": None}, "Missing required element"),
        ({"PixelData": None, "FloatPixelData": bytes(8)}, "float pixels"),
    ],
)
def test_headers_that_are_not_of_one_gray_picture_are_refused_by_name(
    tags: dict[str, Any], said: str
) -> None:
    with pytest.raises(ImageError, match=said):
        dicom_gray(dicom(PICTURE.astype(np.uint16), **tags))


def test_a_little_padding_behind_the_pixels_is_said() -> None:
    picture = _decode_picture(dicom(PICTURE, PixelData=PICTURE.tobytes() + bytes(10)))
    assert (picture.gray == PICTURE).all()
    assert picture.notes == ("10 bytes after the pixels: not looked at",)


def test_a_deflated_file_is_not_inflated_beyond_the_limit() -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom(np.zeros((1000, 1000), np.uint16))))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = written(dataset)
    assert len(data) < 10_000
    with pytest.raises(ImageError, match=r"inflates to over 1,000,000 bytes, more than limits.bytes allows"):
        dicom_gray(data, LimitsConfig(bytes=1_000_000))
    assert dicom_gray(data).shape == (1000, 1000)


def test_any_16_bits_of_a_header_value_are_read_or_an_image_error() -> None:
    whole = dicom(
        PICTURE[:8, :8].astype(np.uint16), 12, NumberOfFrames=1, **{"WindowCenter": 9, "WindowWidth": 9}
    )
    rng = np.random.default_rng(3)
    places = list(range(132, len(whole) - 200, 2))
    for _ in range(300):
        data = bytearray(whole)
        for at in rng.choice(places, 2):
            data[at : at + 2] = struct.pack("<H", int(rng.integers(0, 1 << 16)))
        with contextlib.suppress(ImageError):
            assert _decode_picture(bytes(data), ".dcm").gray.dtype == np.uint8
