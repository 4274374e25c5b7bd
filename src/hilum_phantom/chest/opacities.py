"""Findings inside the lung: they replace air by water, or leave more air than there should be."""

from __future__ import annotations

import numpy as np

from hilum_phantom.chest.layers import AIR, vessel_tree
from hilum_phantom.chest.signs import Scene, Sign
from hilum_phantom.shapes import Map, Points, ellipse, points, spline

VISIBLE = 0.35
"""Where an opacity is above this share of its own height it belongs to the mask."""


def lung_opacity(scene: Scene, sign: Sign) -> Map:
    """An opacity that the report does not name further: one hazy patch per side."""
    rng = np.random.default_rng([sign.seed, 1])
    haze = scene.canvas.empty()
    for side in sign.sides:
        x, y, rx, ry = scene.anatomy.lungs[side].zones[sign.zone]
        x, y = x + rng.normal(0, 8), y + rng.normal(0, 8)
        patch = scene.canvas.blob(x, y, rx * rng.uniform(0.55, 0.85), ry * rng.uniform(0.55, 0.85))
        haze = np.maximum(haze, patch * scene.layers.aerated(side))
    haze *= np.clip(1 + np.float32(0.28) * scene.canvas.texture(rng, 9), 0.2, 1.6)
    _cloud(scene, haze, 0.30 + 0.40 * sign.severity)
    return _mask(haze)


def lung_lesion(scene: Scene, sign: Sign) -> Map:
    """One round nodule or mass (over 30 mm), sometimes more, with lobulated edges."""
    rng = np.random.default_rng([sign.seed, 2])
    canvas = scene.canvas
    lung = scene.anatomy.lungs[sign.sides[0]]
    mask = canvas.empty()
    for k in range(1 + int(rng.random() < 0.3) + int(rng.random() < 0.15)):
        x, y, rx, ry = lung.zones[sign.zone if k == 0 else ("upper", "middle", "lower")[int(rng.integers(3))]]
        x, y = x + rng.uniform(-0.45, 0.45) * rx, y + rng.uniform(-0.5, 0.5) * ry
        radius = lesion_radius(sign) * (1 if k == 0 else rng.uniform(0.5, 0.9))
        t = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        edge = radius * (1 + rng.normal(0, 0.07, len(t)))
        outline = spline(np.stack([x + edge * np.cos(t), y + edge * np.sin(t)], 1), closed=True, steps=4)
        ball = canvas.blur(canvas.dome([outline], radius), 0.8)
        scene.layers.extra += np.float32(0.25 + 0.15 * sign.severity) * ball
        mask = np.maximum(mask, canvas.fill([outline]))
    return mask


def lesion_radius(sign: Sign) -> float:
    """Radius of the largest lesion, in mm."""
    return 9 + 16 * float(sign.severity**1.4)


def edema(scene: Scene, sign: Sign) -> Map:
    """Haze around both hila like a bat's wings, thick vessels and bronchial walls, Kerley B lines."""
    rng = np.random.default_rng([sign.seed, 3])
    canvas, layers = scene.canvas, scene.layers
    haze = canvas.empty()
    for side, lung in scene.anatomy.lungs.items():
        x, y = lung.hilum
        wing = canvas.blob(x + lung.outward * 24, y + 14, 27 + 8 * sign.severity, 40 + 12 * sign.severity)
        haze = np.maximum(haze, wing * layers.aerated(side))
    haze *= np.clip(1 + np.float32(0.22) * canvas.texture(rng, 7), 0.3, 1.6)
    layers.vessels = canvas.blur(layers.vessels, 0.8 + 1.2 * sign.severity) * np.float32(
        1.2 + 0.35 * sign.severity
    )
    layers.vessels *= 1 - np.float32(0.55) * np.minimum(haze, 1)
    _cloud(scene, haze, 0.24 + 0.50 * sign.severity)
    layers.extra += np.float32(0.05 + 0.06 * sign.severity) * canvas.strokes(_kerley(scene, rng), 1.2, 0.3)
    cuffs = [ellipse(*_near(scene, side, rng), 4.0, 4.0) for side in scene.anatomy.lungs for _ in range(2)]
    layers.extra += np.float32(0.10) * canvas.strokes([np.vstack([c, c[:1]]) for c in cuffs], 1.8, 0.3)
    return _mask(haze)


def _near(scene: Scene, side: str, rng: np.random.Generator) -> tuple[float, float]:
    x, y = scene.anatomy.lungs[side].hilum
    return x + scene.anatomy.lungs[side].outward * rng.uniform(6, 18), y + rng.uniform(-14, 6)


def _kerley(scene: Scene, rng: np.random.Generator) -> list[Points]:
    lines = []
    for lung in scene.anatomy.lungs.values():
        low = lung.angle[1]
        for y in np.arange(low - 62, low - 14, 6.5):
            x = float(lung.wall_x(y)) - lung.outward * 1.5
            lines.append(points((x, y), (x - lung.outward * rng.uniform(12, 20), y + rng.normal(0, 2))))
    return lines


def consolidation(scene: Scene, sign: Sign) -> Map:
    """A dense lobe with air-filled bronchi in it."""
    rng = np.random.default_rng([sign.seed, 4])
    canvas, layers = scene.canvas, scene.layers
    mask = canvas.empty()
    for side in sign.sides:
        lung = scene.anatomy.lungs[side]
        x, y, rx, ry = lung.zones[sign.zone]
        wide = (0.85 + 0.6 * sign.severity) * rng.uniform(0.9, 1.1)
        t = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        edge = 1 + rng.normal(0, 0.12, len(t))
        outline = spline(
            np.stack([x + wide * rx * edge * np.cos(t), y + wide * ry * edge * np.sin(t)], 1), closed=True
        )
        region = canvas.fill([outline], 4.5) * layers.lungs[side]
        region *= np.clip(1 + np.float32(0.12) * canvas.texture(rng, 8), 0.4, 1.3)
        corners, widths = vessel_tree(lung, rng, 1.0)
        bronchi = canvas.blur(canvas.quads(corners, np.clip(widths / 4 - 0.25, 0, 1)), 0.5)
        density = np.float32(0.55 + 0.40 * sign.severity) * region * (1 - np.float32(0.55) * bronchi)
        layers.air *= 1 - np.minimum(density, 0.97)
        layers.vessels *= 1 - np.minimum(region, 1)
        mask = np.maximum(mask, region * layers.aerated(side))
    return _mask(mask)


def pneumonia(scene: Scene, sign: Sign) -> Map:
    """Patchy, ill-defined opacities along the bronchi of one or two zones."""
    rng = np.random.default_rng([sign.seed, 5])
    canvas, layers = scene.canvas, scene.layers
    haze = canvas.empty()
    for side in sign.sides:
        x, y, rx, ry = scene.anatomy.lungs[side].zones[sign.zone]
        for _ in range(5 + round(7 * sign.severity)):
            px, py = x + rng.normal(0, 0.55) * rx, y + rng.normal(0, 0.6) * ry
            size = rng.uniform(5, 12)
            patch = canvas.blob(px, py, size, size * rng.uniform(0.7, 1.2)) * layers.aerated(side)
            haze = haze + patch * (1 - haze)
    haze *= np.clip(1 + np.float32(0.30) * canvas.texture(rng, 5), 0.2, 1.5)
    _cloud(scene, haze, 0.40 + 0.40 * sign.severity)
    return _mask(haze)


def atelectasis(scene: Scene, sign: Sign) -> Map:
    """Plates of collapsed lung above a raised diaphragm."""
    rng = np.random.default_rng([sign.seed, 6])
    canvas, layers = scene.canvas, scene.layers
    mask = canvas.empty()
    for side in sign.sides:
        lung = scene.anatomy.lungs[side]
        plates = []
        for k in range(2 + round(2 * sign.severity)):
            share = rng.uniform(0.25, 0.5)
            x, y = lung.dome[int(len(lung.dome) * share)]
            y -= 9 + 11 * k + rng.uniform(-3, 3)
            long, rise = rng.uniform(26, 42), rng.uniform(-0.25, 0.35)
            t = np.linspace(-1, 1, 9)
            plate = np.stack([x + long * t, y - lung.outward * rise * 18 * t + 2 * t * t], 1)
            half = (1.6 + 2.4 * sign.severity) * np.sqrt(np.maximum(1 - t * t, 0.02))[:, None] * [0, 1]
            plates.append(np.vstack([plate + half, (plate - half)[::-1]]))
        band = canvas.fill(plates, 0.7) * layers.aerated(side)
        x, y = lung.dome[len(lung.dome) // 3]
        haze = canvas.blob(float(x), float(y) - 6, 32, 15) * layers.aerated(side)
        layers.extra += np.float32(0.17 + 0.14 * sign.severity) * band
        layers.air *= 1 - np.float32(0.18 + 0.25 * sign.severity) * haze
        mask = np.maximum(mask, np.maximum(canvas.blur(band, 4) * 2, haze * np.float32(0.8)))
    return _mask(np.minimum(mask, 1))


def emphysema(scene: Scene, sign: Sign) -> Map:
    """Too much air and few vessels; the diaphragm is flattened beforehand."""
    rng = np.random.default_rng([sign.seed, 7])
    layers = scene.layers
    layers.air *= np.float32(1.06 + 0.12 * sign.severity)
    layers.air += np.float32(0.05) * np.abs(scene.canvas.texture(rng, 14))
    layers.vessels *= np.float32(0.75 - 0.35 * sign.severity)
    return _mask(layers.lung)


def fibrosis(scene: Scene, sign: Sign) -> Map:
    """A coarse net in the lower and outer lung."""
    rng = np.random.default_rng([sign.seed, 8])
    canvas, layers = scene.canvas, scene.layers
    where = canvas.empty()
    for side, lung in scene.anatomy.lungs.items():
        x, y, rx, ry = lung.zones["lower"]
        where = np.maximum(where, canvas.blob(x + 10 * lung.outward, y + 14, rx, ry) * layers.aerated(side))
    net = np.clip(1 - 1.6 * np.abs(canvas.texture(rng, 5.5)), 0, 1)
    layers.extra += np.float32(0.12 + 0.16 * sign.severity) * net * where
    return _mask(where)


def hernia(scene: Scene, sign: Sign) -> Map:
    """A stomach that has slipped up behind the heart: a round wall with gas over fluid."""
    canvas = scene.canvas
    x, y = (46.0, 78.0) if scene.lateral else (10.0, 82.0)
    size = 24 + 18 * sign.severity
    sac, gas = ellipse(x, y, size, 0.9 * size), ellipse(x, y - 0.15 * size, 0.8 * size, 0.6 * size)
    upper = gas[gas[:, 1] < y]
    scene.layers.extra += np.float32(0.14) * canvas.fill([sac], 1.0) - np.float32(0.24) * canvas.fill(
        [upper], 1.0
    )
    return canvas.fill([sac])


def _cloud(scene: Scene, haze: Map, strength: float) -> None:
    """Replace a share of the air by water, and add a little so that thin lung shows it too."""
    layers = scene.layers
    layers.air *= 1 - np.minimum(np.float32(strength) * haze, 0.95)
    layers.extra += AIR * np.float32(0.08 * strength) * haze


def _mask(values: Map) -> Map:
    return (values > VISIBLE).astype(np.float32)
