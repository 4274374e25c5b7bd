"""Published figures beside a run's: on the same data alone, and with every condition that differs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.errors import DataError
from hilum.files import write_json
from hilum.metrics import Predictions, Thresholds, score
from hilum.report.published import _published_file, _read_published, published
from hilum.runs import Run

MakeRun = Callable[..., Run]


def pneumonia(make_run: MakeRun, positives: int = 390, negatives: int = 234, **data: Any) -> Run:
    """A run whose test part has so many images."""
    run = make_run(("Pneumonia",), test=False)
    write_json(run.path / "data.json", {**run.data, "source": "pneumonia", "prepare": {"size": 224}, **data})
    targets = np.repeat([1.0, 0.0], [positives, negatives]).astype(np.float32)[:, None]
    ids = np.arange(len(targets)).astype(str).astype(object)
    predictions = Predictions(ids, ("Pneumonia",), targets * 4 - 2, targets, "test")
    run.write_scores(predictions, score(predictions, Thresholds(np.array([0.5]), ("Pneumonia",))))
    return run


def test_the_file_is_sound_and_says_what_others_found() -> None:
    systems = {system["system"]: system for system in _read_published(_published_file())}
    kermany = next(s for name, s in systems.items() if name.startswith("Kermany"))
    assert kermany["findings"]["Pneumonia"]["roc_auc"] == 0.968
    assert kermany["images"] == 624
    alone = next(s for name, s in systems.items() if "ResNet34 on Pleural Effusion alone" in name)
    assert alone["findings"]["Pleural Effusion"]["recall"] == 0.32
    assert alone["positives"] == {"Pleural Effusion": 9032}
    assert len(systems) >= 14
    assert {s["by"] for s in systems.values()} == {"official", "patient", "image"}


def test_the_same_624_images_stand_first_and_say_what_is_not_the_same(make_run: MakeRun) -> None:
    rows = published(pneumonia(make_run))
    first = rows[0]
    assert (first.system, first.score, first.value) == (
        "Kermany et al. 2018, Inception V3 with ImageNet weights",
        "roc_auc",
        0.968,
    )
    assert (first.n, first.positives, first.part, first.finding) == (624, 390, "test", "Pneumonia")
    assert first.warning == "Images of 299 px there, 224 px here."
    assert "Cell 2018" in first.source
    medmnist = [row for row in rows if row.system == "MedMNIST v2, ResNet-18 at 224 px"]
    assert [row.value for row in medmnist] == [0.956, 0.864]
    assert medmnist[0].warning.startswith("Trained on 4,708")
    assert rows[-1].warning.startswith("The number of images was not published; here it is 624.")
    assert {row.n for row in rows} == {624, None}


def test_other_images_are_said(make_run: MakeRun) -> None:
    first = published(pneumonia(make_run, 200, 300))[0]
    assert first.warning.startswith(
        "Other images: 624 there, 500 here. 62.5% of them are positive, here 40.0%."
    )
    labels = published(pneumonia(make_run, 380, 244))[0]
    assert labels.warning.startswith("Other labels or images: 390 positive there, 380 here.")


def test_a_finding_without_a_known_label_has_nothing_beside_it(make_run: MakeRun) -> None:
    run = pneumonia(make_run)
    assert published(run)
    known = Predictions.load(run.path / "predictions" / "test.parquet", "test")
    blind = replace(known, targets=np.full_like(known.targets, np.nan))
    run.write_scores(blind, score(blind, Thresholds(np.array([0.5]), ("Pneumonia",))))
    assert published(run) == []


def test_without_a_test_part_the_validation_part_stands_there_and_says_so(make_run: MakeRun) -> None:
    run = make_run(("Pneumonia",), test=False)
    write_json(run.path / "data.json", {**run.data, "source": "pneumonia"})
    rows = published(run)
    assert {row.part for row in rows} == {"valid"}
    assert "hilum evaluate" in rows[0].warning
    assert "not of the test part" in rows[0].warning


def test_a_split_by_image_is_said_on_either_side(make_run: MakeRun) -> None:
    run = pneumonia(make_run)
    write_json(run.path / "data.json", {**run.data, "split": {**run.data["split"], "by": "image"}})
    assert "This run's split is by image" in published(run)[0].warning


def test_images_of_several_sources_are_said(make_run: MakeRun) -> None:
    run = pneumonia(make_run)
    assert "This run's images are of" not in published(run)[0].warning
    write_json(run.path / "data.json", {**run.data, "source": "nih, pneumonia"})
    assert "This run's images are of nih, pneumonia." in published(run)[0].warning
    write_json(run.path / "data.json", {**run.data, "source": "mypneumonia"})
    assert published(run) == []


def test_chexpert_figures_say_that_patients_were_on_both_sides(make_run: MakeRun) -> None:
    findings = ("Pleural Effusion", "Edema")
    ids = {"train": ["a", "b"], "valid": [f"valid-{k}" for k in range(1500)], "test": ["c", "d"]}
    run = make_run(findings, test=False, ids=ids)
    write_json(run.path / "data.json", {**run.data, "source": "chexpert"})
    rows = published(run)
    assert {row.finding for row in rows} == set(findings)
    recall = next(row for row in rows if row.score == "recall")
    assert recall.value == 0.32
    for said in (
        "same patients",
        "negative class",
        "number of images was not published",
        "320 px there, 64 px",
    ):
        assert said in recall.warning


def test_other_data_small_pieces_and_phantoms_have_no_figures(make_run: MakeRun, tmp_path: Path) -> None:
    assert published(make_run(("Pneumonia",))) == []
    assert published(pneumonia(make_run, 10, 10)) == []
    run = pneumonia(make_run)
    assert published(run)
    (tmp_path / "pack").mkdir()
    write_json(tmp_path / "pack" / "pack.json", {"root": str(tmp_path / "study")})
    write_json(run.path / "data.json", {**run.data, "pack": str(tmp_path / "pack")})
    assert published(run)
    (tmp_path / "study").mkdir()
    write_json(tmp_path / "study" / "truth.json", {"arguments": {}})
    assert published(run) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("system = 3 3", "cannot be read"),
        ("other = 1", "cannot be read"),
        ('[[system]]\nsystem = "A"', "A has no citation"),
        (
            '[[system]]\nsystem = "A"\ncitation = ""\nsource = ""\npart = "test"\nby = "image"\nsplit = ""\n'
            "[system.findings.Edema]\nauc = 0.5",
            "A has a score 'auc'",
        ),
    ],
)
def test_a_wrong_file_is_said(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(DataError, match=says):
        _read_published(tmp_path / "p.toml")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        _read_published(tmp_path / "p.toml")


def test_the_figures_are_part_of_what_is_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["docs/published.toml"] == "hilum/published.toml"
