"""Drawn X-ray scans of freight containers, empty and not empty: the layout `containers`.

The small second task of a bench for chest films: gray pictures too, two classes in folders, near misses on both
sides (foam that hardly weakens the beam, leftovers in empty containers). The task is that of Rogers et al. 2015,
Detection of cargo container loads from X-ray images, IET Intelligent Signal Processing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hilum.errors import DataError, did_you_mean
from hilum_phantom import planted
from hilum_phantom.chest.render import Picture, boxes_of
from hilum_phantom.containers.body import draw_container_body, draw_lorry, inside_of
from hilum_phantom.containers.goods import draw_goods
from hilum_phantom.containers.plan import EMPTY, LOADED, PARTS, View, Visit, plan_visits
from hilum_phantom.containers.scanner import draw_beam, make_frame, scan
from hilum_phantom.planted import Faults
from hilum_phantom.tables import write_csv

VISIBLE = 0.02
"""Goods of at least this attenuation are in the mask."""


@dataclass(frozen=True)
class Scan:
    """One image file.

    Attributes:
        path: relative to the study's folder, with / between.
        visit: what it belongs to.
        view: how it was taken.
        image: which image of all this is, from 0.
    """

    path: str
    visit: Visit
    view: View
    image: int


def plan_scans(containers: int, seed: int, faults: Faults) -> tuple[list[Scan], dict[str, Any]]:
    """What is to be drawn and what is planted, without drawing it.

    Raises:
        DataError: the faults do not fit the study.
    """
    parts = [part for part, _ in PARTS]
    visits = plan_visits(containers, seed)
    truth: dict[str, Any] = {"leaked": [], "duplicates": [], "flipped": []}
    if faults.shortcut:
        visits = plant_lorries(visits, faults.shortcut, faults.shortcut_strength, seed)
    if faults.leak:
        visits, truth["leaked"] = planted.plant_leaks(visits, faults.leak, parts, seed)
    if faults.duplicates:
        visits, truth["duplicates"] = planted.plant_duplicates(visits, faults.duplicates, parts, seed)
    if faults.flip_labels:
        visits, truth["flipped"] = planted.plant_flips(visits, faults.flip_labels, ("class",), seed)
    scans: list[Scan] = []
    for visit in visits:
        for k, view in enumerate(visit.views, start=1):
            name = f"container{visit.patient:05d}_visit{visit.number}_scan{k}.jpg"
            scans.append(Scan(f"{visit.part}/{visit.filed}/{name}", visit, view, len(scans)))
    for flip in truth["flipped"]:
        flip["paths"] = [
            one.path
            for one in scans
            if (one.visit.patient, one.visit.number) == (flip["patient"], flip["study"])
        ]
    return scans, truth | {
        "images": len(scans),
        "studies": len(visits),
        "patients": len({visit.patient for visit in visits}),
        "monochrome1": [],
    }


def plant_lorries(visits: list[Visit], name: str, strength: float, seed: int) -> list[Visit]:
    """Lorries under as many containers as are of the class `name`, with this correlation (phi) in expectation.

    Raises:
        DataError: there is no such class.
    """
    if name not in (EMPTY, LOADED):
        raise DataError(
            f"there is no class {name!r} to plant a shortcut on; {did_you_mean(name, (EMPTY, LOADED))}"
        )
    chances = planted.chances([visit.truth == name for visit in visits], strength)
    lorry = np.random.default_rng([seed, 0, 88]).random(len(visits)) < chances
    return [replace(visit, lorry=bool(there)) for visit, there in zip(visits, lorry, strict=True)]


def render_scan(visit: Visit, view: View, size: int) -> Picture:
    """Draw one scan; the same arguments give the same pixels.

    Args:
        visit: the container and what is in it.
        view: how it is taken.
        size: pixels of the shorter side.
    """
    canvas, base = make_frame(visit, view, size)
    inside = inside_of(visit.container, base)
    cargo = canvas.empty()
    for stow in visit.load:
        cargo += draw_goods(canvas, stow, inside)
    total = cargo + draw_container_body(canvas, visit.container, base)
    for stow in visit.leftovers:
        total += draw_goods(canvas, stow, inside)
    if visit.lorry:
        total += draw_lorry(canvas, visit.container, np.random.default_rng([visit.seed, 89]), base)
    rng = np.random.default_rng([view.seed, 90])
    gray = scan(total, draw_beam(rng), rng)
    if not visit.load:
        return Picture(gray, {}, {})
    mask = np.where(cargo > VISIBLE, 255, 0).astype(np.uint8)
    return Picture(gray, {LOADED: mask}, {LOADED: boxes_of(mask)})


def write_scans(root: Path, scans: Sequence[Scan]) -> None:
    """`truth.csv`: per image what was really drawn."""
    columns = (
        "path", "container", "visit", "part", "same_as", "class", "filed_under", "length", "height", "reefer",
        "lorry", "goods", "filled", "density", "leftovers", "seed",
    )  # fmt: skip
    rows = []
    for one in scans:
        visit, load = one.visit, one.visit.load
        filled = sum((stow.end - stow.start) * stow.height for stow in load)
        rows.append([
            one.path, visit.patient, visit.number, visit.part, visit.container.number, visit.truth, visit.filed,
            visit.container.length, visit.container.height, int(visit.container.reefer), int(visit.lorry),
            "|".join(stow.kind for stow in load), round(filled, 3),
            round(max((stow.density for stow in load), default=0.0), 3),
            "|".join(stow.kind for stow in visit.leftovers), one.view.seed,
        ])  # fmt: skip
    write_csv(root / "truth.csv", columns, rows)
