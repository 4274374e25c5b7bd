"""DICOM files become the gray picture that a viewer shows."""

from __future__ import annotations

import builtins
import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicoms import dicom, lut, written
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import decode_gray, encode, smooth
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from hilum.errors import ImageError, MissingExtra
from hilum.pixels.dicom import dicom_gray
from hilum.pixels.jpeg_png import ImageInfo
from hilum.pixels.read import _info_of, image_info, read_gray

PICTURE = smooth(60, 44)
TWELVE = np.rint(PICTURE * (4095 / 255)).astype(np.uint16)


def near(a: np.ndarray, b: np.ndarray, by: float = 1) -> bool:
    return a.shape == b.shape and bool(np.abs(a.astype(float) - b).max() <= by)


@pytest.mark.parametrize(
    "data",
    [
        dicom(PICTURE),
        dicom(255 - PICTURE, interpretation="MONOCHROME1"),
        dicom(TWELVE, bits=12),
        dicom(4095 - TWELVE, bits=12, interpretation="MONOCHROME1"),
        dicom(TWELVE, bits=12, WindowCenter=2048, WindowWidth=4096),
        dicom(TWELVE, bits=12, WindowCenter=[2048, 1], WindowWidth=[4096, 2]),
        dicom(TWELVE.astype(np.int16) - 2048, bits=12),
        dicom(TWELVE.astype(np.int16) - 1024, bits=16, RescaleSlope=1, RescaleIntercept=1024),
        dicom(TWELVE, bits=12, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=3996, WindowWidth=8191),
        dicom(TWELVE, bits=12, VOILUTSequence=lut(0, 16, np.linspace(0, 65535, 4096).astype(np.uint16))),
        dicom(TWELVE, bits=12, VOILUTSequence=lut(0, 16, np.arange(4096))),
        dicom(TWELVE | 0xA000, bits=12),
        dicom(TWELVE, bits=12, WindowCenter=10, WindowWidth=0),
        dicom(np.repeat(PICTURE[..., None], 3, axis=2), interpretation="RGB"),
    ],
    ids=[
        "8 bits",
        "MONOCHROME1",
        "12 bits",
        "12 bits MONOCHROME1",
        "window",
        "first of two windows",
        "signed",
        "signed and rescaled",
        "rescaled and windowed",
        "VOI LUT",
        "VOI LUT that says 16 bits and fills 12",
        "overlay in the high bits",
        "window of no width",
        "RGB",
    ],
)
def test_the_same_picture_in_all_the_ways_to_store_it(data: bytes) -> None:
    assert near(decode_gray(data), PICTURE)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
@pytest.mark.parametrize("bits", [8, 12])
def test_compressed_files(syntax: str, bits: int) -> None:
    data = dicom(PICTURE if bits == 8 else TWELVE, bits=bits, syntax=syntax)
    assert near(decode_gray(data), PICTURE)
    assert _info_of(data) == ImageInfo(44, 60, bits, "gray", "dicom")


def test_signed_jpeg_2000() -> None:
    assert near(decode_gray(dicom(TWELVE.astype(np.int16) - 2048, bits=12, syntax=JPEG2000Lossless)), PICTURE)


@given(
    st.integers(-500, 4500),
    st.integers(1, 6000),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.sampled_from([(1.0, 0.0), (0.5, -30.0), (2.0, 100.0)]),
    st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
)
@settings(max_examples=60)
def test_windows_agree_with_pydicom(
    centre: int, width: int, function: str, rescale: tuple[float, float], interpretation: str
) -> None:
    data = dicom(
        TWELVE,
        bits=12,
        interpretation=interpretation,
        WindowCenter=centre,
        WindowWidth=width,
        VOILUTFunction=function,
        RescaleSlope=rescale[0],
        RescaleIntercept=rescale[1],
    )
    dataset = pydicom.dcmread(io.BytesIO(data))
    low, high = rescale[1], 4095 * rescale[0] + rescale[1]

    def expected(stored: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            shown = apply_voi_lut(apply_modality_lut(stored, dataset), dataset)
        return (shown - low) / (high - low) * 255

    if not set(np.rint(expected(np.arange(TWELVE.min(), TWELVE.max() + 1)))) - {0, 255}:
        with pytest.raises(ImageError, match="leaves no gray between black and white"):
            dicom_gray(data)
        return
    right = expected(dataset.pixel_array)
    assert near(dicom_gray(data), 255 - right if interpretation == "MONOCHROME1" else right, 0.51)


def test_padding_is_black_and_does_not_stretch_the_picture() -> None:
    padded = TWELVE.copy()
    padded[:10] = 60_000
    for interpretation in ("MONOCHROME1", "MONOCHROME2"):
        stored = padded if interpretation == "MONOCHROME2" else np.where(padded > 5000, padded, 4095 - padded)
        data = dicom(stored, interpretation=interpretation, PixelPaddingValue=60_000)
        read = decode_gray(data)
        assert (read[:10] == 0).all()
        kept = TWELVE[10:].astype(float)
        low, high = (kept.min(), kept.max())
        assert near(read[10:], (kept - low) / (high - low) * 255)


def test_a_constant_picture_is_read() -> None:
    assert np.ptp(decode_gray(dicom(np.full((4, 5), 700, np.uint16), bits=12))) == 0


def test_files_without_the_mark_are_known_by_their_ending(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom(PICTURE)))
    bare = written(dataset, enforce_file_format=False)[132:]
    (tmp_path / "old.dcm").write_bytes(bare)
    assert near(read_gray(tmp_path / "old.dcm"), PICTURE)
    del dataset.file_meta
    dataset.preamble = None
    older = written(dataset, enforce_file_format=False, implicit_vr=True, little_endian=True)
    (tmp_path / "older.dcm").write_bytes(older)
    assert near(read_gray(tmp_path / "older.dcm"), PICTURE)
    (tmp_path / "mark").write_bytes(dicom(PICTURE))
    assert near(read_gray(tmp_path / "mark"), PICTURE)
    assert image_info(tmp_path / "mark") == ImageInfo(44, 60, 8, "gray", "dicom")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (dicom(TWELVE, PixelData=None), "without pixels: cut short, or not an image"),
        (dicom(np.tile(PICTURE, (3, 1)), Rows=60, NumberOfFrames=3), "of 3 frames; expected a single image"),
        (dicom(TWELVE)[:-500], "cannot be decoded"),
        (dicom(TWELVE)[:200], "DICOM file"),
        (dicom(TWELVE, bits=12, syntax=JPEG2000Lossless)[:-400], "DICOM file"),
        (dicom(np.zeros((4, 4), np.uint32)), "of 32-bit pixels; expected integers of 8 or 16 bits"),
        (dicom(PICTURE, interpretation="PALETTE COLOR"), "of PALETTE COLOR pixels"),
        (dicom(np.zeros((4, 4, 3), np.uint16), interpretation="RGB"), "16-bit colour"),
    ],
)
def test_what_cannot_be_shown_is_an_image_error(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.dcm").write_bytes(data)
    with pytest.raises(ImageError, match=said) as raised:
        read_gray(tmp_path / "x.dcm")
    assert "Doe" not in str(raised.value)
    assert "secret" not in str(raised.value)


@given(st.binary(max_size=400), st.integers(0, 900))
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_only_ever_image_errors(data: bytes, at: int) -> None:
    whole = dicom(PICTURE[:8, :8])
    damaged = whole[:at] + data + whole[at + len(data) :]
    try:
        assert decode_gray(damaged, ".dcm").dtype == np.uint8
        assert _info_of(damaged, ".dcm").width > 0
    except ImageError:
        pass


def test_text_with_the_ending_of_dicom_is_an_image_error(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_text("not an image")
    for read in (read_gray, image_info):
        with pytest.raises(ImageError, match=r"x\.dcm is a DICOM file"):
            read(tmp_path / "x.dcm")


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    data, real_import = dicom(PICTURE), builtins.__import__

    def refuse(name: str, *rest: Any, **options: Any) -> Any:
        if name == "pydicom":
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra, match=r"pip install 'hilum\[dicom\]'"):
        dicom_gray(data)


def test_a_missing_decoder_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.pixels.decoders import JPEGLSLosslessDecoder

    data = dicom(PICTURE, syntax=JPEGLSLossless)
    monkeypatch.setattr(JPEGLSLosslessDecoder, "_available", {})
    monkeypatch.setattr(JPEGLSLosslessDecoder, "_unavailable", {"pyjpegls": ("numpy", "pyjpegls")})
    with pytest.raises(MissingExtra, match=r"pyjpegls.*\n.*hilum\[dicom\]"):
        dicom_gray(data)


@pytest.mark.real
@pytest.mark.parametrize(("name", "shape"), [("RG1_J2KI.dcm", (1955, 1841)), ("dx_image.dcm", (169, 211))])
def test_real_files_agree_with_pydicom(real: Path, name: str, shape: tuple[int, int]) -> None:
    path = real / "dicom" / name
    dataset = pydicom.dcmread(path)
    shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    expected = 255 - shown / (2**dataset.BitsStored - 1) * 255  # both are MONOCHROME1
    read = read_gray(path)
    assert near(read, expected, 0.51)
    assert read.shape == shape
    info = image_info(path)
    assert (info.height, info.width, info.bits) == (*shape, dataset.BitsStored)


def test_png_and_dicom_of_a_detector_agree() -> None:
    assert near(decode_gray(encode(TWELVE, "PNG")), decode_gray(dicom(TWELVE, bits=12)))
