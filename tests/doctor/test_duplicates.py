from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_images import picture

from hilum.doctor.duplicates import _BANDS, _MOST_BITS, Looks, Near
from hilum.doctor.twins import _exact_groups

Gray = npt.NDArray[np.uint8]


def looks_of(images: list[Gray]) -> Looks:
    looks = Looks.empty(len(images))
    for row, image in enumerate(images):
        looks.put(row, image)
    return looks


def examine(images: list[Gray]) -> list[Near]:
    return looks_of(images).near(np.arange(len(images)))


def bits_of(image: Gray) -> npt.NDArray[np.uint8]:
    return np.unpackbits(looks_of([image]).hashes.view(np.uint8))


def jpeg(image: Gray) -> Gray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE)


def half(image: Gray) -> Gray:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def darker(image: Gray) -> Gray:
    return (255 * (image / 255.0) ** 1.2).astype(np.uint8)


@pytest.mark.parametrize("change", [jpeg, half, darker])
def test_a_changed_copy_is_found_and_others_are_not(change: Callable[[Gray], Gray]):
    images = [picture(seed, 128, 128) for seed in range(40)]
    (found,) = examine([*images, change(images[17])])
    assert (found.first, found.second) == (17, 40)
    assert found.bits <= 24
    assert found.correlation > 0.97


def test_the_same_picture_thrice_makes_three_pairs_and_rows_are_the_callers():
    images = [picture(3), picture(1), picture(3), picture(3)]
    assert [(pair.first, pair.second) for pair in examine(images)] == [(0, 2), (0, 3), (2, 3)]
    (found,) = looks_of(images).near(np.array([3, 1, 0]))
    assert found == Near(0, 3, 0, pytest.approx(1.0))


def test_hashes_alone_do_not_convict():
    """Equal hashes of thumbnails that do not correlate are no near duplicates."""
    looks = looks_of([picture(0), picture(1)])
    assert Looks(looks.thumbnails, np.zeros_like(looks.hashes)).near(np.arange(2)) == []


@given(arrays(np.uint16, st.tuples(st.integers(0, 25), st.just(_BANDS)), elements=st.integers(0, 3)))
def test_the_bands_find_what_comparing_all_pairs_finds(hashes: npt.NDArray[np.uint16]):
    same = np.tile(looks_of([picture(0)]).thumbnails, (len(hashes), 1, 1))
    pairs = Looks(same, hashes).near(np.arange(len(hashes)))
    found = {(pair.first, pair.second): pair.bits for pair in pairs}
    expected = {}
    for i in range(len(hashes)):
        for j in range(i + 1, len(hashes)):
            bits = sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(hashes[i], hashes[j], strict=True))
            if bits <= _MOST_BITS and (hashes[i] == hashes[j]).any():
                expected[i, j] = bits
    assert found == expected


def test_every_pair_within_fifteen_bits_is_found():
    generator = np.random.default_rng(0)
    same = np.tile(looks_of([picture(0)]).thumbnails, (2, 1, 1))
    for _ in range(200):
        bits = generator.integers(0, 2, 256, dtype=np.uint8)
        other = bits.copy()
        other[generator.choice(256, 15, replace=False)] ^= 1
        hashes = np.stack([np.packbits(row).view(np.uint16) for row in (bits, other)])
        assert len(Looks(same, hashes).near(np.arange(2))) == 1


def test_the_hash_is_of_structure_not_of_exposure():
    bits = [bits_of(picture(5) // k) for k in (1, 2)]
    assert (bits[0] != bits[1]).sum() <= 8
    assert (bits[0] != bits_of(picture(6))).sum() > 80
    assert bits_of(np.full((9, 9), 7, np.uint8)).sum() == 0


def test_groups_of_equal_digests():
    assert _exact_groups(["a", None, "b", "a", None, "b", "a", "c"]) == [[0, 3, 6], [2, 5]]


@pytest.mark.real
def test_different_adults_are_never_taken_for_one_another(real: Path):
    paths = sorted((real / "nih-320" / "images").glob("*.jpg"))
    images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    assert examine(images) == []
    (found,) = examine([*images, jpeg(half(darker(images[100])))])
    assert (found.first, found.second) == (100, len(images))


@pytest.mark.parametrize(
    ("usual", "most"), [(88.0, 32), (86.0, 32), (72.0, 27), (56.0, 21), (float("nan"), 32)]
)
def test_near_is_nearer_where_different_pictures_are_nearer(
    usual: float, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Looks, "usual_distance", lambda *_: usual)
    assert Looks.empty(0).most_bits(np.arange(0)) == most
