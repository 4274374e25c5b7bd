"""What is planted in a phantom study is found, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.doctor import doctor
from hilum_phantom import Faults, make_phantom


def test_a_sound_phantom_study_is_healthy(tmp_path: Path):
    make_phantom(tmp_path / "study", 12, "chexpert", seed=1, size=64, workers=1)
    report = doctor("chexpert", tmp_path / "study")
    assert report.healthy
    assert {check.name for check in report.of("warning")} <= {"findings", "few-patients"}


@pytest.mark.parametrize("layout", ["chexpert", "pneumonia"])
def test_planted_faults_are_found(tmp_path: Path, layout: str, hilum):
    faults = Faults(leak=2, damage=2, duplicates=2)
    truth = make_phantom(tmp_path / "study", 24, layout, 0, 64, faults=faults, workers=1).truth
    report = doctor(layout, tmp_path / "study")
    leaks = report.check("patients-in-two-parts")
    assert leaks is not None
    assert leaks.level == ("warning" if layout == "pneumonia" else "fault")
    assert sum(map(len, leaks.details.values())) == len(truth["leaked"])
    damaged = report.check("unreadable")
    assert damaged is not None
    assert len(damaged.details["images"]) == len(truth["damaged"])
    twins = report.check("exact-duplicates")
    assert twins is not None
    assert twins.level == "fault"
    done = hilum("doctor", layout, tmp_path / "study")
    assert done.code == 1
    assert "sizes, " in done.out
