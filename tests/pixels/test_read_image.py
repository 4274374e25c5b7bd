"""Every encoding of a picture is read as the same gray image, and a bad file is an error."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import decode_gray, encode, psnr, smooth
from PIL import Image, ImageOps

from hilum.errors import ImageError
from hilum.pixels.decoding import decode
from hilum.pixels.read import image_info, read_gray

PICTURE = smooth(90, 70)
GRAY = Image.fromarray(PICTURE)
OPACITY = Image.fromarray(smooth(90, 70, seed=9))


def with_alpha(mode: str) -> Image.Image:
    """The picture under an opacity that varies all over."""
    image = GRAY.convert(mode)
    image.putalpha(OPACITY)
    return image


EXACT = {
    "png": encode(GRAY, "PNG"),
    "png rgb": encode(GRAY.convert("RGB"), "PNG"),
    "png rgba": encode(with_alpha("RGB"), "PNG"),
    "png gray with alpha": encode(with_alpha("L"), "PNG"),
    "png palette": encode(GRAY.convert("P"), "PNG"),
    "png 16 bits": encode(PICTURE.astype(np.uint16) * 257, "PNG"),
    "png 12 of 16 bits": encode(np.rint(PICTURE * (4095 / 255)).astype(np.uint16), "PNG"),
    "png 8 of 16 bits": encode(PICTURE.astype(np.uint16), "PNG"),
    "tiff": encode(GRAY, "TIFF"),
    "tiff rgb, packed": encode(GRAY.convert("RGB"), "TIFF", compression="tiff_lzw"),
    "tiff 16 bits": encode(PICTURE.astype(np.uint16) * 257, "TIFF"),
    "bmp": encode(GRAY, "BMP"),
    "webp lossless": encode(GRAY.convert("RGB"), "WEBP", lossless=True),
    "gif": encode(GRAY, "GIF"),
    "jpeg 2000": encode(GRAY, "JPEG2000"),
}
LOSSY = {
    "jpeg": encode(GRAY, "JPEG", quality=98),
    "jpeg rgb": encode(GRAY.convert("RGB"), "JPEG", quality=98),
    "jpeg rgb, halved colour": encode(GRAY.convert("RGB"), "JPEG", quality=98, subsampling=2),
    "jpeg progressive": encode(GRAY, "JPEG", quality=98, progressive=True, optimize=True),
    "jpeg cmyk (Adobe, inverted)": encode(GRAY.convert("RGB").convert("CMYK"), "JPEG", quality=98),
    "webp": encode(GRAY.convert("RGB"), "WEBP", quality=98),
}


@pytest.mark.parametrize("name", EXACT)
def test_lossless_encodings_give_the_same_pixels(name: str) -> None:
    read = decode_gray(EXACT[name])
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - PICTURE).max() <= 1  # 1: luma of equal channels, rounded


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_encodings_give_the_same_picture(name: str) -> None:
    assert psnr(decode_gray(LOSSY[name]), PICTURE) > 38


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["PNG", "JPEG", "TIFF", "BMP"]), st.booleans())
@settings(max_examples=80)
def test_any_size_round_trips(height: int, width: int, form: str, colour: bool) -> None:
    picture = smooth(height, width, seed=height * 41 + width)
    image = Image.fromarray(picture).convert("RGB" if colour else "L")
    read = decode_gray(encode(image, form, **({"quality": 100} if form == "JPEG" else {})))
    assert read.shape == (height, width)
    assert np.abs(read.astype(int) - picture).max() <= (6 if form == "JPEG" else 1)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, form: str, orientation: int) -> None:
    picture = np.tile(np.linspace(0, 255, 320).astype(np.uint8), (192, 1))
    picture[:48, :48] = 255
    image = Image.fromarray(picture).convert("RGB" if form == "WEBP" else "L")
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"tiffinfo": {274: orientation}} if form == "TIFF" else {"exif": exif}
    path = tmp_path / "turned"
    path.write_bytes(encode(image, form, **options))
    # From memory: PIL turns an uncompressed TIFF file twice.
    with Image.open(io.BytesIO(path.read_bytes())) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened).convert("L"))
    read = read_gray(path)
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).mean() < 3
    info = image_info(path)
    assert (info.height, info.width) == upright.shape
    reduced = read_gray(path, at_least=32)
    small = cv2.resize(upright, reduced.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(int) - small).mean() < 3


@pytest.mark.parametrize(
    ("height", "width", "at_least", "shape"),
    [
        (1300, 1000, 320, (650, 500)),
        (2828, 2320, 320, (707, 580)),
        (2828, 2320, 128, (354, 290)),
        (950, 1300, 320, (950, 1300)),
        (320, 390, 320, (320, 390)),
        (1300, 1000, None, (1300, 1000)),
    ],
)
def test_large_jpegs_are_read_reduced_and_as_good(
    height: int, width: int, at_least: int | None, shape: tuple[int, int]
) -> None:
    data = encode(smooth(height, width, noise=4), "JPEG", quality=90)
    read = decode_gray(data, at_least=at_least)
    assert read.shape == shape
    side = (at_least or 320,) * 2
    reference = cv2.resize(decode_gray(data), side, interpolation=cv2.INTER_AREA)
    assert psnr(cv2.resize(read, side, interpolation=cv2.INTER_AREA), reference) > 46


def test_reduced_reading_keeps_colour_and_cmyk_right() -> None:
    picture = Image.fromarray(smooth(640, 640))
    for mode in ("RGB", "CMYK"):
        data = encode(picture.convert("RGB").convert(mode), "JPEG", quality=98)
        reduced = decode_gray(data, at_least=64)
        assert reduced.shape == (160, 160)
        reference = cv2.resize(np.asarray(picture), (160, 160), interpolation=cv2.INTER_AREA)
        assert psnr(reduced, reference) > 38


WHOLE = EXACT | LOSSY


@pytest.mark.parametrize(
    "name", [name for name in WHOLE if name.startswith(("png", "jpeg", "webp", "tiff", "bmp"))]
)
@given(share=st.floats(0.0, 0.97))
@settings(max_examples=15)
def test_a_file_that_is_cut_short_is_an_error(name: str, share: float) -> None:
    data = WHOLE[name]
    with pytest.raises(ImageError):
        decode_gray(data[: int(len(data) * share)])


@pytest.mark.parametrize("name", ["png", "jpeg", "jpeg progressive", "jpeg cmyk (Adobe, inverted)"])
@pytest.mark.parametrize("missing", [1, 2, 3, 10, 100])
def test_a_few_missing_bytes_are_an_error_and_said_so(tmp_path: Path, name: str, missing: int) -> None:
    path = tmp_path / "short.img"
    path.write_bytes(WHOLE[name][:-missing])
    with pytest.raises(
        ImageError, match=r"short\.img is a (PNG|JPEG) file that is cut short; copy or download"
    ):
        read_gray(path)


def test_a_download_whose_end_is_zeros_is_an_error() -> None:
    for name in ("png", "jpeg", "jpeg progressive"):
        half = len(WHOLE[name]) // 2
        with pytest.raises(ImageError):
            decode_gray(WHOLE[name][:half] + bytes(half))


def test_bytes_after_the_end_do_no_harm() -> None:
    for name in ("png", "jpeg"):
        assert decode_gray(WHOLE[name] + bytes(50)).shape == PICTURE.shape


def test_a_thumbnail_in_the_header_does_not_pass_for_the_end() -> None:
    exif = b"Exif\0\0" + encode(GRAY.resize((16, 16)), "JPEG")
    block = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    data = LOSSY["jpeg"][:2] + block + LOSSY["jpeg"][2:]
    assert decode_gray(data).shape == PICTURE.shape
    with pytest.raises(ImageError, match="cut short"):
        decode_gray(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"x\.png is empty \(0 bytes\)"),
        (b"Patient;Age\n1;2\n", r"x\.png is not an image, or is damaged; expected JPEG, PNG"),
        (b"\xff\xd8\xff", r"x\.png is a JPEG file that is cut short or damaged within its header"),
        (b"\x89PNG\r\n\x1a\n", r"x\.png is a PNG file that is cut short"),
        (
            encode(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8), "TIFF"),
            "TIFF file of float 32-bit pixels; expected unsigned integers",
        ),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=said):
        read_gray(path)


def test_what_is_not_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.jpg is missing"):
        read_gray(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match="is a folder, not an image"):
        read_gray(tmp_path)


def test_a_twelve_bit_jpeg_is_refused_by_name() -> None:
    data = bytearray(LOSSY["jpeg"])
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(ImageError, match="JPEG file of 12 bits a pixel"):
        decode_gray(bytes(data))


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0"])
)
@settings(max_examples=150)
def test_garbage_is_only_ever_an_image_error(data: bytes, start: bytes) -> None:
    with pytest.raises(ImageError):
        decode_gray(start + data + b"\xff\xd9")


def test_errors_print_nothing_of_their_own(capfd: pytest.CaptureFixture[str]) -> None:
    for name, data in WHOLE.items():
        with pytest.raises(ImageError):
            decode_gray(data[: len(data) // 2])
        assert capfd.readouterr() == ("", ""), name


@pytest.mark.real
def test_real_files_are_read_as_pil_reads_them(real: Path) -> None:
    folders = [real / "nih-320" / "images", real / "pneumonia-224" / "test" / "NORMAL"]
    for path in [path for folder in folders for path in sorted(folder.iterdir())[:20]]:
        with Image.open(path) as image:
            expected = np.asarray(image.convert("L"))
        assert np.abs(read_gray(path).astype(int) - expected).mean() < 1.0, path
        info = image_info(path)
        assert (info.height, info.width) == expected.shape


def test_what_opencv_refuses_outright_is_no_image() -> None:
    assert decode(b"", cv2.IMREAD_GRAYSCALE) is None
