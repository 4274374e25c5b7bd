"""The container itself and the lorry under it, as attenuation. Lengths are in cm, heights count from the ground.

x runs from the front wall of the container to its doors; the lorry's cab is at negative x.
"""

from __future__ import annotations

import numpy as np

from hilum_phantom.containers.goods import Room, rectangles
from hilum_phantom.containers.plan import Container
from hilum_phantom.shapes import Canvas, Map, Points, ellipse, points, spline

BEAM = 16.0
"""Height of the cross members under the floor."""
RAIL = 8.0
"""Height of the rails along the lower and upper edges."""
CAB = 330.0
"""How far the lorry reaches before the container."""
REEFER_UNIT = 42.0
"""Length of the cooling unit at the front of a refrigerated container."""
TALLEST = 112.0
"""Height of the deck of a lorry's chassis; a container without a lorry stands at `LOW`."""
LOW = 22.0


def inside_of(container: Container, base: float) -> Room:
    """Where goods can be, for a container whose lower edge is at height `base`."""
    front = REEFER_UNIT + 8 if container.reefer else 8.0
    return Room(front, container.length - 10, base + BEAM + 3, base + container.height - 16)


def draw_container_body(canvas: Canvas, container: Container, base: float) -> Map:
    """Walls, posts, floor, roof, ends and doors, float32 [height, width]."""
    rng = np.random.default_rng([container.seed, 86])
    long, top = container.length, base + container.height
    whole = points((0, base + BEAM), (0, top), (long, top), (long, base + BEAM))
    total = canvas.fill([whole]) * _corrugation(canvas, container, rng)
    total += _bars(canvas, _edges(container, base, top))
    total += _bars(canvas, _floor(container, base))
    if container.reefer:
        total += _bars(canvas, _cooling_unit(rng, base, top))
    total += np.float32(0.05) * canvas.fill(_dents(rng, long, base, top), 2.0)
    return total


def _bars(canvas: Canvas, bars: list[tuple[float, float, float, float, float]]) -> Map:
    """Bars (x, height, width, height of it, attenuation), each added to the others."""
    rows = np.array(bars)
    corners = rectangles(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3])
    strongest = rows[:, 4].max()
    order = np.argsort(rows[:, 4], kind="stable")
    return np.asarray(
        np.float32(strongest) * canvas.quads(corners[order], rows[order, 4] / strongest), np.float32
    )


def _corrugation(canvas: Canvas, container: Container, rng: np.random.Generator) -> Map:
    """Attenuation of both side walls by column, float32 [1, width].

    Sheets are folded; where they slope the beam passes more steel. The wall nearer to the source is magnified, so
    that the stripes of the two drift in and out of step.
    """
    columns = (np.arange(canvas.width) + 0.5 - canvas.matrix[0, 2]) / canvas.matrix[0, 0]
    wall = np.full(canvas.width, container.wall)
    depth = 0.10 if container.reefer else rng.uniform(0.25, 0.5)
    # Stripes finer than three pixels are what the detector averages away.
    pixels = container.pitch * abs(canvas.matrix[0, 0])
    depth *= float(np.clip((pixels - 3) / 4, 0, 1))
    for zoom in (1.0, rng.uniform(1.05, 1.12)):
        wave = np.sin(2 * np.pi * (columns / (container.pitch * zoom) + rng.random()))
        wall *= 1 + depth * (np.abs(wave) < 0.55) * 0.5
    for post in container.posts:
        wall += 0.10 * (np.abs(columns - post * container.length) < 4)
    return np.asarray(wall[None], np.float32)


def _edges(container: Container, base: float, top: float) -> list[tuple[float, float, float, float, float]]:
    """Corner posts and castings, rails, the end wall and the doors with their rods."""
    long, height = container.length, container.height
    posts = [(x, base, 14.0, height, 0.75) for x in (0.0, long - 14)]
    castings = [(x, y, 18.0, 12.0, 2.6) for x in (0.0, long - 18) for y in (base, top - 12)]
    # The upper rail of the wall nearer to the source is thrown higher than the other's.
    rails = [
        (0.0, top - RAIL, long, 5.0, 0.8),
        (0.0, top - 17, long, 4.0, 0.55),
        (0.0, top - 13, long, 5.0, 0.28),
    ]
    rails.append((0.0, base, long, RAIL, 0.7))
    ends = [(0.0, base, 5.0, height, 2.2), (long - 6, base, 6.0, height, 2.4)]
    rods = [
        (long - 3, base + 6, 3.0, height - 12, 3.0),
        (long, base + 90, 5.0, 12.0, 1.2),
        (long, base + 60, 4.0, 6.0, 1.0),
    ]
    return posts + castings + rails + ends + rods


def _floor(container: Container, base: float) -> list[tuple[float, float, float, float, float]]:
    """Plywood seen edge on, and the ends of the cross members that carry it."""
    steps = np.arange(12, container.length - 12, 30.5).tolist()
    tunnel = 315.0 if container.length > 1000 else 0.0
    beams = [(x, base + (7 if x < tunnel else 2), 4.5, 7.0 if x < tunnel else BEAM - 4, 2.6) for x in steps]
    board = (4.0, base + BEAM - 2, container.length - 8, 4.0 if not container.reefer else 7.0, 3.6)
    return [*beams, board]


def _cooling_unit(
    rng: np.random.Generator, base: float, top: float
) -> list[tuple[float, float, float, float, float]]:
    wall = (0.0, base + BEAM, REEFER_UNIT, top - base - 2 * BEAM, 0.7)
    parts = [
        (
            float(rng.uniform(4, 20)),
            float(base + rng.uniform(25, 200)),
            float(rng.uniform(8, 20)),
            float(rng.uniform(12, 40)),
            float(rng.uniform(1, 3)),
        )
        for _ in range(8)
    ]
    return [wall, (6.0, base + 30, 26.0, 34.0, 3.2), *parts]


def _dents(rng: np.random.Generator, long: float, base: float, top: float) -> list[Points]:
    return [
        ellipse(
            rng.uniform(20, long - 20),
            rng.uniform(base + 40, top - 30),
            rng.uniform(5, 25),
            rng.uniform(5, 25),
        )
        for _ in range(int(rng.integers(1, 5)))
    ]


def draw_lorry(canvas: Canvas, container: Container, rng: np.random.Generator, deck: float) -> Map:
    """Tractor and chassis under a container whose lower edge is at `deck`, float32 [height, width]."""
    long = container.length
    chassis = [
        (-40.0, deck - 34, long + 60, 14.0, 0.75), (-40.0, deck - 36, long + 60, 3.0, 1.3),
        (-40.0, deck - 21, long + 60, 3.0, 1.3), (long + 10, deck - 70, 8.0, 60.0, 0.9),
        (-310.0, 62.0, 330.0, 20.0, 0.9), (long * 0.30, 20.0, 12.0, deck - 50, 0.9),
        (long * 0.30 - 6, 14.0, 24.0, 6.0, 1.2),
    ]  # fmt: skip
    cross = [(float(x), deck - 34, 8.0, 14.0, 1.6) for x in np.linspace(0, long, 9)]
    locks = [(float(x), deck - 5, 12.0, 8.0, 2.4) for x in (4.0, long - 16)]
    total = _bars(canvas, chassis + cross + locks)
    rear = long - rng.uniform(60, 180)
    wheels = [-245.0, float(rng.uniform(20, 50)), *(rear - 131.0 * k for k in range(3 if long > 1000 else 2))]
    for x in wheels:
        total += _wheel(canvas, x, 50.0)
    total += _cab(canvas, rng)
    return total


def _wheel(canvas: Canvas, x: float, radius: float) -> Map:
    """Both tyres of an axle in one: rubber, rim, drum and hub."""
    total = np.float32(0.55) * canvas.fill([ellipse(x, radius, radius, radius)])
    for share, level in ((0.62, 0.5), (0.42, 1.2), (0.18, 1.6)):
        total += np.float32(level) * canvas.fill([ellipse(x, radius, share * radius, share * radius)])
    return np.asarray(total, np.float32)


def _cab(canvas: Canvas, rng: np.random.Generator) -> Map:
    tall = rng.uniform(290, 370)
    front = -rng.uniform(300, 320)
    back = front + rng.uniform(195, 230)
    shell = points(
        (front, 60), (front, 150), (front + 14, tall - 30), (front + 50, tall), (back, tall - 5), (back, 75)
    )
    window = points((front + 14, 190), (front + 20, tall - 70), (front + 95, tall - 70), (front + 95, 190))
    total = np.float32(0.22) * canvas.fill([shell], 1.0) - np.float32(0.10) * canvas.fill([window])
    skin = np.vstack([shell, shell[:1]])
    total += np.float32(0.28) * canvas.strokes([skin], 5)
    parts = [
        (front + 55, 70.0, 105.0, 75.0, 2.8), (front + 75, 145.0, 60.0, 25.0, 1.6),
        (front + 20, 70.0, 24.0, 80.0, 1.3),
        (front, 40.0, 30.0, 32.0, 0.5), (front + 100, 170.0, 45.0, 14.0, 0.35),
        (front + 138, 178.0, 12.0, 75.0, 0.3), (front + 34, 165.0, 22.0, 28.0, 0.4),
        (back - 14, 90.0, 14.0, 120.0, 0.5), (back + 18, 45.0, 75.0, 45.0, 0.9),
    ]  # fmt: skip
    total += _bars(canvas, parts)
    wheel = spline(points((front + 52, 196), (front + 66, 232)))
    return np.asarray(total + np.float32(0.3) * canvas.strokes([wheel], 4), np.float32)
