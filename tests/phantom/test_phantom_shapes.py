"""Curves and the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum_phantom.chest.film import make_canvas
from hilum_phantom.chest.plan import draw_shot
from hilum_phantom.chest.render import boxes_of
from hilum_phantom.shapes import Canvas, ellipse, points, shifted, spline, tube

coordinate = st.floats(-200, 200)
knots = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=9).map(np.array)


def canvas(size: int = 100, scale: float = 0.5) -> Canvas:
    return Canvas(size, size, np.array([[scale, 0, size / 2], [0, scale, size / 2]]))


@given(knots, st.booleans())
def test_a_spline_passes_through_its_knots(knot: np.ndarray, closed: bool) -> None:
    curve = spline(knot, closed, steps=5)
    assert np.allclose(curve[::5][: len(knot)], knot)
    assert len(curve) == 5 * len(knot) if closed else 5 * (len(knot) - 1) + 1


def test_a_tube_is_as_wide_as_asked() -> None:
    line = np.column_stack([np.linspace(-60, 60, 30), np.zeros(30)])
    area = canvas(200, 1.0).fill([tube(line, 20.0)]).sum()
    assert area == pytest.approx(120 * 20, rel=0.08)


def test_an_ellipse_has_its_area_and_place() -> None:
    filled = canvas(200, 1.0).fill([ellipse(20, -10, 40, 25, 0.4)])
    rows, columns = np.nonzero(filled > 0.5)
    assert filled.sum() == pytest.approx(np.pi * 40 * 25, rel=0.05)
    assert (columns.mean() - 100, rows.mean() - 100) == pytest.approx((20, -10), abs=1)


def test_overlapping_polygons_do_not_cancel() -> None:
    square = points((-40, -40), (40, -40), (40, 40), (-40, 40))
    assert canvas().fill([square, shifted(square, 10)])[50, 50] == pytest.approx(1)


def test_a_blob_peaks_where_it_should_on_a_turned_canvas() -> None:
    turned = make_canvas(draw_shot("AP", 3), 128)
    x, y = turned.pixels(points((30, -40)))[0]
    row, column = np.unravel_index(np.argmax(turned.blob(30, -40, 12, 20)), (turned.height, turned.width))
    assert (column, row) == pytest.approx((x, y), abs=1)


def test_a_dome_rises_from_the_edge_and_is_flat_inside() -> None:
    square = points((-80, -80), (80, -80), (80, 80), (-80, 80))
    dome = canvas(120, 0.6).dome([square], 30)
    assert dome.max() == pytest.approx(1)
    row = dome[60, 12:60]
    assert (np.diff(row[row > 0]) >= -1e-6).all()


@pytest.mark.parametrize("grain", [1.0, 6.0, 40.0])
def test_texture_has_no_mean_and_its_grain(grain: float) -> None:
    noise = canvas(300, 1.0).texture(np.random.default_rng(0), grain)
    assert noise.shape == (300, 300)
    assert abs(noise.mean()) < 0.3
    assert 0.5 < noise.std() < 1.6


def test_a_stroke_thinner_than_a_pixel_fades() -> None:
    line = points((-60, 0), (60, 0))
    assert canvas(100, 0.5).strokes([line], 1.0).max() < canvas(100, 0.5).strokes([line], 2.0).max()


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 30), st.integers(1, 30))
def test_a_box_is_around_its_mask(x: int, y: int, w: int, h: int) -> None:
    mask = np.zeros((80, 100), np.uint8)
    mask[y : y + h, x : x + w] = 255
    assert boxes_of(mask) == ((x / 100, y / 80, w / 100, h / 80),)


def test_separate_parts_have_separate_boxes_and_specks_none() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[10:30, 10:30] = mask[50:90, 60:90] = mask[99, 0] = 255
    assert boxes_of(mask) == ((0.6, 0.5, 0.3, 0.4), (0.1, 0.1, 0.2, 0.2))
    assert boxes_of(np.zeros((5, 5), np.uint8)) == ()
