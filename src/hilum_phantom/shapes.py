"""Curves in millimetres, and a canvas that turns them into soft pixel maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""A curve or polygon, [n, 2] of x (to the viewer's right) and y (down), in mm."""
Map = npt.NDArray[np.float32]
"""One value per pixel, [height, width]."""

SUBPIXEL_BITS = 4
BIG_BLUR = 8.0
"""Sigma in pixels from which blurring a quarter-size copy looks the same and costs a tenth."""


def points(*pairs: tuple[float, float]) -> Points:
    """An array of the given (x, y) pairs."""
    return np.array(pairs, np.float64)


def spline(knots: Points, closed: bool = False, steps: int = 8) -> Points:
    """A Catmull-Rom curve through the knots, `steps` points from each knot to the next."""
    if closed:
        before, after, beyond = (np.roll(knots, k, axis=0) for k in (1, -1, -2))
        here = knots
    else:
        padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
        before, here, after, beyond = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    before, here, after, beyond = (p[:, None, :] for p in (before, here, after, beyond))
    curve = 0.5 * (
        2 * here
        + (after - before) * t
        + (2 * before - 5 * here + 4 * after - beyond) * t**2
        + (3 * here - before - 3 * after + beyond) * t**3
    )
    flat = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, knots[-1]])


def shifted(curve: Points, dx: float, dy: float = 0.0) -> Points:
    """The curve (or one point, [2]) moved by (dx, dy) mm."""
    return np.asarray(curve + np.array([dx, dy]))


def normals(curve: Points) -> Points:
    """Unit normals of an open curve, [n, 2], to the left of its direction (y is down)."""
    along = np.gradient(curve, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    return np.stack([along[:, 1], -along[:, 0]], axis=1)


def tube(curve: Points, widths: float | Points) -> Points:
    """The polygon of an open curve drawn with a width (one, or one per point) in mm."""
    half = np.broadcast_to(np.asarray(widths, np.float64) / 2, len(curve))[:, None] * normals(curve)
    return np.vstack([curve + half, (curve - half)[::-1]])


def ellipse(x: float, y: float, rx: float, ry: float, tilt: float = 0.0, count: int = 40) -> Points:
    """An ellipse; `tilt` in radians."""
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    ex, ey = rx * np.cos(t), ry * np.sin(t)
    return np.stack([x + ex * np.cos(tilt) - ey * np.sin(tilt), y + ex * np.sin(tilt) + ey * np.cos(tilt)], 1)


def vertebra(w: float, h: float) -> Points:
    """A vertebral body around (0, 0), waisted, of half width `w` and half height `h`."""
    knots = points(
        (-w, -h), (0, -h + 0.6), (w, -h), (w - 1.6, 0), (w, h), (0, h - 0.6), (-w, h), (-w + 1.6, 0)
    )
    return spline(knots, closed=True, steps=4)


def blurred(values: Map, sigma: float) -> Map:
    """Gaussian blur; `sigma` in pixels."""
    if sigma < 0.3:
        return values
    if sigma < BIG_BLUR:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)
    height, width = values.shape
    small = cv2.resize(values, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


@dataclass(frozen=True)
class Canvas:
    """A picture's pixels and where millimetres fall on them.

    Attributes:
        height: pixels.
        width: pixels.
        matrix: float64 [2, 3], affine map from mm to pixels.
    """

    height: int
    width: int
    matrix: npt.NDArray[np.float64]

    @property
    def scale(self) -> float:
        """Pixels per mm."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def empty(self) -> Map:
        """Zeros of the canvas's size."""
        return np.zeros((self.height, self.width), np.float32)

    def pixels(self, curve: Points) -> Points:
        """mm to pixels, [n, 2]."""
        return curve @ self.matrix[:, :2].T + self.matrix[:, 2]

    def fixed(self, curve: Points) -> npt.NDArray[np.int32]:
        """mm to pixels in OpenCV's fixed point."""
        fine = self.pixels(curve) * 2**SUBPIXEL_BITS
        return np.asarray(np.clip(np.round(fine), -(2**20), 2**20), np.int32)

    def stamp(self, polygons: Iterable[Points]) -> npt.NDArray[np.uint8]:
        """All polygons filled with 255, uint8 [height, width]."""
        layer = np.zeros((self.height, self.width), np.uint8)
        for polygon in polygons:
            cv2.fillPoly(layer, [self.fixed(polygon)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        return layer

    def fill(self, polygons: Iterable[Points], soft: float = 0.0) -> Map:
        """All polygons filled with 1, edges blurred by `soft` mm."""
        return self._soft(self.stamp(polygons), soft)

    def quads(self, corners: Points, levels: npt.NDArray[np.float64]) -> Map:
        """Convex polygons, corners [n, m, 2] in mm, each at its own level (0..1), later ones on top."""
        layer = np.zeros((self.height, self.width), np.uint8)
        fixed = self.fixed(corners.reshape(-1, 2)).reshape(corners.shape)
        for polygon, level in zip(fixed, np.round(255 * levels).astype(int).tolist(), strict=True):
            cv2.fillConvexPoly(layer, polygon, level, cv2.LINE_AA, SUBPIXEL_BITS)
        return layer.astype(np.float32) / np.float32(255)

    def strokes(self, curves: Sequence[Points], width: float, soft: float = 0.0) -> Map:
        """Curves of one width in mm; thinner than a pixel they fade instead."""
        layer = np.zeros((self.height, self.width), np.uint8)
        wanted = width * self.scale
        thickness = max(round(wanted), 1)
        level = float(np.clip(255 * wanted / thickness, 60, 255))
        for curve in curves:
            cv2.polylines(layer, [self.fixed(curve)], False, level, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
        return self._soft(layer, soft)

    def _soft(self, layer: npt.NDArray[np.uint8], soft: float) -> Map:
        sigma = soft * self.scale
        if 0.3 <= sigma < 3:
            # A slight blur of bytes is a third of the work; the rounding is far below the noise.
            layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), np.uint8)
            sigma = 0.0
        return blurred(layer.astype(np.float32) * np.float32(1 / 255), sigma)

    def dome(self, polygons: Iterable[Points], radius: float) -> Map:
        """Thickness of a rounded body seen from the front: 0 at its edge, 1 from `radius` mm inwards."""
        inside = self.stamp(polygons)
        inside = (inside > 127).astype(np.uint8)
        distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
        depth = np.minimum(distance * np.float32(1 / (radius * self.scale)), 1)
        return np.asarray(np.sqrt(depth * (2 - depth)), np.float32)

    def blur(self, values: Map, sigma: float) -> Map:
        """Gaussian blur; `sigma` in mm."""
        return blurred(values, sigma * self.scale)

    def texture(self, rng: np.random.Generator, grain: float) -> Map:
        """Smooth noise of mean 0 and sd about 1, with blobs of about `grain` mm."""
        cell = max(grain * self.scale, 1.0)
        shape = (int(self.height / cell) + 3, int(self.width / cell) + 3)
        coarse = rng.standard_normal(shape, np.float32)
        size = (round(shape[1] * cell), round(shape[0] * cell))
        fine = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        return np.ascontiguousarray(fine[: self.height, : self.width] * np.float32(1.25))

    def blob(self, x: float, y: float, rx: float, ry: float) -> Map:
        """A Gaussian hill of height 1 at (x, y) with these sds in mm."""
        inverse = np.linalg.inv(self.matrix[:, :2])
        columns = np.arange(self.width, dtype=np.float32) - np.float32(self.matrix[0, 2])
        rows = np.arange(self.height, dtype=np.float32)[:, None] - np.float32(self.matrix[1, 2])
        u = (columns * np.float32(inverse[0, 0]) + rows * np.float32(inverse[0, 1]) - np.float32(x)) / rx
        v = (columns * np.float32(inverse[1, 0]) + rows * np.float32(inverse[1, 1]) - np.float32(y)) / ry
        return np.asarray(np.exp(-0.5 * (u * u + v * v)), np.float32)
