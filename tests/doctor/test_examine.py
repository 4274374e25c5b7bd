from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_images import picture, write

from hilum.config import CleanConfig
from hilum.doctor import doctor
from hilum.errors import DataError


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two parts of two classes, all well."""
    seed = 0
    for part, count in {"train": 30, "test": 20}.items():
        for name in ("NORMAL", "PNEUMONIA"):
            for i in range(count):
                seed += 1
                file = f"person{seed}_bacteria_{i}.png" if name == "PNEUMONIA" else f"IM-{seed:04}-0001.png"
                write(tmp_path / part / name / file, picture(seed))
    return tmp_path


def test_a_sound_study(study: Path):
    report = doctor("pneumonia", study, filters=CleanConfig(films="any"), workers=2)
    assert report.healthy
    assert not report.of("warning")
    assert report.images == 100
    assert report.findings[0]["positive"] == 50
    assert [part["images"] for part in report.parts] == [60, 40]
    assert report.pictures["read"] == 100


def test_without_images(study: Path):
    report = doctor("pneumonia", study, images=False)
    assert report.pictures == {}
    assert report.check("missing") is None


def test_filters_and_findings_are_those_of_a_run(study: Path):
    report = doctor("pneumonia", study, filters=CleanConfig(parts=("train",)), findings=["Pneumonia"])
    assert [(step.name, step.before, step.after) for step in report.steps] == [("parts", 100, 60)]
    with pytest.raises(DataError, match="no finding 'Pneumoni'; did you mean 'Pneumonia'"):
        doctor("pneumonia", study, findings=["Pneumoni"])


def test_a_leak_across_official_parts_is_a_fault(study: Path):
    leaked = next((study / "train" / "NORMAL").iterdir())
    (study / "test" / "NORMAL" / "IM-9999-0001.png").write_bytes(leaked.read_bytes())
    report = doctor("pneumonia", study)
    assert not report.healthy
    assert [check.name for check in report.of("fault")] == ["exact-duplicates"]


def test_image_size_that_gives_the_label_away_is_a_fault(study: Path):
    for i, path in enumerate(sorted(study.glob("*/NORMAL/*"))):
        write(path, picture(500 + i, 90, 80))
    (check,) = doctor("pneumonia", study).of("fault")
    assert check.name == "shortcuts"
    assert "image width predicts Pneumonia (1.00)" in check.message


def write_csv(root: Path, text: str) -> Path:
    for name in ("a", "b"):
        write(root / f"{name}.png", picture(ord(name)))
    (root / "table.csv").write_text(text)
    return root


def test_an_image_id_twice_is_a_fault(tmp_path: Path):
    root = write_csv(tmp_path, "image_id,path,patient_id,Edema\nx,a.png,p,1\nx,b.png,q,0\n")
    report = doctor("csv", root)
    assert not report.healthy
    assert "image_id is not unique: 'x' occurs 2 times" in report.checks[0].message
    assert report.headline.endswith("0 images of 0 patients, 1 fault")


def test_a_missing_column_names_the_nearest(tmp_path: Path):
    root = write_csv(tmp_path, "image_id,path,patient_id,Edema\nx,a.png,p,1\ny,b.png,q,0\n")
    (check,) = doctor("csv", root, options={"findings": ["Oedema"]}).of("fault")
    assert "'Oedema'" in check.message
    assert "'Edema'" in check.message


@pytest.mark.parametrize(
    ("source", "folder", "message"),
    [
        ("pneumonia", "not-here", "is not there"),
        ("pneumonie", ".", "did you mean 'pneumonia'"),
        ("chexpert", ".", "looks like pneumonia"),
    ],
)
def test_a_wrong_question_is_an_error(study: Path, source: str, folder: str, message: str):
    with pytest.raises(DataError, match=message):
        doctor(source, study / folder)


def test_the_command_prints_findings_and_what_to_do(study: Path, hilum):
    done = hilum("doctor", "pneumonia", study, "--size", 200, "--part", "train", "--set", "clean.films=any")
    assert done.code == 0
    assert "60 images of 60 patients" in done.out
    assert "60 images read: all 96 x 80; png, gray, 8 bits" in done.out
    assert "parts" in done.out
    assert "NOTE  60 images are smaller than 200 pixels" in done.out
    assert "-> A smaller --size" in done.out


def test_the_command_fails_where_a_fault_would_spoil_results(study: Path, hilum):
    write(study / "train" / "NORMAL" / "IM-7777-0001.png", picture(0) * 0)
    done = hilum("doctor", "pneumonia", study)
    assert done.code == 1
    assert "FAULT" in done.out
    assert done.out.index("FAULT") < done.out.index("FINE")
    fast = hilum("doctor", "pneumonia", study, "--fast")
    assert fast.code == 0


def test_the_command_prints_json(study: Path, hilum):
    done = hilum("doctor", "pneumonia", study, "--json")
    assert done.code == 0
    report = json.loads(done.out)
    assert report["images"] == 100
    assert report["checks"][0]["level"] == "ok"
    recipe = study / "recipe.toml"
    recipe.write_text('[clean]\nparts = ["test"]\n[prepare]\nsize = 300\n')
    report = json.loads(hilum("doctor", "pneumonia", study, "--recipe", recipe, "--json").out)
    assert report["images"] == 40
    assert "enlarged" in [check["name"] for check in report["checks"]]


def test_bad_input_to_the_command(study: Path, hilum):
    assert hilum("doctor", "pneumonia", study / "no").code == 2
    forgotten = hilum("doctor", "pneumonia")
    assert forgotten.code == 2
    assert "Missing argument 'root'" in forgotten.err
    wrong = hilum("doctor", "pneumonia", study, "--view", "frontl")
    assert wrong.code == 2
    assert "clean.views" in wrong.err


@pytest.mark.real
def test_the_paediatric_set_says_and_does_not_guess(real: Path):
    report = doctor("pneumonia", real / "pneumonia-224")
    assert report.healthy
    shared = report.check("patients-in-two-parts")
    assert shared is not None
    assert shared.level == "warning"
    assert len(shared.details["train+test"]) == 170
    exact = [check for check in report.checks if check.name == "exact-duplicates"]
    assert sum(len(check.details["images"]) for check in exact) == 30
    assert {check.level for check in exact} == {"warning", "note"}
    near = report.check("near-duplicates")
    assert near is not None
    assert near.level == "ok"


@pytest.mark.real
def test_images_without_labels(real: Path):
    report = doctor("dicom", real / "dicom")
    assert [check.name for check in report.of("fault")] == ["no-films"]  # one of the two is of a dog
    assert report.check("shortcuts") is None
    assert [check.name for check in report.of("warning")] == ["findings"]


@pytest.mark.real
def test_adults_on_the_official_lists(real: Path):
    report = doctor("nih", real / "nih-320")
    assert report.healthy
    assert not report.of("warning")
    assert [(part["part"], part["images"]) for part in report.parts] == [("train", 546), ("test", 75)]
