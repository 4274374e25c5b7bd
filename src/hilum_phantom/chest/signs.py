"""What disease a picture shows, and what it does to the anatomy before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from hilum_phantom.chest.anatomy import Anatomy, Changes, Rib, Shot
from hilum_phantom.chest.layers import Layers
from hilum_phantom.chest.person import Person
from hilum_phantom.shapes import Canvas, Points, ellipse, normals

FINDINGS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The 14 of CheXpert, in the order of its columns."""
EXTRA_FINDINGS = ("Emphysema", "Fibrosis", "Hernia")
"""Findings that NIH ChestX-ray14 has and CheXpert has not."""
OPACITIES = ("Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis")
"""Findings that are a Lung Opacity too (Irvin et al. 2019, figure 1)."""


@dataclass(frozen=True)
class Sign:
    """One finding of one study.

    Attributes:
        finding: one of `FINDINGS` but No Finding, or of `EXTRA_FINDINGS`.
        severity: 0 (barely there) to 1.
        sides: `R`, `L` or `RL`.
        zone: `upper`, `middle` or `lower`.
        seed: of its shape; a finding that persists keeps it.
        devices: for Support Devices, which ones.
    """

    finding: str
    severity: float
    sides: str
    zone: str
    seed: int
    devices: tuple[str, ...] = ()


@dataclass
class Scene:
    """What a finding is drawn into."""

    layers: Layers
    anatomy: Anatomy
    person: Person
    shot: Shot
    breaks: list[Points] = field(default_factory=list)

    @property
    def canvas(self) -> Canvas:
        """The picture's pixels."""
        return self.layers.canvas

    @property
    def lateral(self) -> bool:
        """Whether it is seen from the side."""
        return self.shot.view == "lateral"


def anatomy_changes(signs: tuple[Sign, ...]) -> Changes:
    """How the signs change the shape of heart, mediastinum and diaphragm."""
    heart, mediastinum, shift, inflation = 1.0, 1.0, 0.0, 0.0
    raised = {"R": 0.0, "L": 0.0}
    for sign in signs:
        s = sign.severity
        if sign.finding == "Cardiomegaly":
            heart = 1.20 + 0.32 * s
        elif sign.finding == "Enlarged Cardiomediastinum":
            mediastinum = 1.32 + 0.85 * s
        elif sign.finding == "Atelectasis":
            for side in sign.sides:
                raised[side] += 6 + 24 * s
            if len(sign.sides) == 1:
                shift += (-1 if sign.sides == "R" else 1) * 10 * s
        elif sign.finding == "Pneumothorax" and s > 0.7:
            shift += (1 if sign.sides == "R" else -1) * 55 * (s - 0.7)
        elif sign.finding == "Emphysema":
            inflation += 10 + 14 * s
            heart *= 0.9
    return Changes(heart, mediastinum, raised, shift, inflation)


def break_ribs(anatomy: Anatomy, signs: tuple[Sign, ...]) -> tuple[Anatomy, list[Points]]:
    """Ribs cut through and displaced where a Fracture says so; returns the places as polygons too."""
    places: list[Points] = []
    ribs = list(anatomy.ribs)
    for sign in signs:
        if sign.finding != "Fracture":
            continue
        rng = np.random.default_rng([sign.seed, 0])
        first, share = int(rng.integers(3, 7)), float(rng.uniform(0.35, 0.78))
        for index in range(first, first + 1 + round(0.4 + 2.6 * sign.severity)):
            at = [
                k for k, rib in enumerate(ribs)
                if not rib.front and rib.index == index and rib.side == sign.sides[0]
            ]  # fmt: skip
            for k in at:
                pieces, place = _broken(ribs[k], share + float(rng.normal(0, 0.04)), sign.severity, rng)
                ribs[k : k + 1] = pieces
                places.append(place)
    return replace(anatomy, ribs=tuple(ribs)), places


def _broken(rib: Rib, share: float, severity: float, rng: np.random.Generator) -> tuple[list[Rib], Points]:
    """Two pieces, the outer one stepped off and overriding, and the place."""
    cut = int(np.clip(share, 0.15, 0.85) * (len(rib.curve) - 1))
    step = (6.5 + 8 * severity) * (1 if rng.random() < 0.5 else -1)
    inner, outer = rib.curve[: cut + 1], rib.curve[cut:].copy()
    fade = np.exp(-np.linalg.norm(outer - outer[0], axis=1) / 38)[:, None]
    outer += normals(outer) * step * fade
    # Fragments override a little, or gape.
    slide = rng.uniform(-4, 3)
    outer += (outer[min(4, len(outer) - 1)] - outer[0]) / 12 * slide * fade
    pieces = [
        replace(rib, curve=inner, widths=rib.widths[: cut + 1]),
        replace(rib, curve=outer, widths=rib.widths[cut:]),
    ]
    x, y = (inner[-1] + outer[0]) / 2
    return pieces, ellipse(float(x), float(y), 15, 15)
