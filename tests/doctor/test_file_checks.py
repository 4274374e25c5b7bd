from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_images import make_table, picture, write, write_pictures

from hilum.doctor.files import file_checks
from hilum.doctor.pictures import read_pictures
from hilum.doctor.report import Check


def checks_of(
    root: Path, paths: list[str], size: int = 0, max_bad: float = 0.01, **columns: object
) -> dict[str, Check]:
    table = make_table(root, paths, **columns)
    return {
        check.name: check for check in file_checks(table, read_pictures(table, films=False), size, max_bad)
    }


def test_good_files_are_fine(tmp_path: Path):
    checks = checks_of(tmp_path, write_pictures(tmp_path, 5))
    assert {check.level for check in checks.values()} == {"ok"}
    assert checks["modes"].message == "All files are of one kind: 5 png gray of 8 bits."


def test_what_was_read_is_described(tmp_path: Path):
    paths = write_pictures(tmp_path, 3, width=100, height=90)
    write(tmp_path / "deep.png", picture(9).astype(np.uint16) * 257)
    write(tmp_path / "colour.jpg", np.repeat(picture(8, 100, 90)[..., None], 3, axis=2))
    table = make_table(tmp_path, [*paths, "deep.png", "colour.jpg", "none.png"])
    pictures = read_pictures(table, workers=2)
    facts = pictures.describe()
    assert facts["read"] == 5
    assert facts["missing"] == 1
    assert facts["sizes"][0] == {"width": 100, "height": 90, "images": 4}
    assert facts["bits"] == {"8": 4, "16": 1}
    assert facts["mode"] == {"gray": 4, "rgb": 1}
    assert facts["width"] == [96, 100]
    assert pictures.frame["spread"][0] == pytest.approx(picture(0, 100, 90).std(), rel=1e-5)
    kinds = {check.name: check for check in file_checks(table, pictures, 0, 0.5)}["modes"]
    assert kinds.level == "note"
    assert "3 png gray of 8 bits, 1 jpeg rgb of 8 bits, 1 png gray of 16 bits" in kinds.message


def test_missing_files_name_what_is_there_instead(tmp_path: Path):
    write_pictures(tmp_path, 3)
    missing = checks_of(tmp_path, ["0.png", "1.jpg", "2.png"])["missing"]
    assert missing.level == "fault"
    assert "1 of 3 images (33.3%) are not there" in missing.message
    assert f"Of the same name with another suffix (.png): 1, in {tmp_path}." in missing.message
    elsewhere = checks_of(tmp_path, ["0.png", "sub/1.png"])["missing"]
    assert "The folder sub is not there either." in elsewhere.message
    assert "There is 2.png." in checks_of(tmp_path, ["0.png", "20.png"])["missing"].message
    assert (
        checks_of(tmp_path, ["0.png", "1.png", "zzzzzzzzzzzzzzzzz"], max_bad=0.5)["missing"].level
        == "warning"
    )


def test_images_that_are_not_there_yet(tmp_path: Path):
    checks = checks_of(tmp_path, ["a.png", "b.png"])
    assert list(checks) == ["missing"]
    assert checks["missing"].level == "fault"
    assert checks["missing"].message.startswith("2 of 2 images (100.0%) are not there")
    assert "only the table was examined" in checks["missing"].message


@pytest.mark.parametrize("there", ["{}.jpg", "{}.dcm", "{}"])
def test_images_under_another_suffix_are_counted_with_their_folder(tmp_path: Path, there: str):
    for at in range(5):
        (tmp_path / there.format(at)).touch()
    message = checks_of(tmp_path, [f"{at}.png" for at in range(6)])["missing"].message
    suffix = Path(there.format(1)).suffix or "none"
    assert f"Of the same name with another suffix ({suffix}): 5, in {tmp_path}." in message


def test_unreadable_files_are_counted_by_reason(tmp_path: Path):
    paths = write_pictures(tmp_path, 3)
    for name in ("empty.png", "empty2.png"):
        (tmp_path / name).write_bytes(b"")
    whole = write(tmp_path / "cut.jpg", picture(7)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder.png").mkdir()
    check = checks_of(tmp_path, [*paths, "empty.png", "cut.jpg", "empty2.png", "folder.png"])["unreadable"]
    assert check.level == "fault"
    assert check.message.startswith(
        "4 images cannot be read: 2 because it is empty (0 bytes), 1 because it is a JPEG file that is cut"
    )
    assert set(check.details["images"]) == {"empty.png", "cut.jpg", "empty2.png", "folder.png"}
    allowed = checks_of(tmp_path, [*paths, "empty.png"], max_bad=0.3)["unreadable"]
    assert allowed.level == "warning"


def test_blank_and_faint_pictures(tmp_path: Path):
    paths = write_pictures(tmp_path, 2)
    write(tmp_path / "black.png", np.zeros((80, 80), np.uint8))
    write(tmp_path / "faint.png", (100 + picture(5) // 16).astype(np.uint8))
    checks = checks_of(tmp_path, [*paths, "black.png", "faint.png"])
    assert checks["constant"].level == "fault"
    assert checks["constant"].details == {"paths": ["black.png"]}
    assert checks["faint"].details == {"paths": ["faint.png"]}


def test_where_most_pictures_are_long_those_that_are_not_as_the_others_are_odd(tmp_path: Path):
    for k in range(5):
        write(tmp_path / f"{k}.png", picture(k, 300, 100))
    write(tmp_path / "strip.png", picture(9, 700, 100))
    write(tmp_path / "square.png", picture(8, 100, 100))
    checks = checks_of(
        tmp_path, [*(f"{k}.png" for k in range(5)), "strip.png", "square.png"], source=["csv"] * 7
    )
    assert checks["odd-sizes"].details == {"paths": ["strip.png"]}
    assert checks["long-pictures"].level == "note"
    assert checks["long-pictures"].message.startswith("Most images, 6 of 7, are over 2 times as long as wide")
    of_chests = checks_of(tmp_path, [f"{k}.png" for k in range(5)], source=["nih"] * 5)
    assert of_chests["long-pictures"].level == "warning"


def test_odd_sizes_and_those_that_would_be_enlarged(tmp_path: Path):
    paths = write_pictures(tmp_path, 2)
    write(tmp_path / "tiny.png", picture(3, 40, 40))
    write(tmp_path / "strip.png", picture(4, 300, 100))
    checks = checks_of(tmp_path, [*paths, "tiny.png", "strip.png"], size=90)
    assert checks["odd-sizes"].details == {"paths": ["tiny.png", "strip.png"]}
    assert checks["enlarged"].message.startswith("3 images are smaller than 90 pixels")
    assert "enlarged" not in checks_of(tmp_path, paths, size=80)
