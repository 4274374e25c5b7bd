"""One picture from its plan: anatomy, findings, film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hilum_phantom.chest import devices, opacities, pleura
from hilum_phantom.chest.anatomy import Shot
from hilum_phantom.chest.film import draw_exposure, expose, make_canvas
from hilum_phantom.chest.frontal import frontal_anatomy
from hilum_phantom.chest.lateral import lateral_anatomy
from hilum_phantom.chest.layers import draw_layers
from hilum_phantom.chest.person import Person
from hilum_phantom.chest.signs import OPACITIES, Scene, Sign, anatomy_changes, break_ribs
from hilum_phantom.shapes import Map

SMALLEST_PART = 0.12
"""A separate part of a mask gets its own box from this share of the largest part's area."""
MOST_BOXES = 4

Box = tuple[float, float, float, float]
"""x, y, width, height as shares (0..1) of the picture, from its upper left corner."""


@dataclass(frozen=True)
class Picture:
    """A drawn radiograph.

    Attributes:
        gray: uint8 [height, width].
        masks: by finding, uint8 [height, width] of 0 and 255.
        boxes: by finding, up to four.
    """

    gray: npt.NDArray[np.uint8]
    masks: dict[str, npt.NDArray[np.uint8]]
    boxes: dict[str, tuple[Box, ...]]


def _cardiomegaly(scene: Scene, sign: Sign) -> Map:  # noqa: ARG001
    return scene.layers.heart


def _wide_mediastinum(scene: Scene, sign: Sign) -> Map:  # noqa: ARG001
    return np.asarray(np.maximum(scene.layers.mediastinum - scene.layers.heart, 0), np.float32)


def _fracture(scene: Scene, sign: Sign) -> Map:  # noqa: ARG001
    canvas = scene.canvas
    # Bleeding and callus around the break.
    for place in scene.breaks:
        x, y = place.mean(axis=0)
        scene.layers.extra += np.float32(0.10) * canvas.blob(float(x), float(y), 7, 5.5)
    return canvas.fill(scene.breaks)


DRAW: dict[str, Callable[[Scene, Sign], Map]] = {
    "Emphysema": opacities.emphysema,
    "Cardiomegaly": _cardiomegaly,
    "Enlarged Cardiomediastinum": _wide_mediastinum,
    "Edema": opacities.edema,
    "Fibrosis": opacities.fibrosis,
    "Lung Opacity": opacities.lung_opacity,
    "Pneumonia": opacities.pneumonia,
    "Consolidation": opacities.consolidation,
    "Atelectasis": opacities.atelectasis,
    "Lung Lesion": opacities.lung_lesion,
    "Hernia": opacities.hernia,
    "Pneumothorax": pleura.pneumothorax,
    "Pleural Other": pleura.pleural_other,
    "Pleural Effusion": pleura.pleural_effusion,
    "Fracture": _fracture,
    "Support Devices": devices.support_devices,
}
"""Finding -> what draws it and returns its mask, in the order in which they are drawn."""


def render(person: Person, shot: Shot, signs: tuple[Sign, ...], size: int, leads: bool = False) -> Picture:
    """Draw one radiograph; the same arguments give the same pixels.

    Args:
        person: the patient.
        shot: how the picture is taken.
        signs: the findings to draw.
        size: pixels of the shorter side.
        leads: ECG leads lie on the patient although no sign says so.
    """
    rng = np.random.default_rng([shot.seed, 31])
    make = lateral_anatomy if shot.view == "lateral" else frontal_anatomy
    anatomy, breaks = break_ribs(make(person, shot, anatomy_changes(signs)), signs)
    canvas = make_canvas(shot, size)
    scene = Scene(draw_layers(anatomy, person, canvas, rng), anatomy, person, shot, breaks)
    by_finding = {sign.finding: sign for sign in signs}
    masks = {name: draw(scene, by_finding[name]) for name, draw in DRAW.items() if name in by_finding}
    if leads:
        scene.layers.metal += devices.ecg_leads(scene, np.random.default_rng([shot.seed, 32]))
    gray = expose(scene.layers.total(), scene.layers.metal, canvas, draw_exposure(shot, rng), rng)
    parts = [masks[name] for name in (*OPACITIES, "Lung Opacity") if name in masks]
    if parts:
        masks["Lung Opacity"] = np.maximum.reduce(parts)
    hard = {name: np.where(mask > 0.5, 255, 0).astype(np.uint8) for name, mask in masks.items()}
    return Picture(gray, hard, {name: boxes_of(mask) for name, mask in hard.items()})


def boxes_of(mask: npt.NDArray[np.uint8]) -> tuple[Box, ...]:
    """Boxes around the separate parts of a mask, the largest first; none where it is empty."""
    height, width = mask.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return ()
    parts = stats[1:]
    parts = parts[np.argsort(-parts[:, cv2.CC_STAT_AREA], kind="stable")]
    kept = parts[parts[:, cv2.CC_STAT_AREA] >= SMALLEST_PART * parts[0, cv2.CC_STAT_AREA]][:MOST_BOXES]
    return tuple((x / width, y / height, w / width, h / height) for x, y, w, h in kept[:, :4].tolist())
