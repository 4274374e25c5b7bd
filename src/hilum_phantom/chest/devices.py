"""Wires, lines and tubes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hilum_phantom.chest.signs import Scene, Sign
from hilum_phantom.shapes import Map, Points, ellipse, points, shifted, spline


def support_devices(scene: Scene, sign: Sign) -> Map:
    """All devices of a Support Devices sign."""
    rng = np.random.default_rng([sign.seed, 21])
    mask = scene.canvas.empty()
    for name in sign.devices:
        metal = DEVICES[name](scene, rng)
        scene.layers.metal += metal
        mask = np.maximum(mask, metal)
    return (scene.canvas.blur(mask, 1.5) > 0.03).astype(np.float32)


def ecg_leads(scene: Scene, rng: np.random.Generator) -> Map:
    """Electrodes stuck to the skin, each with a wire that leaves the picture."""
    canvas = scene.canvas
    half, _ = scene.anatomy.landmarks["half_width"]
    x = 0.75 * half
    places = [(-x, -104.0), (x, -108.0), (-x, 86.0), (x, 92.0), (18.0, 30.0)]
    if scene.lateral:
        places = [(-96.0, -60.0), (40.0, -90.0), (-70.0, 80.0), (55.0, 95.0)]
    count = int(rng.integers(3, len(places) + 1))
    exit_x = float(rng.choice([-0.4, 0.4])) * half
    wires, pads, snaps = [], [], []
    for px, py in places[:count]:
        px, py = px + rng.normal(0, 7), py + rng.normal(0, 8)
        pads.append(ellipse(px, py, 9, 9))
        snaps.append(ellipse(px, py, 4.0, 4.0))
        bend = rng.normal(0, 16)
        wires.append(
            spline(
                points(
                    (px, py),
                    (px * 0.7 + bend, py + 40),
                    (exit_x + bend, py + 110),
                    (exit_x, 260),
                    (exit_x, 330),
                )
            )
        )
    metal = np.float32(0.26) * canvas.strokes(wires, 1.2) + np.float32(0.05) * canvas.fill(pads)
    return np.asarray(metal + np.float32(0.6) * canvas.fill(snaps), np.float32)


def central_line(scene: Scene, rng: np.random.Generator) -> Map:
    """A catheter from the right neck or under a clavicle, its tip in the superior vena cava."""
    marks = scene.anatomy.landmarks
    tip = shifted(np.array(marks["cava"]), 0, rng.uniform(-25, 25))
    if rng.random() < 0.5:
        path = np.array([marks["neck_right"], [-34, -165], marks["brachiocephalic"], tip])
        path[0] += [-30, -60]
    else:
        end = np.array(marks["clavicle_right"])
        path = np.array(
            [shifted(end, -60, 90), shifted(end, -12, 18), shifted(end, 26, 4), marks["brachiocephalic"], tip]
        )
    return np.asarray(np.float32(0.22) * scene.canvas.strokes([spline(path)], 1.6, 0.2), np.float32)


def endotracheal_tube(scene: Scene, rng: np.random.Generator) -> Map:
    """A tube in the trachea with a dense stripe along it."""
    marks = scene.anatomy.landmarks
    top, low = np.array(marks["trachea_top"]), shifted(np.array(marks["trachea_low"]), 0, rng.uniform(-28, 8))
    curve = np.linspace(top, low, 12)
    wall = scene.canvas.strokes([shifted(curve, 3.4), shifted(curve, -3.4)], 1.1)
    return np.asarray(
        np.float32(0.12) * wall + np.float32(0.30) * scene.canvas.strokes([shifted(curve, 1.2)], 1.2),
        np.float32,
    )


def gastric_tube(scene: Scene, rng: np.random.Generator) -> Map:
    """A thin tube down the oesophagus into the stomach."""
    marks = scene.anatomy.landmarks
    x, y = marks["stomach"]
    path = np.array([
        marks["trachea_top"], (marks["trachea_top"][0] + 6, -150), (6, -60), marks["oesophagus"],
        (x * 0.5, y - 40), (x + rng.uniform(0, 25), y), (x - 10, y + 26),
    ])  # fmt: skip
    return np.asarray(np.float32(0.22) * scene.canvas.strokes([spline(path)], 1.6, 0.2), np.float32)


def pacemaker(scene: Scene, rng: np.random.Generator) -> Map:
    """A generator under the skin of the left chest, with leads into the right heart."""
    canvas, marks = scene.canvas, scene.anatomy.landmarks
    x, y = marks["pocket"]
    can = _can(x, y, 6 if scene.lateral else 19)
    start = points((x, y - 16), (x * 0.55, y - 34))
    ends = [marks["ventricle"]] + ([marks["atrium"]] if rng.random() < 0.6 else [])
    via = [marks["brachiocephalic"], marks["cava"]]
    wires: list[Points] = []
    for k, end in enumerate(ends):
        low = shifted(np.array(marks["atrium"]), 2, 14 - 10 * k)
        wires.append(spline(np.vstack([start, *np.array([via]), low, np.array(end)])))
    tips = canvas.fill([ellipse(float(wire[-1, 0]), float(wire[-1, 1]), 3.0, 2.2) for wire in wires])
    body = np.float32(0.75) * canvas.fill([can], 0.3) + np.float32(0.4) * tips
    return np.asarray(body + np.float32(0.36) * canvas.strokes(wires, 1.2, 0.2), np.float32)


def _can(x: float, y: float, half: float) -> Points:
    """A generator's outline: flat on top, where the leads plug in, round below."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    corner = np.where(np.sin(t) < 0, 0.5, 0.85)
    wide, tall = (np.sign(part) * np.abs(part) ** corner for part in (np.cos(t), np.sin(t)))
    return shifted(np.stack([half * wide, 17 * tall], 1), x, y)


def chest_tube(scene: Scene, rng: np.random.Generator) -> Map:
    """A drain between the ribs, pointing to the apex."""
    lung = scene.anatomy.lungs["R" if rng.random() < 0.5 else "L"]
    y = float(rng.uniform(40, 80))
    wall = float(lung.wall_x(y))
    path = points(
        (wall + lung.outward * 60, y + 34), (wall + lung.outward * 6, y), (wall - lung.outward * 12, y - 30),
        (float(lung.wall_x(-50.0)) - lung.outward * 18, -50), (lung.zones["upper"][0], -104),
    )  # fmt: skip
    curve = spline(path)
    wall_map = scene.canvas.strokes([shifted(curve, 3.2), shifted(curve, -3.2)], 1.0)
    return np.asarray(
        np.float32(0.10) * wall_map + np.float32(0.34) * scene.canvas.strokes([curve], 1.6), np.float32
    )


DEVICES: dict[str, Callable[[Scene, np.random.Generator], Map]] = {
    "ecg_leads": ecg_leads,
    "central_line": central_line,
    "endotracheal_tube": endotracheal_tube,
    "gastric_tube": gastric_tube,
    "pacemaker": pacemaker,
    "chest_tube": chest_tube,
}
"""Device -> how it is drawn."""
