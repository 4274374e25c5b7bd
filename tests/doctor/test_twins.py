from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_images import make_table, picture, write

from hilum.doctor.duplicates import _SIDE, Looks
from hilum.doctor.pictures import Pictures, read_pictures
from hilum.doctor.report import Check
from hilum.doctor.twins import twin_checks

COPIES = ["a.png", "same.png", "b.png", "near.jpg", "c.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a = same, b ~ near, and c."""
    for name, seed in {"a": 0, "same": 0, "b": 1, "c": 2}.items():
        write(tmp_path / f"{name}.png", picture(seed))
    cv2.imwrite(str(tmp_path / "near.jpg"), picture(1), [cv2.IMWRITE_JPEG_QUALITY, 60])
    return tmp_path


def checks_of(folder: Path, **columns: object) -> dict[str, Check]:
    columns = {"Finding": [0] * 5} | columns
    table = make_table(folder, COPIES, **columns)
    return {check.name: check for check in twin_checks(table, read_pictures(table))}


def test_no_twins(tmp_path: Path):
    for seed in range(3):
        write(tmp_path / f"{seed}.png", picture(seed))
    table = make_table(tmp_path, ["0.png", "1.png", "2.png"])
    assert [check.level for check in twin_checks(table, read_pictures(table))] == ["ok", "ok"]


def test_across_official_parts_the_same_file_is_a_fault(folder: Path):
    checks = checks_of(folder, official_split=["train", "test", "train", "test", None])
    assert checks["exact-duplicates"].level == "fault"
    assert checks["exact-duplicates"].details["images"] == [["i0", "i1"]]
    assert "1 group of identical files lies in two official parts" in checks["exact-duplicates"].message
    assert "(a.png = same.png)" in checks["exact-duplicates"].message
    assert checks["near-duplicates"].level == "warning"
    assert checks["near-duplicates"].details["images"] == [["i2", "i3"]]
    assert checks["near-duplicates"].details["bits"][0] <= 32
    assert checks["near-duplicates"].details["correlation"][0] > 0.99


def test_across_patients_it_is_a_warning_and_of_one_patient_a_note(folder: Path):
    assert [check.level for check in checks_of(folder).values()] == ["warning", "warning"]
    same = checks_of(folder, patient_id=["p", "p", "q", "q", "r"], official_split=["train"] * 5)
    assert [check.level for check in same.values()] == ["note", "note"]


def test_contradicting_labels_of_one_file(folder: Path):
    checks = checks_of(folder, Finding=[1, 0, 1, 0, 0])
    assert checks["contradicting-labels"].level == "fault"
    assert checks["contradicting-labels"].details == {"images": [["i0", "i1"]]}
    assert "contradicting-labels" not in checks_of(folder, Finding=[1, -1, 1, 0, 0])


def test_where_all_pictures_look_alike_near_ones_prove_nothing(tmp_path: Path):
    """The same noise over a small picture of its own: near pairs by the hundred, none of them a copy."""
    things = [alike(seed) for seed in range(100)]
    for seed, thing in enumerate(things):
        write(tmp_path / f"{seed}.png", thing)
    write(tmp_path / "same.png", things[3])
    paths = [*(f"{seed}.png" for seed in range(100)), "same.png"]
    parts = ["train" if i % 2 else "test" for i in range(101)]
    table = make_table(tmp_path, paths, official_split=parts)
    checks = {check.name: check for check in twin_checks(table, read_pictures(table))}
    near = checks["near-duplicates"]
    assert near.level == "note"
    assert "may be of different things: pictures here look alike" in near.message
    assert near.details["bits"] == sorted(near.details["bits"])
    assert len(near.details["images"]) == len(near.details["correlation"]) > 100
    assert checks["exact-duplicates"].level == "fault"


def alike(seed: int) -> np.ndarray:
    """A common scene, and a little of its own."""
    return np.clip(0.8 * picture(0).astype(float) + 0.2 * picture(seed + 1), 0, 255).astype(np.uint8)


def test_a_data_set_full_of_copies_does_not_look_alike(tmp_path: Path):
    """Of 60 pictures, each has a copy: 1 pair in 119, which is not taken for the way that all of them look."""
    for seed in range(60):
        write(tmp_path / f"{seed}.png", picture(seed))
        cv2.imwrite(str(tmp_path / f"{seed}.jpg"), picture(seed), [cv2.IMWRITE_JPEG_QUALITY, 60])
    paths = [f"{seed}.{kind}" for seed in range(60) for kind in ("png", "jpg")]
    table = make_table(tmp_path, paths)
    near = [check for check in twin_checks(table, read_pictures(table)) if check.name == "near-duplicates"]
    assert [check.level for check in near] == ["warning"]
    assert len(near[0].details["images"]) == 60


def test_copies_are_found_among_pictures_that_look_alike(tmp_path: Path):
    """Twelve films of the test part are brighter, saved anew, of the training part; the rest only look alike."""
    for seed in range(120):
        write(tmp_path / f"{seed}.png", alike(seed))
    for seed in range(12):
        image = np.clip(alike(seed) * 0.95 + 8, 0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"copy{seed}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 80])
    paths = [*(f"{seed}.png" for seed in range(120)), *(f"copy{seed}.jpg" for seed in range(12))]
    table = make_table(tmp_path, paths, official_split=["train"] * 80 + ["test"] * 52)
    near = [check for check in twin_checks(table, read_pictures(table)) if check.name == "near-duplicates"]
    assert [check.level for check in near] == ["note", "fault"]
    assert near[1].details["images"] == [[f"i{i}", f"i{120 + i}"] for i in range(12)]
    assert not {tuple(pair) for pair in near[0].details["images"]} & {
        (f"i{i}", f"i{120 + i}") for i in range(12)
    }


def copied(train: int, test: int, copies: int, mirrored: bool) -> list[Check]:
    """Drawn facts of a training and a test part of which the first `copies` show the same, or its mirror image."""
    rng = np.random.default_rng([train, test, copies])
    small = rng.integers(0, 256, (train + test, _SIDE, _SIDE), dtype=np.uint8)
    small[train : train + copies] = small[:copies, :, :: -1 if mirrored else 1]
    table = make_table(
        Path(), [f"{i}.png" for i in range(train + test)], official_split=["train"] * train + ["test"] * test
    )
    frame = pl.DataFrame({"state": ["ok"] * len(small), "digest": [str(i) for i in range(len(small))]})
    looks = Looks.empty(len(small))
    for row, one in enumerate(small):
        looks.put(row, one)
    pictures = Pictures(frame, looks)
    return [check for check in twin_checks(table, pictures) if check.name == "near-duplicates"]


@given(
    train=st.integers(30, 400), test=st.integers(30, 400), copies=st.integers(0, 12), mirrored=st.booleans()
)
@example(train=400, test=300, copies=3, mirrored=False)
@example(train=400, test=299, copies=3, mirrored=False)
@example(train=299, test=400, copies=3, mirrored=True)
@example(train=60, test=400, copies=2, mirrored=False)
@settings(max_examples=25, deadline=None)
def test_near_copies_are_a_fault_past_a_share_of_the_smaller_part(
    train: int, test: int, copies: int, mirrored: bool
):
    check = copied(train, test, copies, mirrored)[-1]
    spoilt = copies >= 3 and copies > 0.01 * min(train, test)
    assert check.level == ("fault" if spoilt else "warning" if copies else "ok")
    assert len(check.details.get("images", ())) == copies
    assert ("mirror" in check.message) == (mirrored and copies > 0)


def test_mirror_images_within_a_part_are_not_looked_for(tmp_path: Path):
    write(tmp_path / "a.png", picture(0))
    write(tmp_path / "b.png", picture(0)[:, ::-1])
    table = make_table(tmp_path, ["a.png", "b.png"], official_split=["train"] * 2)
    assert {check.level for check in twin_checks(table, read_pictures(table))} == {"ok"}
