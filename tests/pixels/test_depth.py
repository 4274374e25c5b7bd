"""16-bit pixels by the depth that they have, which no single pixel decides."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import decode_gray, encode, smooth

from hilum.pixels.decoding import _DEPTHS, to_uint8
from hilum.pixels.read import _decode_picture

PICTURE = smooth(90, 70)


def with_depth(png: bytes, bits: int) -> bytes:
    """A PNG file with an sBIT chunk behind its header."""
    chunk = b"sBIT" + bytes([bits])
    return png[:33] + struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]


def deep(bits: int) -> np.ndarray:
    """The picture, spanning 0 to 2^bits - 1."""
    return np.rint(PICTURE * ((2**bits - 1) / 255)).astype(np.uint16)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_depths_of_detectors_come_out_alike_and_the_guess_is_said(bits: int, form: str) -> None:
    picture = _decode_picture(encode(deep(bits), form))
    assert np.abs(picture.gray.astype(int) - PICTURE).max() <= 1
    assert picture.notes == (
        ()
        if bits == 16
        else (f"16-bit pixels of unknown depth: taken for {bits} bits, which hold nearly all of them",)
    )


@given(
    stray=st.integers(0, 6),
    values=st.lists(st.integers(0, 2**16 - 1), min_size=6, max_size=6),
    bits=st.sampled_from([8, 10, 12, 14, 16]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_no_gray_hangs_on_a_few_other_pixels(stray: int, values: list[int], bits: int, seed: int) -> None:
    pixels = deep(bits)
    changed = pixels.copy()
    places = np.random.default_rng(seed).choice(pixels.size, stray, replace=False)
    changed.flat[places] = values[:stray]
    kept = np.ones(pixels.size, bool)
    kept[places] = False
    assert (to_uint8(changed).ravel()[kept] == to_uint8(pixels).ravel()[kept]).all()


@pytest.mark.parametrize("top", [255, 1023, 2047, 4095, 8191, 16_383, 32_767])
def test_one_step_more_of_one_pixel_changes_no_other(top: int) -> None:
    pixels = np.minimum(deep(16), top)
    other = pixels.copy()
    pixels[0, 0], other[0, 0] = top, top + 1
    assert (to_uint8(pixels)[1:] == to_uint8(other)[1:]).all()


@pytest.mark.parametrize("bits", [9, 10, 11, 12, 13, 14, 15])
def test_a_depth_that_the_file_says_is_taken(bits: int) -> None:
    low = _decode_picture(with_depth(encode(deep(bits), "PNG"), bits))
    assert np.abs(low.gray.astype(int) - PICTURE).max() <= 1
    assert not low.notes
    scaled = (deep(bits).astype(int) * 65_535 // (2**bits - 1)).astype(np.uint16)  # as the standard wants
    assert np.abs(decode_gray(with_depth(encode(scaled, "PNG"), bits)).astype(int) - PICTURE).max() <= 1


@given(st.sampled_from(_DEPTHS), st.integers(0, 2**16 - 1))
def test_brighter_than_the_depth_is_white(bits: int, stray: int) -> None:
    pixels = np.full((60, 60), 2**bits - 1, np.uint16)
    pixels[3, 3] = stray
    assert to_uint8(pixels)[3, 3] == min(255, round(stray * 255 / (2**bits - 1)))
