"""From thicknesses to a film: scatter, exposure, noise, borders, markers."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hilum_phantom.chest.anatomy import Shot
from hilum_phantom.shapes import Canvas, Map, blurred

STANDARD_LENGTH, STANDARD_BREADTH = 362.0, 338.0
"""Field of view that shows a standard adult's chest, in mm."""
WEAKENING = np.float32(2.0)
"""Attenuation of a trunk's thickness: exp(-2) of the beam passes the middle."""


@dataclass(frozen=True)
class Exposure:
    """One film's settings, drawn by `draw_exposure`.

    Attributes:
        black: thickness that becomes black.
        white: thickness that becomes white.
        gamma: of the gray curve.
        noise: sd of quantum noise behind the thickest part, in thickness.
        scatter: share of the beam that scatter spreads out.
        blur: sigma of the detector's and of movement's blur, in mm.
        border: collimated margins in shares of the picture: top, right, bottom, left.
        white_border: whether margins are white instead of black.
        marker: text beside the patient's left, or empty.
        place: where the marker is, in shares of the picture.
    """

    black: float
    white: float
    gamma: float
    noise: float
    scatter: float
    blur: float
    border: tuple[float, float, float, float]
    white_border: bool
    marker: str
    place: tuple[float, float]


def make_canvas(shot: Shot, size: int) -> Canvas:
    """Pixels for a shot; the shorter side is `size`."""
    height = size if shot.aspect >= 1 else round(size / shot.aspect)
    width = round(size * shot.aspect) if shot.aspect >= 1 else size
    scale = min(height / STANDARD_LENGTH, width / STANDARD_BREADTH) * shot.zoom
    angle = np.deg2rad(shot.tilt)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([shot.shift[0], shot.shift[1] - 2])
    offset = np.array([width / 2, height / 2]) - turn @ centre
    return Canvas(height, width, np.column_stack([turn, offset]))


def draw_exposure(shot: Shot, rng: np.random.Generator) -> Exposure:
    """Draw a film's settings; AP films from the ward are worse."""
    ap = shot.projection == "AP"
    centre, width = rng.normal(0.72, 0.035 if ap else 0.022), rng.normal(1.0 if ap else 0.92, 0.06)
    border = tuple(float(rng.uniform(0.005, 0.05)) if rng.random() < 0.3 else 0.0 for _ in range(4))
    marker = "" if rng.random() < 0.3 else "L"
    return Exposure(
        black=float(centre - 0.55 * width),
        white=float(centre + 0.60 * width),
        gamma=float(rng.normal(1.0, 0.07)),
        noise=float(rng.uniform(0.014, 0.028) if ap else rng.uniform(0.007, 0.016)),
        scatter=float(rng.uniform(0.14, 0.28) if ap else rng.uniform(0.06, 0.15)),
        blur=float(rng.uniform(0.4, 0.9) if ap else rng.uniform(0.3, 0.6)),
        border=(border[0], border[1], border[2], border[3]),
        white_border=bool(rng.random() < 0.12),
        marker=marker,
        place=(float(rng.uniform(0.86, 0.93)), float(rng.uniform(0.07, 0.15))),
    )


def expose(
    thickness: Map, metal: Map, canvas: Canvas, exposure: Exposure, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """The film, uint8 [height, width], 255 where nothing passes.

    The beam falls as exp(-attenuation); a share of it is scattered over some 35 mm (which is why thick
    patients lack contrast), noise is that of counting what arrives, and the detector reads its logarithm.
    """
    beam = np.asarray(np.exp(-WEAKENING * np.maximum(thickness, 0)), np.float32)
    scattered = blurred(beam, 35 * canvas.scale)
    share = np.float32(exposure.scatter)
    beam = ((1 - share) * beam + share * np.maximum(scattered, 0)) * np.exp(-WEAKENING * metal)
    beam = blurred(np.asarray(beam, np.float32), exposure.blur * canvas.scale)
    grain = blurred(rng.standard_normal(beam.shape, np.float32), 0.35) * np.float32(exposure.noise * 0.4)
    seen = np.log(np.maximum(beam + grain * np.sqrt(beam), np.float32(1e-3))) / -WEAKENING
    gray = np.clip((seen - np.float32(exposure.black)) / np.float32(exposure.white - exposure.black), 0, 1)
    # A film's toe and shoulder: contrast falls off towards black and white.
    gray = np.power(gray, np.float32(exposure.gamma))
    gray = gray * gray * (np.float32(1.2) - np.float32(0.8) * gray) + np.float32(0.6) * gray
    film = np.round(np.clip(gray, 0, 1) * 255).astype(np.uint8)
    _mark(film, exposure, canvas)
    return film


def _mark(film: npt.NDArray[np.uint8], exposure: Exposure, canvas: Canvas) -> None:
    height, width = film.shape
    if exposure.marker:
        at = (int(exposure.place[0] * width), int(exposure.place[1] * height))
        scale = 0.022 * min(height, width) / 10
        cv2.putText(film, exposure.marker, at, cv2.FONT_HERSHEY_DUPLEX, scale, 250, 1, cv2.LINE_AA)
    tone = 245 if exposure.white_border else 2
    top, right, bottom, left = exposure.border
    film[: int(top * height)] = tone
    film[height - int(bottom * height) :] = tone
    film[:, : int(left * width)] = tone
    film[:, width - int(right * width) :] = tone
    del canvas
