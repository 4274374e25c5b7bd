"""The frontal chest (AP and PA) as curves. x = 0 is the midline, the patient's right is at x < 0."""

from __future__ import annotations

import numpy as np

from hilum_phantom.chest import frontal_bones as bones
from hilum_phantom.chest.anatomy import Anatomy, Changes, Lung, Shot
from hilum_phantom.chest.frontal_bones import ANGLE, APEX, SIDES, Frame
from hilum_phantom.chest.person import Person
from hilum_phantom.shapes import Points, ellipse, points, shifted, spline


def frontal_anatomy(person: Person, shot: Shot, changes: Changes) -> Anatomy:
    """The curves of one frontal picture."""
    ap = shot.projection == "AP"
    frame = Frame(person, ap, person.breadth, person.length, shot.turn + changes.shift)
    rng = np.random.default_rng([person.seed, 2])
    lungs = {side: _lung(frame, side, shot, changes) for side in SIDES}
    half_width = float(frame.wall()[:, 0].max())
    heart = _heart(frame, half_width, lungs, changes)
    knob = _knob(frame, changes)
    vertebrae, processes = bones.spine(frame)
    ribs = tuple(rib for side in SIDES for rib in bones.ribs(frame, side, rng))
    dome = float(lungs["L"].dome[:, 1].min())
    bubble_x = 62 * frame.breadth
    return Anatomy(
        body=_body(frame, half_width),
        cavity=_cavity(frame),
        lungs=lungs,
        heart=heart,
        mediastinum=_mediastinum(frame, changes),
        knob=knob,
        aorta=_aorta(frame, knob),
        airways=_airways(frame),
        vertebrae=vertebrae,
        processes=processes,
        ribs=tuple(sorted(ribs, key=lambda rib: rib.front)),
        clavicles=tuple(bones.clavicle(frame, side) for side in SIDES),
        scapulae=tuple(bones.scapula(frame, side, half_width) for side in SIDES),
        arms=tuple(bones.arm(side, half_width) for side in SIDES),
        breasts=_breasts(frame),
        sternum=(),
        bubble=_bubble(bubble_x, dome + 8, person),
        landmarks=_landmarks(frame, heart, half_width),
        abdomen=_abdomen(lungs),
    )


def _lung(frame: Frame, side: str, shot: Shot, changes: Changes) -> Lung:
    sign, person = SIDES[side], frame.person
    higher = person.dome / 2 if side == "R" else -person.dome / 2
    lower = shot.inspiration - (14 if frame.ap else 0) - 6 * person.child
    raised = changes.raised.get(side, 0.0) + higher - lower
    wall = frame.wall()
    angle_y = ANGLE * frame.length - 0.45 * raised + 0.5 * changes.inflation
    wall = wall[wall[:, 1] < angle_y - 4]
    end = np.array([np.interp(angle_y, frame.wall()[:, 1], frame.wall()[:, 0]) - 1, angle_y])
    top = 104 * frame.length - raised + changes.inflation
    flat = changes.inflation * 0.35
    b = frame.breadth
    dome = spline(
        np.vstack([
            end,
            points(
                (end[0] - 13, (angle_y + 2 * top) / 3 + 7), (104 * b, top + 4 - flat / 2), (76 * b, top),
                (46 * b, top + 3), (22 * b, top + 11 - flat), (10 * b, top + 15 - flat),
            ),
        ])
    )  # fmt: skip
    medial = spline(
        points((8 * b, 60), (10, 0), (14, -60), (17 * b, -112), (25 * b, APEX * frame.length + 8))
    )
    hilum = (
        sign * (31 if side == "R" else 33) * b + frame.turn * 0.5,
        (-4 if side == "R" else -14) * frame.length,
    )
    outline = np.vstack([wall, dome, medial]) * [sign, 1]
    zones = {
        "upper": (sign * 68 * b, -84 * frame.length, 34.0, 34.0),
        "middle": (sign * 82 * b, -8 * frame.length, 36.0, 32.0),
        "lower": (sign * 88 * b, (top + 20) / 2 + 10, 38.0, 30.0),
    }
    trunks = (-1.35, -1.05, -0.62, -0.2, 0.25, 0.62, 0.95, 1.25, 1.5)
    return Lung(outline, np.vstack([wall, end]) * [sign, 1], dome * [sign, 1], hilum, sign, zones, trunks)


def _cavity(frame: Frame) -> Points:
    wall = frame.wall()
    wall = np.vstack([wall, [wall[-1, 0] + 4, 320]])
    return np.vstack([wall, wall[::-1] * [-1, 1]])


def _body(frame: Frame, half_width: float) -> tuple[Points, ...]:
    person = frame.person
    flank = half_width + 13 + 34 * person.fat
    neck = 50 + 8 * person.fat + 4 * (person.sex == "M")
    droop = 8 if frame.ap else 0
    torso = spline(
        points(
            (neck, -330), (neck, -200), (neck + 14, -178), (118, -158 - droop), (180, -140 - droop),
            (206, -100), (flank + 42, -62), (flank + 16, -30), (flank + 4, 20), (flank, 90), (flank + 6, 330),
        )
    )  # fmt: skip
    arm = spline(points((150, -130), (200, -142 - droop), (232, -110), (246, -40), (258, 60), (268, 330)))
    inner = spline(points((228, 330), (212, 60), (flank + 40, -30), (flank + 22, -62), (150, -80)))
    arms = [np.vstack([arm, inner]) * [sign, 1] for sign in SIDES.values()]
    return (np.vstack([torso, torso[::-1] * [-1, 1]]), *arms)


def _heart(frame: Frame, half_width: float, lungs: dict[str, Lung], changes: Changes) -> Points:
    person = frame.person
    ratio = person.heart * (1.13 if frame.ap else 1.0) * changes.heart
    width = ratio * 2 * half_width
    right, left = 0.335 * width, 0.665 * width
    base = float(max(lungs["L"].dome[:, 1].min(), lungs["R"].dome[:, 1].min())) + 10
    top = -38 * frame.length
    tall = base - top
    low = 0.05 * person.apex + (0.05 if changes.heart > 1.1 else 0)
    shape = points(
        (0.10, 0.02), (-0.55, 0.08), (-0.72, 0.22), (-0.95, 0.44), (-1.0, 0.66), (-0.86, 0.88), (-0.5, 1.02)
    ) * [right, tall] + [0, top]  # fmt: skip
    other = points(
        (0.25, 1.06), (0.68, 1.04), (0.92, 0.95 + low), (1.0, 0.82 + low), (0.95, 0.64 + low), (0.80, 0.42),
        (0.66, 0.24), (0.55, 0.13), (0.47, 0.04),
    ) * [left, tall] + [0, top]  # fmt: skip
    return shifted(spline(np.vstack([shape, other]), closed=True), frame.turn)


def _knob(frame: Frame, changes: Changes) -> tuple[float, float, float]:
    person = frame.person
    radius = 13 + 8 * person.old - 6 * person.child
    wide = 1 + 0.6 * (changes.mediastinum - 1)
    return (16 + 6 * person.old) * wide + frame.turn, -66 * frame.length, radius * wide


def _mediastinum(frame: Frame, changes: Changes) -> Points:
    # AP and a newborn's thymus broaden it.
    wide = (
        changes.mediastinum
        * (1.12 if frame.ap else 1.0)
        * (1 + 0.45 * max(frame.person.child - 0.7, 0) / 0.3)
    )
    right = points(
        (-30, -175), (-24, -140), (-22, -105), (-25, -70), (-26, -40), (-24, 0), (-18, 70), (-12, 130)
    )  # fmt: skip
    left = points(
        (12, 130), (18, 70), (26, 10), (37, -16), (37, -32), (28, -43), (24, -72), (21, -100), (22, -140),
        (30, -175),
    )  # fmt: skip
    # A broad one hides the notches between aorta and pulmonary artery.
    left[3:7, 0] += min(wide - 1, 1) * 0.8 * (left[3:7, 0].mean() - left[3:7, 0])
    outline = spline(np.vstack([right, left]) * [1, frame.length], closed=True)
    bulge = np.exp(-(np.abs((outline[:, 1] + 48) / 64) ** 2.5))
    outline[:, 0] += 25 * (wide - 1) * bulge * np.tanh(outline[:, 0] / 8)
    return shifted(outline, 0.6 * frame.turn)


def _aorta(frame: Frame, knob: tuple[float, float, float]) -> Points:
    x, y, r = knob
    outer = spline(points((x + r, y), (x + r - 3, y + 25), (30, 0), (27, 60), (18, 125)))
    inner = spline(points((4, 125), (6, 60), (8, 0), (6, y)))
    return shifted(np.vstack([outer, inner]), 0.4 * frame.turn)


def _airways(frame: Frame) -> tuple[tuple[Points, float], ...]:
    turn, length = frame.turn, frame.length
    calibre = 15 - 7 * frame.person.child + (1.5 if frame.person.sex == "M" else 0)
    bend = 3 + 4 * frame.person.old
    trachea = spline(
        points((0, -260), (0, -170), (-1, -120), (-bend, -80), (-1, -46)) * [1, length] + [0.7 * turn, 0]
    )
    right = spline(points((-2, -52), (-12, -36), (-24, -18), (-30, 6)) * [1, length] + [0.6 * turn, 0])
    left = spline(points((2, -52), (16, -38), (32, -25), (44, -16)) * [1, length] + [0.6 * turn, 0])
    return (trachea, calibre), (right, 0.75 * calibre), (left, 0.65 * calibre)


def _breasts(frame: Frame) -> tuple[Points, ...]:
    if not frame.person.breast:
        return ()
    size = 50 + 24 * frame.person.fat
    drop = 52 + 26 * frame.person.old + 10 * frame.person.fat
    return tuple(
        ellipse(sign * 84 * frame.breadth, drop, 1.08 * size, size, 0.25 * sign) for sign in SIDES.values()
    )


def _bubble(x: float, y: float, person: Person) -> Points:
    wide, tall = 20 + 8 * person.fat, 13 + 5 * person.apex
    return spline(
        points(
            (-1, 0.45),
            (-0.7, 0.08),
            (0, -0.05),
            (0.75, 0.1),
            (1.05, 0.55),
            (0.8, 1.0),
            (0, 1.1),
            (-0.75, 0.95),
        )
        * [wide, tall]
        + [x, y],
        closed=True,
    )


def _landmarks(frame: Frame, heart: Points, half_width: float) -> dict[str, tuple[float, float]]:
    length, turn = frame.length, frame.turn
    return {
        "neck_right": (-44.0, -215.0),
        "clavicle_right": (-105.0 * frame.breadth, -125.0 * length),
        "clavicle_left": (105.0 * frame.breadth, -125.0 * length),
        "brachiocephalic": (-20.0 + 0.5 * turn, -100.0 * length),
        "cava": (-20.0 + 0.5 * turn, -20.0 * length),
        "atrium": (-22.0 + turn, 40.0 * length),
        "ventricle": (float(heart[:, 0].max()) * 0.62, float(heart[:, 1].max()) - 24),
        "trachea_top": (0.7 * turn, -260.0),
        "trachea_low": (0.7 * turn - 2, -78.0 * length),
        "stomach": (42.0, 175.0),
        "oesophagus": (4.0, 60.0),
        "pocket": (88.0 * frame.breadth, -92.0 * length),
        "half_width": (half_width, 0.0),
    }


def _abdomen(lungs: dict[str, Lung]) -> Points:
    right, left = lungs["R"].dome, lungs["L"].dome
    return np.vstack(
        [right, left[::-1], points((400, left[0, 1]), (400, 400), (-400, 400), (-400, right[0, 1]))]
    )
