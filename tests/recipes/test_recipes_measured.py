"""A recipe's measured figures are of the table whose fingerprint it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hilum.config import read_config
from hilum.table import clean, read_source
from hilum_phantom.containers.scans import Scan, plan_scans, write_scans
from hilum_phantom.layouts import Entry
from hilum_phantom.planted import Faults
from hilum_phantom.study import plan_entries
from hilum_phantom.tables import WRITE


def fingerprint(recipe: str, source: str, root: Path, **options: str) -> str:
    config = read_config(recipe)
    table, _ = clean(read_source(source, root, **options), config.clean)
    return table.select(config.data.findings).fingerprint()


def undrawn(root: Path, files: Sequence[Entry | Scan]) -> Path:
    """The files of a phantom study without pictures."""
    for file in files:
        (root / file.path).parent.mkdir(parents=True, exist_ok=True)
        (root / file.path).touch()
    return root


@pytest.mark.parametrize(
    ("recipe", "patients", "seed"),
    [
        ("phantom-resnet18", 500, 0),
        pytest.param("phantom-densenet121-backbone", 4000, 7, marks=pytest.mark.slow),
    ],
)
def test_of_phantom_films(tmp_path: Path, recipe: str, patients: int, seed: int) -> None:
    entries, _ = plan_entries(patients, "chexpert", seed, Faults())
    WRITE["chexpert"](undrawn(tmp_path, entries), entries, {})
    assert fingerprint(recipe, "chexpert", tmp_path) == read_config(recipe).measured_on


def test_of_containers(tmp_path: Path) -> None:
    scans, _ = plan_scans(600, 1, Faults())
    write_scans(undrawn(tmp_path, scans), scans)
    pattern = "^(container[0-9]+)_"
    found = fingerprint("containers-resnet18", "folder", tmp_path, patient_pattern=pattern)
    assert found == read_config("containers-resnet18").measured_on


@pytest.mark.real
@pytest.mark.parametrize(
    ("recipe", "source", "folder"),
    [
        ("pneumonia-resnet18", "pneumonia", "pneumonia-224"),
        ("pneumonia-densenet121-finetune", "pneumonia", "pneumonia-224"),
        ("nih-resnet18-14-findings", "nih", "nih-320"),
    ],
)
def test_of_real_films(real: Path, recipe: str, source: str, folder: str) -> None:
    assert fingerprint(recipe, source, real / folder) == read_config(recipe).measured_on
