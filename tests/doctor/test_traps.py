"""Whole folders that would spoil every score, and how the command ends on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made_images import picture, write

CLASSES = ("normal", "pneumonia")


def ask(
    hilum: Callable[..., Any], source: str, root: Path, *more: object
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and the faults by name."""
    done = hilum("doctor", source, root, "--json", *more)
    checks = json.loads(done.out)["checks"]
    return done.code, {check["name"]: check for check in checks if check["level"] == "fault"}


def sized(root: Path, height: Callable[[int], int], width: Callable[[int], int]) -> Path:
    for number in range(60):
        image = picture(number, width(number), height(number))
        write(root / CLASSES[number % 2] / f"p{number}.png", image)
    return root


@pytest.mark.parametrize("copies", [3, 24])
def test_test_films_that_are_training_films_saved_anew(tmp_path: Path, hilum, copies: int):
    for number in range(24):
        film, place = picture(number), CLASSES[number % 2]
        write(tmp_path / "train" / place / f"a{number}.png", film)
        other = film * 0.95 + 8 if number < copies else picture(100 + number)
        (tmp_path / "test" / place).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "test" / place / f"b{number}.jpg"), other.astype(np.uint8))
    code, faults = ask(hilum, "folder", tmp_path)
    assert code == 1
    assert len(faults["near-duplicates"]["details"]["images"]) == copies


def test_copies_that_a_table_puts_into_another_part_under_another_patient(tmp_path: Path, hilum):
    lines = ["path,patient,Edema,split"]
    for number in range(30):
        film = picture(300 + number, 128, 128)
        write(tmp_path / f"a{number}.png", film)
        write(tmp_path / f"b{number}.png", (np.roll(film, -1, axis=1) * 0.9).astype(np.uint8))
        lines += [f"a{number}.png,P{number},{number % 2},train", f"b{number}.png,Q{number},{number % 2},test"]
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    code, faults = ask(hilum, "csv", tmp_path)
    assert code == 1
    assert "near-duplicates" in faults


@pytest.mark.parametrize(("option", "level"), [(("--option", r"patient_pattern=^(\d+)_"), 1), ((), 0)])
def test_patients_that_the_users_pattern_finds_in_two_parts(
    tmp_path: Path, hilum, option: tuple[str, ...], level: int
):
    for number in range(24):
        for part, patient in (("train", number), ("test", number if number < 8 else 100 + number)):
            film = picture(number if part == "train" else 500 + number)
            write(tmp_path / part / CLASSES[number % 2] / f"{patient:05d}_{part}.png", film)
    code, faults = ask(hilum, "folder", tmp_path, *option)
    assert (code, set(faults)) == (level, {"patients-in-two-parts"} if level else set())


@pytest.mark.parametrize(
    ("height", "width", "trait"),
    [
        (
            lambda n: 80 if n % 2 else (72, 88)[n // 2 % 2],
            lambda n: 80 if n % 2 else (72, 88)[n // 2 % 2],
            "exact size",
        ),
        (lambda n: (100 if n % 2 else (84, 116)[n // 2 % 2]) + n % 5 - 2, lambda _: 100, "image height"),
        (lambda n: 100 + n % 7, lambda n: (100 + n % 7) * (2 if n % 2 else 1), "aspect ratio"),
    ],
)
def test_sizes_that_tell_the_class(tmp_path: Path, hilum, height, width, trait: str):
    code, faults = ask(hilum, "folder", sized(tmp_path, height, width))
    assert code == 1
    assert trait in {shortcut["trait"] for shortcut in faults["shortcuts"]["details"]["shortcuts"]}


@pytest.mark.parametrize(
    ("suffixes", "qualities", "trait"),
    [((".png", ".jpg"), (95, 95), "file format"), ((".jpg", ".jpg"), (95, 70), "JPEG coding")],
)
def test_files_that_tell_the_class(tmp_path: Path, hilum, suffixes, qualities, trait: str):
    for number in range(40):
        which = number % 2
        path = tmp_path / CLASSES[which] / f"p{number}{suffixes[which]}"
        path.parent.mkdir(exist_ok=True)
        how = [cv2.IMWRITE_JPEG_QUALITY, qualities[which]] if suffixes[which] == ".jpg" else []
        cv2.imwrite(str(path), picture(number), how)
    code, faults = ask(hilum, "folder", tmp_path)
    assert code == 1
    assert f"{trait} predicts pneumonia (1.00)" in faults["shortcuts"]["message"]
    assert "in 100% of pneumonia and 0% of the others" in faults["shortcuts"]["message"]


def test_positives_of_two_patients_are_few_however_many_images_they_have(tmp_path: Path, hilum):
    lines = [f"i{n}.png,P{n // 30 if n < 60 else n},{int(n < 60)}" for n in range(160)]
    (tmp_path / "table.csv").write_text("path,patient,Edema\n" + "\n".join(lines) + "\n")
    done = hilum("doctor", "csv", tmp_path, "--fast")
    assert done.code == 0
    assert "Positives of fewer than 10 patients: Edema (60 images of 2 patients)." in done.out
    assert (
        "not looked at: sizes and kinds of files, scanner tags, dates; Edema (too few patients"
        in " ".join(done.out.split())
    )
