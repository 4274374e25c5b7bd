from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmarks.film_variants import varied
from benchmarks.no_films import KINDS, photographs, pieces
from dicoms import dicom
from hypothesis import given
from hypothesis import strategies as st
from pictures import decode_gray
from pydicom.dataset import Dataset

from film_pictures import chest, other
from hilum.pixels.film import (
    _MODALITIES,
    _OTHER,
    _colour,
    _film_tags,
    _glance,
    _looks,
    are_films,
    no_film,
    unlike_films,
)
from hilum.pixels.read import read_gray
from hilum_phantom import make_phantom


def png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def jpeg(picture: np.ndarray, quality: int = 90) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def judged(data: bytes) -> str | None:
    return no_film(decode_gray(data), data)


@pytest.mark.parametrize("kind", list(KINDS))
def test_nearly_all_pictures_of_each_kind_are_told_from_films(kind: str):
    told = [judged(png(other(kind, seed))) is not None for seed in range(40)]
    assert np.mean(told) >= 0.95


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_kind_is_named(kind: str):
    named = {"scene": "photo", "texture": "other"}.get(kind, kind)
    words = [judged(png(other(kind, seed))) or "" for seed in range(20)]
    assert sum(_OTHER[named] in word or "in colour" in word for word in words) >= 14


def test_drawn_films_are_films_whatever_a_data_set_does_to_them():
    films = [chest(seed, 32 + seed % 128) for seed in range(300)]
    assert [no_film(film) for film in films] == [None] * 300
    assert sum(no_film(255 - film) is not None for film in films) <= 3
    changed = [varied(film, np.random.default_rng(seed)) for seed, film in enumerate(films)]
    assert sum(no_film(film) is not None for film in changed) <= 6


@pytest.mark.parametrize(
    "change",
    [
        lambda film: cv2.copyMakeBorder(film, 0, 0, 30, 30, cv2.BORDER_CONSTANT, value=0),
        lambda film: cv2.copyMakeBorder(film, 12, 12, 0, 0, cv2.BORDER_CONSTANT, value=255),
        lambda film: cv2.createCLAHE(3.0, (8, 8)).apply(film),
        lambda film: film[8:-8, 6:-10],
        lambda film: cv2.resize(film, (32, 32), interpolation=cv2.INTER_AREA),
        lambda film: cv2.resize(film, (700, 500), interpolation=cv2.INTER_CUBIC),
        lambda film: cv2.warpAffine(film, cv2.getRotationMatrix2D((60, 60), 6, 1), (120, 120)),
        lambda film: film[:, ::-1],
        lambda film: (film // 3 + 90).astype(np.uint8),
    ],
    ids=["collimated", "framed", "equalised", "cut", "small", "squashed", "turned", "mirrored", "faint"],
)
def test_a_change_makes_no_other_thing_of_a_film(change):
    told = [no_film(np.ascontiguousarray(change(chest(seed, 120)))) is not None for seed in range(60)]
    assert sum(told) <= 1


def test_phantom_films_are_films_in_both_views(tmp_path: Path):
    study = make_phantom(tmp_path / "study", patients=8, seed=77, size=96)
    paths = sorted(study.path.rglob("*.jpg"))
    assert any("lateral" in path.name for path in paths)
    assert [no_film(read_gray(path), path.read_bytes()) for path in paths] == [None] * len(paths)


def test_container_scans_are_none(tmp_path: Path):
    study = make_phantom(tmp_path / "study", patients=8, layout="containers", seed=77, size=96)
    told = [no_film(read_gray(path)) is not None for path in study.path.rglob("*.jpg")]
    assert np.mean(told) > 0.9


@given(
    height=st.integers(1, 70), width=st.integers(1, 70), level=st.integers(0, 255), seed=st.integers(0, 99)
)
def test_any_size_is_answered(height: int, width: int, level: int, seed: int):
    noise = np.random.default_rng(seed).integers(0, level + 1, (height, width), dtype=np.uint8)
    for picture in (noise, np.full((height, width), level, np.uint8)):
        assert np.isfinite(_looks([_glance(picture)])[0][0])
        assert no_film(picture) == no_film(picture, png(picture))


@pytest.mark.parametrize("level", [0, 1, 128, 255])
@pytest.mark.parametrize("side", [1, 2, 32, 300])
def test_one_gray_is_no_film(level: int, side: int):
    assert no_film(np.full((side, side), level, np.uint8)) is not None


# --- colour --------------------------------------------------------------------------------------------------


def in_three_channels(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture[..., None], 3, axis=2)


@pytest.mark.parametrize("encode", [png, jpeg])
def test_a_film_in_three_equal_channels_has_no_colour(encode):
    data = encode(in_three_channels(chest(1, 300)))
    assert _colour(data, "", min(decode_gray(data).shape)) < 1
    assert judged(data) is None


@pytest.mark.parametrize("tint", [(1.0, 0.9, 0.75), (0.8, 0.9, 1.0), (1.0, 0.97, 1.0)])
def test_a_tinted_film_is_a_film(tint: tuple[float, float, float]):
    picture = (in_three_channels(chest(2, 200)) * np.array(tint)).astype(np.uint8)
    assert _colour(png(picture), "", 200) < 4
    assert judged(png(picture)) is None


@pytest.mark.parametrize("encode", [png, jpeg])
@pytest.mark.parametrize("side", [40, 200, 700])
def test_colour_is_seen_in_every_size(encode, side: int):
    rng = np.random.default_rng(side)
    picture = cv2.resize(
        rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_CUBIC
    )
    assert _colour(encode(picture), "", min(decode_gray(encode(picture)).shape)) > 20
    assert judged(encode(picture)) is not None


def test_a_dicom_file_in_colour_is_no_film():
    bars = np.zeros((100, 100, 3), np.uint8)
    bars[:] = np.repeat(
        np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [250, 250, 0]], np.uint8), 25, axis=0
    )[:, None]
    data = dicom(bars, interpretation="RGB", Modality="OT")
    assert judged(data) == "is no chest film: it is in colour"


def test_pictures_of_installed_packages_are_none():
    told = [
        judged(jpeg(piece)) is not None
        for name, photo in photographs().items()
        if name in ("china", "chelsea", "coffee", "retina", "text", "page", "coins", "moon")
        for piece in pieces(photo, np.random.default_rng(5), 8)
    ]
    assert len(told) >= 16  # scikit-learn is always there
    assert np.mean(told) >= 0.95


# --- tags ----------------------------------------------------------------------------------------------------

FILM = chest(3, 96).astype(np.uint16) * 16


def tagged(**tags: str | None) -> str | None:
    data = dicom(FILM, 12, **tags)
    return no_film(decode_gray(data, ".dcm"), data, ".dcm")


@pytest.mark.parametrize("modality", list(_MODALITIES))
def test_a_modality_that_is_no_film_is_named(modality: str):
    assert tagged(Modality=modality) == f"is no chest film: Modality is {modality} ({_MODALITIES[modality]})"


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "RF", "OT", "SC", "", "XY"])
def test_other_modalities_say_nothing(modality: str):
    assert tagged(Modality=modality) is None


@pytest.mark.parametrize(
    "part",
    ["ABDOMEN", "HAND", "FOOT", "KNEE", "SKULL", "PELVIS", "CSPINE", "LSPINE", "SHOULDER", "ELBOW", "HEAD", "hand",
     "Abdomen ", "UP_EXM ELBOW", "ANKLE", "WRIST", "L-SPINE", "BREAST", "ABDOMENPELVIS", "HIP"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Invalid value")
def test_a_body_part_that_is_none_is_named(part: str):
    assert tagged(Modality="CR", BodyPartExamined=part) == (
        f"is no chest film: BodyPartExamined is {part.strip().upper()}"
    )


@pytest.mark.parametrize(
    "part",
    ["CHEST", "THORAX", "Chest", "PORT CHEST", "CHESTABDOMEN", "CHEST_TO_PELVIS", "LUNG", "RIB", "", "UNKNOWN",
     "XR", "WHOLEBODY"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Invalid value")
def test_chests_and_words_that_say_nothing_pass(part: str):
    assert tagged(Modality="DX", BodyPartExamined=part) is None


@pytest.mark.parametrize(
    ("position", "view"),
    [("PA", "frontal"), ("AP", "frontal"), ("LL", "lateral"), ("RL", "lateral"), ("LATERAL", "lateral"),
     ("", None), ("RAO", None), ("LLO", None)],
)  # fmt: skip
def test_the_view_is_read(position: str, view: str | None):
    assert _film_tags(dicom(FILM, 12, ViewPosition=position)).view == view


def coded(meaning: str, value: str = "") -> list[Dataset]:
    item = Dataset()
    item.CodeMeaning, item.CodeValue = meaning, value
    return [item]


@pytest.mark.parametrize(
    ("meaning", "film"), [("Hand", False), ("Abdomen", False), ("Chest", True), ("Thorax", True), ("", True)]
)
def test_the_region_in_code_is_read_where_no_body_part_is_named(meaning: str, film: bool):
    said = tagged(Modality="DX", AnatomicRegionSequence=coded(meaning))
    assert said == (None if film else f"is no chest film: AnatomicRegionSequence is {meaning.upper()}")
    assert tagged(BodyPartExamined="CHEST", AnatomicRegionSequence=coded(meaning)) is None


@pytest.mark.parametrize(
    ("code", "view"), [("R-10236", "lateral"), ("399198007", "lateral"), ("R-10214", "frontal")]
)
def test_the_view_in_code_is_read_where_no_position_is_named(code: str, view: str):
    assert _film_tags(dicom(FILM, 12, ViewCodeSequence=coded("x", code))).view == view
    assert _film_tags(dicom(FILM, 12, ViewPosition="PA", ViewCodeSequence=coded("x", code))).view == "frontal"


def test_a_view_that_the_run_did_not_learn():
    data = dicom(FILM, 12, ViewPosition="LL")
    gray = decode_gray(data)
    assert no_film(gray, data) is None
    assert no_film(gray, data, learned=("frontal", "lateral")) is None
    only = no_film(gray, data, learned=("frontal",))
    assert only == "is a lateral view (LL), and the run learned frontal ones alone"
    assert "none that is known to be one" in str(no_film(gray, data, learned=()))
    frontal = dicom(FILM, 12, ViewPosition="PA")
    assert no_film(gray, frontal, learned=()) is None
    assert "is a frontal view (PA)" in str(no_film(gray, frontal, learned=("lateral",)))


def test_no_patient_data_in_what_is_said():
    said = str(tagged(Modality="CT"))
    assert "Doe" not in said
    assert "secret" not in said


@pytest.mark.parametrize("cut", [0, 1, 130, 140, 200, 300])
def test_a_damaged_header_says_nothing(cut: int):
    assert _film_tags(dicom(FILM, 12, Modality="CT")[:cut]).view is None


def test_a_known_lateral_view_is_asked_for_flatness_and_colour_alone():
    abdomen, mask = other("abdomen"), np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    assert no_film(abdomen) is not None
    assert no_film(abdomen, view="lateral") is None
    assert no_film(mask, view="lateral") is not None


def test_pictures_of_a_pack():
    pictures = np.stack([chest(1), cv2.resize(other("limb"), (64, 64)), chest(2)])
    assert list(unlike_films(pictures, [2, 1, 0], [None] * 3)) == [1]


@pytest.mark.parametrize(
    ("refused", "asked", "films"), [(0, 0, True), (5, 10, True), (6, 10, False), (1, 1, False)]
)
def test_most_decide(refused: int, asked: int, films: bool):
    assert are_films(refused, asked) is films


def test_asking_is_quick():
    picture = chest(1, 320)
    no_film(picture)
    started = time.perf_counter()
    for _ in range(50):
        no_film(picture)
    assert (time.perf_counter() - started) / 50 < 0.005  # 0.1 ms on a quiet core


@pytest.mark.real
def test_at_most_one_of_a_thousand_real_films_is_refused(real: Path):
    paths = [*real.glob("pneumonia-224/*/*/*"), *real.glob("nih-320/images/*")]
    told = [path for path in paths if no_film(read_gray(path), path.read_bytes())]
    assert len(paths) > 6000
    assert len(told) <= len(paths) / 1000
    clinical = real / "dicom" / "RG1_J2KI.dcm"
    assert no_film(read_gray(clinical), clinical.read_bytes()) is None
