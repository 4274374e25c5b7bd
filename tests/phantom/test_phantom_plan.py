"""Who has what, how it is worded, and what is planted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from hilum.errors import DataError
from hilum_phantom import FINDINGS, Faults
from hilum_phantom.chest.disease import PREVALENCE, hospital_course, present, report_codes
from hilum_phantom.chest.plan import Study, plan_studies
from hilum_phantom.chest.signs import OPACITIES
from hilum_phantom.layouts import CLASSES, LAYOUTS, NIH_FINDINGS, class_of, nih_codes
from hilum_phantom.planted import plant_duplicates, plant_flips, plant_leaks, plant_shortcut
from hilum_phantom.study import plan_entries


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return plan_studies(1500, 4, LAYOUTS["chexpert"].population)


def phi(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_prevalences_are_those_of_the_list(studies: list[Study]) -> None:
    counts = Counter(sign.finding for study in studies for sign in study.signs)
    for name in FINDINGS[1:]:
        assert counts[name] / len(studies) == pytest.approx(PREVALENCE[name][0], abs=0.03)
    assert "Hernia" not in counts


def test_severities_are_even(studies: list[Study]) -> None:
    values = np.array([sign.severity for study in studies for sign in study.signs])
    assert np.histogram(values, 5, (0, 1))[0] / len(values) == pytest.approx([0.2] * 5, abs=0.03)


def test_findings_go_together_as_their_causes_do(studies: list[Study]) -> None:
    found = [present(study.signs) for study in studies]
    has = {name: np.array([name in one for one in found]) for name in FINDINGS}
    assert phi(has["Cardiomegaly"], has["Edema"]) > 0.15
    assert phi(has["Consolidation"], has["Pneumonia"]) > 0.15
    assert phi(has["Fracture"], has["Pneumothorax"]) > 0.08
    assert phi(has["Fracture"], has["Lung Lesion"]) < 0.12


def test_findings_persist_in_part() -> None:
    both = first = all_first = 0
    for seed in range(600):
        before, after = (present(signs) for signs, _ in hospital_course(seed, 2))
        first += "Pleural Effusion" in before
        both += "Pleural Effusion" in before and "Pleural Effusion" in after
        all_first += 1
    assert first / all_first + 0.2 < both / first < 0.95


def test_a_patient_is_the_same_in_a_larger_study() -> None:
    population = LAYOUTS["dicom"].population
    small, large = plan_studies(5, 9, population), plan_studies(50, 9, population)
    assert small == [study for study in large if study.patient <= 5]


def test_ill_patients_lie_in_bed_and_only_upright_ones_have_laterals(studies: list[Study]) -> None:
    devices = {
        bed: np.mean(
            [
                any(sign.finding == "Support Devices" for sign in study.signs)
                for study in studies
                if (study.shots[0].projection == "AP") == bed
            ]
        )
        for bed in (True, False)
    }
    assert devices[True] > 2 * devices[False]
    assert all(study.shots[0].projection == "PA" for study in studies if study.shots[-1].view == "lateral")


def test_parts_hold_whole_patients_and_their_shares(studies: list[Study]) -> None:
    parts = {study.patient: study.part for study in studies}
    assert all(parts[study.patient] == study.part for study in studies)
    assert Counter(parts.values())["valid"] == round(0.15 * 1500)


def test_codes_say_what_is_there(studies: list[Study]) -> None:
    seen: Counter[tuple[bool, int | None]] = Counter()
    for study in studies:
        found, codes = present(study.signs), report_codes(study.signs, study.seed)
        assert list(codes) == list(FINDINGS)
        for name in FINDINGS[1:]:
            seen[name in found, codes[name]] += 1
        if codes["No Finding"] == 1:
            assert not found
            assert not any(codes[name] in (1, -1) for name in FINDINGS[1:])
        if any(codes[name] == 1 for name in OPACITIES):
            assert "Lung Opacity" in found
    assert seen[True, 0] == seen[True, None] == seen[False, 1] == 0
    assert seen[True, -1] > 0 < seen[False, -1]
    assert seen[False, None] > 5 * seen[False, 0] > 0


def test_the_validation_part_is_certain(studies: list[Study]) -> None:
    for study in studies[:200]:
        codes = report_codes(study.signs, study.seed, certain=True)
        assert {name for name, code in codes.items() if code == 1} == (
            set(present(study.signs)) or {"No Finding"}
        )
        assert set(codes.values()) <= {0, 1}


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
def test_the_shortcut_has_the_chosen_correlation(studies: list[Study], strength: float) -> None:
    planted = plant_shortcut(studies, "Pneumothorax", strength, 1)
    leads = np.array([study.leads for study in planted])
    has = np.array(["Pneumothorax" in present(study.signs) for study in planted])
    assert phi(leads, has) == pytest.approx(strength, abs=0.06)
    assert not any("ecg_leads" in sign.devices for study in planted for sign in study.signs)
    assert [present(s.signs) for s in planted] == [present(s.signs) for s in studies]


def test_a_shortcut_needs_a_finding_that_occurs(studies: list[Study]) -> None:
    with pytest.raises(DataError, match="did you mean 'Pneumothorax'"):
        plant_shortcut(studies, "pneumotorax", 0.5, 1)


def test_leaks_put_so_many_patients_in_two_parts(studies: list[Study]) -> None:
    leaked, listed = plant_leaks(studies, 7, ["train", "valid"], 1)
    parts: dict[int, set[str]] = {}
    for study in leaked:
        parts.setdefault(study.patient, set()).add(study.part)
    assert {patient for patient, names in parts.items() if len(names) > 1} == {
        row["patient"] for row in listed
    }
    assert len(listed) == 7
    with pytest.raises(DataError, match="more than one study"):
        plant_leaks(studies[:1], 1, ["train", "valid"], 1)


def test_duplicates_are_new_patients_in_the_other_part(studies: list[Study]) -> None:
    copied, listed = plant_duplicates(studies, 5, ["train", "valid"], 1)
    originals = {(study.patient, study.number): study for study in studies}
    for copy in copied[len(studies) :]:
        assert copy.copy_of is not None
        original = originals[copy.copy_of]
        assert (copy.person, copy.shots, copy.signs) == (original.person, original.shots, original.signs)
        assert copy.patient > 1500
        assert copy.part != original.part
    assert len(listed) == 5
    with pytest.raises(DataError):
        plant_duplicates(studies[:3], 4, ["train"], 1)


def test_flips_are_counted_exactly_and_listed() -> None:
    clean, _ = plan_entries(150, "chexpert", 2, Faults())
    flipped, truth = plan_entries(150, "chexpert", 2, Faults(flip_labels=0.1))
    listed = {(path, flip["label"]) for flip in truth["flipped"] for path in flip["paths"]}
    for before, after in zip(clean, flipped, strict=True):
        for name, code in before.codes.items():
            if (before.path, name) in listed:
                assert after.codes[name] == (0 if code in (1, -1) else 1)
            else:
                assert after.codes[name] == code
    count = truth["studies"]
    assert Counter(flip["label"] for flip in truth["flipped"]) == dict.fromkeys(
        FINDINGS[1:], round(0.1 * count)
    )
    changed, _ = plant_flips([entry.study for entry in clean], 0.0, FINDINGS[1:], 1)
    assert not any(study.flipped for study in changed)


def test_nih_has_its_own_findings() -> None:
    entries, _ = plan_entries(400, "nih", 0, Faults())
    positive = Counter(name for entry in entries for name, code in nih_codes(entry.study).items() if code)
    assert set(positive) == set(NIH_FINDINGS)
    assert all(entry.shot.view == "frontal" for entry in entries)
    assert len({entry.path for entry in entries}) == len(entries)


def test_pneumonia_has_children_with_bacteria_and_viruses() -> None:
    entries, _ = plan_entries(300, "pneumonia", 0, Faults())
    kinds = Counter(
        kind for entry in entries for kind in ("bacteria", "virus", "NORMAL") if kind in entry.path
    )
    assert sum(kinds.values()) == len(entries)
    assert kinds["bacteria"] > kinds["virus"] > 20 < kinds["NORMAL"]
    assert all(1 <= entry.study.person.age < 7 and entry.shot.projection == "AP" for entry in entries)
    assert {entry.path.split("/")[0] for entry in entries} == {"train", "val", "test"}


@pytest.mark.parametrize("layout", ["pneumonia", "folder"])
def test_a_flipped_class_is_another_folder(layout: str) -> None:
    clean, _ = plan_entries(60, layout, 0, Faults())
    flipped, truth = plan_entries(60, layout, 0, Faults(flip_labels=0.2))
    moved = sum(a.codes != b.codes for a, b in zip(clean, flipped, strict=True))
    assert moved == sum(len(flip["paths"]) for flip in truth["flipped"]) > 0


def test_folder_classes_are_true() -> None:
    entries, _ = plan_entries(80, "folder", 0, Faults())
    assert {class_of(entry.study) for entry in entries} == set(CLASSES)
    assert all(f"/{class_of(entry.study)}/" in entry.path for entry in entries)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_two_images_share_a_path(layout: str) -> None:
    faults = Faults(flip_labels=0.2, duplicates=10, leak=0 if layout == "dicom" else 4)
    entries, _ = plan_entries(150, layout, 5, faults)
    assert len({entry.path for entry in entries}) == len(entries)
