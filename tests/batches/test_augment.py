"""Drawn parameters stay in their ranges; applied, they do what torchvision and OpenCV do."""

from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from hilum.batches import AugmentParams
from hilum.config import AugmentConfig

SIZE = 48
EVERYTHING = AugmentConfig(
    share=0.6,
    degrees=20,
    translate=0.1,
    shear=10,
    scale=0.2,
    flip=0.5,
    brightness=0.3,
    contrast=0.3,
    erase=0.5,
)


def apply(images: torch.Tensor, params: AugmentParams, fill: float = 0.0) -> torch.Tensor:
    return params.apply(images, fill)


def pictures(count: int, size: int = SIZE) -> torch.Tensor:
    """Smooth pictures on 256 levels, so that two ways of interpolating agree."""
    rng = np.random.default_rng(0)
    made = [
        cv2.GaussianBlur(rng.integers(0, 256, (size, size)).astype(np.float32), (0, 0), 3)
        for _ in range(count)
    ]
    stretched = [(p - p.min()) / (p.max() - p.min()) for p in made]
    return torch.from_numpy(np.round(np.stack(stretched) * 255).astype(np.float32))[:, None] / 255


def one(**changes: object) -> AugmentParams:
    """Parameters of one image, all but `changes` doing nothing."""
    arrays = {
        key: np.array([value], getattr(AugmentParams.identity(1), key).dtype)
        for key, value in changes.items()
    }
    return replace(AugmentParams.identity(1), **arrays)


def drawn(count: int = 64, config: AugmentConfig = EVERYTHING, epoch: int = 0) -> AugmentParams:
    return AugmentParams.draw(config, 3, epoch, np.arange(count))


def same(a: AugmentParams, b: AugmentParams) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


# --- draw


def test_draws_follow_from_seed_epoch_and_position() -> None:
    every = drawn(100)
    some = np.array([41, 3, 99, 3])
    assert same(AugmentParams.draw(EVERYTHING, 3, 0, some), every.take(some))
    assert not same(every, drawn(100, epoch=1))
    assert not same(every, AugmentParams.draw(EVERYTHING, 4, 0, np.arange(100)))
    assert len(AugmentParams.draw(EVERYTHING, 3, 0, np.arange(0))) == 0


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_share_of_images_is_changed(share: float) -> None:
    changed = drawn(20_000, AugmentConfig(share=share)).changed.mean()
    assert changed == pytest.approx(share, abs=0.01)


def test_draws_stay_in_their_ranges() -> None:
    params = drawn(5_000, EVERYTHING.model_copy(update={"share": 1.0}))
    for name, limit, middle in [
        ("angle", 20, 0),
        ("shift", 0.1, 0),
        ("shear", 10, 0),
        ("scale", 0.2, 1),
        ("brightness", 0.3, 1),
        ("contrast", 0.3, 1),
    ]:
        value = getattr(params, name) - middle
        assert value.dtype == np.float32
        assert np.abs(value).max() <= limit * (1 + 1e-6)
        assert value.min() < -0.9 * limit
        assert value.max() > 0.9 * limit
    assert params.flip.mean() == pytest.approx(0.5, abs=0.03)
    box = params.erase[params.erased]
    assert len(box) / 5_000 == pytest.approx(0.5, abs=0.03)
    area = box[:, 2] * box[:, 3]
    assert area.min() >= 0.02 * 0.999
    assert area.max() <= 0.2 * 1.001
    assert box.min() >= 0
    assert (box[:, :2] + box[:, 2:]).max() <= 1 + 1e-6


def test_a_knob_leaves_the_other_draws_alone() -> None:
    narrow = drawn(50, EVERYTHING.model_copy(update={"degrees": 2.0, "erase": 0.0}))
    assert np.array_equal(narrow.brightness, drawn(50).brightness)
    assert np.allclose(narrow.angle * 10, drawn(50).angle)


def test_knobs_at_zero_change_nothing() -> None:
    still = AugmentConfig(share=1, degrees=0, translate=0, shear=0, brightness=0, contrast=0)
    assert not drawn(100, still).changed.any()


# --- apply


def test_unchanged_images_are_the_same_bits() -> None:
    images, params = pictures(16), drawn(16)
    kept = images.clone()
    after = apply(images, params)
    assert torch.equal(images, kept)
    assert torch.equal(after[~params.changed], images[~params.changed])
    assert all(not torch.equal(after[i], images[i]) for i in np.flatnonzero(params.changed))
    assert torch.equal(apply(images, AugmentParams.identity(16)), images)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [97, 320])
def test_an_image_is_changed_the_same_in_any_company(threads: int, size: int) -> None:
    images, params = pictures(12, size), drawn(12)
    before = torch.get_num_threads()
    whole = apply(images, params, fill=0.5)
    torch.set_num_threads(threads)
    try:
        for i in range(12):
            alone = apply(images[i : i + 1], params.take(np.array([i])), fill=0.5)
            assert torch.equal(alone[0], whole[i])
    finally:
        torch.set_num_threads(before)


@settings(max_examples=40)
@given(
    st.floats(-30, 30),
    st.floats(-0.2, 0.2),
    st.floats(-0.2, 0.2),
    st.floats(-20, 20),
    st.floats(0.7, 1.4),
    st.booleans(),
)
def test_geometry_is_torchvision_affine(
    angle: float, right: float, down: float, shear: float, scale: float, flip: bool
) -> None:
    image = pictures(1)
    params = one(angle=angle, shift=(right, down), shear=shear, scale=scale, flip=flip)
    flipped = image.flip(-1) if flip else image
    # torchvision's tensors take shifts in pixels, and floats there are kept.
    expected = tv.affine_image(
        flipped,
        angle=angle,
        translate=[right * SIZE, down * SIZE],
        scale=scale,
        shear=[shear, 0.0],
        interpolation=InterpolationMode.BILINEAR,
        fill=None,
    )
    assert torch.allclose(apply(image, params), expected, atol=2e-4)


@pytest.mark.parametrize("angle", [-25.0, 4.0, 90.0])
def test_geometry_is_opencv_warp(angle: float) -> None:
    image = pictures(1)
    params = one(angle=angle, shift=(0.06, -0.1), scale=1.2)
    centre = (SIZE - 1) / 2
    forward = cv2.getRotationMatrix2D((centre, centre), -angle, 1.2)
    forward[:, 2] += np.array([0.06, -0.1]) * SIZE
    expected = cv2.warpAffine(image[0, 0].numpy(), forward, (SIZE, SIZE), flags=cv2.INTER_LINEAR)
    assert np.abs(apply(image, params)[0, 0].numpy() - expected).max() < 0.03


def test_outside_is_black_whatever_the_tones() -> None:
    after = apply(torch.full((1, 1, SIZE, SIZE), 0.5), one(shift=(0.25, 0), brightness=1.5, contrast=0.5))
    assert after[..., : SIZE // 4].max() < 1e-5
    assert after[..., SIZE // 4 + 1 :].min() == pytest.approx(0.75)


def test_a_quarter_turn_and_a_flip_are_exact_but_for_rounding() -> None:
    image = pictures(1)
    assert torch.allclose(apply(image, one(angle=90)), image.rot90(-1, (2, 3)), atol=1e-4)
    assert torch.allclose(apply(image, one(flip=True)), image.flip(-1), atol=1e-4)


@pytest.mark.parametrize(
    ("brightness", "contrast"), [(0.7, 1.0), (1.4, 1.0), (1.0, 0.6), (1.0, 1.5), (1.3, 0.8)]
)
def test_tones_are_torchvision_jitter(brightness: float, contrast: float) -> None:
    image = pictures(1)
    expected = tv.adjust_contrast(tv.adjust_brightness(image, brightness), contrast)
    after = apply(image, one(brightness=brightness, contrast=contrast))
    assert torch.allclose(after, expected, atol=1e-5)
    assert 0 <= after.min() <= after.max() <= 1


def test_an_erased_rectangle_is_filled() -> None:
    image = pictures(1)
    after = apply(image, one(erase=(0.25, 0.5, 0.5, 0.25)), fill=0.42)
    inside = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    inside[24:36, 12:36] = True
    assert (after[0, 0][inside] == np.float32(0.42)).all()
    assert torch.equal(after[0, 0][~inside], image[0, 0][~inside])


def test_the_wrong_number_of_parameters_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 images need"):
        apply(pictures(3), AugmentParams.identity(2))


@pytest.mark.gpu
def test_the_device_changes_images_as_the_processor_does() -> None:
    images, params = pictures(16), drawn(16)
    there = apply(images.cuda(), params, fill=0.5).cpu()
    assert torch.allclose(there, apply(images, params, fill=0.5), atol=1e-4)
