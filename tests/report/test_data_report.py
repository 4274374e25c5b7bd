"""`hilum data-report`: whole, self-contained, flat, and saying what the pack's labels say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.config import PrepareConfig
from hilum.pixels import Pack, build_pack
from hilum.report.dataset.page import write_data_report
from hilum.table import Table

Hilum = Callable[..., Any]
FINDINGS = ("No Finding", "Cardiomegaly", "Edema", "Pleural Effusion", "Hernia", "Device X")


def made_pack(tmp_path: Path, n: int = 120, broken: int = 1, **columns: Any) -> Pack:
    """A study of small pictures; Cardiomegaly goes with AP, Device X is blank, Hernia never positive."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "images"
    folder.mkdir(parents=True)
    for row in range(n):
        picture = rng.integers(0, 255, (24, 24), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{row}.png"), cv2.resize(picture, (40, 36)))
    for row in range(broken):
        (folder / f"{row}.png").write_bytes(b"")
    big_heart = rng.random(n) < 0.4
    edema = rng.random(n) < 0.3
    frame: dict[str, Any] = {
        "image_id": [f"image {row}" for row in range(n)],
        "path": [f"{row}.png" for row in range(n)],
        "patient_id": [f"p{row // 2}" for row in range(n)],
        "study_id": [f"s{row // 2}" for row in range(n)],
        "source": ["csv"] * n,
        "view": ["frontal"] * n,
        "projection": np.where(rng.random(n) < 0.9, np.where(big_heart, "AP", "PA"), None).tolist(),
        "sex": rng.choice(["F", "M"], n),
        "age": rng.integers(3, 95, n),
        "official_split": ["train"] * (n - n // 4) + ["test"] * (n // 4),
        "No Finding": np.where(big_heart | edema, None, 1).tolist(),
        "Cardiomegaly": big_heart.astype(int),
        "Edema": np.where(edema, 1, np.where(rng.random(n) < 0.4, -1, 0)),
        "Pleural Effusion": (edema & (rng.random(n) < 0.5)).astype(int),
        "Hernia": [0] * n,
        "Device X": [None] * n,
    }
    frame |= columns
    table = Table.make(pl.DataFrame(frame, strict=False), list(FINDINGS), folder)
    return build_pack(table, tmp_path / "a pack", PrepareConfig(size=32), workers=1, max_excluded=1.0)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return made_pack(tmp_path_factory.mktemp("data"))


def test_the_page_is_whole_small_and_asks_nobody(pack: Pack, tmp_path: Path) -> None:
    path = write_data_report(pack, tmp_path / "told.html")
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    assert not re.search(r"@import|url\(|<script|<link", text)
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert "Not a medical device" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["told.html", "told.json"]
    numbers = json.loads((tmp_path / "told.json").read_text())
    assert numbers["images"] == 119
    assert numbers["excluded"] == 1
    assert "is empty (0 bytes)" in text


def test_the_command_writes_into_the_pack_and_warns(hilum: Hilum, pack: Pack) -> None:
    done = hilum("data-report", pack.path)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == str(pack.path / "data-report.html")
    assert "warning: Blank in every row: Device X." in done.out
    assert (pack.path / "data-report.json").is_file()
    assert Pack(pack.path).fingerprint == pack.fingerprint


def test_json_is_what_lies_beside_the_page(hilum: Hilum, pack: Pack, tmp_path: Path) -> None:
    done = hilum("data-report", pack.path, "--out", tmp_path, "--json")
    assert json.loads(done.out) == json.loads((tmp_path / "data-report.json").read_text())


def test_it_opens_in_a_browser(hilum: Hilum, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert hilum("data-report", pack.path, "--open").code == 0
    assert opened == [(pack.path / "data-report.html").absolute().as_uri()]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("nowhere",), "there is no pack at nowhere"),
        (("folder:images",), "Pack the data first:  hilum pack folder images --out PACK"),
        (("run",), "run is a run, not a pack. Its report:  hilum report run"),
        (("classes",), "it looks like"),
        (("{pack}", "--out", "told.pdf"), "told.pdf should end in .html"),
        (("{pack}", "--out", "file/told.html"), "could not write file/told.html"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(
    hilum: Hilum,
    pack: Pack,
    tmp_path: Path,
    given: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("images", "classes/ill", "classes/well", "run"):
        Path(name).mkdir(parents=True)
    for kind in ("ill", "well"):
        cv2.imwrite(f"classes/{kind}/1.png", np.zeros((8, 8), np.uint8))
    Path("run/run.json").write_text("{}")
    Path("file").write_text("")
    done = hilum("data-report", *(word.format(pack=pack.path) for word in given))
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not list(tmp_path.rglob("told*"))


def test_sizes_of_the_originals_are_read_from_headers_where_they_are_still_there(tmp_path: Path) -> None:
    pack = made_pack(tmp_path, broken=0)
    folder = tmp_path / "images"
    heart = pack.table.frame["Cardiomegaly"].to_list()
    for path, ill in zip(pack.table.frame["path"], heart, strict=True):
        cv2.imwrite(str(folder / path), np.zeros((50 if ill else 40, 40), np.uint8))
    told = json.loads(write_data_report(pack).with_suffix(".json").read_text())
    assert told["originals"]["looked_at"] == 120
    assert told["originals"]["distinct_sizes"] == 2
    assert told["originals"]["kinds"] == {"png gray 8 bits": 120}
    (shortcut,) = [
        check for check in told["checks"] if check["name"] == "shortcuts" and check["level"] == "fault"
    ]
    assert "image height predicts Cardiomegaly (1.00)" in shortcut["message"]
    shutil.rmtree(folder)
    told = json.loads(write_data_report(pack).with_suffix(".json").read_text())
    assert told["originals"]["looked_at"] == 0
    assert "image height" not in str(told["checks"])
