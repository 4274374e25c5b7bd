"""A drawn patient: what stays the same over all of a patient's studies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Person:
    """Stable anatomy of one patient.

    Attributes:
        number: from 1.
        sex: `F` or `M`.
        age: years at the first study.
        seed: of everything drawn about this patient (vessel tree, small irregularities).
        breadth: width of the chest against a standard adult's, about 1.
        length: height of the chest against a standard adult's, about 1.
        fat: 0 (thin) to 1 (obese): softer contrast, wider flanks.
        heart: cardiothoracic ratio on an upright PA film without disease.
        apex: how far the heart's apex lies to the left, -1 to 1.
        slope: how steeply ribs fall, about 1.
        scoliosis: sideways bend of the spine in mm.
        dome: how much higher the right half of the diaphragm is, in mm.
        breast: 0 (none) to 1: density of breast shadows.
        branching: how dense the vessel tree looks, about 1.
    """

    number: int
    sex: str
    age: float
    seed: int
    breadth: float
    length: float
    fat: float
    heart: float
    apex: float
    slope: float
    scoliosis: float
    dome: float
    breast: float
    branching: float

    @property
    def child(self) -> float:
        """1 for a newborn, 0 from 15 years on."""
        return float(np.clip(1 - self.age / 15, 0, 1))

    @property
    def old(self) -> float:
        """0 up to 50 years, 1 from 85 on."""
        return float(np.clip((self.age - 50) / 35, 0, 1))


def draw_person(number: int, seed: int, ages: tuple[float, float] | None = None) -> Person:
    """Draw patient `number`; the same arguments give the same patient.

    Args:
        number: from 1.
        seed: the patient's own seed.
        ages: youngest and oldest, drawn evenly; None gives a hospital's mix of 0 to 90 years.
    """
    rng = np.random.default_rng([seed, 1])
    age = _hospital_age(rng) if ages is None else float(rng.uniform(*ages))
    child = float(np.clip(1 - age / 15, 0, 1))
    female = bool(rng.random() < 0.45)
    grown = female and age > 13
    return Person(
        number=number,
        sex="F" if female else "M",
        age=round(age, 1),
        seed=seed,
        breadth=float(np.clip(rng.normal(0.96 if female else 1.0, 0.04), 0.86, 1.1)),
        length=float(np.clip(rng.normal(0.97 if female else 1.0, 0.045) - 0.06 * child, 0.84, 1.1)),
        fat=float(rng.beta(2, 3)) * (1 - 0.6 * child),
        heart=float(np.clip(rng.normal(0.435, 0.022), 0.38, 0.48)) + 0.085 * child,
        apex=float(rng.uniform(-1, 1)),
        slope=float(rng.normal(1.0, 0.1)) * (1 - 0.55 * child),
        scoliosis=float(rng.normal(0, 3.5)),
        dome=float(np.clip(rng.normal(11, 4), 1, 22)),
        breast=float(rng.uniform(0.35, 1.0)) if grown else 0.0,
        branching=float(rng.normal(1.0, 0.12)),
    )


def _hospital_age(rng: np.random.Generator) -> float:
    """Mostly adults around 60; a twentieth are children."""
    if rng.random() < 0.06:
        return float(rng.uniform(0.1, 17))
    return float(np.clip(rng.normal(59, 17), 18, 90))
