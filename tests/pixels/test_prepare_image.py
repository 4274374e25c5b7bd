"""The square that a network sees."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, psnr, smooth
from PIL import Image
from skimage.transform import resize as skimage_resize

from hilum.config import PrepareConfig
from hilum.pixels.prepare import _resize, load_image, prepare

FITS = ("squash", "crop", "pad")


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(16, 70),
    st.sampled_from(FITS),
    st.sampled_from([0.0, 2.0]),
)
@settings(max_examples=150)
def test_any_picture_becomes_the_square(height: int, width: int, size: int, fit: str, clahe: float) -> None:
    made = prepare(smooth(height, width), PrepareConfig(size=size, fit=fit, clahe=clahe))
    assert made.shape == (size, size)
    assert made.dtype == np.uint8
    assert made.flags.c_contiguous


@pytest.mark.parametrize("fit", FITS)
def test_a_square_of_the_right_size_stays_as_it_is(fit: str) -> None:
    picture = smooth(64, 64)
    assert np.array_equal(prepare(picture, PrepareConfig(size=64, fit=fit)), picture)


def test_shrinking_averages_areas() -> None:
    picture = smooth(128, 192)
    blocks = picture.reshape(32, 4, 48, 4).mean((1, 3))
    assert np.abs(_resize(picture, 32, 48) - blocks).max() <= 0.5
    fine = np.tile(
        np.array([[0, 255]], np.uint8), (300, 150)
    )  # the finest stripes: any other way shows moiré
    assert np.ptp(_resize(fine, 64, 64)) <= 40


def test_shrinking_agrees_with_pil_and_skimage() -> None:
    picture = smooth(1300, 1000)
    ours = _resize(picture, 320, 320)
    pil = np.asarray(Image.fromarray(picture).resize((320, 320), Image.Resampling.BOX))
    skimage = skimage_resize(picture, (320, 320), anti_aliasing=True, preserve_range=True)
    assert psnr(ours, pil) > 48
    assert psnr(ours, skimage) > 40


def test_one_axis_may_shrink_while_the_other_grows() -> None:
    stripes = np.tile(np.array([[0, 255]], np.uint8), (20, 200))
    made = _resize(stripes, 40, 40)
    assert made.shape == (40, 40)
    assert np.abs(made.astype(int) - 128).max() <= 1


def test_crop_takes_the_centre_and_pad_keeps_all() -> None:
    picture = np.full((40, 80), 100, np.uint8)
    picture[:, 20:60] = 200
    assert (prepare(picture, PrepareConfig(size=32, fit="crop")) == 200).all()
    padded = prepare(picture, PrepareConfig(size=32, fit="pad"))
    assert (padded[:8] == 0).all()
    assert (padded[24:] == 0).all()
    assert (padded[8:24] > 0).all()
    tall = prepare(picture.T.copy(), PrepareConfig(size=32, fit="pad"))
    assert np.array_equal(tall, padded.T)


def test_clahe_spreads_contrast_and_leaves_padding_black() -> None:
    dull = (smooth(96, 64) // 8 + 90).astype(np.uint8)
    plain, clear = (prepare(dull, PrepareConfig(size=96, fit="pad", clahe=limit)) for limit in (0.0, 3.0))
    assert clear[:, 16:80].std() > 1.5 * plain[:, 16:80].std()
    assert (clear[:, :16] == 0).all()


@pytest.mark.parametrize("fit", FITS)
def test_loading_a_large_jpeg_equals_preparing_all_of_it(tmp_path: Path, fit: str) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(encode(smooth(1400, 1000), "JPEG", quality=90))
    config = PrepareConfig(size=256, fit=fit)
    full = prepare(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), config)
    assert psnr(load_image(path, config), full) > 46
