"""Freight containers, what is in them and how they are scanned, before a pixel is drawn. Lengths are in cm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

PARTS = (("train", 0.8), ("test", 0.2))
"""Share of the containers in each part."""
LOADED = "not empty"
EMPTY = "empty"
SHARE_LOADED = 0.52
SHARE_LORRY = 0.55
MOST_VISITS = 4

GOODS: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "pallets": (0.20, (0.5, 3.0), (0.45, 0.95)),
    "drums": (0.10, (1.5, 6.0), (0.4, 0.85)),
    "sacks": (0.10, (2.5, 7.0), (0.25, 0.75)),
    "bulk": (0.06, (3.0, 7.0), (0.2, 0.6)),
    "machines": (0.12, (1.2, 6.0), (0.3, 0.9)),
    "vehicles": (0.07, (0.9, 2.0), (0.5, 0.6)),
    "rolls": (0.08, (1.5, 6.0), (0.4, 0.95)),
    "timber": (0.07, (1.5, 4.5), (0.4, 0.95)),
    "furniture": (0.08, (0.25, 1.2), (0.5, 0.95)),
    "foam": (0.12, (0.045, 0.20), (0.75, 1.0)),
}
"""Goods -> share of the loads, range of attenuation (the beam falls as exp(-attenuation)) and of the height that
they fill. Two metres of foam weaken a beam of some MeV about as much as the two steel walls do."""
LEFTOVERS = ("planks", "straps", "pallet", "bag", "cardboard", "dirt")
"""What is left in an empty container."""


@dataclass(frozen=True)
class Container:
    """What stays the same over all scans of one container.

    Attributes:
        number: from 1.
        length: 606 (20 ft) or 1219 (40 ft).
        height: outside, 259 or 290.
        reefer: a refrigerated one, with insulated walls and a cooling unit at its front.
        wall: attenuation of both side walls together.
        pitch: period of the corrugation.
        posts: where side posts stand, as shares of the length.
        seed: of dents and small irregularities.
    """

    number: int
    length: float
    height: float
    reefer: bool
    wall: float
    pitch: float
    posts: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class Stow:
    """One kind of goods, or of leftovers, in one place.

    Attributes:
        kind: one of `GOODS` or of `LEFTOVERS`.
        start: where it begins, as a share of the inner length from the front.
        end: where it ends.
        height: share of the inner height.
        density: attenuation of its full depth.
        seed: of its shape.
    """

    kind: str
    start: float
    end: float
    height: float
    density: float
    seed: int


@dataclass(frozen=True)
class View:
    """How one scan is taken.

    Attributes:
        aspect: width over height of the picture.
        mirrored: the front is to the right.
        close: the picture shows the container alone, whatever it stands on.
        seed: of framing, exposure and noise.
    """

    aspect: float
    mirrored: bool
    close: bool
    seed: int


@dataclass(frozen=True)
class Visit:
    """A container passes the scanner once; what a study is to a patient.

    Attributes:
        patient: number that the container goes by here (a planted duplicate has another than its container).
        number: from 1.
        part: `train` or `test`.
        container: which.
        load: its goods; none where it is empty.
        leftovers: what else lies in it.
        lorry: it stands on a lorry.
        views: its scans.
        seed: of this visit.
        flipped: `class` where it is filed wrongly.
        copy_of: (container, visit) whose scans are used again, or None.
    """

    patient: int
    number: int
    part: str
    container: Container
    load: tuple[Stow, ...]
    leftovers: tuple[Stow, ...]
    lorry: bool
    views: tuple[View, ...]
    seed: int
    flipped: frozenset[str] = frozenset()
    copy_of: tuple[int, int] | None = None

    @property
    def truth(self) -> str:
        """The class that it is of."""
        return LOADED if self.load else EMPTY

    @property
    def filed(self) -> str:
        """The class that it is filed under."""
        return (EMPTY if self.load else LOADED) if "class" in self.flipped else self.truth


def plan_visits(containers: int, seed: int) -> list[Visit]:
    """All visits of a number of containers; container n is the same whatever their number."""
    visits: list[Visit] = []
    for number in range(1, containers + 1):
        own = int(np.random.default_rng([seed, number, 8]).integers(2**31))
        visits += _visits(draw_container(number, own))
    order = np.random.default_rng([seed, 0, 81]).permutation(containers) + 1
    cut = min(max(round(PARTS[0][1] * containers), 1), containers - 1)
    tested = set(order[cut:].tolist())
    return [replace(visit, part="test" if visit.patient in tested else "train") for visit in visits]


def draw_container(number: int, seed: int) -> Container:
    """Draw container `number`; the same arguments give the same container."""
    rng = np.random.default_rng([seed, 82])
    reefer = bool(rng.random() < 0.14)
    posts = np.sort(rng.uniform(0.08, 0.92, int(rng.integers(0, 5))))
    return Container(
        number=number,
        length=1219.0 if rng.random() < 0.62 else 606.0,
        height=290.0 if rng.random() < 0.45 else 259.0,
        reefer=reefer,
        wall=float(rng.uniform(0.14, 0.30) if reefer else rng.uniform(0.07, 0.16)),
        pitch=float(rng.normal(27.8, 1.2)),
        posts=tuple(float(post) for post in posts),
        seed=seed,
    )


def _visits(container: Container) -> list[Visit]:
    rng = np.random.default_rng([container.seed, 83])
    count = min(int(rng.geometric(0.6)), MOST_VISITS)
    return [
        _visit(container, number, int(rng.integers(2**31)), loaded=bool(rng.random() < SHARE_LOADED))
        for number in range(1, count + 1)
    ]


def _visit(container: Container, number: int, seed: int, loaded: bool) -> Visit:
    rng = np.random.default_rng([seed, 84])
    views = tuple(
        View(
            aspect=float(rng.choice([2.6, 3.0, 3.4])),
            mirrored=bool(rng.random() < 0.5),
            close=bool(rng.random() < 0.35),
            seed=int(rng.integers(2**31)),
        )
        for _ in range(2 if rng.random() < 0.15 else 1)
    )
    return Visit(
        patient=container.number,
        number=number,
        part="train",
        container=container,
        load=_load(rng) if loaded else (),
        leftovers=_leftovers(rng, 0.15 if loaded else 0.45),
        lorry=bool(rng.random() < SHARE_LORRY),
        views=views,
        seed=seed,
    )


def _load(rng: np.random.Generator) -> tuple[Stow, ...]:
    """Full, in part or nearly empty; goods of one to three kinds behind each other."""
    kind = rng.random()
    share = float(
        rng.uniform(0.8, 1.0)
        if kind < 0.5
        else rng.uniform(0.3, 0.8)
        if kind < 0.83
        else rng.uniform(0.07, 0.3)
    )
    start = 0.0 if rng.random() < 0.7 else float(rng.uniform(0, 1 - share))
    count = 1 if share < 0.3 else int(rng.choice([1, 1, 2, 3]))
    edges = start + share * np.concatenate([[0.0], np.sort(rng.uniform(0.2, 0.8, count - 1)), [1.0]])
    names, shares = list(GOODS), np.array([share for share, _, _ in GOODS.values()])
    stows = []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        name = str(rng.choice(names, p=shares / shares.sum()))
        _, density, height = GOODS[name]
        drawn = float(np.exp(rng.uniform(*np.log(density))))
        stows.append(Stow(name, low, high, float(rng.uniform(*height)), drawn, int(rng.integers(2**31))))
    return tuple(stows)


def _leftovers(rng: np.random.Generator, chance: float) -> tuple[Stow, ...]:
    if rng.random() >= chance:
        return ()
    left = []
    for _ in range(int(rng.integers(1, 4))):
        start = float(rng.uniform(0, 0.85))
        density = float(rng.uniform(0.5, 1.0))
        name = str(rng.choice(LEFTOVERS))
        left.append(Stow(name, start, min(start + 0.15, 1.0), 1.0, density, int(rng.integers(2**31))))
    return tuple(left)
