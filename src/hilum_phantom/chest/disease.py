"""Who has what: correlated findings that partly persist over a patient's studies, and how reports word them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hilum_phantom.chest.signs import FINDINGS, OPACITIES, Sign

PERSISTENCE = 0.82
"""Correlation of each hidden variable between two studies that follow each other."""

CAUSES = ("illness", "failure", "infection", "cancer", "trauma", "ward")
"""Hidden variables of a study: standard normal, shared by the findings below."""

PREVALENCE: dict[str, tuple[float, tuple[float, ...]]] = {
    "Enlarged Cardiomediastinum": (0.09, (0.35, 0.20, 0.0, 0.35, 0.10, 0.10)),
    "Cardiomegaly": (0.17, (0.35, 0.65, 0.0, 0.0, -0.10, 0.10)),
    "Lung Opacity": (0.11, (0.35, 0.10, 0.40, 0.20, 0.0, 0.10)),
    "Lung Lesion": (0.10, (0.30, 0.0, 0.0, 0.65, 0.0, -0.15)),
    "Edema": (0.18, (0.40, 0.60, 0.0, 0.0, 0.0, 0.30)),
    "Consolidation": (0.11, (0.40, 0.0, 0.60, 0.0, 0.0, 0.15)),
    "Pneumonia": (0.10, (0.40, 0.0, 0.60, 0.0, 0.0, 0.0)),
    "Atelectasis": (0.16, (0.40, 0.10, 0.10, 0.0, 0.15, 0.40)),
    "Pneumothorax": (0.10, (0.30, -0.10, 0.0, 0.10, 0.50, 0.25)),
    "Pleural Effusion": (0.30, (0.45, 0.45, 0.15, 0.25, 0.10, 0.20)),
    "Pleural Other": (0.07, (0.25, 0.0, 0.0, 0.40, 0.10, 0.0)),
    "Fracture": (0.08, (0.20, 0.0, 0.0, 0.0, 0.70, 0.0)),
    "Support Devices": (0.36, (0.45, 0.20, 0.0, 0.0, 0.15, 0.60)),
    "Emphysema": (0.06, (0.30, -0.10, 0.10, 0.20, 0.0, 0.0)),
    "Fibrosis": (0.06, (0.30, 0.0, 0.0, 0.0, 0.0, 0.0)),
    "Hernia": (0.03, (0.10, 0.0, 0.0, 0.0, 0.0, 0.0)),
}
"""Finding -> share of studies that have it, and how much each of `CAUSES` drives it. The order follows what
CheXpert reports of its training part; rare findings are more frequent, so that small studies have some."""

DENIED: dict[str, float] = {
    "Pneumothorax": 0.30, "Pleural Effusion": 0.22, "Consolidation": 0.14, "Edema": 0.12, "Cardiomegaly": 0.06,
    "Enlarged Cardiomediastinum": 0.09, "Fracture": 0.02, "Pneumonia": 0.03, "Support Devices": 0.04,
    "Lung Opacity": 0.04, "Lung Lesion": 0.01, "Atelectasis": 0.01, "Pleural Other": 0.005,
}  # fmt: skip
"""How often a report says of an absent finding that it is absent, instead of nothing."""
UNSURE = {"Atelectasis": 0.04, "Consolidation": 0.04, "Pneumonia": 0.03, "Edema": 0.02, "Cardiomegaly": 0.02}
"""How often a report calls an absent finding possible."""
FAINT, UNSURE_IF_FAINT = 0.3, 0.35
"""Below this severity a present finding is called possible this often."""

BOTH_SIDES = {
    "Edema": 1.0,
    "Pleural Effusion": 0.4,
    "Atelectasis": 0.35,
    "Pneumonia": 0.25,
    "Pleural Other": 0.3,
}
ZONES: dict[str, tuple[float, float, float]] = {
    "Lung Lesion": (0.45, 0.3, 0.25),
    "Consolidation": (0.3, 0.2, 0.5),
    "Pneumonia": (0.2, 0.35, 0.45),
    "Lung Opacity": (0.25, 0.35, 0.4),
}
"""How often a finding lies in the upper, middle and lower zone."""
DEVICE_WEIGHTS: dict[str, tuple[float, float]] = {
    "ecg_leads": (0.30, 0.75),
    "central_line": (0.25, 0.55),
    "endotracheal_tube": (0.0, 0.35),
    "gastric_tube": (0.05, 0.30),
    "pacemaker": (0.40, 0.15),
    "chest_tube": (0.05, 0.08),
}
"""Device -> how often it is among a patient's devices, out of bed and in bed."""


Course = list[tuple[tuple[Sign, ...], float]]
"""Per study its signs, and the value of the cause `ward` (standard normal)."""


def hospital_course(seed: int, studies: int, extra: bool = False) -> Course:
    """The signs of each of a patient's studies, and how ill the patient lies in bed then.

    Hidden causes follow a first-order autoregression over studies; a finding is present where its mix of
    causes and of its own variable is above the quantile of its prevalence, so that prevalences hold exactly
    in expectation, and its severity is how far above (even over 0..1).

    Args:
        seed: the patient's.
        studies: how many.
        extra: also draw the findings that only NIH ChestX-ray14 has.

    Returns:
        Per study its signs and the value of the cause `ward` (standard normal).
    """
    rng = np.random.default_rng([seed, 41])
    names = [name for name in PREVALENCE if extra or name in FINDINGS]
    weights = np.array([PREVALENCE[name][1] for name in names])
    own = np.sqrt(np.maximum(1 - (weights**2).sum(axis=1), 0.05))
    scale = np.sqrt((weights**2).sum(axis=1) + own**2)
    causes, private = rng.standard_normal(len(CAUSES)), rng.standard_normal(len(names))
    course = []
    for _ in range(studies):
        scores = (weights @ causes + own * private) / scale
        signs = [
            _sign(name, seed, k, severity, causes[-1])
            for k, (name, score) in enumerate(zip(names, scores, strict=True))
            if (severity := _severity(float(score), PREVALENCE[name][0])) is not None
        ]
        course.append((tuple(signs), float(causes[-1])))
        causes, private = _next(causes, rng), _next(private, rng)
    return course


def _next(values: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return PERSISTENCE * values + math.sqrt(1 - PERSISTENCE**2) * rng.standard_normal(len(values))


def _severity(score: float, prevalence: float) -> float | None:
    above = 0.5 * math.erfc(score / math.sqrt(2))
    return None if above >= prevalence else round(1 - above / prevalence, 4)


def _sign(name: str, seed: int, k: int, severity: float, ward: float) -> Sign:
    """Where a finding lies follows from patient and finding alone, so that it stays there."""
    rng = np.random.default_rng([seed, 42, k])
    first = "R" if rng.random() < 0.54 else "L"
    both = rng.random() < BOTH_SIDES.get(name, 0.0)
    sides = first + ("L" if first == "R" else "R") if both else first
    zone = str(rng.choice(["upper", "middle", "lower"], p=ZONES.get(name, (1 / 3, 1 / 3, 1 / 3))))
    devices = _devices(rng, bool(ward > 0.2)) if name == "Support Devices" else ()
    return Sign(name, severity, sides, zone, int(rng.integers(2**31)), devices)


def _devices(rng: np.random.Generator, in_bed: bool) -> tuple[str, ...]:
    luck = rng.random(len(DEVICE_WEIGHTS))
    devices = tuple(
        name
        for (name, rates), value in zip(DEVICE_WEIGHTS.items(), luck, strict=True)
        if value < rates[in_bed]
    )
    return devices or (("central_line",) if in_bed else ("pacemaker",))


def pneumonia_course(seed: int, studies: int, extra: bool = False) -> Course:  # noqa: ARG001
    """Children, 62 % of them with pneumonia: bacterial (a dense lobe) or viral (a net in both lungs)."""
    rng = np.random.default_rng([seed, 44])
    ill, viral = rng.random() < 0.62, rng.random() < 0.35
    side = "R" if rng.random() < 0.6 else "L"
    zone = str(rng.choice(["upper", "middle", "lower"], p=(0.3, 0.2, 0.5)))
    course: Course = []
    for _ in range(studies):
        severity = round(float(rng.uniform(0.05, 1)), 4)
        names = ("Pneumonia", "Fibrosis") if viral else ("Consolidation", "Pneumonia")
        sides = side + ("L" if side == "R" else "R") if viral else side
        signs = tuple(Sign(name, severity, sides, zone, int(rng.integers(2**31))) for name in names)
        course.append((signs if ill else (), 0.0))
    return course


def class_course(seed: int, studies: int, extra: bool = False) -> Course:  # noqa: ARG001
    """Exactly one finding or none, evenly."""
    rng = np.random.default_rng([seed, 45])
    name = str(rng.choice(["", "Cardiomegaly", "Pleural Effusion", "Pneumothorax"]))
    side = "R" if rng.random() < 0.5 else "L"
    course: Course = []
    for _ in range(studies):
        sign = Sign(name, round(float(rng.uniform(0.05, 1)), 4), side, "middle", int(rng.integers(2**31)))
        course.append(((sign,) if name else (), float(rng.standard_normal())))
    return course


COURSES: dict[str, Callable[[int, int, bool], Course]] = {
    "hospital": hospital_course,
    "pneumonia": pneumonia_course,
    "classes": class_course,
}
"""Name -> (patient's seed, number of studies, whether NIH's own findings occur) -> what each study shows."""


def present(signs: tuple[Sign, ...]) -> dict[str, float]:
    """Severity by finding, with Lung Opacity wherever one of its kinds is; Emphysema and the like included."""
    found = {sign.finding: sign.severity for sign in signs}
    opacities = [found[name] for name in (*OPACITIES, "Lung Opacity") if name in found]
    if opacities:
        found["Lung Opacity"] = max(opacities)
    return found


def report_codes(signs: tuple[Sign, ...], seed: int, certain: bool = False) -> dict[str, int | None]:
    """CheXpert's codes of a study: 1, 0, -1 or None for not mentioned.

    Args:
        signs: what is there.
        seed: of the wording.
        certain: all findings are 0 or 1, as in CheXpert's validation part.
    """
    found = present(signs)
    rng = np.random.default_rng([seed, 43])
    luck = rng.random((len(FINDINGS), 2))
    codes: dict[str, int | None] = {}
    for name, (a, b) in zip(FINDINGS, luck.tolist(), strict=True):
        if name in found:
            codes[name] = -1 if found[name] < FAINT and a < UNSURE_IF_FAINT and not certain else 1
        elif certain:
            codes[name] = 0
        else:
            codes[name] = 0 if a < DENIED.get(name, 0.0) else (-1 if b < UNSURE.get(name, 0.0) else None)
    nothing = all(codes[name] in (0, None) for name in FINDINGS[1:])
    codes["No Finding"] = 1 if nothing else (0 if certain else None)
    return codes
