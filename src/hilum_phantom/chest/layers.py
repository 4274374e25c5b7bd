"""From curves to maps of what weakens the beam: soft tissue, air, vessels, bone, metal.

All maps are thicknesses in units of a standard adult's trunk seen through its middle (about 20 cm of water).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum_phantom.chest.anatomy import Anatomy, Lung, Rib
from hilum_phantom.chest.person import Person
from hilum_phantom.shapes import Canvas, Map, Points, ellipse, tube

AIR = np.float32(0.68)
"""Share of the trunk's thickness that is lung where the chest is deepest."""
GENERATIONS = 6


@dataclass
class Layers:
    """Maps that findings are drawn into, then summed by `total`.

    Attributes:
        canvas: their pixels.
        soft: soft tissue without lungs.
        lungs: by side: 0..1, where the lung is, before heart and mediastinum cover it.
        clear: 0..1: share of the lung's depth that heart and mediastinum leave free.
        depth: 0..1: depth of the chest's cavity.
        air: 0..1: aeration, 1 healthy; findings lower or raise it.
        vessels: density of vessels.
        bone: density of bone.
        extra: anything findings add.
        metal: devices, not blurred by scatter.
        heart: 0..1 mask.
        mediastinum: 0..1 mask of heart and mediastinum.
    """

    canvas: Canvas
    soft: Map
    lungs: dict[str, Map]
    clear: Map
    depth: Map
    air: Map
    vessels: Map
    bone: Map
    extra: Map
    metal: Map
    heart: Map
    mediastinum: Map

    @property
    def lung(self) -> Map:
        """0..1: any lung."""
        return np.asarray(np.maximum.reduce(list(self.lungs.values())), np.float32)

    def aerated(self, side: str) -> Map:
        """0..1: where this lung shows through heart and mediastinum."""
        return np.asarray(self.lungs[side] * np.sqrt(self.clear), np.float32)

    def total(self) -> Map:
        """The thickness that the beam meets."""
        open_lung = self.lung * self.clear
        lung = open_lung * self.depth
        gas = AIR * lung * self.air
        vessels = self.vessels * (np.float32(0.25) + lung) * open_lung
        return np.asarray(self.soft - gas + vessels + self.bone + self.extra, np.float32)


def draw_layers(anatomy: Anatomy, person: Person, canvas: Canvas, rng: np.random.Generator) -> Layers:
    """Draw healthy anatomy."""
    lateral = bool(anatomy.sternum)
    body = canvas.blur(canvas.dome(anatomy.body, 100 if lateral else 62), 3)
    depth = canvas.blur(canvas.dome([anatomy.cavity], 75 if lateral else 62), 2)
    lungs = {side: canvas.fill([lung.outline], 0.7) for side, lung in anatomy.lungs.items()}
    heart = canvas.fill([anatomy.heart], 1.0)
    x, y, r = anatomy.knob
    mediastinum = canvas.fill([anatomy.mediastinum, ellipse(x, y, r, 1.1 * r)], 1.2)
    clear = _clear(anatomy, canvas, heart, mediastinum, lateral)
    layers = Layers(
        canvas=canvas,
        soft=_soft(anatomy, person, canvas, body, rng),
        lungs=lungs,
        clear=clear,
        depth=depth,
        air=1 + np.float32(0.02) * canvas.texture(rng, 18) + np.float32(0.025) * canvas.texture(rng, 3.0),
        vessels=canvas.empty(),
        bone=_bones(anatomy, person, canvas, lateral),
        extra=_airways(anatomy, canvas, lateral),
        metal=canvas.empty(),
        heart=heart,
        mediastinum=np.maximum(heart, mediastinum),
    )
    layers.vessels = _vessels(anatomy, person, canvas)
    return layers


def _soft(anatomy: Anatomy, person: Person, canvas: Canvas, body: Map, rng: np.random.Generator) -> Map:
    thick = np.float32(1.0 + 0.16 * person.fat - 0.10 * person.child)
    soft = body * thick
    soft += np.float32(0.16) * canvas.fill([anatomy.abdomen], 9) * body
    soft -= np.float32(0.24) * canvas.fill([anatomy.bubble], 2.5) * body
    if anatomy.breasts:
        soft += np.float32(0.15 * person.breast) * canvas.blur(canvas.dome(anatomy.breasts, 60), 1.5)
    x, y, r = anatomy.knob
    soft += np.float32(0.07) * canvas.blob(x, y, r, r)
    return soft + np.float32(0.012) * canvas.texture(rng, 25) * body


def _clear(anatomy: Anatomy, canvas: Canvas, heart: Map, mediastinum: Map, lateral: bool) -> Map:
    bulk = canvas.blur(canvas.dome([anatomy.heart], 45), 1.5)
    aorta = canvas.fill([anatomy.aorta], 1.0)
    # From the side heart and mediastinum are seen through lung on both sides of them.
    shares = (0.42, 0.22, 0.36, 0.10) if lateral else (0.58, 0.32, 0.86, 0.22)
    a, b, c, d = (np.float32(share) for share in shares)
    return np.asarray((1 - a * heart - b * bulk) * (1 - c * mediastinum) * (1 - d * aorta), np.float32)


def _airways(anatomy: Anatomy, canvas: Canvas, lateral: bool) -> Map:
    air = canvas.fill([tube(curve, width) for curve, width in anatomy.airways], 1.2)
    walls = canvas.fill([tube(curve, width + 3.5) for curve, width in anatomy.airways[:1]], 1.0)
    return np.float32(0.03) * walls - np.float32(0.17 if lateral else 0.20) * air


def rib_polygons(ribs: list[Rib], share: float = 1.0) -> list[Points]:
    """Outlines of ribs at a share of their width."""
    return [tube(rib.curve, rib.widths * share) for rib in ribs]


def _bones(anatomy: Anatomy, person: Person, canvas: Canvas, lateral: bool) -> Map:
    strength = (1 - 0.45 * person.child) * (1 - 0.30 * person.old)
    bone = _ribs(anatomy, canvas, 0.75 if lateral else 1.0)
    bodies = canvas.fill(anatomy.vertebrae, 1.0)
    rims = canvas.strokes([np.vstack([v, v[:1]]) for v in anatomy.vertebrae], 1.8, 0.6)
    bone += np.float32(0.15 if lateral else 0.085) * bodies + np.float32(0.04) * rims
    bone += np.float32(0.035) * canvas.fill(anatomy.processes, 0.8)
    for curve, widths in anatomy.clavicles:
        bone += np.float32(0.19) * canvas.fill([tube(curve, widths)], 0.6)
        bone -= np.float32(0.07) * canvas.fill([tube(curve, widths * 0.5)], 1.0)
    blades = canvas.fill(anatomy.scapulae, 0.7)
    bone += np.float32(0.035) * blades
    bone += np.float32(0.05) * canvas.strokes([np.vstack([s, s[:1]]) for s in anatomy.scapulae], 3.0, 0.8)
    for curve, width in anatomy.arms:
        bone += np.float32(0.20) * canvas.fill([tube(curve, width)], 1.0)
        bone -= np.float32(0.09) * canvas.fill([tube(curve, width * 0.45)], 2.0)
    if anatomy.sternum:
        bone += np.float32(0.10) * canvas.fill(anatomy.sternum, 1.0)
    x, y, r = anatomy.knob
    if person.old > 0.4:
        arc = np.linspace(-1.2, 1.0, 14)
        rim = np.stack([x + r * np.cos(arc), y + r * np.sin(arc)], 1)
        bone += np.float32(0.16 * person.old) * canvas.strokes([rim], 1.8, 0.4)
    return bone * np.float32(strength)


def _ribs(anatomy: Anatomy, canvas: Canvas, contrast: float) -> Map:
    back = [rib for rib in anatomy.ribs if not rib.front]
    front = [rib for rib in anatomy.ribs if rib.front]
    shade = np.float32(0.150) * canvas.fill(rib_polygons(back), 0.5)
    shade -= np.float32(0.062) * canvas.fill(rib_polygons(back, 0.55), 0.7)
    if front:
        shade += np.float32(0.085) * canvas.fill(rib_polygons(front), 0.8)
        shade -= np.float32(0.034) * canvas.fill(rib_polygons(front, 0.6), 0.9)
    return shade * np.float32(contrast)


def _vessels(anatomy: Anatomy, person: Person, canvas: Canvas) -> Map:
    density = canvas.empty()
    for k, lung in enumerate(anatomy.lungs.values()):
        rng = np.random.default_rng([person.seed, 3, k])
        corners, widths = vessel_tree(lung, rng, person.length * (1 - 0.15 * person.child))
        level = np.clip(0.22 + widths / 8, 0, 1) * np.clip(widths * canvas.scale / 1.1, 0.25, 1)
        np.maximum(density, canvas.quads(corners, level), out=density)
        x, y = lung.hilum
        core = canvas.blob(x + 2 * lung.outward, y + 3, 7.5, 13) * np.float32(0.85)
        np.maximum(density, core, out=density)
    return np.float32(0.24 * person.branching) * canvas.blur(density, 0.45)


def vessel_tree(lung: Lung, rng: np.random.Generator, size: float = 1.0) -> tuple[Points, Points]:
    """Vessels that branch from the hilum and taper outwards.

    Args:
        lung: where they start and which way is outwards.
        rng: the patient's.
        size: factor on all lengths.

    Returns:
        Tapering quadrilaterals, [n, 4, 2] in mm, thinnest first, and their mean widths, [n] in mm.
    """
    directions = np.array(lung.trunks) + rng.normal(0, 0.08, len(lung.trunks))
    start = np.tile(np.array(lung.hilum), (len(directions), 1)) + rng.normal(0, 2.5, (len(directions), 2))
    start[:, 1] += 9 * np.sin(directions)
    length = rng.uniform(22, 34, len(directions)) * size
    width = rng.uniform(4.8, 7.0, len(directions))
    quads, widths = [], []
    for _ in range(GENERATIONS):
        bends = rng.normal(0, 0.10, (3, len(directions)))
        for bend in bends:
            directions = directions + bend
            step = (
                np.stack([lung.outward * np.cos(directions), np.sin(directions)], 1) * (length / 3)[:, None]
            )
            side = np.stack([-step[:, 1], step[:, 0]], 1)
            side /= np.linalg.norm(side, axis=1, keepdims=True)
            end, narrow = start + step, width * 0.93
            a, b = side * width[:, None] / 2, side * narrow[:, None] / 2
            quads.append(np.stack([start + a, end + b, end - b, start - a], 1))
            widths.append((width + narrow) / 2)
            start, width = end, narrow
        spread = rng.uniform(0.22, 0.5, (2, len(directions))) * np.array([[1], [-1]])
        directions = np.concatenate([directions + spread[0], directions + spread[1]])
        start = np.tile(start, (2, 1))
        share = rng.uniform(0.62, 0.85, len(width))
        width = np.concatenate([width * share, width * (1.43 - share)])
        length = np.tile(length, 2) * rng.uniform(0.62, 1.05, 2 * len(length))
    order = np.argsort(np.concatenate(widths), kind="stable")
    return np.concatenate(quads)[order], np.concatenate(widths)[order]
