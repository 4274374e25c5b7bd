"""The tests behind gaps against scipy's, and their error rates with few positives."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact, hypergeom

from hilum.metrics import wilson
from hilum.metrics.by_group.differences import (
    Area,
    Share,
    area_p,
    correlation_of,
    difference_interval,
    share_of,
    share_p,
)
from hilum.metrics.uncertainty.significance import holm


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 60), st.integers(1, 60))
def test_independent_shares_get_fishers_exact_p(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)
    p = share_p(Share(a, n, n, 1.0), Share(b, m, m, 1.0))
    drawn = hypergeom(n + m, a + b, n)
    assert p == pytest.approx(min(1.0, 2 * min(drawn.cdf(a), drawn.sf(a - 1))))
    less, more = (fisher_exact([[a, n - a], [b, m - b]], alternative=s).pvalue for s in ("less", "greater"))
    assert p == pytest.approx(min(1.0, 2 * min(less, more)))


def test_a_design_effect_counts_fewer_rows() -> None:
    inside, outside = Share(10, 40, 20, 1.0), Share(70, 100, 50, 1.0)
    wide = Share(10, 40, 20, 2.0)
    assert share_p(wide, outside) == pytest.approx(share_p(Share(5, 20, 20, 1.0), outside))
    assert share_p(wide, outside) > share_p(inside, outside)
    assert share_p(Share(0, 0, 0, 1.0), outside) == 1.0


def test_an_effect_follows_from_how_alike_a_patients_rows_are() -> None:
    patient = np.repeat(np.arange(500), 4)
    rng = np.random.default_rng(0)
    all_rows = np.ones(2000, bool)
    same = np.repeat(rng.random(500) < 0.5, 4)
    other = rng.random(2000) < 0.5
    assert correlation_of(same, all_rows, patient) == pytest.approx(1.0, abs=0.01)
    assert correlation_of(other, all_rows, patient) < 0.06
    assert share_of(same, all_rows, patient, 1.0) == Share(float(same.sum()), 2000.0, 500, 4.0)
    assert correlation_of(same, all_rows, np.arange(2000)) == 0.0
    assert correlation_of(same, ~all_rows, patient) == 0.0


def test_wilsons_interval() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert limits(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert limits(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert np.isnan(wilson(np.array([np.nan]), np.array([0.0])).low).all()
    assert np.isnan(Share(0, 0, 0, 1.0).value)


def limits(hits: int, rows: int) -> tuple[float, float]:
    """Wilson's interval of a share of independent rows."""
    found = wilson(np.array([hits / rows]), np.array([float(rows)]))
    return float(found.low[0]), float(found.high[0])


def test_the_difference_of_shares_is_newcombes() -> None:
    # Newcombe 1998 (interval estimation for the difference), example (a): 56/70 - 48/80, method 10.
    found = difference_interval(56 / 70, limits(56, 70), 48 / 80, limits(48, 80))
    assert found == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_holm() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def area(
    rng: np.random.Generator, positives: int, negatives: int, auc: float, first: int, total: int
) -> Area:
    """DeLong's influences of independent rows, patients numbered from `first`."""
    up = NormalDist().inv_cdf(auc) * 2**0.5
    p, n = rng.normal(up, 1, positives), rng.normal(0, 1, negatives)
    below = np.searchsorted(np.sort(n), p) / negatives
    above = 1 - np.searchsorted(np.sort(p), n) / positives
    value = float(below.mean())
    moved = np.zeros(total)
    ends = first + positives, first + positives + negatives
    moved[first : ends[0]] = (below - value) / positives * (positives / (positives - 1)) ** 0.5
    moved[ends[0] : ends[1]] = (above - value) / negatives * (negatives / (negatives - 1)) ** 0.5
    return Area(value, moved, float(positives * negatives), min(positives, negatives))


@pytest.mark.parametrize("auc", [0.7, 0.9, 0.97])
@pytest.mark.parametrize("positives", [10, 40])
def test_equal_areas_are_told_apart_no_more_often_than_said(auc: float, positives: int) -> None:
    """At 0.05, 0.005 and 0.0005 of 4,000 comparisons; Holm over many tests lives in the tail."""
    rng = np.random.default_rng([positives, round(100 * auc)])
    p = []
    for _ in range(4000):
        inside = area(rng, positives, 3 * positives, auc, 0, 1000)
        p.append(area_p(inside, area(rng, 100, 300, auc, 200, 1000)))
    shares = [float(np.mean(np.array(p) <= limit)) for limit in (0.05, 0.005, 0.0005)]
    assert shares[0] < 0.065
    assert shares[1] < 0.010
    assert shares[2] < 0.002


def test_a_great_difference_of_areas_is_found_and_one_of_perfect_areas_is_not() -> None:
    rng = np.random.default_rng(0)
    assert area_p(area(rng, 60, 200, 0.7, 0, 900), area(rng, 150, 400, 0.93, 300, 900)) < 1e-4
    perfect = Area(1.0, np.zeros(60), 400.0, 20)
    assert area_p(perfect, perfect) == pytest.approx(1.0)
    assert area_p(perfect, Area(0.9, np.full(60, 1e-3), 400.0, 20)) > 0.001


@pytest.mark.parametrize(("rows", "rate"), [(20, 0.9), (200, 0.9), (5000, 0.7)])
def test_shares_that_differ_by_the_margin_are_said_to_differ_by_more_in_one_of_twenty(
    rows: int, rate: float
) -> None:
    rng = np.random.default_rng(rows)
    inside, outside = rng.binomial(rows, rate - 0.05, 2000), rng.binomial(2 * rows, rate, 2000)
    p = [
        share_p(Share(a, rows, rows, 1.0), Share(b, 2 * rows, 2 * rows, 1.0), 0.05)
        for a, b in zip(inside.tolist(), outside.tolist(), strict=True)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.06


def test_a_margin_makes_any_smaller_difference_nothing() -> None:
    assert share_p(Share(8000, 10_000, 10_000, 1.0), Share(8400, 10_000, 10_000, 1.0), 0.05) == 1.0
    assert share_p(Share(8000, 10_000, 10_000, 1.0), Share(8400, 10_000, 10_000, 1.0)) < 1e-9
    rng = np.random.default_rng(1)
    one, two = area(rng, 400, 900, 0.70, 0, 3000), area(rng, 400, 900, 0.80, 1400, 3000)
    assert area_p(one, two, 0.05) > area_p(one, two)
    assert area_p(one, two, 0.2) == 1.0
