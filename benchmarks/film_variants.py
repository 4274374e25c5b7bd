"""The simplest drawing of a chest film, and what data sets do to films."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.no_films import Picture, Random


def sketch(rng: Random) -> Picture:
    """The least that is a chest: two dark lungs, a heart and ribs on gray."""
    height, width = (
        (int(side) for side in rng.integers(28, 200, 2))
        if rng.random() < 0.3
        else (int(rng.integers(28, 200)),) * 2
    )
    y, x = np.mgrid[0:height, 0:width]
    y, x = y / height - 0.5, x / width - 0.5
    plane = np.full((height, width), rng.uniform(150, 215))
    for side in (-1, 1):
        at = side * rng.uniform(0.16, 0.27), rng.uniform(-0.1, 0.1)
        a, b = rng.uniform(0.1, 0.18), rng.uniform(0.22, 0.38)
        plane -= rng.uniform(80, 140) / (
            1 + np.exp(np.minimum(18 * (((x - at[0]) / a) ** 2 + ((y - at[1]) / b) ** 2 - 1), 60))
        )
    plane += rng.uniform(30, 80) * np.exp(
        -(((x - rng.uniform(-0.06, 0.13)) / 0.14) ** 2) - ((y - rng.uniform(0.08, 0.26)) / 0.16) ** 2
    )
    for _ in range(int(rng.integers(0, 8))):
        fx, fy, phase = rng.uniform(-9, 9), rng.uniform(-9, 9), rng.uniform(0, 6.28)
        plane += rng.uniform(2, 12) * np.sin(2 * np.pi * (fx * x + fy * y) + phase)
    if rng.random() < 0.3:
        top, left = rng.uniform(0, 0.25, 2)
        plane[
            int(top * height) : int((top + 0.2) * height), int(left * width) : int((left + 0.2) * width)
        ] += rng.uniform(20, 80)
    return (plane + rng.normal(0, rng.uniform(0.5, 5), plane.shape)).clip(0, 255).astype(np.uint8)


def varied(picture: Picture, rng: Random) -> Picture:
    """A film as data sets hold it: cut, turned, framed, inverted, equalised, of any size and tone."""
    height, width = picture.shape
    if rng.random() < 0.4:
        cut = rng.uniform(0, 0.13, 4)
        picture = picture[
            int(cut[0] * height) : int((1 - cut[1]) * height), int(cut[2] * width) : int((1 - cut[3]) * width)
        ]
    if rng.random() < 0.4:
        height, width = picture.shape
        turn = cv2.getRotationMatrix2D(
            (width / 2, height / 2), float(rng.uniform(-9, 9)), rng.uniform(0.9, 1.1)
        )
        picture = cv2.warpAffine(
            picture,
            turn,
            (width, height),
            borderMode=int(rng.choice([cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE])),
        )
    if rng.random() < 0.4:
        tone = (
            np.linspace(0, 1, 256) ** rng.uniform(0.6, 1.6) * rng.uniform(120, 255) + rng.uniform(0, 40)
        ).clip(0, 255)
        picture = tone.astype(np.uint8)[picture]
    if rng.random() < 0.3:
        picture = cv2.createCLAHE(float(rng.uniform(1, 6)), (8, 8)).apply(np.ascontiguousarray(picture))
    if rng.random() < 0.5:
        sides = [
            int(rng.uniform(0, 0.16) * side * (rng.random() < 0.5))
            for side in (picture.shape[0],) * 2 + (picture.shape[1],) * 2
        ]
        picture = cv2.copyMakeBorder(
            picture, *sides, cv2.BORDER_CONSTANT, value=int(rng.choice([0, 0, 0, 255, rng.integers(256)]))
        )
    if rng.random() < 0.5:
        picture = cv2.resize(
            picture,
            tuple(
                int(v)
                for v in np.exp(
                    rng.uniform(np.log(28), np.log(320), 2)
                    if rng.random() < 0.15
                    else (rng.uniform(np.log(28), np.log(320)),) * 2
                )
            ),
            interpolation=cv2.INTER_AREA,
        )
    if rng.random() < 0.3:
        cv2.putText(
            picture := np.ascontiguousarray(picture),
            str(rng.choice(["R", "L", "AP", "LEFT"])),
            (int(rng.uniform(0, 0.9) * picture.shape[1]), int(rng.uniform(0.05, 0.3) * picture.shape[0])),
            cv2.FONT_HERSHEY_SIMPLEX,
            picture.shape[1] / 250,
            255,
            max(1, picture.shape[1] // 120),
        )
    if rng.random() < 0.2:
        picture = cv2.imdecode(
            cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 96))])[1],
            cv2.IMREAD_GRAYSCALE,
        )
    if rng.random() < 0.3:
        picture = np.ascontiguousarray(picture[:, ::-1])
    return 255 - picture if rng.random() < 0.15 else picture
