"""A study on disk: the same bytes every time, whole or not there, in each data set's own layout."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import hilum_phantom.study as study_module
from hilum.config import LabelsConfig
from hilum.errors import ConfigError, DataError, DiskError, MissingExtra
from hilum.table import read_source
from hilum_phantom import FINDINGS, Faults, make_phantom

SIZE = 48


def digest(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def chexpert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "study"
    make_phantom(out, 14, seed=3, size=SIZE, masks=True, workers=1)
    return out


def test_a_plain_script_draws_with_several_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from hilum import api\nprint(api.phantom('study', 40, size=32, workers=2).images)\n")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, int(done.stdout)) == (0, len(list((tmp_path / "study").rglob("*.jpg"))))


def test_same_seed_same_bytes_for_any_number_of_workers(chexpert: Path, tmp_path: Path) -> None:
    make_phantom(tmp_path / "b", 14, seed=3, size=SIZE, masks=True, workers=2)
    assert digest(tmp_path / "b") == digest(chexpert)


def test_another_seed_gives_another_study(chexpert: Path, tmp_path: Path) -> None:
    make_phantom(tmp_path / "b", 14, seed=4, size=SIZE, workers=1)
    assert digest(tmp_path / "b")["train.csv"] != digest(chexpert)["train.csv"]


def test_the_same_study_is_not_drawn_twice(chexpert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_module, "_draw_all", lambda *_: pytest.fail("drawn again"))
    made = make_phantom(chexpert, 14, seed=3, size=SIZE, masks=True)
    assert made.images == len(rows(chexpert / "truth.csv"))


def test_a_folder_with_something_else_is_refused(chexpert: Path, tmp_path: Path) -> None:
    before = digest(chexpert)
    with pytest.raises(DataError, match="Name a new folder"):
        make_phantom(chexpert, 15, seed=3, size=SIZE)
    assert digest(chexpert) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(DataError):
        make_phantom(tmp_path / "mine", 3)


def test_an_empty_folder_and_a_half_drawn_study_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    half = tmp_path / ".a.4242.partial"
    half.mkdir()
    (half / "stale.jpg").touch()
    make_phantom(tmp_path / "a", 2, size=SIZE, workers=1)
    assert (tmp_path / "a" / "truth.json").exists()
    assert not list((tmp_path / "a").rglob("stale.jpg"))
    assert not half.exists()


def test_nothing_is_left_where_the_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(study_module, "write_truth", full)
    with pytest.raises(DiskError, match="No space left"):
        make_phantom(tmp_path / "a", 2, size=SIZE, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_chexpert_layout_reads_back(chexpert: Path) -> None:
    table = read_source("chexpert", chexpert)
    truth = {row["path"]: row for row in rows(chexpert / "truth.csv")}
    assert set(table.frame["path"]) == set(truth)
    codes = {row["path"]: row for row in table.frame.iter_rows(named=True)}
    for path, row in truth.items():
        assert codes[path]["sex"] == row["sex"]
        assert codes[path]["view"] == row["view"]
        assert (codes[path]["Pleural Effusion"] in (1, -1)) == bool(row["Pleural Effusion"]) or (
            codes[path]["Pleural Effusion"] == -1
        )
        image = cv2.imread(str(chexpert / path), cv2.IMREAD_UNCHANGED)
        assert image.ndim == 2
        assert min(image.shape) == SIZE


def test_every_finding_has_its_boxes_and_mask(chexpert: Path) -> None:
    boxes = rows(chexpert / "boxes.csv")
    assert boxes
    for box in boxes:
        x, y, w, h = (float(box[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x < x + w <= 1.00001
        assert 0 <= y < y + h <= 1.00001
        mask_file = (
            chexpert / "masks" / box["finding"].replace(" ", "_") / Path(box["path"]).with_suffix(".png")
        )
        mask = cv2.imread(str(mask_file), cv2.IMREAD_UNCHANGED)
        height, width = mask.shape
        part = mask[round(y * height) : round((y + h) * height), round(x * width) : round((x + w) * width)]
        assert set(np.unique(mask)) == {0, 255}
        assert part[0].any()
        assert part[:, -1].any()
    drawn = {
        (row["path"], name)
        for row in rows(chexpert / "truth.csv")
        for name in row
        if name == "Edema" and row[name]
    }
    assert drawn <= {(box["path"], box["finding"]) for box in boxes}


def test_nih_layout_reads_back(tmp_path: Path) -> None:
    make_phantom(tmp_path / "nih", 12, "nih", size=SIZE, workers=1)
    table = read_source("nih", tmp_path / "nih")
    assert len(table) == len(rows(tmp_path / "nih" / "truth.csv"))
    assert set(table.frame["official_split"]) == {"train", "test"}
    assert table.boxes is not None
    mine = rows(tmp_path / "nih" / "boxes.csv")
    box = table.boxes.filter(table.boxes["finding"] == "Edema").row(0, named=True)
    name = next(path for path in table.frame["path"] if box["image_id"] in path)
    assert any(
        abs(float(row["x"]) - box["x"]) + abs(float(row["height"]) - box["height"]) < 1e-3
        for row in mine
        if (row["path"], row["finding"]) == (name, "Edema")
    )


@pytest.mark.parametrize("layout", ["pneumonia", "folder"])
def test_class_folders_read_back(layout: str, tmp_path: Path) -> None:
    made = make_phantom(tmp_path / "set", 20, layout, size=SIZE, workers=1, masks=True)
    table = read_source(layout, tmp_path / "set")
    assert len(table) == made.images
    targets = table.targets(LabelsConfig())
    assert set(np.unique(targets)) == {0.0, 1.0}


def test_dicom_layout_reads_back(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    faults = Faults(monochrome1=True)
    plain = make_phantom(tmp_path / "plain", 12, "dicom", size=SIZE, workers=1)
    made = make_phantom(tmp_path / "inverted", 12, "dicom", size=SIZE, workers=1, faults=faults)
    table = read_source("dicom", tmp_path / "inverted")
    assert len(table) == made.images == plain.images
    assert set(table.findings) <= set(FINDINGS)
    assert np.nansum(table.codes == 1) > 0
    assert len(made.truth["monochrome1"]) == (made.images + 1) // 2
    for path in (row["path"] for row in rows(tmp_path / "inverted" / "truth.csv")):
        one, other = (pydicom.dcmread(tmp_path / name / path) for name in ("plain", "inverted"))
        inverted = path in made.truth["monochrome1"]
        assert other.PhotometricInterpretation == ("MONOCHROME1" if inverted else "MONOCHROME2")
        assert (other.pixel_array == (4095 - one.pixel_array if inverted else one.pixel_array)).all()
        assert one.ViewPosition in {"AP", "PA", "LL"}
        assert one.SOPInstanceUID == other.SOPInstanceUID == one.file_meta.MediaStorageSOPInstanceUID


def test_dicom_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtra, match=r"hilum\[dicom\]"):
        make_phantom(tmp_path / "a", 4, "dicom")
    assert list(tmp_path.iterdir()) == []


def test_planted_faults_are_in_the_files_and_on_the_list(tmp_path: Path) -> None:
    out = tmp_path / "study"
    faults = Faults(flip_labels=0.1, shortcut="Edema", leak=2, damage=3, duplicates=2)
    made = make_phantom(out, 12, seed=1, size=SIZE, faults=faults, workers=1)
    truth = json.loads((out / "truth.json").read_text())
    assert truth == made.truth
    how = {row["how"]: out / row["path"] for row in truth["damaged"]}
    assert how["empty"].stat().st_size == 0
    assert cv2.imdecode(np.frombuffer(how["garbage"].read_bytes(), np.uint8), 0) is None
    assert how["truncated"].read_bytes()[:2] == b"\xff\xd8"
    assert not how["truncated"].read_bytes().endswith(b"\xff\xd9")
    paths = [row["path"] for row in rows(out / "truth.csv")]
    for row in truth["leaked"]:
        assert len({path.split("/")[0] for path in paths if f"patient{row['patient']:05d}" in path}) == 2
    damaged = {row["path"] for row in truth["damaged"]}
    for row in truth["duplicates"]:
        copies = [path for path in paths if f"patient{row['patient']:05d}/" in path]
        for copy in copies:
            name = copy.rpartition("/")[2]
            original = f"patient{row['same_as_patient']:05d}/study{row['same_as_study']}/{name}"
            (first,) = (path for path in paths if path.endswith(original))
            if not damaged & {copy, first}:
                assert (out / copy).read_bytes() == (out / first).read_bytes()
    assert {row["leads"] for row in rows(out / "truth.csv")} == {"0", "1"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patients": 0}, "at least 2"),
        ({"layout": "chexpet"}, "did you mean 'chexpert'"),
        ({"size": 8}, "32 to 2048"),
        ({"seed": -1}, "seed = -1"),
        ({"faults": Faults(flip_labels=0.7)}, "share of 0 to 0.5"),
        ({"faults": Faults(shortcut_strength=2)}, "correlation"),
        ({"faults": Faults(age_gap_strength=-1)}, "age_gap_strength"),
        ({"faults": Faults(leak=9)}, "leak = 9 of 5 patients"),
        ({"faults": Faults(damage=-1)}, "negative"),
        ({"faults": Faults(monochrome1=True)}, "layout dicom"),
        ({"faults": Faults(leak=1), "layout": "dicom"}, "no parts"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_written(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_phantom(tmp_path / "a", **{"patients": 5, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_too_much_damage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be damaged"):
        make_phantom(tmp_path / "a", 2, size=SIZE, workers=1, faults=Faults(damage=500))
    assert list(tmp_path.iterdir()) == []


def test_the_command_draws_and_says_where(hilum: Callable[..., Any], tmp_path: Path) -> None:
    command = [
        "phantom",
        "--out",
        tmp_path / "my study",
        "--patients",
        4,
        "--size",
        SIZE,
        "--workers",
        1,
        "--damage",
        1,
    ]
    done = hilum(*command)
    assert done.code == 0
    assert str(tmp_path / "my study") in done.out
    assert "1 damaged" in done.out
    again = hilum(*command, "--json")
    assert json.loads(again.out)["arguments"]["damage"] == 1
    refused = hilum("phantom", "--out", tmp_path / "my study", "--patients", 5)
    assert refused.code == 2
    assert "Name a new folder" in refused.err
    assert "Traceback" not in refused.err


def test_an_age_gap_is_drawn_in_the_old_alone_and_labelled_as_before(chexpert: Path, tmp_path: Path) -> None:
    faults = Faults(age_gap="Pleural Effusion", age_gap_strength=1.0)
    made = make_phantom(tmp_path / "b", 14, seed=3, size=SIZE, masks=True, workers=1, faults=faults)
    one, two = digest(chexpert), digest(tmp_path / "b")
    assert {
        name for name in one if not name.endswith((".jpg", "truth.json")) and one[name] != two[name]
    } == set()
    changed = {name for name in one if name.endswith(".jpg") and one[name] != two[name]}
    truth = rows(chexpert / "truth.csv")
    old = {row["path"] for row in truth if float(row["age"]) >= 60 and row["Pleural Effusion"]}
    assert changed == old != set()
    assert {(f["patient"], f["study"]) for f in made.truth["fainter"]} == {
        (int(row["patient"]), int(row["study"])) for row in truth if row["path"] in old
    }


def test_a_sign_is_fainter_by_the_share_asked_for() -> None:
    studies = study_module.plan_studies(60, 3, study_module.LAYOUTS["chexpert"].population)
    study = next(s for s in studies if "Pleural Effusion" in [g.finding for g in s.signs if g.severity > 0.5])
    far = study_module.replace(study, fainter="Pleural Effusion")
    there, half, gone = (
        study_module._picture(study_module.replace(far, fainter_by=by), study.shots[0], SIZE).gray.astype(
            float
        )
        for by in (0.0, 0.5, 1.0)
    )
    assert np.abs(there - gone).max() > 20
    assert np.abs(half - (there + gone) / 2).max() <= 1


def test_a_study_without_an_age_gap_is_known_by_its_former_arguments(chexpert: Path) -> None:
    assert "age_gap" not in json.loads((chexpert / "truth.json").read_text())["arguments"]
    made = make_phantom(chexpert, 14, seed=3, size=SIZE, masks=True, faults=Faults(age_gap_strength=0.3))
    assert made.patients == 14
    with pytest.raises(DataError, match="Name a new folder"):
        make_phantom(chexpert, 14, seed=3, size=SIZE, masks=True, faults=Faults(age_gap="Edema"))


def test_an_age_gap_that_cannot_be_planted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'Pleural Effusion'"):
        make_phantom(tmp_path / "a", 20, faults=Faults(age_gap="Pleural Efusion"))
    with pytest.raises(DataError, match="60 or older"):
        make_phantom(tmp_path / "a", 20, "pneumonia", faults=Faults(age_gap="Pneumonia"))
    assert not (tmp_path / "a").exists()
