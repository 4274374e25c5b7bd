"""From attenuation to the picture of a line scanner: framing, blur, noise, stripes.

The container moves past a column of detectors, one column of the picture a pulse. What varies from pulse to pulse
makes vertical stripes, what varies from detector to detector makes horizontal ones. As in published scans air is
white and steel is black (Rogers et al. 2017, Automated X-ray image analysis for cargo security, J X-Ray Sci
Technol 25:33-56).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum_phantom.containers.body import CAB, LOW, TALLEST
from hilum_phantom.containers.plan import View, Visit
from hilum_phantom.shapes import Canvas, Map, blurred


@dataclass(frozen=True)
class Beam:
    """One scan's settings, drawn by `draw_beam`.

    Attributes:
        white: gray value of air, 0 to 1.
        gamma: exponent from transmission to gray; below 1 the dark is stretched.
        noise: sd of counting in air, as a share.
        scatter: share of the beam that is spread out.
        blur: sigma in pixels of a picture whose shorter side is 320.
        pulses: sd of the pulses' strength.
        detectors: sd of the detectors' gain.
        dead: detectors that do not answer.
    """

    white: float
    gamma: float
    noise: float
    scatter: float
    blur: float
    pulses: float
    detectors: float
    dead: int


def make_frame(visit: Visit, view: View, size: int) -> tuple[Canvas, float]:
    """The picture's pixels, and the height of the container's lower edge in cm.

    A line scanner's columns are as wide as the lorry is fast: the scale along x differs from that along y.
    """
    rng = np.random.default_rng([view.seed, 87])
    base = TALLEST if visit.lorry else LOW
    container = visit.container
    left, right = (-CAB, container.length + 30) if visit.lorry else (0.0, container.length)
    low, high = -8.0, base + container.height
    if view.close:
        left, right, low = 0.0, container.length, base - rng.uniform(4, 30)
    left, right = left - rng.uniform(8, 60), right + rng.uniform(8, 60)
    high += rng.uniform(12, 70)
    height, width = size, round(size * view.aspect)
    across, up = width / (right - left), height / (high - low)
    matrix = np.array([[across, 0.0, -left * across], [0.0, -up, high * up]])
    if view.mirrored:
        matrix[0] = -across, 0.0, right * across
    return Canvas(height, width, matrix), base


def draw_beam(rng: np.random.Generator) -> Beam:
    """Draw a scan's settings."""
    return Beam(
        white=float(rng.uniform(0.86, 0.98)),
        gamma=float(rng.uniform(0.45, 0.85)),
        noise=float(rng.uniform(0.008, 0.028)),
        scatter=float(rng.uniform(0.005, 0.03)),
        blur=float(rng.uniform(0.5, 1.1)),
        pulses=float(rng.uniform(0.004, 0.018)),
        detectors=float(rng.uniform(0.003, 0.010)),
        dead=int(rng.integers(0, 4)) if rng.random() < 0.4 else 0,
    )


def scan(attenuation: Map, beam: Beam, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """What the scanner shows, uint8 [height, width], 255 where nothing is in the way."""
    height, width = attenuation.shape
    seen = np.exp(-np.maximum(attenuation, 0)).astype(np.float32)
    share = np.float32(beam.scatter)
    seen = blurred((1 - share) * seen + share * blurred(seen, 0.08 * height), beam.blur * height / 320)
    grain = rng.standard_normal(seen.shape, np.float32) * np.float32(beam.noise)
    seen += grain * np.sqrt(np.maximum(seen, np.float32(0.002)))
    pulses = rng.standard_normal((1, width), np.float32) + 2 * _drift(rng, width)[None]
    detectors = rng.standard_normal((height, 1), np.float32)
    seen *= (1 + np.float32(beam.pulses) * pulses) * (1 + np.float32(beam.detectors) * detectors)
    gray = np.power(np.clip(seen, 0, 1.05), np.float32(beam.gamma)) * np.float32(beam.white)
    picture = np.round(np.clip(gray, 0, 1) * 255).astype(np.uint8)
    for row in rng.integers(1, height - 1, beam.dead).tolist():
        picture[row] = picture[row].astype(np.float32) * np.float32(rng.uniform(0.3, 0.9))
    return picture


def _drift(rng: np.random.Generator, width: int) -> npt.NDArray[np.float32]:
    """A slow change of the source over the scan, sd about 0.5."""
    knots = rng.standard_normal(8).astype(np.float32) * np.float32(0.6)
    return np.asarray(np.interp(np.linspace(0, 7, width), np.arange(8), knots), np.float32)
