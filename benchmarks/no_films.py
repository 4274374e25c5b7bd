"""Pictures that are no chest films, drawn in many variants, for `benchmarks.films` and the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""[h, w], or [h, w, 3] in OpenCV's order."""
Plane = npt.NDArray[np.float32]
Random = np.random.Generator
SHIFT = 4
"""Fraction bits of OpenCV's drawing."""


def _noise(rng: Random, height: int, width: int, cells: float) -> Plane:
    """Smooth noise of about `cells` bumps a side, mean 0, sd about 1."""
    cells = max(2, round(cells))
    grid = rng.normal(0, 1, (cells + 2, cells + 2)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _ellipse(plane: Plane, x: float, y: float, a: float, b: float, value: float, tilt: float = 0.0) -> None:
    """A filled ellipse, all in shares of the side."""
    side = min(plane.shape)
    one = 1 << SHIFT
    cv2.ellipse(
        plane,
        (round(x * plane.shape[1] * one), round(y * plane.shape[0] * one)),
        (max(one, round(a * side * one)), max(one, round(b * side * one))),
        tilt,
        0,
        360,
        value,
        -1,
        cv2.LINE_AA,
        SHIFT,
    )


def _blob(rng: Random, x: float, y: float, size: float, points: int = 24) -> npt.NDArray[np.float64]:
    """The outline of a lump about (x, y), in shares of the side."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radius = np.ones(points)
    for k in range(2, 5):
        radius += rng.uniform(0, 0.35 / k) * np.cos(k * angles + rng.uniform(0, 6.3))
    stretch = rng.uniform(0.6, 1.6)
    turned = angles + rng.uniform(0, 6.3)
    return np.stack(
        [x + size * stretch * radius * np.cos(turned), y + size * radius * np.sin(turned)], axis=1
    )


def _fill(plane: Any, outline: npt.NDArray[np.float64], value: Any) -> None:
    scale = np.array([plane.shape[1], plane.shape[0]])
    cv2.fillPoly(plane, [np.round(outline * scale * 16).astype(np.int32)], value, cv2.LINE_AA, SHIFT)


def _bone(plane: Plane, a: Any, b: Any, width: float, value: float, ends: float = 1.4) -> None:
    """A long bone from a to b: a shaft with a brighter rim, and thicker ends."""
    side, scale = min(plane.shape), np.array([plane.shape[1], plane.shape[0]])
    p, q = (tuple(int(v) for v in np.round(np.asarray(end) * scale)) for end in (a, b))
    thick = max(1, round(width * side))
    layer = np.zeros_like(plane)
    cv2.line(layer, p, q, value, thick, cv2.LINE_AA)
    for end in (p, q):
        cv2.circle(layer, end, max(1, round(thick * ends / 2)), value, -1, cv2.LINE_AA)
    cv2.line(layer, p, q, value * 0.7, max(1, round(thick * 0.45)), cv2.LINE_AA)
    np.maximum(plane, layer, out=plane)


def _finished(rng: Random, plane: Plane, blur: float = 0.004, noise: float = 4.0) -> Picture:
    """Blurred, noisy, with its own range of grays."""
    sigma = max(0.4, rng.uniform(0.3, 1.5) * blur * min(plane.shape))
    plane = cv2.GaussianBlur(plane, (0, 0), sigma)
    plane = plane + rng.normal(0, rng.uniform(0.2, 1) * noise, plane.shape).astype(np.float32)
    gamma, low, high = rng.uniform(0.7, 1.4), rng.uniform(0, 25), rng.uniform(200, 255)
    scaled = np.clip((plane - 0) / 255, 0, 1) ** gamma
    return np.clip(low + scaled * (high - low), 0, 255).astype(np.uint8)


def _size(rng: Random, least: float = 0.75, most: float = 1.35) -> tuple[int, int]:
    """Height and width of a picture."""
    width = int(np.exp(rng.uniform(np.log(96), np.log(600))))
    return max(64, int(width * rng.uniform(least, most))), width


def ct(rng: Random) -> Picture:
    """An axial slice of a head, a chest or an abdomen, by CT or MR, or the sector of an ultrasound."""
    side = int(rng.integers(96, 513))
    if rng.random() < 0.12:
        return _sector(rng, side)
    plane = np.full((side, side), rng.uniform(0, 12), np.float32)
    head = rng.random() < 0.3
    x, y = 0.5 + rng.normal(0, 0.02), 0.5 + rng.normal(0, 0.03)
    a = rng.uniform(0.22, 0.34) if head else rng.uniform(0.33, 0.47)
    b = a * (rng.uniform(1.05, 1.3) if head else rng.uniform(0.6, 0.8))
    soft = rng.uniform(90, 150)
    if head:
        _ellipse(plane, x, y, a, b, soft * rng.uniform(0.5, 0.9))
        _ellipse(plane, x, y, a * 0.95, b * 0.95, rng.uniform(190, 255) * rng.choice([1, 0.15]))
        _ellipse(plane, x, y, a * rng.uniform(0.82, 0.9), b * rng.uniform(0.84, 0.9), soft)
        for s in (-1, 1):
            _ellipse(plane, x + s * 0.04, y, 0.02, rng.uniform(0.05, 0.1), soft * 0.6, s * 15)
    else:
        _ellipse(plane, x, y, a, b, soft * rng.uniform(0.4, 0.8))
        wall = rng.uniform(0.82, 0.95)
        _ellipse(plane, x, y, a * wall, b * wall, soft)
        if rng.random() < 0.5:
            lung = rng.uniform(5, 45)
            for s in (-1, 1):
                _ellipse(
                    plane,
                    x + s * a * 0.45,
                    y - 0.02,
                    a * rng.uniform(0.3, 0.4),
                    b * rng.uniform(0.5, 0.7),
                    lung,
                )
            _ellipse(plane, x + a * 0.12, y - b * 0.25, a * 0.3, b * 0.35, soft * 1.1)
        else:
            _fill(plane, _blob(rng, x - a * 0.4, y - b * 0.1, a * 0.38), soft * 1.15)
            for _ in range(int(rng.integers(4, 14))):
                at = rng.uniform(-0.55, 0.55, 2)
                level = soft * rng.uniform(0.3, 1.4)
                _fill(plane, _blob(rng, x + at[0] * a, y + at[1] * b, rng.uniform(0.02, 0.09)), level)
        _ellipse(plane, x, y + b * 0.62, a * 0.14, b * 0.16, 240)
        _ellipse(plane, x, y + b * 0.78, a * 0.05, b * 0.06, soft * 0.5)
        for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(3, 12))):
            at = x + a * 0.86 * np.cos(angle), y + b * 0.86 * np.sin(angle)
            _ellipse(plane, *at, 0.03, 0.012, 235, float(np.degrees(angle) + 90))
    if rng.random() < 0.5:
        cv2.ellipse(
            plane,
            (side // 2, round(side * 0.55)),
            (round(side * 0.42), round(side * 0.4)),
            0,
            20,
            160,
            120,
            2,
        )
    plane += plane / 255 * _noise(rng, side, side, 20) * rng.uniform(2, 14)
    return _finished(rng, plane, 0.003, 8)


def _sector(rng: Random, side: int) -> Picture:
    """Speckle within the fan of an ultrasound probe."""
    mask = np.zeros((side, side), np.float32)
    half = rng.uniform(25, 45)
    cv2.ellipse(mask, (side // 2, round(side * 0.03)), (round(side * 0.93),) * 2, 90, -half, half, 1, -1)
    speckle = np.abs(_noise(rng, side, side, side / 4)) * 50 + _noise(rng, side, side, 6) * 30 + 40
    return np.clip(mask * speckle, 0, 255).astype(np.uint8)


def abdomen(rng: Random) -> Picture:
    """A plain film of the abdomen: spine, pelvis and hips, gas in the bowel, the lowest ribs."""
    height, width = _size(rng, 0.95, 1.45)
    plane = np.full((height, width), rng.uniform(90, 150), np.float32)
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None]
    flank = rng.uniform(0.4, 0.6)
    plane -= rng.uniform(40, 110) * np.clip((np.abs(x) - flank + 0.12) / 0.12, 0, 1)
    plane += _noise(rng, height, width, 5) * 8 + rng.uniform(-25, 25) * y
    middle = 0.5 + rng.normal(0, 0.02)
    bone = rng.uniform(40, 80)
    bones = np.zeros_like(plane)
    for k in range(7):
        at = -0.05 + k * rng.uniform(0.105, 0.115)
        cv2.rectangle(
            bones,
            (round((middle - 0.055) * width), round(at * height)),
            (round((middle + 0.055) * width), round((at + 0.085) * height)),
            bone,
            -1,
        )
        _bone(bones, (middle - 0.1, at + 0.04), (middle + 0.1, at + 0.04), 0.02, bone * 0.7)
    wide, top = rng.uniform(0.27, 0.36), rng.uniform(0.55, 0.72)
    for s in (-1, 1):
        _ellipse(bones, middle + s * wide * 0.62, top + 0.05, wide * 0.42, 0.13, bone, s * -40)
        _bone(bones, (middle + s * 0.12, top + 0.2), (middle + s * wide * 0.8, top + 0.17), 0.05, bone)
        _ellipse(bones, middle + s * wide * 0.95, top + 0.22, 0.055, 0.055, bone * 1.3)
        _bone(bones, (middle + s * wide, top + 0.23), (middle + s * (wide + 0.08), 1.1), 0.08, bone)
        for k in range(int(rng.integers(0, 4))):
            start = (middle + s * 0.08, 0.01 + 0.05 * k)
            _bone(bones, start, (middle + s * rng.uniform(0.3, 0.4), 0.09 + 0.06 * k), 0.022, bone * 0.6)
    _ellipse(bones, middle, top + 0.14, 0.1, 0.1, bone * 0.9)
    plane += cv2.GaussianBlur(bones, (0, 0), max(0.5, 0.006 * width))
    gas = np.zeros_like(plane)
    for _ in range(int(rng.integers(3, 22))):
        at = rng.uniform(0.18, 0.82), rng.uniform(0.12, 0.85)
        _fill(gas, _blob(rng, *at, rng.uniform(0.015, 0.06)), rng.uniform(20, 75))
    plane -= cv2.GaussianBlur(gas, (0, 0), max(0.5, 0.01 * width))
    return _finished(rng, plane, 0.005, 5)


def limb(rng: Random) -> Picture:
    """A hand, a foot, a long bone, a knee, an elbow, or a skull, on a dark film."""
    height, width = _size(rng, 0.8, 1.7)
    plane = np.full((height, width), rng.uniform(0, 30), np.float32)
    tissue, bone = rng.uniform(50, 110), rng.uniform(170, 245)
    kind = rng.choice(["hand", "two hands", "long", "joint", "skull"], p=[0.35, 0.15, 0.2, 0.15, 0.15])
    if kind == "skull":
        x, y, a = 0.5 + rng.normal(0, 0.03), rng.uniform(0.4, 0.5), rng.uniform(0.3, 0.42)
        _ellipse(plane, x, y, a, a * rng.uniform(0.8, 1.1), bone * 0.8)
        _ellipse(plane, x, y, a * 0.93, a * 0.85, tissue * 1.4)
        _fill(plane, _blob(rng, x + rng.uniform(-0.15, 0.15), y + a * 0.9, a * 0.45), bone * 0.75)
        for _ in range(4):
            at = x + rng.uniform(-0.2, 0.2), y + rng.uniform(0.05, 0.3)
            _fill(plane, _blob(rng, *at, rng.uniform(0.03, 0.07)), tissue * 0.7)
        _bone(plane, (x + 0.05, y + a), (x + 0.05, 1.0), 0.13, tissue * 1.7)
        plane += _noise(rng, height, width, 25) * 7
    elif kind in ("hand", "two hands"):
        for middle in (0.28, 0.72) if kind == "two hands" else (0.5,):
            _hand(rng, plane, middle, 0.55 if kind == "two hands" else 1.0, tissue, bone)
    else:
        _long_bones(rng, plane, kind == "joint", tissue, bone)
    turned = cv2.warpAffine(
        plane,
        cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 12)), 1),
        (width, height),
        borderValue=float(plane[0, 0]),
    )
    return _finished(rng, np.asarray(turned, np.float32), 0.005, 4)


def _hand(rng: Random, plane: Plane, middle: float, scale: float, tissue: float, bone: float) -> None:
    wrist = np.array([middle, rng.uniform(0.75, 0.85)])
    _ellipse(plane, middle, wrist[1] - 0.16, 0.16 * scale, 0.17, tissue)
    _bone(plane, wrist - [0, 0.05], (middle, 1.1), 0.2 * scale, tissue, 1.0)
    bones = np.zeros_like(plane)
    for k, length in enumerate((0.36, 0.55, 0.62, 0.57, 0.45)):
        angle = np.radians((-48, -17, -3, 9, 22)[k] + rng.normal(0, 4))
        step = np.array([np.sin(angle) * scale, -np.cos(angle)]) * length * rng.uniform(0.9, 1.1)
        start = wrist + step * 0.15
        _bone(plane, start, start + step, 0.075 * scale, tissue, 1.0)
        for low, high in ((0.05, 0.4), (0.44, 0.66), (0.69, 0.84), (0.87, 0.97)):
            _bone(bones, start + step * low, start + step * high, 0.036 * scale, bone)
    for s in (-1, 1):
        _bone(
            bones,
            wrist + np.array([s * 0.045 * scale, 0.02]),
            (middle + s * 0.05 * scale, 1.1),
            0.06 * scale,
            bone,
        )
    for _ in range(8):
        _ellipse(
            bones,
            middle + rng.uniform(-0.08, 0.08) * scale,
            wrist[1] + rng.uniform(-0.08, 0),
            0.025,
            0.025,
            bone,
        )
    np.maximum(plane, bones, out=plane)


def _long_bones(rng: Random, plane: Plane, joint: bool, tissue: float, bone: float) -> None:
    thick = rng.uniform(0.08, 0.16)
    middle, lean = rng.uniform(0.4, 0.6), rng.normal(0, 0.08)
    bend = rng.normal(0, 0.25) if joint else lean
    knee = np.array([middle, rng.uniform(0.4, 0.6)])
    top, end = knee + np.array([-lean, -0.7]), knee + np.array([bend, 0.7])
    for a, b in ((top, knee), (knee, end)):
        _bone(plane, a, b, thick * rng.uniform(2.2, 3.4), tissue, 1.0)
    bones = np.zeros_like(plane)
    if joint:
        _bone(bones, top, knee - [0, 0.03], thick, bone, 1.9)
        _bone(bones, knee + np.array([0, 0.05]), end, thick * 0.9, bone, 1.8)
        _bone(bones, knee + np.array([thick, 0.09]), end + np.array([thick, 0]), thick * 0.35, bone)
    else:
        _bone(bones, top, end, thick, bone)
        if rng.random() < 0.6:
            _bone(
                bones,
                top + np.array([thick * 1.3, 0]),
                end + np.array([thick * 1.3, 0]),
                thick * rng.uniform(0.4, 0.9),
                bone,
            )
    np.maximum(plane, bones, out=plane)


def screenshot(rng: Random) -> Picture:
    """A window, a page of text, a terminal, a table or a chart, in colour or gray."""
    height, width = int(rng.integers(160, 800)), int(rng.integers(200, 1000))
    dark = rng.random() < 0.3
    paper = rng.integers(0, 60, 3) if dark else rng.integers(215, 256, 3)
    ink = 255 - paper
    page = np.empty((height, width, 3), np.uint8)
    page[:] = paper
    bar = int(rng.integers(0, height // 8 + 1))
    page[:bar] = rng.integers(0, 256, 3)
    left = int(rng.integers(0, width // 3))
    if rng.random() < 0.5:
        page[bar:, :left] = rng.integers(0, 256, 3)
    line = int(rng.integers(7, 24))
    for y in range(bar + line, height - line, line):
        if rng.random() < 0.15:
            continue
        x, end = left + line, int(rng.uniform(0.4, 0.98) * width)
        colour = tuple(int(v) for v in (ink if rng.random() < 0.85 else rng.integers(0, 256, 3)))
        while x < end:
            word = int(rng.integers(1, 9)) * line // 3
            if rng.random() < 0.5:
                text = "".join(rng.choice(list("abcdefghinorstuv"), 6))
                cv2.putText(page, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, line / 40, colour, 1, cv2.LINE_AA)
                word = 4 * line // 2
            else:
                cv2.rectangle(page, (x, y - line // 2), (min(x + word, end), y), colour, -1)
            x += word + line // 3
    for _ in range(int(rng.integers(0, 7))):
        x, y = int(rng.uniform(0, 0.9) * width), int(rng.uniform(0.1, 0.9) * height)
        size = int(rng.uniform(0.03, 0.35) * width), int(rng.uniform(0.03, 0.3) * height)
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        cv2.rectangle(page, (x, y), (x + size[0], y + size[1]), colour, int(rng.choice([-1, 1, 2])))
    return _gray(page) if rng.random() < 0.4 else page


def mask(rng: Random) -> Picture:
    """Two values: lungs, lumps or boxes, as segmentations come; some of more classes, or saved as JPEG."""
    height, width = _size(rng)
    picture = np.zeros((height, width), np.uint8)
    levels = [255] if rng.random() < 0.6 else rng.integers(1, 256, int(rng.integers(1, 4))).tolist()
    kind = rng.choice(["lungs", "lumps", "boxes"])
    if kind == "lungs":
        for s in (-1, 1):
            at = 0.5 + s * rng.uniform(0.17, 0.24), rng.uniform(0.42, 0.55)
            outline = _blob(rng, 0, 0, 1.0) * [rng.uniform(0.08, 0.13), rng.uniform(0.2, 0.3)] + at
            cv2.fillPoly(
                picture, [np.round(outline * [width, height]).astype(np.int32)], levels[s % len(levels)]
            )
    for _ in range(int(rng.integers(1, 6)) if kind != "lungs" else 0):
        at, size = rng.uniform(0.2, 0.8, 2), rng.uniform(0.05, 0.25)
        outline = _blob(rng, *at, size)
        if kind == "boxes":
            outline = at + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size * rng.uniform(0.4, 1, 2)
        value = levels[int(rng.integers(len(levels)))]
        cv2.fillPoly(picture, [np.round(outline * [width, height]).astype(np.int32)], value)
    if rng.random() < 0.2:
        picture = levels[0] - np.minimum(picture, levels[0])
    return _jpeg(picture, rng) if rng.random() < 0.25 else picture


def empty(rng: Random) -> Picture:
    """Nothing but noise, a slope of light, a frame or a label."""
    height, width = _size(rng)
    plane = np.full((height, width), rng.uniform(0, 255), np.float32)
    if rng.random() < 0.4:
        plane += np.linspace(-1, 1, width, dtype=np.float32)[None] * rng.uniform(0, 12)
    if rng.random() < 0.5:
        plane += rng.normal(0, rng.uniform(0.3, 4), plane.shape).astype(np.float32)
    picture = np.clip(plane, 0, 255).astype(np.uint8)
    ink = 255 - int(picture[0, 0])
    if rng.random() < 0.4:
        at = round(rng.uniform(0, 0.8) * width), round(rng.uniform(0.1, 0.95) * height)
        cv2.putText(picture, "L 12:30", at, cv2.FONT_HERSHEY_SIMPLEX, width / 400, ink, 1)
    if rng.random() < 0.2:
        cv2.rectangle(picture, (2, 2), (width - 3, height - 3), ink, 1)
    return picture


def texture(rng: Random) -> Picture:
    """Noise, bumps, stripes, tiles, or bars and patches of one gray each."""
    height, width = _size(rng)
    kind = rng.choice(["noise", "bumps", "stripes", "tiles", "patches"])
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    if kind == "noise":
        plane = rng.normal(128, rng.uniform(20, 80), (height, width)).astype(np.float32)
    elif kind == "bumps":
        plane = 128 + sum(
            _noise(rng, height, width, cells) * rng.uniform(5, 40)
            for cells in rng.choice([6, 9, 14, 24, 40, 80], 3, replace=False)
        )
    elif kind == "patches":
        shape = (
            (int(rng.integers(1, 13)), 1)
            if rng.random() < 0.4
            else tuple(int(v) for v in rng.integers(1, 9, 2))
        )
        grays = rng.integers(0, 256, shape).astype(np.float32)
        plane = cv2.resize(
            grays.T if rng.random() < 0.5 else grays, (width, height), interpolation=cv2.INTER_NEAREST
        )
        for _ in range(int(rng.integers(0, 30))):
            top, left = (int(rng.uniform(0, 0.95) * side) for side in (height, width))
            size = int(rng.uniform(0.02, 0.2) * width)
            plane[top : top + size, left : left + size] += rng.uniform(-60, 60)
        if rng.random() < 0.7:
            return np.clip(plane, 0, 255).astype(np.uint8)
    else:
        angle, waves = rng.uniform(0, 3.2), rng.uniform(4, 40)
        turn = (x * np.cos(angle) / width + y * np.sin(angle) / height) * waves
        plane = 128 + 100 * np.sin(2 * np.pi * turn)
        if kind == "tiles":
            plane = np.where(
                (np.sin(2 * np.pi * waves * x / width) > 0) ^ (np.sin(2 * np.pi * waves * y / height) > 0),
                210,
                40,
            )
    plane = plane + rng.normal(0, 4, (height, width))
    return np.clip(plane, 0, 255).astype(np.uint8)


def scene(rng: Random) -> Picture:
    """Overlapping shapes of all sizes and colours on a slope of light: statistics of photographs (dead leaves)."""
    height, width = _size(rng)
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = rng.integers(0, 256, 3)
    palette = np.clip(rng.normal(rng.uniform(60, 190), rng.uniform(20, 80), (12, 3)), 0, 255)
    largest = rng.uniform(0.15, 0.6)
    for _ in range(int(rng.integers(20, 200))):
        size = min(largest, 0.02 / rng.uniform(0.02, 1))
        colour = tuple(int(v) for v in palette[rng.integers(12)])
        _fill(picture, _blob(rng, *rng.uniform(0, 1, 2), size), colour)
    light = 1 + rng.uniform(0, 0.3) * _noise(rng, height, width, 3)[..., None]
    plane = picture * light + rng.normal(0, rng.uniform(1, 8), picture.shape)
    picture = cv2.GaussianBlur(np.clip(plane, 0, 255).astype(np.uint8), (0, 0), rng.uniform(0.4, 2.5))
    return _gray(picture) if rng.random() < 0.3 else picture


KINDS: dict[str, Callable[[Random], Picture]] = {
    "ct": ct,
    "abdomen": abdomen,
    "limb": limb,
    "screenshot": screenshot,
    "mask": mask,
    "empty": empty,
    "texture": texture,
    "scene": scene,
}
"""Name -> what draws one of the kind."""


def _gray(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _jpeg(picture: Picture, rng: Random) -> Picture:
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), np.uint8)


def pieces(picture: Picture, rng: Random, count: int) -> Iterator[Picture]:
    """`count` random pieces of a photograph, each of 35 to 100 % of its sides, some mirrored."""
    height, width = picture.shape[:2]
    for _ in range(count):
        h, w = (max(24, round(side * rng.uniform(0.35, 1))) for side in (height, width))
        top, left = int(rng.integers(0, max(1, height - h + 1))), int(rng.integers(0, max(1, width - w + 1)))
        piece = picture[top : top + h, left : left + w]
        yield np.ascontiguousarray(piece[:, ::-1] if rng.random() < 0.5 else piece)


def photographs() -> dict[str, Picture]:
    """Name -> sample pictures of installed packages that are neither films nor drawn by plotting."""
    found: dict[str, Picture] = {}
    for package, folder in (
        ("skimage", "data"),
        ("matplotlib", "mpl-data/sample_data"),
        ("sklearn", "datasets/images"),
    ):
        try:
            module = __import__(package)
        except ImportError:
            continue
        for path in sorted((Path(str(module.__file__)).parent / folder).iterdir()):
            if path.suffix in (".png", ".jpg", ".tif"):
                picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
                if picture is not None:
                    found[path.stem] = np.asarray(picture, np.uint8)
        if (
            package == "skimage"
            and (faces := Path(str(module.__file__)).parent / "data/lfw_subset.npy").is_file()
        ):
            for number, face in enumerate(np.load(faces, allow_pickle=False)):
                gray = cv2.resize((face * 255).astype(np.uint8), (100, 100), interpolation=cv2.INTER_CUBIC)
                found[f"face{number}"] = np.repeat(np.asarray(gray, np.uint8)[..., None], 3, axis=2)
    return found
