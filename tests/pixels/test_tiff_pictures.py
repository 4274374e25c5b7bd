"""TIFF files of every depth, sign, packing and layout: read right, or refused by name."""

from __future__ import annotations

import io
import logging
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import decode_gray, encode, smooth
from PIL import Image

from hilum.config import LimitsConfig
from hilum.errors import ImageError
from hilum.pixels.read import _decode_picture, _info_of

PICTURE = smooth(90, 70)
RGB = np.dstack([PICTURE] * 3)


def tiff(pixels: np.ndarray, **how: Any) -> bytes:
    """A TIFF file by tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **how)
    return file.getvalue()


def pages(*pictures: tuple[np.ndarray, dict[str, Any]]) -> bytes:
    """A file of several pages."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for pixels, how in pictures:
            writer.write(pixels, photometric="minisblack", **how)
    return file.getvalue()


LAYOUTS: dict[str, dict[str, Any]] = {
    "one strip": {},
    "strips": {"rowsperstrip": 16},
    "tiles": {"tile": (32, 48)},
    "tiles larger than the picture": {"tile": (128, 128)},
    "lzw": {"compression": "lzw"},
    "lzw, predictor": {"compression": "lzw", "predictor": True, "rowsperstrip": 7},
    "deflate": {"compression": "zlib", "predictor": True},
    "packbits": {"compression": "packbits"},
    "big endian": {"byteorder": ">"},
    "bigtiff": {"bigtiff": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [8, 16])
def test_gray(layout: str, photometric: str, bits: int) -> None:
    pixels = PICTURE if bits == 8 else PICTURE.astype(np.uint16) * 257
    if photometric == "miniswhite":
        pixels = np.iinfo(pixels.dtype).max - pixels
    data = tiff(pixels, photometric=photometric, **LAYOUTS[layout])
    assert (decode_gray(data) == PICTURE).all()
    info = _info_of(data)
    assert (info.width, info.height, info.bits, info.mode) == (70, 90, bits, "gray")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_gray_of_few_bits(bits: int, photometric: str) -> None:
    top = 2**bits - 1
    values = np.rint(PICTURE * (top / 255)).astype(np.uint8 if bits <= 8 else np.uint16)
    right = np.rint(values * (255 / top))
    values = top - values if photometric == "miniswhite" else values
    how = {"photometric": photometric, "metadata": None}
    data = tiff(
        values.astype(bool) if bits == 1 else values, **how, **({} if bits == 1 else {"bitspersample": bits})
    )
    assert np.abs(decode_gray(data) - right).max() <= 1


@pytest.mark.parametrize("kind", [None, "unassalpha", "assocalpha", "unspecified"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("alpha", [0, 128])
def test_colours_and_what_lies_behind_them(kind: str | None, bits: int, planar: str, alpha: int) -> None:
    pixels = RGB if kind is None else np.dstack([RGB, np.full_like(PICTURE, alpha)])
    pixels = pixels if bits == 8 else pixels.astype(np.uint16) * 257
    pixels = pixels if planar == "contig" else np.ascontiguousarray(pixels.transpose(2, 0, 1))
    how = {"photometric": "rgb", "planarconfig": planar}
    data = tiff(pixels, **how, **({"extrasamples": [kind]} if kind else {}))
    assert np.abs(decode_gray(data).astype(int) - PICTURE).max() <= 1
    assert _info_of(data).mode == ("rgb" if kind is None else "rgba")


def test_gray_with_alpha_palettes_and_fax() -> None:
    both = np.dstack([PICTURE, np.full_like(PICTURE, 7)])
    data = tiff(both, photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"])
    assert (decode_gray(data) == PICTURE).all()
    for scale in (257, 1):  # as the standard wants, and as some write it
        colours = np.tile(np.arange(256)[::-1] * scale, (3, 1)).astype(np.uint16)
        data = tiff(255 - PICTURE, photometric="palette", colormap=colours)
        assert np.abs(decode_gray(data).astype(int) - PICTURE).max() <= 1
    bits = Image.fromarray(PICTURE).point(lambda gray: 255 * (gray > 99)).convert("1")
    for packing in ("group3", "group4"):
        assert (decode_gray(encode(bits, "TIFF", compression=packing)) == 255 * (PICTURE > 99)).all()


def test_jpeg_within_tiff() -> None:
    for mode in ("L", "RGB"):
        data = encode(Image.fromarray(PICTURE).convert(mode), "TIFF", compression="jpeg", quality=97)
        assert np.abs(decode_gray(data).astype(int) - PICTURE).mean() < 2


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from(["lzw", "zlib", None]),
)
@settings(max_examples=40)
def test_tiles_of_any_size(height: int, width: int, down: int, across: int, packing: str | None) -> None:
    pixels = smooth(height, width, seed=height * 71 + width)
    assert (decode_gray(tiff(pixels, tile=(16 * down, 16 * across), compression=packing)) == pixels).all()


@pytest.mark.parametrize(
    "kind", ["float32", "float64", "float16", "int8", "int16", "uint32", "int32", "complex64"]
)
def test_other_numbers_are_refused_by_name(kind: str) -> None:
    with pytest.raises(
        ImageError, match=r"^is a TIFF file of .*-bit pixels; expected unsigned integers of up to 16"
    ):
        decode_gray(tiff(PICTURE.astype(kind)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (tiff(np.dstack([RGB, PICTURE]), photometric="separated"), "of SEPARATED pixels"),
        (tiff(RGB, photometric="cielab"), "of CIELAB pixels"),
        (
            tiff(np.dstack([RGB, RGB]), photometric="rgb", extrasamples=["unspecified"] * 3),
            "of 6 values a pixel",
        ),
        (tiff(PICTURE, compression="zstd"), "packed as ZSTD"),
        (tiff(PICTURE)[:8], "damaged, or cannot be decoded"),
    ],
)
def test_other_kinds_are_refused_by_name(data: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        decode_gray(data)


def test_the_first_page_that_is_no_reduced_copy_is_read_and_said() -> None:
    small, other = PICTURE[::4, ::4], 255 - PICTURE
    two = _decode_picture(pages((PICTURE, {}), (other, {})))
    assert (two.gray == PICTURE).all()
    assert two.notes == ("holds several pages: the first is read",)
    assert (decode_gray(pages((small, {"subfiletype": 1}), (PICTURE, {}))) == PICTURE).all()
    assert not _decode_picture(tiff(PICTURE)).notes


PACKED = {
    "lzw": tiff(PICTURE, compression="lzw"),
    "lzw in strips": tiff(PICTURE, compression="lzw", rowsperstrip=16),
    "deflate": tiff(PICTURE, compression="zlib"),
    "jpeg": encode(Image.fromarray(PICTURE), "TIFF", compression="jpeg", quality=97),
    "tiles": tiff(PICTURE, tile=(32, 48)),
    "plain": tiff(PICTURE),
    "packbits": tiff(PICTURE, compression="packbits"),
}


@pytest.mark.parametrize("name", ["lzw", "lzw in strips", "deflate", "jpeg", "packbits"])
@pytest.mark.parametrize("hole", [300, 1200])
def test_a_hole_in_the_codes_is_an_error(name: str, hole: int, capfd: pytest.CaptureFixture[str]) -> None:
    data = PACKED[name]
    middle = len(data) // 2
    with pytest.raises(ImageError, match=r"^is a (TIFF|JPEG) file that is damaged"):
        decode_gray(data[:middle] + bytes(hole) + data[middle + hole :])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", PACKED)
@given(share=st.floats(0, 0.99))
@settings(max_examples=10)
def test_a_cut_is_an_error(name: str, share: float) -> None:
    data = PACKED[name]
    with pytest.raises(ImageError):
        decode_gray(data[: int(len(data) * share)])


def test_a_part_that_is_not_there_is_an_error() -> None:
    data = bytearray(tiff(PICTURE, tile=(32, 48)))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        at = file.pages[0].tags["TileByteCounts"].valueoffset
    data[at : at + 4] = bytes(4)
    with pytest.raises(ImageError, match="lacks a part of its picture"):
        decode_gray(bytes(data))


@pytest.mark.parametrize("name", PACKED)
def test_limits_are_asked_first(name: str) -> None:
    with pytest.raises(ImageError, match=r"70 x 90 pixels, more than limits.pixels allows"):
        decode_gray(PACKED[name], limits=LimitsConfig(pixels=6000))


def test_tifffile_speaks_to_others_as_before(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ImageError):
        decode_gray(PACKED["plain"][:-2000])
    logging.getLogger("tifffile").warning("heard")
    assert "heard" in caplog.text
