"""What is in a container, as attenuation: goods and leftovers.

Lengths are in cm, heights count from the ground.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum_phantom.containers.plan import Stow
from hilum_phantom.shapes import Canvas, Map, Points, ellipse, points, spline

SHORTEST = 150.0
"""No stow is shorter than this, so that what is said to be there can be drawn."""


@dataclass(frozen=True)
class Room:
    """The space that goods are drawn into.

    Attributes:
        left: x of its front end.
        right: x of its rear end.
        floor: height of the floor.
        top: height up to which goods are stacked.
    """

    left: float
    right: float
    floor: float
    top: float

    @property
    def length(self) -> float:
        """From front to rear."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From the floor to the top."""
        return self.top - self.floor


Draw = Callable[[Canvas, np.random.Generator, Room], Map]


def rectangles(
    left: npt.ArrayLike, low: npt.ArrayLike, width: npt.ArrayLike, height: npt.ArrayLike
) -> Points:
    """Corners [n, 4, 2] of upright rectangles from their lower left corners."""
    right, high = np.add(left, width), np.add(low, height)
    corners = [(left, low), (right, low), (right, high), (left, high)]
    return np.stack([np.stack(np.broadcast_arrays(x, y), -1) for x, y in corners], 1).astype(np.float64)


def draw_goods(canvas: Canvas, stow: Stow, inside: Room) -> Map:
    """Attenuation of one stow within the container's inside, float32 [height, width]."""
    left = min(inside.left + stow.start * inside.length, inside.right - SHORTEST)
    room = Room(
        left,
        max(inside.left + stow.end * inside.length, left + SHORTEST),
        inside.floor,
        inside.floor + stow.height * inside.height,
    )
    shape = DRAW[stow.kind](canvas, np.random.default_rng([stow.seed, 85]), room)
    return np.asarray(shape * np.float32(stow.density), np.float32)


def _two_deep(canvas: Canvas, rng: np.random.Generator, room: Room, one: Draw) -> Map:
    """Two rows beside each other, seen through each other."""
    return np.asarray((one(canvas, rng, room) + one(canvas, rng, room)) * np.float32(0.5), np.float32)


def pallets(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Cartons stacked on pallets, two pallets deep."""
    wide, high = rng.uniform(28, 58), rng.uniform(24, 45)
    size, gap = rng.choice([80.0, 110.0, 120.0]), rng.uniform(2, 9)

    def row(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
        starts = np.arange(room.left + rng.uniform(0, gap), room.right - 0.4 * size, size + gap)
        corners, levels = [], []
        for x in starts.tolist():
            end = min(x + size, room.right)
            tiers = max(1, round((room.height - 14) / high * rng.uniform(0.8, 1.0)))
            columns = max(1, round((end - x) / wide))
            step = (end - x) / columns
            k, j = np.meshgrid(np.arange(columns), np.arange(tiers))
            left = x + step * k.ravel() + rng.normal(0, 0.6, k.size)
            low = room.floor + 14 + high * j.ravel()
            corners.append(rectangles(left, low, step - 0.8, high - 0.7))
            levels.append(np.clip(rng.normal(0.8, 0.07, k.size), 0.4, 1))
            slats = np.linspace(x, end - 9, 3)
            corners.append(rectangles(slats, np.full(3, room.floor), 9.0, 13.0))
            levels.append(np.full(3, 0.35))
        return canvas.quads(np.concatenate(corners), np.concatenate(levels)) if corners else canvas.empty()

    return _two_deep(canvas, rng, room, row)


def drums(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Standing drums of liquid in one or two tiers, two deep."""
    radius, tall, strips = rng.uniform(24, 30), rng.uniform(80, 92), 9
    tiers = 2 if room.height > 2.05 * tall and rng.random() < 0.7 else 1
    filled = rng.uniform(0.8, 0.97)

    def row(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
        starts = np.arange(room.left + rng.uniform(0, radius), room.right - 2 * radius, 2 * radius + 1.5)
        edges = np.linspace(-1, 1, strips + 1)
        middle = (edges[:-1] + edges[1:]) / 2
        corners, levels = [], []
        for tier in range(tiers):
            x = (starts[:, None] + radius * (1 + edges[None, :-1])).ravel()
            low = np.full(len(x), room.floor + 12 + tier * (tall + 14))
            depth = np.tile(np.sqrt(1 - middle**2), len(starts))
            for height, share in ((tall, 0.16), (tall * filled, 1.0)):
                corners.append(rectangles(x, low, 2 * radius / strips + 0.3, height))
                levels.append(share * depth)
            corners.append(
                rectangles(starts, np.full(len(starts), low[0] - 12 if len(low) else 0.0), 54.0, 3.0)
            )
            levels.append(np.full(len(starts), 0.3))
        return canvas.quads(np.concatenate(corners), np.concatenate(levels))

    return _two_deep(canvas, rng, room, row)


def sacks(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Sacks heaped in layers, the upper ones drawn in."""
    wide, high = rng.uniform(60, 95), rng.uniform(14, 22)
    t = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    corners, levels = [], []
    for tier in range(max(1, int(room.height / high))):
        slack = 0.35 * wide * tier * rng.uniform(0, 0.6)
        x = np.arange(
            room.left + slack + rng.uniform(0, wide / 2), room.right - slack - wide / 2, wide * 0.94
        )
        if not len(x):
            break
        middle = x + wide / 2 + rng.normal(0, 3, len(x))
        bulge = np.stack(
            [0.54 * wide * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.6, 0.56 * high * np.sin(t)], 1
        )
        plump = rng.normal(1, 0.05, len(x))
        # The last one is pushed in between the others.
        middle = np.minimum(middle, room.right - 0.54 * wide * plump)
        centre = np.stack([middle, np.full(len(x), room.floor + high * (tier + 0.5))], 1)
        corners.append(centre[:, None] + bulge[None] * plump[:, None, None])
        levels.append(np.clip(rng.normal(0.85, 0.09, len(x)), 0.4, 1))
    heap = canvas.quads(np.concatenate(corners), np.concatenate(levels)) if corners else canvas.empty()
    return np.asarray(heap * np.clip(1 + np.float32(0.08) * canvas.texture(rng, 12), 0.5, 1.3), np.float32)


def bulk(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Loose grain or scrap: a heap with a wavy surface."""
    knots = np.linspace(room.left, room.right, int(rng.integers(5, 10)))
    heights = room.top - room.height * rng.uniform(0, 0.35, len(knots))
    surface = spline(np.stack([knots, heights], 1))
    outline = np.vstack([surface, points((room.right, room.floor), (room.left, room.floor))])
    grain = rng.uniform(6, 30)
    rough = np.float32(rng.uniform(0.03, 0.16))
    return np.asarray(
        canvas.fill([outline], 2.0) * np.clip(1 + rough * canvas.texture(rng, grain), 0.4, 1.5), np.float32
    )


def machines(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Machines in crates: frames, housings, shafts and wheels of steel."""
    total = canvas.empty()
    count = max(1, int(room.length / rng.uniform(200, 420)))
    edges = np.linspace(room.left, room.right, count + 1)
    for x0, x1 in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        width, height = x1 - x0, room.height * rng.uniform(0.7, 1.0)
        n = int(rng.integers(8, 18))
        left, low = rng.uniform(0.03, 0.75, n), rng.uniform(0.02, 0.7, n) ** 1.4
        wide, tall = rng.uniform(0.06, 0.4, n), rng.uniform(0.05, 0.4, n)
        wide, tall = np.minimum(wide, 0.97 - left), np.minimum(tall, 0.98 - low)
        low[: n // 2] = 0.03
        boxes = rectangles(x0 + width * left, room.floor + 8 + height * low, width * wide, height * tall)
        total = total + canvas.quads(boxes, np.clip(rng.uniform(0.1, 0.75, n), 0, 1))
        wheels = [
            ellipse(
                x0 + width * rng.uniform(0.2, 0.8),
                room.floor + max(height * rng.uniform(0.12, 0.45), r),
                r,
                r,
            )
            for r in rng.uniform(0.06, 0.2, 3) * min(width, height)
        ]
        total += np.float32(rng.uniform(0.2, 0.6)) * canvas.fill(wheels)
        hubs = [ellipse(float(x), float(y), 7, 7) for x, y in (ring.mean(axis=0) for ring in wheels)]
        total -= np.float32(0.1) * canvas.fill(hubs) * (total > np.float32(0.1))
        beams = rectangles(np.array([x0 + 4]), np.array([room.floor]), width - 8, 9.0)
        total += canvas.quads(beams, np.array([0.5]))
        crate = [
            points(
                (x0 + 4, room.floor),
                (x0 + 4, room.floor + height + 8),
                (x1 - 4, room.floor + height + 8),
                (x1 - 4, room.floor),
            )
        ]
        total += np.float32(0.10) * canvas.strokes(crate, 4)
    return np.asarray(total, np.float32)


def vehicles(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Cars behind each other: thin bodies, dense engines and wheels."""
    count = max(1, int(room.length / 460))
    total = canvas.empty()
    long = min(room.length / count - 15, rng.uniform(380, 450))
    tall = rng.uniform(135, 160) * min(1.0, long / 300)
    outline = np.array([
        (0, 0.22), (0.01, 0.5), (0.22, 0.6), (0.36, 0.97), (0.62, 1.0), (0.80, 0.66), (0.97, 0.6), (1, 0.25),
    ])  # fmt: skip
    for k in range(count):
        x = room.left + k * room.length / count + 8

        def at(shape: Points, x: float = x) -> Points:
            return np.asarray(shape * [long, tall] + [x, room.floor])

        total += np.float32(0.14) * canvas.fill([at(outline)])
        low = points((0.02, 0.2), (0.02, 0.33), (0.98, 0.33), (0.98, 0.2))
        total += np.float32(0.30) * canvas.fill([at(low)])
        parts = np.array([
            (0.08, 0.28, 0.10, 0.26), (0.10, 0.36, 0.05, 0.16), (0.19, 0.26, 0.07, 0.14), (0.03, 0.3, 0.02, 0.24),
            (0.38, 0.3, 0.10, 0.12), (0.62, 0.3, 0.12, 0.10), (0.84, 0.22, 0.08, 0.12),
        ])  # fmt: skip
        boxes = rectangles(
            x + long * parts[:, 0], room.floor + tall * parts[:, 1], long * parts[:, 2], tall * parts[:, 3]
        )
        total += canvas.quads(boxes, np.array([1.0, 0.8, 0.7, 0.4, 0.12, 0.14, 0.3]))
        hubs = [(x + long * share, room.floor + 0.2 * tall) for share in (0.17, 0.81)]
        total += np.float32(0.35) * canvas.fill([ellipse(hx, hy, 0.2 * tall, 0.2 * tall) for hx, hy in hubs])
        total += np.float32(0.75) * canvas.fill([ellipse(hx, hy, 0.1 * tall, 0.1 * tall) for hx, hy in hubs])
    return total


def rolls(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Paper or steel rolls that lie across, with a core, some on top of others."""
    radius = float(np.clip(rng.uniform(38, 62), 20, max(room.height / 2, 20)))
    starts = np.arange(room.left + radius, room.right - radius + 1, 2 * radius + rng.uniform(0, 25))
    if not len(starts):
        starts = np.array([(room.left + room.right) / 2])
    centres = [(float(x), room.floor + radius) for x in starts]
    if room.height > 3.6 * radius:
        second = (starts[:-1] + starts[1:]) / 2
        centres += [(float(x), room.floor + 2.7 * radius) for x in second if rng.random() < 0.85]
    discs = np.stack([ellipse(x, y, radius, radius) for x, y in centres])
    shape = canvas.quads(discs, np.clip(rng.normal(0.85, 0.08, len(discs)), 0.3, 1))
    core = radius * rng.uniform(0.12, 0.3)
    return np.asarray(shape * (1 - canvas.fill([ellipse(x, y, core, core) for x, y in centres])), np.float32)


def timber(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Bundles of boards with ragged ends, or logs, with spacers between the bundles."""
    thick, bundle = rng.uniform(2.5, 6), rng.uniform(40, 70)
    long = min(rng.uniform(240, 580), room.length)
    corners, levels = [], []
    for x in np.arange(room.left, room.right - 0.5 * long, long + rng.uniform(2, 12)).tolist() or [room.left]:
        for y in np.arange(room.floor + 8, room.top - 0.5 * bundle, bundle + 8).tolist() or [room.floor]:
            low = np.arange(y, min(y + bundle, room.top), thick)
            cut = rng.uniform(0, 0.05 * long, (2, len(low)))
            width = np.maximum(min(long, room.right - x) - cut.sum(axis=0), 10)
            corners.append(rectangles(x + cut[0], low, width, 0.86 * thick))
            levels.append(np.clip(rng.normal(0.85, 0.06, len(low)), 0.4, 1))
    return canvas.quads(np.concatenate(corners), np.concatenate(levels))


def furniture(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Household goods: many light pieces and frames piled up."""
    total = canvas.empty()
    for _ in range(4):
        n = max(3, int(room.length / 45))
        wide, tall = rng.uniform(20, 110, n), rng.uniform(15, 120, n)
        left = rng.uniform(room.left, np.maximum(room.right - wide, room.left + 1))
        wide = np.minimum(wide, room.right - left)
        low = room.floor + np.maximum(room.height - tall, 0) * rng.uniform(0, 1, n) ** 1.8
        tall = np.minimum(tall, room.top - low)
        total += canvas.quads(rectangles(left, low, wide, tall), rng.beta(1.3, 4, n))
        frames = rectangles(left[::2], low[::2], wide[::2], tall[::2])
        total += np.float32(0.12) * canvas.strokes(list(frames), 3)
    return total


def foam(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Insulation or foam in large blocks, hardly denser than air."""
    block = rng.uniform(60, 240)
    starts = np.arange(room.left, room.right - 0.3 * block, block)
    width = np.minimum(block - rng.uniform(0, 4), room.right - starts)
    tops = room.height * np.clip(rng.normal(0.97, 0.03, len(starts)), 0.5, 1)
    levels = np.clip(rng.normal(0.88, 0.07, len(starts)), 0.3, 1)
    blocks = canvas.quads(rectangles(starts, np.full(len(starts), room.floor), width, tops), levels)
    return canvas.blur(blocks, 1.5)


def planks(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Dunnage: a few boards on the floor or leaning on a wall."""
    boards = []
    for _ in range(int(rng.integers(1, 5))):
        x, long = room.left + rng.uniform(0, room.length), rng.uniform(60, 220)
        rise = rng.uniform(60, 150) if rng.random() < 0.25 else rng.uniform(0, 6)
        boards.append(
            points((x, room.floor + 3), (x + long * (0.3 if rise > 20 else 1), room.floor + 3 + rise))
        )
    return np.float32(0.45) * canvas.strokes(boards, rng.uniform(4, 9))


def straps(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Lashing straps that hang from their rings, with a ratchet."""
    curves, ratchets = [], []
    for _ in range(int(rng.integers(1, 4))):
        x, drop = room.left + rng.uniform(0, room.length), room.height * rng.uniform(0.3, 0.9)
        end = x + rng.uniform(-40, 40)
        low = room.floor + 4 + rng.uniform(0, 20)
        curves.append(spline(points((x, low + drop), (x + rng.uniform(-8, 8), low + 0.4 * drop), (end, low))))
        ratchets.append(ellipse(end, low, 7, 4))
    return np.asarray(
        np.float32(0.10) * canvas.strokes(curves, 4) + np.float32(0.8) * canvas.fill(ratchets), np.float32
    )


def pallet(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """One to three bare pallets."""
    x, total = room.left, canvas.empty()
    for k in range(int(rng.integers(1, 4))):
        low = room.floor + 14.5 * k
        slats = np.array([low, low + 11.5])
        total += np.float32(0.55) * canvas.quads(rectangles(np.full(2, x), slats, 120.0, 2.4), np.ones(2))
        total += np.float32(0.9) * canvas.quads(
            rectangles(x + np.array([0, 55.0, 110]), np.full(3, low + 2), 10.0, 9.5), np.ones(3)
        )
    return total


def bag(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """An air bag that kept goods apart, half deflated."""
    wide, tall = rng.uniform(25, 60), rng.uniform(40, 100)
    outline = ellipse(room.left + wide, room.floor + tall / 2, wide / 2, tall / 2, rng.uniform(-0.3, 0.3))
    skin = np.vstack([outline, outline[:1]])
    return np.asarray(
        np.float32(0.03) * canvas.fill([outline]) + np.float32(0.10) * canvas.strokes([skin], 2), np.float32
    )


def cardboard(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Flattened cartons and an open box."""
    x, wide = room.left, rng.uniform(60, 150)
    flat = rectangles(np.array([x]), np.array([room.floor]), wide, rng.uniform(3, 8))
    box = points((x, room.floor), (x, room.floor + 40), (x + 50, room.floor + 40), (x + 50, room.floor))
    return np.asarray(
        np.float32(0.5) * canvas.quads(flat, np.ones(1)) + np.float32(0.08) * canvas.strokes([box], 2),
        np.float32,
    )


def dirt(canvas: Canvas, rng: np.random.Generator, room: Room) -> Map:
    """Sand or spilt grain on the floor."""
    x = np.linspace(room.left, room.left + rng.uniform(150, 400), 7)
    y = room.floor + rng.uniform(1, 9, 7) * np.sin(np.linspace(0, np.pi, 7))
    outline = np.vstack([spline(np.stack([x, y], 1)), points((x[-1], room.floor), (x[0], room.floor))])
    return np.float32(1.5) * canvas.fill([outline])


DRAW: dict[str, Draw] = {
    "pallets": pallets, "drums": drums, "sacks": sacks, "bulk": bulk, "machines": machines, "vehicles": vehicles,
    "rolls": rolls, "timber": timber, "furniture": furniture, "foam": foam, "planks": planks, "straps": straps,
    "pallet": pallet, "bag": bag, "cardboard": cardboard, "dirt": dirt,
}  # fmt: skip
"""Kind of `Stow` -> what draws it with 1 as its full attenuation."""
