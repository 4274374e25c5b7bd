"""Findings between lung and chest wall: air, fluid, thickening."""

from __future__ import annotations

import numpy as np

from hilum_phantom.chest.anatomy import Lung
from hilum_phantom.chest.layers import AIR
from hilum_phantom.chest.signs import Scene, Sign
from hilum_phantom.shapes import Map, Points, points, shifted, spline

WATER = np.float32(0.95)


def pneumothorax(scene: Scene, sign: Sign) -> Map:
    """Air around a lung that has shrunk: its edge is a thin line, and beyond it there are no vessels."""
    rng = np.random.default_rng([sign.seed, 11])
    canvas, layers = scene.canvas, scene.layers
    side = sign.sides[0]
    lung = scene.anatomy.lungs[side]
    edge = _lung_edge(lung, 9 + 34 * sign.severity, rng, scene.lateral)
    # Only what lies outside the shrunken lung's edge, and inside the chest, is air.
    beyond = canvas.fill([np.vstack([edge, shifted(lung.wall, 30 * lung.outward)[::-1]])], 0.4)
    share = np.float32(0.6) if scene.lateral else np.float32(1)
    free = beyond * layers.lungs[side]
    layers.vessels *= 1 - share * free
    layers.air = layers.air * (1 - free * share) + free * share * np.float32(1.20)
    layers.air *= 1 - np.float32(0.30 * sign.severity) * (layers.lungs[side] - free) * layers.clear * share
    layers.extra += np.float32(0.17) * canvas.strokes([edge], 1.7, 0.3) * layers.aerated(side)
    return (free * layers.clear > 0.3).astype(np.float32)


def _lung_edge(lung: Lung, gap: float, rng: np.random.Generator, lateral: bool) -> Points:
    """The visceral pleura: the wall moved inwards, most at the apex, where air gathers upright."""
    wall = lung.wall[::3]
    height = (wall[:, 1] - wall[0, 1]) / (wall[-1, 1] - wall[0, 1])
    inwards = gap * (1.05 - 0.55 * height + 0.10 * np.sin(7 * height + rng.uniform(0, 6)))
    down = gap * 0.95 * np.exp(-height / 0.16)
    edge = wall + np.stack([-lung.outward * inwards * (0.25 + 0.75 * np.minimum(height / 0.2, 1)), down], 1)
    start = [wall[0, 0] - lung.outward * (26 if lateral else 14), wall[0, 1] + gap * 0.9]
    return spline(np.vstack([start, edge]), steps=4)


def pleural_effusion(scene: Scene, sign: Sign) -> Map:
    """Fluid that fills the costophrenic angle and climbs the wall (a meniscus); lying, it veils the lung."""
    rng = np.random.default_rng([sign.seed, 12])
    canvas, layers = scene.canvas, scene.layers
    mask = canvas.empty()
    for k, side in enumerate(sign.sides):
        lung = scene.anatomy.lungs[side]
        depth = (16 + 105 * sign.severity**1.5) * (1 if k == 0 else rng.uniform(0.5, 1.0))
        fluid = canvas.fill([_meniscus(lung, depth, rng, scene.lateral)], 1.5)
        # From the side the other lung's base lies beside the fluid; it is drawn as filled too.
        fluid = fluid * (layers.lung if scene.lateral else layers.lungs[side])
        if scene.shot.projection == "AP":
            low = lung.angle[1]
            veil = canvas.blob(lung.hilum[0] + lung.outward * 50, low, 60, 30 + 0.7 * depth)
            layers.air *= 1 - np.float32(0.30 * sign.severity + 0.08) * veil * layers.lungs[side]
        layers.air *= 1 - WATER * fluid
        layers.extra += AIR * np.float32(0.18) * fluid
        layers.vessels *= 1 - fluid
        mask = np.maximum(mask, fluid)
    return (mask > 0.4).astype(np.float32)


def _meniscus(lung: Lung, depth: float, rng: np.random.Generator, lateral: bool) -> Points:
    x, y = lung.angle
    level = y - depth
    # Fluid lies at the back: seen from the side it thins out towards the front.
    inner = lung.dome[round(len(lung.dome) * min(0.45 + depth / 150, 0.99)) - 1 if lateral else -1, 0]
    t = np.linspace(0, 1, 24)
    climb = (10 + 0.22 * depth) * np.exp(-t / rng.uniform(0.14, 0.24))
    floor = max(level, float(lung.dome[:, 1].min()) - 0.35 * depth)
    surface = np.stack(
        [
            x + (inner - x) * t,
            floor + (y - floor) * (0.9 * t**2 if lateral else 0.35 * t * (depth < 45)) - climb,
        ],
        1,
    )
    wall_x = lung.wall_x(surface[0, 1])
    surface[0, 0] = float(wall_x) + lung.outward * 6
    return np.vstack([surface, points((inner, y + 40), (x + lung.outward * 20, y + 40))])


def pleural_other(scene: Scene, sign: Sign) -> Map:
    """Thickened pleura along wall and apex, with calcified plaques."""
    rng = np.random.default_rng([sign.seed, 13])
    canvas, layers = scene.canvas, scene.layers
    mask = canvas.empty()
    for side in sign.sides:
        lung = scene.anatomy.lungs[side]
        count = len(lung.wall)
        first, last = round(count * rng.uniform(0.10, 0.25)), round(count * rng.uniform(0.8, 0.97))
        wall = lung.wall[first:last:2]
        t = np.linspace(0, np.pi, len(wall))
        thick = (
            (5 + 9 * sign.severity)
            * np.sqrt(np.sin(t) + 0.05)
            * (1 + 0.25 * np.sin(3.3 * t + rng.uniform(0, 6)))
        )
        inner = wall - np.stack([lung.outward * thick, np.zeros(len(wall))], 1)
        band = (
            canvas.fill([np.vstack([shifted(wall, 4 * lung.outward), inner[::-1]])], 0.8) * layers.lungs[side]
        )
        plaques = canvas.fill(_plaques(lung, sign, rng), 0.6)
        layers.air *= 1 - np.float32(0.85) * band
        layers.extra += np.float32(0.14) * band + np.float32(0.15 + 0.10 * sign.severity) * plaques
        mask = np.maximum(mask, np.maximum(band, plaques * layers.lungs[side]))
    return (mask > 0.4).astype(np.float32)


def _plaques(lung: Lung, sign: Sign, rng: np.random.Generator) -> list[Points]:
    plaques = []
    for _ in range(2 + round(3 * sign.severity)):
        y = lung.wall[0, 1] + (lung.angle[1] - lung.wall[0, 1]) * rng.uniform(0.45, 0.85)
        x = float(lung.wall_x(y)) - lung.outward * rng.uniform(8, 48)
        t = np.linspace(0, 2 * np.pi, 9, endpoint=False)
        radius = rng.uniform(4, 9) * (1 + rng.normal(0, 0.28, len(t)))
        plaques.append(
            spline(np.stack([x + radius * np.cos(t), y + 0.6 * radius * np.sin(t)], 1), closed=True, steps=3)
        )
    return plaques
