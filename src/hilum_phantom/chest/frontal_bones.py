"""The bones of the frontal chest, and the measures that they share with the rest of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum_phantom.chest.anatomy import Rib
from hilum_phantom.chest.person import Person
from hilum_phantom.shapes import Points, ellipse, points, shifted, spline, vertebra

SIDES = {"R": -1.0, "L": 1.0}
RIBS = 11
FRONT_RIBS = 7
APEX, ANGLE = -142.0, 142.0
"""Heights of a standard adult's lung apex and costophrenic angle, in mm."""


@dataclass(frozen=True)
class Frame:
    """A patient's own measures for one picture."""

    person: Person
    ap: bool
    breadth: float
    length: float
    turn: float

    def wall(self) -> Points:
        """Inner chest wall on the side x > 0, from the apex down to the costophrenic angle."""
        child = self.person.child
        knots = points(
            (34, APEX - 2), (56, APEX - 4), (84, -122), (108, -90), (125, -48), (134, 0), (139, 48), (140, 95)
        )
        # A child's chest is round: broad at the top, short at the bottom.
        knots[2:6, 0] += child * np.array([6, 8, 6, 3])
        knots = np.vstack([knots, [137 - 2 * child, ANGLE]])
        return spline(knots * [self.breadth, self.length])


def spine(frame: Frame) -> tuple[tuple[Points, ...], tuple[Points, ...]]:
    """Vertebral bodies, and the ellipses of pedicles and spinous processes."""
    bodies, processes = [], []
    y = -263.0 * frame.length
    pitch, wide = 18.5 * frame.length, 26.0
    while y < 250:
        x = frame.person.scoliosis * np.sin((y + 140) / 90)
        bodies.append(shifted(vertebra(wide / 2, 0.39 * pitch), x, y))
        processes += [ellipse(x + s * 0.33 * wide, y - 0.1 * pitch, 2.6, 4.2) for s in (-1, 1)]
        processes.append(ellipse(x + 0.2 * frame.turn, y + 0.35 * pitch, 2.4, 5.5))
        y += pitch
        pitch, wide = pitch * 1.021, wide * 1.018
    return tuple(bodies), tuple(processes)


def ribs(frame: Frame, side: str, rng: np.random.Generator) -> list[Rib]:
    """Ribs of one side, back and front parts."""
    sign, length = SIDES[side], frame.length
    slope = frame.person.slope * (0.92 if frame.ap else 1.0)
    wall = frame.wall()
    thick = 0.8 + 0.2 * (frame.person.sex == "M")
    ribs = []
    for i in range(RIBS):
        v = (-148 + 24.2 * i) * length + rng.normal(0, 0.8)
        drop = slope * (20 + 5.2 * i) * length
        y_side = v + drop
        x = float(np.interp(y_side, wall[:, 1], wall[:, 0])) + 2.5 if i else 66 * frame.breadth
        if i > 9:
            x *= 0.7
            drop *= 0.7
        high = -(5 + 0.5 * i)
        back = spline(
            points(
                (15, v), (0.2 * x, v + 0.5 * high), (0.42 * x, v + 0.6 * high + 0.1 * drop),
                (0.68 * x, v + 0.3 * drop), (0.88 * x, v + 0.62 * drop),
                (0.98 * x, v + 0.88 * drop), (x, v + drop),
            )
        )  # fmt: skip
        back[:, 1] += rng.normal(0, 0.6)
        widths = np.linspace(7.0, 9.5, len(back)) * thick * (0.85 if i == 0 else 1)
        ribs.append(Rib(side, i, False, back * [sign, 1], widths))
        if i < FRONT_RIBS:
            fall = slope * (24 + 3.0 * i) * length
            reach = 0.40 + 0.035 * i
            front = spline(
                points(
                    (x, y_side), (0.985 * x, y_side + 0.25 * fall), (0.88 * x, y_side + 0.65 * fall),
                    (0.70 * x, y_side + 0.95 * fall), (reach * x, y_side + 1.02 * fall),
                )
            )  # fmt: skip
            ribs.append(Rib(side, i, True, front * [sign, 1], np.linspace(8.5, 12.5, len(front)) * thick))
    return ribs


def clavicle(frame: Frame, side: str) -> tuple[Points, Points]:
    """Curve and widths of a clavicle."""
    sign = SIDES[side]
    up = 14 if frame.ap else 0
    skew = 0.5 * frame.turn * sign
    curve = spline(
        points(
            (12 + skew, -108), (34 + skew, -116 - up / 2), (72, -124 - up), (112, -138 - up), (150, -146 - up),
            (176, -140 - up),
        ) * [frame.breadth, frame.length]
    )  # fmt: skip
    widths = np.interp(np.linspace(0, 1, len(curve)), [0, 0.12, 0.5, 0.85, 1], [14, 11, 9, 10, 12])
    return curve * [sign, 1], widths * (0.9 + 0.1 * (frame.person.sex == "M"))


def scapula(frame: Frame, side: str, half_width: float) -> Points:
    """Outline of a shoulder blade; on AP films it lies over the lung."""
    inward = 38 if frame.ap else 6
    x = half_width - inward
    outline = points(
        (x + 8, -128), (x - 2, -80), (x + 2, -20), (x + 14, 28), (x + 26, 8), (x + 42, -60), (x + 56, -108),
        (x + 36, -118),
    )  # fmt: skip
    return spline(outline, closed=True) * [SIDES[side], 1]


def arm(side: str, half_width: float) -> tuple[Points, float]:
    """Curve and width of a humerus."""
    x = half_width + 52
    return spline(points((x - 8, -124), (x + 2, -108), (x + 14, -60), (x + 26, 40), (x + 40, 300))) * [
        SIDES[side],
        1,
    ], 25.0
