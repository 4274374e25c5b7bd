"""Where each layout puts a study's pictures, what it calls them and what it writes about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hilum_phantom.chest.anatomy import Shot
from hilum_phantom.chest.disease import present, report_codes
from hilum_phantom.chest.opacities import lesion_radius
from hilum_phantom.chest.plan import Population, Study
from hilum_phantom.chest.signs import FINDINGS

Codes = dict[str, int | None]

NIH_FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia",
    "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
TO_NIH = {
    "Atelectasis": "Atelectasis", "Cardiomegaly": "Cardiomegaly", "Consolidation": "Consolidation",
    "Edema": "Edema", "Pleural Effusion": "Effusion", "Emphysema": "Emphysema", "Fibrosis": "Fibrosis",
    "Hernia": "Hernia", "Lung Opacity": "Infiltration", "Pleural Other": "Pleural_Thickening",
    "Pneumonia": "Pneumonia", "Pneumothorax": "Pneumothorax",
}  # fmt: skip
"""Finding -> what NIH ChestX-ray14 calls it; a Lung Lesion is a Nodule up to 30 mm across, else a Mass."""
CLASSES = ("cardiomegaly", "normal", "pleural_effusion", "pneumothorax")
"""Class folders of the layout `folder`, each with what it is named after (and nothing else) or with nothing."""


@dataclass(frozen=True)
class Entry:
    """One image file.

    Attributes:
        path: relative to the study's folder, with / between.
        study: what it belongs to.
        shot: how it was taken.
        codes: labels as written.
        image: which image of all this is, from 0.
        inverted: MONOCHROME1.
    """

    path: str
    study: Study
    shot: Shot
    codes: Codes
    image: int
    inverted: bool = False


@dataclass(frozen=True)
class Layout:
    """One way of writing a study to disk.

    Attributes:
        population: who is in it.
        labels: what can be labelled wrongly.
        suffix: of its image files.
        arrange: plan -> image files.
    """

    population: Population
    labels: tuple[str, ...]
    suffix: str
    arrange: Callable[[list[Study]], list[Entry]]


def _flip(codes: Codes, study: Study) -> Codes:
    """A wrong label says 0 where it should say 1 (or possible), and 1 where it should not."""
    return {
        name: code if name not in study.flipped else (0 if code in (1, -1) else 1)
        for name, code in codes.items()
    }


def chexpert_codes(study: Study) -> Codes:
    """CheXpert's 14 codes as written."""
    return _flip(report_codes(study.signs, study.seed, certain=study.wording == "valid"), study)


def nih_codes(study: Study) -> Codes:
    """NIH's 14 findings, each 1 or 0, as written."""
    return _flip({name: int(name in nih_present(study)) for name in NIH_FINDINGS}, study)


def nih_present(study: Study) -> dict[str, str]:
    """NIH's name of each finding that is there -> the name it was drawn under."""
    names = {TO_NIH[sign.finding]: sign.finding for sign in study.signs if sign.finding in TO_NIH}
    for sign in study.signs:
        if sign.finding == "Lung Lesion":
            names["Mass" if 2 * lesion_radius(sign) > 30 else "Nodule"] = sign.finding
    return names


def _chexpert(studies: list[Study]) -> list[Entry]:
    entries: list[Entry] = []
    for study in studies:
        codes = chexpert_codes(study)
        for k, shot in enumerate(study.shots, start=1):
            name = f"{study.part}/patient{study.patient:05d}/study{study.number}/view{k}_{shot.view}.jpg"
            entries.append(Entry(name, study, shot, codes, len(entries)))
    return entries


def _nih(studies: list[Study]) -> list[Entry]:
    entries: list[Entry] = []
    follow_up: dict[int, int] = {}
    for study in studies:
        codes = nih_codes(study)
        for shot in study.shots:
            number = follow_up.get(study.patient, 0)
            follow_up[study.patient] = number + 1
            entries.append(
                Entry(f"images/{study.patient:08d}_{number:03d}.png", study, shot, codes, len(entries))
            )
    return entries


def _pneumonia(studies: list[Study]) -> list[Entry]:
    entries: list[Entry] = []
    counts = {"bacteria": 0, "virus": 0}
    persons: dict[int, int] = {}
    for study in studies:
        found = present(study.signs)
        ill = bool(found) != ("PNEUMONIA" in study.flipped)
        folder = {"train": "train", "valid": "val", "test": "test"}[study.part]
        # Whoever is in PNEUMONIA is a personN, whoever is in NORMAL has a film number.
        number = persons.setdefault(study.patient, len(persons) + 1)
        for shot in study.shots:
            if ill:
                kind = "virus" if "Fibrosis" in found else "bacteria"
                counts[kind] += 1
                name = f"{folder}/PNEUMONIA/person{number}_{kind}_{counts[kind]}.jpeg"
            else:
                prefix = "NORMAL2-" if number % 2 else ""
                name = f"{folder}/NORMAL/{prefix}IM-{number:04d}-{study.number:04d}.jpeg"
            entries.append(Entry(name, study, shot, {"PNEUMONIA": int(ill)}, len(entries)))
    return entries


def class_of(study: Study) -> str:
    """The true class of a study of the layout `folder`."""
    for sign in study.signs:
        name = sign.finding.lower().replace(" ", "_")
        if name in CLASSES:
            return name
    return "normal"


def _folder(studies: list[Study]) -> list[Entry]:
    entries: list[Entry] = []
    for study in studies:
        k = CLASSES.index(class_of(study))
        if "class" in study.flipped:
            k = (k + 1 + study.seed % (len(CLASSES) - 1)) % len(CLASSES)
        for view, shot in enumerate(study.shots, start=1):
            name = f"{study.part}/{CLASSES[k]}/patient{study.patient:05d}_study{study.number}_view{view}.png"
            codes: Codes = {name: int(j == k) for j, name in enumerate(CLASSES)}
            entries.append(Entry(name, study, shot, codes, len(entries)))
    return entries


def _dicom(studies: list[Study]) -> list[Entry]:
    entries: list[Entry] = []
    for study in studies:
        codes = chexpert_codes(study)
        for k, shot in enumerate(study.shots, start=1):
            name = f"patient{study.patient:05d}/study{study.number}/image{k}.dcm"
            entries.append(Entry(name, study, shot, codes, len(entries)))
    return entries


_TRAIN_VALID = (("train", 0.85), ("valid", 0.15))
_ALL = (("train", 0.7), ("valid", 0.1), ("test", 0.2))

LAYOUTS: dict[str, Layout] = {
    "chexpert": Layout(Population(_TRAIN_VALID), FINDINGS[1:], ".jpg", _chexpert),
    "nih": Layout(
        Population((("train", 0.8), ("test", 0.2)), lateral=False, extra=True, repeat=0.6),
        NIH_FINDINGS, ".png", _nih,
    ),
    "pneumonia": Layout(
        Population(_ALL, (1, 5), lateral=False, repeat=0.12, always_ap=True, course="pneumonia"),
        ("PNEUMONIA",), ".jpeg", _pneumonia,
    ),
    "folder": Layout(Population(_ALL, lateral=False, repeat=0.12, course="classes"), ("class",), ".png", _folder),
    "dicom": Layout(Population((("train", 1.0),)), FINDINGS[1:], ".dcm", _dicom),
}  # fmt: skip
"""Name -> layout."""
