"""`hilum pack`, as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pictures import encode, smooth

from hilum.pixels.pack import Pack

Hilum = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of twenty pictures, in a path with spaces."""
    root = tmp_path / "my study"
    for kind in ("NORMAL", "ILL"):
        (root / kind).mkdir(parents=True)
        for index in range(20):
            (root / kind / f"{index}.png").write_bytes(encode(smooth(30, 40, index), "PNG"))
    return root


def test_a_folder_is_packed(hilum: Hilum, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "my pack"
    done = hilum(
        "pack", "folder", folder, "--out", out, "--size", 32, "--fit", "pad", "--clahe", 2, "--workers", 2
    )
    assert done.code == 0, done.err
    pack = Pack(out)
    assert (pack.prepare.size, pack.prepare.fit, pack.prepare.clahe) == (32, "pad", 2.0)
    assert f"{out}: 40 images of " in done.out
    assert " patients, 32 x 32, " in done.out
    assert " KiB, " in done.out
    assert f"fingerprint {pack.fingerprint}" in done.out
    again = hilum("pack", "folder", folder, "--out", out, "--size", 32, "--fit", "pad", "--clahe", 2)
    assert again.code == 0
    assert "was there already" in again.out


def test_a_script_reads_json(hilum: Hilum, folder: Path, tmp_path: Path) -> None:
    said = json.loads(hilum("pack", "folder", folder, "--out", tmp_path / "out", "--size", 32, "--json").out)
    assert (said["images"], said["excluded"], said["clean"]) == (40, 0, [])
    assert said["fingerprint"] == Pack(said["path"]).fingerprint
    assert said["bytes"] > 40 * 32 * 32


def test_settings_come_from_a_recipe_and_are_overridden(hilum: Hilum, folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[prepare]\nsize = 48\nfit = "crop"\n')
    done = hilum(
        "pack", "folder", folder, "--out", tmp_path / "out", "--recipe", recipe, "--set", "prepare.clahe=1.5"
    )
    assert done.code == 0, done.err
    prepare = Pack(tmp_path / "out").prepare
    assert (prepare.size, prepare.fit, prepare.clahe) == (48, "crop", 1.5)


def test_left_out_images_are_shown_with_the_reason(hilum: Hilum, folder: Path, tmp_path: Path) -> None:
    for index in range(12):
        (folder / "ILL" / f"{index}.png").write_bytes(b"")
    refused = hilum("pack", "folder", folder, "--out", tmp_path / "out", "--size", 32)
    assert refused.code == 2
    assert "12 of 40 images (30.00%) cannot be read; at most 1.00% may be left out" in refused.err
    done = hilum("pack", "folder", folder, "--out", tmp_path / "out", "--size", 32, "--max-excluded", 0.3)
    assert done.code == 0, done.err
    assert "12 could not be read and are left out" in done.out
    assert "is empty (0 bytes)" in done.out
    assert "... and 2 more" in done.out
    assert len(Pack(tmp_path / "out")) == 28


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("folder", "nowhere", "--out", "out"), "nowhere"),
        (("foldr", "{folder}", "--out", "out"), "folder"),
        (
            ("folder", "{folder}", "--out", "out", "--size", 3),
            "prepare.size: expected whole number (16 to",
        ),
        (
            ("folder", "{folder}", "--out", "out", "--fit", "stretch"),
            "prepare.fit: expected word (squash, crop, pad)",
        ),
        (("folder", "{folder}", "--out", "out", "--set", "prepare.sise=3"), "did you mean 'size'"),
        (("folder", "{folder}", "--out", "out", "--recipe", "none.toml"), "none.toml is not a file"),
        (("folder", "{folder}", "--out", "out", "--view", "frontal"), "clean.views filters by view"),
        (("folder", "{folder}", "--out", "{folder}"), "exists already and is no pack. Name a folder"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(
    hilum: Hilum,
    folder: Path,
    tmp_path: Path,
    given: tuple[object, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = hilum("pack", *(str(word).format(folder=folder) for word in given))
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["my study"]
