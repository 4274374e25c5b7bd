"""The left lateral chest as curves. The patient faces left: the sternum is at x < 0, the spine at x > 0."""

from __future__ import annotations

import numpy as np

from hilum_phantom.chest.anatomy import Anatomy, Changes, Lung, Rib, Shot
from hilum_phantom.chest.person import Person
from hilum_phantom.shapes import Points, ellipse, points, shifted, spline, tube, vertebra

RIBS = 10
SPINE = points((20, -265), (30, -200), (50, -130), (66, -60), (70, 10), (62, 80), (46, 150), (32, 260))
FRONT = points((-22, -142), (-38, -126), (-62, -92), (-84, -40), (-98, 10), (-106, 60), (-104, 104))
BACK = points((18, -146), (52, -132), (82, -92), (98, -40), (106, 20), (108, 80), (103, 150))


def lateral_anatomy(person: Person, shot: Shot, changes: Changes) -> Anatomy:
    """The curves of one lateral picture."""
    size = np.array([person.breadth * (1 - 0.08 * person.child + 0.06 * person.old), person.length])
    front, back = spline(FRONT) * size, spline(BACK) * size
    bent = SPINE * size + np.column_stack(
        [6 * person.old * np.cos((SPINE[:, 1] + 40) / 90), np.zeros(len(SPINE))]
    )
    spine = spline(bent)
    lungs = {side: _lung(person, side, shot, changes, front, back) for side in ("R", "L")}
    heart = _heart(person, lungs, changes, size)
    wide = 1 + 0.5 * (changes.mediastinum - 1)
    knob = (-2.0 * size[0], -62.0 * size[1], (15 + 6 * person.old - 5 * person.child) * wide)
    vertebrae, processes = _vertebrae(spine, size)
    dome = float(lungs["L"].dome[:, 1].min())
    return Anatomy(
        body=_body(person, size),
        cavity=np.vstack([back, back[-1] + [0, 200], front[-1] + [0, 200], front[::-1]]),
        lungs=lungs,
        heart=heart,
        mediastinum=_great_vessels(size, wide),
        knob=knob,
        aorta=tube(spline(points((14, -60), (34, -40), (42, 10), (36, 80), (24, 140)) * size), 22 * wide),
        airways=_airways(person, size),
        vertebrae=vertebrae,
        processes=processes,
        ribs=_ribs(person, front, back, spine),
        clavicles=(),
        scapulae=tuple(_scapula(size, k) for k in (0.0, 9.0)),
        arms=(),
        breasts=_breasts(person, size),
        sternum=(tube(spline(shifted(front[6:44], -7)), 11.0),),
        bubble=ellipse(20 * size[0], dome + 26, 24, 11, 0.1),
        landmarks=_landmarks(size),
        abdomen=_abdomen(lungs),
    )


def _lung(person: Person, side: str, shot: Shot, changes: Changes, front: Points, back: Points) -> Lung:
    higher = person.dome / 2 if side == "R" else -person.dome / 2
    raised = changes.raised.get(side, 0.0) + higher - shot.inspiration + 6 * person.child
    angle = back[-1, 1] - 0.45 * raised + 0.5 * changes.inflation
    wall = back[back[:, 1] < angle - 4]
    end = np.array([np.interp(angle, back[:, 1], back[:, 0]), angle])
    top = 88 * person.length - raised + changes.inflation
    b, flat = person.breadth, 0.3 * changes.inflation
    last = front[front[:, 1] < top + 8 - flat]
    dome = spline(
        np.vstack([
            end,
            points(
                (end[0] - 12, angle - 18), (62 * b, top + 22 - flat), (30 * b, top + 5), (-5 * b, top),
                (-45 * b, top - 1), (-78 * b, top + 3), (last[-1, 0], last[-1, 1]),
            ),
        ])
    )  # fmt: skip
    outline = np.vstack([wall, dome, last[::-1]])
    x, y = 6 * b + (3 if side == "R" else -3), (-14 if side == "R" else -24) * person.length
    zones = {
        "upper": (18 * b, -88 * person.length, 34.0, 28.0),
        "middle": (-52 * b, 32 * person.length, 30.0, 26.0),
        "lower": (62 * b, 62 * person.length, 28.0, 34.0),
    }
    back_trunks = (-1.3, -0.9, -0.45, 0.05, 0.45, 0.8, 1.15, 1.45)
    front_trunks = tuple(np.pi - angle for angle in (-1.2, -0.7, -0.2, 0.3, 0.7, 1.05, 1.4))
    trunks = back_trunks if side == "R" else front_trunks
    return Lung(outline, np.vstack([wall, end]), dome, (x, y), 1.0, zones, trunks)


def _heart(person: Person, lungs: dict[str, Lung], changes: Changes, size: Points) -> Points:
    base = float(lungs["L"].dome[:, 1].min()) + 8 + 0.6 * changes.inflation
    ratio = changes.heart * person.heart / 0.44
    outline = points(
        (-72, -14), (-90, 22), (-95, 62), (-84, 92), (-50, 99), (-12, 97), (12, 82), (20, 52), (10, 16), (-8, -14),
        (-40, -30),
    )  # fmt: skip
    centre = np.array([-78.0, base])
    outline[:, 1] += base - 95
    grown = (outline - centre) * [ratio**0.75, ratio**0.6] + centre
    return spline(grown * [size[0], 1], closed=True)


def _great_vessels(size: Points, wide: float) -> Points:
    outline = points(
        (-52, -20), (-46, -52), (-30, -76), (-18, -110), (-20, -170), (8, -170), (14, -110), (20, -76), (26, -50),
        (16, -10), (-20, -4),
    )  # fmt: skip
    outline[:, 0] = (outline[:, 0] + 8) * wide - 8
    return spline(outline * size, closed=True)


def _airways(person: Person, size: Points) -> tuple[tuple[Points, float], ...]:
    calibre = 14 - 6 * person.child
    trachea = spline(points((-22, -265), (-12, -170), (-4, -110), (4, -60), (8, -36)) * size)
    upper, lower = ellipse(8, -40 * size[1], 4.5, 4.5), ellipse(10, -18 * size[1], 4.0, 4.0)
    rings = tuple((np.vstack([ring, ring[:2]]), 3.0) for ring in (upper, lower))
    return (trachea, calibre), *rings


def _vertebrae(spine: Points, size: Points) -> tuple[tuple[Points, ...], tuple[Points, ...]]:
    distance = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(spine, axis=0), axis=1))])
    bodies, processes = [], []
    at, pitch, wide = 6.0, 18.0 * size[1], 22.0
    while at < distance[-1] - pitch:
        here = np.array([np.interp(at, distance, spine[:, k]) for k in (0, 1)])
        ahead = np.array([np.interp(at + 4, distance, spine[:, k]) for k in (0, 1)]) - here
        down = ahead / np.linalg.norm(ahead)
        across = np.array([down[1], -down[0]])
        w = wide / 2
        bodies.append(vertebra(w, 0.40 * pitch) @ np.stack([across, down]) + here)
        tail = np.linspace(0, 1, 5)[:, None]
        processes.append(tube(here + across * (w + 3) + tail * (across * 20 + down * 15), 5.0))
        at += pitch
        pitch, wide = pitch * 1.024, wide * 1.022
    return tuple(bodies), tuple(processes)


def _ribs(person: Person, front: Points, back: Points, spine: Points) -> tuple[Rib, ...]:
    rng = np.random.default_rng([person.seed, 4])
    ribs = []
    for side, offset in (("R", 0.0), ("L", 7.0)):
        for i in range(RIBS):
            v = (-140 + 24 * i) * person.length + offset + rng.normal(0, 0.8)
            behind = float(np.interp(v + 8, back[:, 1], back[:, 0])) - offset / 2
            start = float(np.interp(v, spine[:, 1], spine[:, 0])) + 14
            fall = (46 + 5.0 * i) * max(person.slope, 0.5) * person.length
            ahead = float(np.interp(v + fall, front[:, 1], front[:, 0]))
            curve = spline(
                points(
                    (start, v - 4), (0.5 * (start + behind) + 4, v), (behind, v + 9),
                    (0.72 * behind + 0.28 * ahead, v + 0.42 * fall),
                    (0.38 * behind + 0.62 * ahead, v + 0.75 * fall),
                    (0.12 * behind + 0.88 * ahead, v + fall),
                )
            )  # fmt: skip
            curve = curve[: round(len(curve) * (0.74 if i else 0.6))]
            ribs.append(Rib(side, i, False, curve, np.linspace(6.5, 8.0, len(curve))))
    return tuple(ribs)


def _scapula(size: Points, offset: float) -> Points:
    outline = points((84, -150), (76, -110), (82, -60), (92, -30), (97, -60), (98, -110), (104, -150))
    return shifted(spline(outline, closed=True), offset, 0.6 * offset) * size


def _breasts(person: Person, size: Points) -> tuple[Points, ...]:
    if not person.breast:
        return ()
    drop = 46 + 22 * person.old
    reach = 28 + 16 * person.fat
    return tuple(
        ellipse(-106 * size[0] - 5 * k, drop + 6 * k, reach, 50 + 14 * person.fat, 0.2) for k in (0, 1)
    )


def _body(person: Person, size: Points) -> tuple[Points, ...]:
    fat = 22 * person.fat
    outline = points(
        (-130, -330), (-122, -220), (-92, -165), (-84, -128), (-98, -80), (-118 - fat / 2, -20), (-126 - fat, 60),
        (-124 - fat, 120), (-128 - fat, 330), (118 + fat / 2, 330), (122 + fat / 2, 160), (130 + fat / 2, 70),
        (130 + fat / 3, -30), (124, -110), (128, -190), (140, -330),
    )  # fmt: skip
    torso = spline(outline * size, closed=True)
    # A breast is in front of the chest, so it is part of the outline too.
    return (torso, *(breast for breast in _breasts(person, size)))


def _landmarks(size: Points) -> dict[str, tuple[float, float]]:
    places = {
        "neck_right": (-10.0, -225.0),
        "clavicle_right": (-52.0, -120.0),
        "clavicle_left": (-52.0, -120.0),
        "brachiocephalic": (-26.0, -92.0),
        "cava": (-22.0, -20.0),
        "atrium": (-20.0, 36.0),
        "ventricle": (-72.0, 70.0),
        "trachea_top": (-22.0, -265.0),
        "trachea_low": (0.0, -78.0),
        "stomach": (5.0, 170.0),
        "oesophagus": (30.0, 50.0),
        "pocket": (-92.0, -82.0),
        "half_width": (110.0, 0.0),
    }
    return {name: (x * float(size[0]), y * float(size[1])) for name, (x, y) in places.items()}


def _abdomen(lungs: dict[str, Lung]) -> Points:
    dome = lungs["L"].dome
    return np.vstack([dome, points((-400, dome[-1, 1]), (-400, 400), (400, 400), (400, dome[0, 1]))])
