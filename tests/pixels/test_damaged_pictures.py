"""What a decoder notices of damage is an error for that file, and nothing is printed."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import decode_gray, encode, smooth
from PIL import Image

from hilum.errors import ImageError

PICTURE = smooth(300, 220, noise=5)
GRAY = Image.fromarray(PICTURE)
JPEGS = {
    "gray": encode(GRAY, "JPEG", quality=90),
    "colour": encode(GRAY.convert("RGB"), "JPEG", quality=90),
    "progressive": encode(GRAY, "JPEG", quality=90, progressive=True),
    "restarts": encode(GRAY, "JPEG", quality=90, restart_marker_rows=4),
    "cmyk": encode(GRAY.convert("CMYK"), "JPEG", quality=90),
    "low quality": encode(GRAY, "JPEG", quality=20),
}


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize(
    "damage", ["hole", "a quarter lost", "half and an end", "zeros at the end", "lying header"]
)
@pytest.mark.parametrize("at_least", [None, 30])
def test_jpeg(name: str, damage: str, at_least: int | None, capfd: pytest.CaptureFixture[str]) -> None:
    data = JPEGS[name]
    middle = len(data) // 2
    if damage == "hole":
        data = data[:middle] + bytes(1024) + data[middle + 1024 :]
    elif damage == "a quarter lost":
        data = data[:middle] + data[middle + len(data) // 4 :]
    elif damage == "half and an end":
        data = data[:middle] + b"\xff\xd9"
    elif damage == "zeros at the end":
        data = data[:middle] + bytes(len(data) - middle)
    else:
        at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        data = data[: at + 5] + struct.pack(">HH", 3000, 2000) + data[at + 9 :]
    with pytest.raises(ImageError, match=r"is a JPEG file that is (damaged \(|cut short)"):
        decode_gray(data, at_least=at_least)
    assert capfd.readouterr() == ("", "")


def test_nearly_every_hole_in_the_codes_of_a_jpeg_is_noticed() -> None:
    data, rng, missed = JPEGS["gray"], np.random.default_rng(5), 0
    start = data.index(b"\xff\xda") + 14
    for at in rng.integers(start, len(data) - 1000, 200):
        length = int(rng.integers(64, 900))
        with contextlib.suppress(ImageError):
            decode_gray(data[:at] + bytes(length) + data[at + length :])
            missed += 1  # zeros are codes too, and now and then of just as many pixels
    assert missed <= 2


@pytest.mark.parametrize("transform", [0, 1])
def test_healthy_jpegs_give_what_opencv_gives(transform: int) -> None:
    for name, data in JPEGS.items():
        for at_least, flag in (
            (None, 0),
            (60, cv2.IMREAD_REDUCED_GRAYSCALE_2),
            (30, cv2.IMREAD_REDUCED_GRAYSCALE_4),
        ):
            right = cv2.imdecode(np.frombuffer(data, np.uint8), int(flag))
            assert (decode_gray(data, at_least=at_least) == right).all(), (name, at_least)
    file = io.BytesIO()
    GRAY.convert("RGB").save(file, "JPEG", quality=95, keep_rgb=not transform)
    right = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert (decode_gray(file.getvalue()) == right).all()


def chunked(data: bytes) -> list[tuple[int, int]]:
    """Where the IDAT chunks of a PNG file begin, and how long their contents are."""
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            found.append((at, length))
        at += 12 + length
    return found


@pytest.mark.parametrize(
    "damage", ["hole", "wrong checksum", "wrong adler", "too few rows", "too many rows", "no data"]
)
@pytest.mark.parametrize("bits", [8, 16])
def test_png(damage: str, bits: int, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encode(PICTURE if bits == 8 else PICTURE.astype(np.uint16) * 257, "PNG"))
    at, length = chunked(bytes(data))[0]
    end = at + 8 + length
    if damage == "hole":
        data[at + 500 : at + 900] = bytes(400)
    elif damage == "wrong checksum":
        data[end] ^= 1
    elif damage == "wrong adler":
        at, length = chunked(bytes(data))[-1]
        end = at + 8 + length
        data[end - 1] ^= 1
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
    elif damage == "no data":
        data[at : chunked(bytes(data))[-1][0] + 12 + chunked(bytes(data))[-1][1]] = b""
    else:
        data[20:24] = struct.pack(">I", 400 if damage == "too few rows" else 200)
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(ImageError, match="is a PNG file that is damaged"):
        decode_gray(bytes(data))
    assert capfd.readouterr() == ("", "")


OTHERS = {
    "webp": encode(GRAY.convert("RGB"), "WEBP", quality=90),
    "webp lossless": encode(GRAY.convert("RGB"), "WEBP", lossless=True),
    "gif": encode(GRAY, "GIF"),
    "bmp": encode(GRAY, "BMP"),
    "jpeg 2000": encode(GRAY, "JPEG2000"),
    "jpeg 2000, bare": encode(GRAY, "JPEG2000", no_jp2=True),
    "jpeg 2000, lossy": encode(GRAY, "JPEG2000", irreversible=True, quality_layers=[10]),
}


@pytest.mark.parametrize("name", OTHERS)
@given(share=st.floats(0, 0.995))
@settings(max_examples=10, deadline=None)
def test_a_cut(name: str, share: float) -> None:
    with pytest.raises(ImageError):
        decode_gray(OTHERS[name][: int(len(OTHERS[name]) * share)])


@pytest.mark.parametrize("name", [name for name in OTHERS if "2000" in name])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_zeros_at_the_end_of_jpeg_2000(name: str, share: float) -> None:
    data = OTHERS[name]
    kept = int(len(data) * share)
    with pytest.raises(ImageError, match="JPEG 2000 file that is cut short or damaged"):
        decode_gray(data[:kept] + bytes(len(data) - kept))


def test_a_hole_in_a_gif() -> None:
    data = OTHERS["gif"]
    with pytest.raises(ImageError):
        decode_gray(data[:9000] + bytes(3000) + data[12_000:])


@pytest.mark.parametrize(
    "content", [b"P5 2 2 255 abcd", b"#?RADIANCE\n", b"\x59\xa6\x6a\x95" + bytes(60), b"Pf\n1 1\n"]
)
def test_formats_that_are_not_promised_are_no_images(content: bytes) -> None:
    with pytest.raises(ImageError, match="is not an image, or is damaged; expected JPEG"):
        decode_gray(content)
