"""What goes wrong in real data, planted on purpose: each function changes a plan and says what it did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError, did_you_mean
from hilum_phantom.chest.disease import present
from hilum_phantom.chest.plan import Study
from hilum_phantom.containers.plan import Visit

Planted = list[dict[str, Any]]
Examined = TypeVar("Examined", Study, Visit)
"""What faults are planted in: a patient's studies or a container's visits."""
OLD = 60
"""From this age on a planted age gap hides its finding."""


@dataclass(frozen=True)
class Faults:
    """What is to be planted.

    Attributes:
        flip_labels: share of all studies whose label is wrong, for each finding by itself.
        shortcut: a finding that ECG leads go with (of containers: a class that lorries go with); empty means no
            shortcut.
        shortcut_strength: correlation (phi) of leads or lorries with it, 0 to 1.
        age_gap: a finding that is drawn fainter in patients from `OLD` years on, its label unchanged; empty means
            none.
        age_gap_strength: how much fainter, 0 to 1; at 1 it is labelled and cannot be seen.
        leak: patients with studies in two parts.
        damage: files that are empty, cut off or garbage.
        duplicates: studies that occur again under another patient.
        monochrome1: every second DICOM file has its gray scale inverted.
    """

    flip_labels: float = 0.0
    shortcut: str = ""
    shortcut_strength: float = 0.9
    leak: int = 0
    damage: int = 0
    duplicates: int = 0
    monochrome1: bool = False
    age_gap: str = ""
    age_gap_strength: float = 0.8

    def to_json(self) -> dict[str, Any]:
        """As `truth.json` holds them. A fault of a later version is named only where it is planted, so that a
        study drawn before is still known as the same."""
        later = () if self.age_gap else ("age_gap", "age_gap_strength")
        return {name: value for name, value in asdict(self).items() if name not in later}


def plant_shortcut(studies: list[Study], finding: str, strength: float, seed: int) -> list[Study]:
    """ECG leads on as many studies as have the finding, with this correlation (phi) in expectation.

    Leads are then no Support Device and are drawn nowhere else.
    """
    known = sorted({name for study in studies for name in present(study.signs)} | {"No Finding"})
    if finding not in known:
        raise DataError(
            f"no study has the finding {finding!r} to plant a shortcut on; {did_you_mean(finding, known)}"
        )
    chance = chances([_has(study, finding) for study in studies], strength)
    leads = np.random.default_rng([seed, 0, 61]).random(len(studies)) < chance
    return [
        replace(study, leads=bool(lead), signs=_without_leads(study))
        for study, lead in zip(studies, leads, strict=True)
    ]


def chances(has: list[bool], strength: float) -> npt.NDArray[np.float64]:
    """The chance of a mark for each, so that it is as frequent as what it marks and correlates (phi) as asked.

    With prevalence p and correlation r that is p + r(1 - p) where it is there, p(1 - r) where not.
    """
    there = np.array(has)
    p = there.mean()
    return np.asarray(np.where(there, p + strength * (1 - p), p * (1 - strength)))


def _has(study: Study, finding: str) -> bool:
    found = present(study.signs)
    return finding in found if finding != "No Finding" else not found


def _without_leads(study: Study) -> tuple[Any, ...]:
    kept = []
    for sign in study.signs:
        if "ecg_leads" in sign.devices:
            others = tuple(name for name in sign.devices if name != "ecg_leads")
            sign = replace(sign, devices=others or ("central_line",))
        kept.append(sign)
    return tuple(kept)


def plant_age_gap(studies: list[Study], finding: str, strength: float) -> tuple[list[Study], Planted]:
    """The finding is drawn fainter by this share in whoever is `OLD` or older; what is labelled stays."""
    known = sorted({name for study in studies for name in present(study.signs)})
    if finding not in known:
        raise DataError(
            f"no study has the finding {finding!r} to plant an age gap on; {did_you_mean(finding, known)}"
        )
    chosen = [study.person.age >= OLD and finding in present(study.signs) for study in studies]
    if not any(chosen):
        raise DataError(
            f"no patient with {finding} is {OLD} or older, so an age gap cannot be planted in this layout."
        )
    planted: Planted = [
        {"patient": study.patient, "study": study.number}
        for study, fainter in zip(studies, chosen, strict=True)
        if fainter
    ]
    changed = [
        replace(study, fainter=finding, fainter_by=strength) if fainter else study
        for study, fainter in zip(studies, chosen, strict=True)
    ]
    return changed, planted


def plant_leaks(
    studies: list[Examined], count: int, parts: list[str], seed: int
) -> tuple[list[Examined], Planted]:
    """The last study of `count` patients moves to another part."""
    latest = {study.patient: study.number for study in studies}
    several = sorted(patient for patient, number in latest.items() if number > 1)
    if len(several) < count:
        raise DataError(
            f"{count} patients cannot be put in two parts: {len(several)} have more than one study. "
            "Ask for more patients or fewer leaks."
        )
    rng = np.random.default_rng([seed, 0, 62])
    chosen = set(rng.choice(several, count, replace=False).tolist())
    planted: Planted = []
    changed = []
    for study in studies:
        if study.patient in chosen and study.number == latest[study.patient]:
            others = [part for part in parts if part != study.part]
            part = others[-1]
            planted.append({"patient": study.patient, "study": study.number, "from": study.part, "to": part})
            study = replace(study, part=part)
        changed.append(study)
    return changed, planted


def plant_duplicates(
    studies: list[Examined], count: int, parts: list[str], seed: int
) -> tuple[list[Examined], Planted]:
    """`count` studies occur once more, as those of new patients, in another part where there is one."""
    if count > len(studies):
        raise DataError(f"{count} duplicates need as many studies; the plan has {len(studies)}.")
    rng = np.random.default_rng([seed, 0, 63])
    number = max(study.patient for study in studies)
    copies, planted = [], []
    for k in sorted(rng.choice(len(studies), count, replace=False).tolist()):
        original, number = studies[k], number + 1
        others = [part for part in parts if part != original.part] or [original.part]
        copies.append(
            replace(
                original,
                patient=number,
                number=1,
                part=others[-1],
                copy_of=(original.patient, original.number),
            )
        )
        planted.append(
            {"patient": number, "same_as_patient": original.patient, "same_as_study": original.number}
        )
    return studies + copies, planted


def plant_flips(
    studies: list[Examined], share: float, labels: tuple[str, ...], seed: int
) -> tuple[list[Examined], Planted]:
    """For each label by itself, `share` of the studies say the opposite of the truth."""
    rng = np.random.default_rng([seed, 0, 64])
    wrong: list[set[str]] = [set() for _ in studies]
    for label in labels:
        for k in rng.choice(len(studies), round(share * len(studies)), replace=False).tolist():
            wrong[k].add(label)
    planted = [
        {"patient": study.patient, "study": study.number, "label": label}
        for study, names in zip(studies, wrong, strict=True)
        for label in sorted(names)
    ]
    return [replace(s, flipped=frozenset(names)) for s, names in zip(studies, wrong, strict=True)], planted
