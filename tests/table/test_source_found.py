"""Which files of a folder are images: links, formats, masks, and what is no file at all."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from hilum.errors import DataError
from hilum.table.sources.base import IMAGE_SUFFIXES, find_images, walk, without_masks
from hilum.table.sources.read import read_quietly


def make(root: Path, *names: str, data: bytes = b"") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_linked_folders_and_files_are_followed(tmp_path: Path) -> None:
    make(tmp_path / "store", "q1.png", "deep/q2.png")
    make(tmp_path / "t", "sick/a.png", "well/b.png")
    (tmp_path / "t/sick/more").symlink_to(tmp_path / "store")
    (tmp_path / "t/well/c.png").symlink_to(tmp_path / "store/q1.png")
    (tmp_path / "t/third").symlink_to(tmp_path / "store", target_is_directory=True)
    table = read_quietly("folder", tmp_path / "t")
    assert table.frame["path"].to_list() == [
        *("sick/a.png", "sick/more/deep/q2.png", "sick/more/q1.png"),
        *("third/deep/q2.png", "third/q1.png", "well/b.png", "well/c.png"),
    ]


def test_loops_end_and_a_file_reached_twice_comes_once_under_its_own_name(tmp_path: Path) -> None:
    make(tmp_path, "z/real/a.png", "z/b.png")
    (tmp_path / "z/real/up").symlink_to(tmp_path / "z")
    (tmp_path / "z/self").symlink_to(tmp_path)
    (tmp_path / "a_link").symlink_to(tmp_path / "z/real")
    (tmp_path / "b_link.png").symlink_to(tmp_path / "z/b.png")
    passed: Counter[str] = Counter()
    assert walk(tmp_path, passed) == ["z/b.png", "z/real/a.png"]
    assert passed == {"second link to a file": 1}
    assert walk(tmp_path / "a_link") == ["a.png", "up/b.png"]


def test_pipes_sockets_and_links_to_nothing_are_passed_over_and_counted(tmp_path: Path) -> None:
    make(tmp_path, "sick/a.png", "well/b.png", "sick/notes.txt", "sick/Thumbs.db", "sick/more/c.txt")
    os.mkfifo(tmp_path / "sick/scan.png")
    os.mkfifo(tmp_path / "sick/scan")
    (tmp_path / "well/gone.png").symlink_to(tmp_path / "nothing.png")
    table = read_quietly("folder", tmp_path)
    assert table.frame["path"].to_list() == ["sick/a.png", "well/b.png"]
    assert table.notes == (
        "6 files passed over as no images: 2 .txt, 2 pipe or socket, 1 .db, 1 link to nothing.",
    )


@pytest.mark.parametrize("suffix", [*IMAGE_SUFFIXES, ".GIF", ".JP2", ".Dcm"])
def test_every_suffix_that_the_reader_reads_is_taken(tmp_path: Path, suffix: str) -> None:
    make(tmp_path, f"sick/a{suffix}", "well/b.png")
    assert read_quietly("folder", tmp_path).frame["path"].to_list() == [f"sick/a{suffix}", "well/b.png"]


@pytest.mark.parametrize(
    ("start", "image"),
    [
        (b"\x89PNG\r\n", True),
        (b"\xff\xd8\xff\xe0", True),
        (b"GIF89a", True),
        (b"II*\x00", True),
        (bytes(128) + b"DICM", True),
        (b"hello", False),
        (b"", False),
    ],
)
@pytest.mark.parametrize("name", ["scan", "IM.0001", "1.2.840.113"])
def test_files_without_a_suffix_are_known_by_their_beginning(
    tmp_path: Path, start: bytes, image: bool, name: str
) -> None:
    make(tmp_path, name, data=start)
    assert find_images(tmp_path) == [name] * image


@pytest.mark.parametrize("folder", [".ipynb_checkpoints", "__MACOSX", "@eaDir", "$RECYCLE.BIN"])
def test_what_systems_put_into_folders_is_no_data(tmp_path: Path, folder: str) -> None:
    make(tmp_path, "sick/a.png", "well/b.png", f"{folder}/c.png", f"sick/{folder}/a.png", "sick/.DS_Store")
    table = read_quietly("folder", tmp_path)
    assert (table.frame["path"].to_list(), table.notes) == (["sick/a.png", "well/b.png"], ())


def test_what_lies_beside_the_classes_and_parts_is_said(tmp_path: Path) -> None:
    make(
        tmp_path,
        "train/no/a.png",
        "train/yes/b.png",
        "test/no/c.png",
        "holdout/no/d.png",
        "train/e.png",
        "f.png",
    )
    assert read_quietly("folder", tmp_path).notes == (
        "Folders beside test that name no part were not read: holdout.",
        "2 images in no class folder not taken, the first f.png.",
    )


@pytest.mark.parametrize(
    ("mask", "image"),
    [
        ("sick/masks/a.png", "sick/images/a.png"),
        ("sick/Mask/a.png", "sick/a.jpg"),
        ("sick/masks/a_mask.png", "sick/images/a.png"),
        ("sick/a_mask.png", "sick/a.png"),
        ("sick/a-Seg.tif", "sick/a.png"),
        ("sick/left_mask/a.png", "sick/CXR_png/a.png"),
        ("sick/lung masks/deep/a.gif", "sick/a.png"),
    ],
)
def test_masks_beside_their_images_are_no_images(tmp_path: Path, mask: str, image: str) -> None:
    make(tmp_path, mask, image, "well/b.png")
    table = read_quietly("folder", tmp_path)
    assert table.frame["path"].to_list() == [image, "well/b.png"]
    assert table.notes == (f"1 mask of images not taken for images themselves, the first {mask}.",)


@pytest.mark.parametrize("name", ["sick/masks/z.png", "sick/mask.png", "sick/unmask.png", "sick/z_mask.png"])
def test_what_is_called_a_mask_without_an_image_is_none(tmp_path: Path, name: str) -> None:
    make(tmp_path, name, "sick/a.png", "well/b.png")
    assert len(read_quietly("folder", tmp_path)) == 3


def test_folders_of_images_and_masks_are_no_classes(tmp_path: Path) -> None:
    make(tmp_path, "images/a.png", "images/b.png", "masks/a.png", "masks/b.png")
    with pytest.raises(
        DataError, match=r"two classes or more are needed; there is images\. 2 masks of images"
    ):
        read_quietly("folder", tmp_path)


def test_masks_are_told_apart_without_a_look_at_any_file() -> None:
    names = ["images/1.png", "masks/1.png", "images/2.png", "2_mask.png"]
    assert without_masks(names) == (["images/1.png", "images/2.png"], ["masks/1.png", "2_mask.png"])


def test_a_folder_that_cannot_be_opened_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "open/a.png", "closed/b.png")
    real = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    passed: Counter[str] = Counter()
    assert walk(tmp_path, passed) == ["open/a.png"]
    assert passed == {"folder that cannot be opened": 1}


def test_names_of_classes_hold_nothing_that_cannot_be_seen(tmp_path: Path) -> None:
    make(tmp_path, "sick\x1b[31m/a.png", "normal\u200b/b.png")
    table = read_quietly("folder", tmp_path)
    assert table.findings == ("sick[31m",)
    assert table.frame["path"][1] == "sick\x1b[31m/a.png"


def test_studies_and_patients_may_stand_in_folders(tmp_path: Path) -> None:
    make(tmp_path, "sick/p1/s1/a.png", "sick/p1/s2/b.png", "well/p2/s3/c.png")
    table = read_quietly("folder", tmp_path, patient_pattern=r"/(p\d)/", study_pattern=r"/(s\d)/")
    assert table.frame["patient_id"].to_list() == ["p1", "p1", "p2"]
    assert table.frame["study_id"].to_list() == ["s1", "s2", "s3"]
