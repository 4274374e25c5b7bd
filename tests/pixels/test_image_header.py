"""What a header says is what decoding gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, smooth
from PIL import Image

from hilum.errors import ImageError
from hilum.pixels.jpeg_png import ImageInfo, _exif_orientation
from hilum.pixels.read import _info_of, image_info

GRAY = Image.fromarray(smooth(30, 50))
RGB = GRAY.convert("RGB")


@pytest.mark.parametrize(
    ("data", "bits", "mode", "channels"),
    [
        (encode(GRAY, "PNG"), 8, "gray", 1),
        (encode(GRAY.convert("1"), "PNG"), 1, "gray", 1),
        (encode(RGB, "PNG"), 8, "rgb", 3),
        (encode(GRAY.convert("P"), "PNG"), 8, "palette", 1),
        (encode(GRAY.convert("LA"), "PNG"), 8, "gray+alpha", 2),
        (encode(RGB.convert("RGBA"), "PNG"), 8, "rgba", 4),
        (encode(np.asarray(GRAY).astype(np.uint16), "PNG"), 16, "gray", 1),
        (encode(GRAY, "JPEG"), 8, "gray", 1),
        (encode(RGB, "JPEG", progressive=True), 8, "rgb", 3),
        (encode(RGB.convert("CMYK"), "JPEG"), 8, "cmyk", 4),
        (encode(np.asarray(GRAY).astype(np.uint16), "TIFF"), 16, "gray", 1),
        (encode(RGB, "BMP"), 8, "rgb", 3),
    ],
)
def test_size_bits_and_mode(data: bytes, bits: int, mode: str, channels: int) -> None:
    info = _info_of(data)
    assert info == ImageInfo(50, 30, bits, mode, info.format)
    assert info.channels == channels


def test_a_header_behind_a_large_block_is_found(tmp_path: Path) -> None:
    block = b"\xff\xe2" + (60_000).to_bytes(2, "big") + bytes(59_998)
    data = encode(GRAY, "JPEG")
    (tmp_path / "large.jpg").write_bytes(data[:2] + 3 * block + data[2:])
    assert image_info(tmp_path / "large.jpg").width == 50


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"no image at all", "is not an image"),
        (b"\xff\xd8\xff\xe0", "cut short or damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0", "cut short or damaged"),
    ],
)
def test_bad_headers_are_image_errors(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ImageError, match=said):
        image_info(tmp_path / "x")


def test_a_missing_file_is_an_image_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is missing"):
        image_info(tmp_path / "none.png")


@given(st.binary(max_size=80), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
@settings(max_examples=200)
def test_a_damaged_exif_block_means_upright_or_a_known_turn(data: bytes, start: bytes) -> None:
    assert 1 <= _exif_orientation(start + data) <= 8
