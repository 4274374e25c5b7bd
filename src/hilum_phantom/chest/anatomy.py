"""What a chest is made of, as curves in mm. `frontal` and `lateral` fill these in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hilum_phantom.shapes import Points


@dataclass(frozen=True)
class Shot:
    """How one picture was taken.

    Attributes:
        view: `frontal` or `lateral`.
        projection: `AP`, `PA` or `LL`.
        inspiration: mm by which the diaphragm stands lower (+) or higher (-) than in a normal breath.
        turn: mm by which the heart and the airways are shifted by a turned patient.
        tilt: degrees of rotation in the picture plane.
        zoom: magnification, about 1.
        shift: mm by which the patient is off centre, (x, y).
        aspect: width over height of the picture.
        seed: of the film: exposure, noise, markers, borders.
    """

    view: str
    projection: str
    inspiration: float
    turn: float
    tilt: float
    zoom: float
    shift: tuple[float, float]
    aspect: float
    seed: int


@dataclass(frozen=True)
class Changes:
    """What disease does to the shape of the anatomy.

    Attributes:
        heart: factor on the heart's width.
        mediastinum: factor on the width of the upper mediastinum.
        raised: mm by which each half of the diaphragm is raised, by side.
        shift: mm by which heart and airways are pushed to the viewer's right.
        inflation: mm by which both halves of the diaphragm are pushed down and flattened.
    """

    heart: float = 1.0
    mediastinum: float = 1.0
    raised: dict[str, float] = field(default_factory=dict)
    shift: float = 0.0
    inflation: float = 0.0


@dataclass(frozen=True)
class Lung:
    """One lung on one picture (on a lateral view both lie on each other; they differ in their diaphragm).

    Attributes:
        outline: polygon.
        wall: along the ribs (on a lateral view along the back), from the apex down to the angle.
        dome: along the diaphragm, from the angle inwards.
        hilum: (x, y) from which vessels branch.
        outward: -1 or 1: the direction of x from the hilum to `wall`.
        zones: centre and radii (x, y, rx, ry) of `upper`, `middle` and `lower`.
        trunks: directions in radians (0 outwards, positive down) into which vessels leave the hilum.
    """

    outline: Points
    wall: Points
    dome: Points
    hilum: tuple[float, float]
    outward: float
    zones: dict[str, tuple[float, float, float, float]]
    trunks: tuple[float, ...]

    @property
    def angle(self) -> tuple[float, float]:
        """The costophrenic angle."""
        return float(self.wall[-1, 0]), float(self.wall[-1, 1])

    def wall_x(self, y: float | Points) -> Points:
        """x of the wall at heights y."""
        return np.asarray(np.interp(y, self.wall[:, 1], self.wall[:, 0]))


@dataclass(frozen=True)
class Rib:
    """One rib's curve and widths (mm, one per point).

    `side` is R or L, `index` counts from 0 at the top, `front` is its fainter anterior part.
    """

    side: str
    index: int
    front: bool
    curve: Points
    widths: Points


@dataclass(frozen=True)
class Anatomy:
    """All that is drawn of one patient on one picture.

    Attributes:
        body: outline of the skin (several polygons may overlap).
        cavity: inside of the chest wall, open downwards; gives the lungs' depth.
        lungs: by side: `R`, `L`.
        heart: outline.
        mediastinum: outline of vessels, oesophagus and fat above and behind the heart.
        knob: centre and radius (x, y, r) of the aortic arch.
        aorta: descending aorta, polygon.
        airways: tubes of air: curve and width.
        vertebrae: polygons, from the top.
        processes: ellipses of pedicles and spinous processes.
        ribs: from the top, back before front.
        clavicles: curve and widths.
        scapulae: polygons.
        arms: bones of the arms, curve and width.
        breasts: ellipses.
        sternum: polygons.
        bubble: gas in the stomach, polygon.
        landmarks: named points that devices are laid along.
        abdomen: polygon of everything below the diaphragm.
    """

    body: tuple[Points, ...]
    cavity: Points
    lungs: dict[str, Lung]
    heart: Points
    mediastinum: Points
    knob: tuple[float, float, float]
    aorta: Points
    airways: tuple[tuple[Points, float], ...]
    vertebrae: tuple[Points, ...]
    processes: tuple[Points, ...]
    ribs: tuple[Rib, ...]
    clavicles: tuple[tuple[Points, Points], ...]
    scapulae: tuple[Points, ...]
    arms: tuple[tuple[Points, float], ...]
    breasts: tuple[Points, ...]
    sternum: tuple[Points, ...]
    bubble: Points
    landmarks: dict[str, tuple[float, float]]
    abdomen: Points
