"""The whole study before a pixel is drawn: patients, their studies and pictures, and what is planted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hilum_phantom.chest.anatomy import Shot
from hilum_phantom.chest.disease import COURSES
from hilum_phantom.chest.person import Person, draw_person
from hilum_phantom.chest.signs import Sign

MOST_STUDIES = 7


@dataclass(frozen=True)
class Study:
    """One examination of one patient.

    Attributes:
        patient: number that the patient goes by here (a planted duplicate has another than its person).
        number: from 1.
        part: `train`, `valid` or `test`.
        person: the patient, at the age of this study.
        signs: what is there.
        shots: its pictures.
        leads: ECG leads lie on the patient although no sign says so.
        seed: of the report's wording.
        wording: the part whose way of labelling is used (a copy keeps its original's).
        flipped: labels that are written wrongly.
        copy_of: (patient, study) whose pictures are used again, or None.
        fainter: a finding that is drawn fainter than it is, or empty.
        fainter_by: by this share, 0 to 1.
    """

    patient: int
    number: int
    part: str
    person: Person
    signs: tuple[Sign, ...]
    shots: tuple[Shot, ...]
    seed: int
    wording: str = "train"
    leads: bool = False
    flipped: frozenset[str] = frozenset()
    copy_of: tuple[int, int] | None = None
    fainter: str = ""
    fainter_by: float = 0.0


@dataclass(frozen=True)
class Population:
    """Who comes to this hospital.

    Attributes:
        parts: share of patients in each part, in order.
        ages: youngest and oldest, or None for a hospital's mix.
        lateral: whether upright patients also get a lateral view.
        extra: whether findings that only NIH ChestX-ray14 has occur.
        repeat: chance that another study follows.
        always_ap: children's films are AP.
        course: which of `COURSES` their diseases take.
    """

    parts: tuple[tuple[str, float], ...]
    ages: tuple[float, float] | None = None
    lateral: bool = True
    extra: bool = False
    repeat: float = 0.42
    always_ap: bool = False
    course: str = "hospital"


def plan_studies(patients: int, seed: int, population: Population, at_least_two: int = 0) -> list[Study]:
    """All studies of a number of patients.

    Args:
        patients: how many; patient n is the same whatever their number.
        seed: of everything.
        population: who they are.
        at_least_two: the first so many patients have two studies or more.
    """
    studies: list[Study] = []
    for number in range(1, patients + 1):
        own = int(np.random.default_rng([seed, number]).integers(2**31))
        studies += _patient(number, own, population, 2 if number <= at_least_two else 1)
    return _assign_parts(studies, patients, seed, population)


def _patient(number: int, seed: int, population: Population, fewest: int) -> list[Study]:
    rng = np.random.default_rng([seed, 51])
    person = draw_person(number, seed, population.ages)
    count = min(max(int(rng.geometric(1 - population.repeat)), fewest), MOST_STUDIES)
    ages = person.age + np.concatenate([[0.0], np.cumsum(rng.exponential(0.4, count - 1))])
    course = COURSES[population.course](seed, count, population.extra)
    studies = []
    for k, (signs, ward) in enumerate(course):
        study_seed = int(rng.integers(2**31))
        shots = _shots(study_seed, ward, population)
        aged = replace(person, age=round(float(ages[k]), 2))
        studies.append(Study(number, k + 1, "train", aged, signs, shots, study_seed))
    return studies


def _shots(seed: int, ward: float, population: Population) -> tuple[Shot, ...]:
    rng = np.random.default_rng([seed, 52])
    in_bed = population.always_ap or ward + rng.normal(0, 0.7) > -0.25
    shots = [draw_shot("AP" if in_bed else "PA", int(rng.integers(2**31)))]
    if population.lateral and not in_bed and rng.random() < 0.6:
        shots.append(draw_shot("LL", int(rng.integers(2**31))))
    if in_bed and not population.always_ap and rng.random() < 0.06:
        shots.append(draw_shot("AP", int(rng.integers(2**31))))
    return tuple(shots)


def draw_shot(projection: str, seed: int) -> Shot:
    """How one picture is taken; in bed (AP) positioning is worse."""
    rng = np.random.default_rng([seed, 53])
    bed = 1.7 if projection == "AP" else 1.0
    return Shot(
        view="lateral" if projection == "LL" else "frontal",
        projection=projection,
        inspiration=float(rng.normal(0, 4.0 * bed)),
        turn=float(rng.normal(0, 2.5 * bed)),
        tilt=float(rng.normal(0, 1.3 * bed)),
        zoom=float(np.clip(rng.normal(1.02, 0.035), 0.93, 1.12)),
        shift=(float(rng.normal(0, 4 * bed)), float(rng.normal(0, 5 * bed))),
        aspect=float(rng.choice([0.82, 0.84] if projection == "LL" else [0.82, 1.0, 1.22], p=None)),
        seed=seed,
    )


def _assign_parts(studies: list[Study], patients: int, seed: int, population: Population) -> list[Study]:
    order = np.random.default_rng([seed, 0, 54]).permutation(patients) + 1
    parts: dict[int, str] = {}
    first = 0
    for k, (part, share) in enumerate(population.parts):
        last = k == len(population.parts) - 1
        count = patients - first if last else max(round(share * patients), 1)
        parts |= {int(number): part for number in order[first : first + count]}
        first += count
    return [replace(study, part=parts[study.patient], wording=parts[study.patient]) for study in studies]
