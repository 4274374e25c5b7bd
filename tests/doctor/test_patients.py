"""Shares and lifts: against hand-made numbers and formulas, and as often right as they claim."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from hilum.doctor.patients import Patients
from hilum.metrics import holm


def each_its_own(n: int) -> Patients:
    return Patients.of(pl.Series([f"p{row}" for row in range(n)]))


def test_with_one_image_a_patient_the_share_has_wilsons_interval() -> None:
    yes = np.zeros((148, 1), dtype=bool)
    yes[:15] = True
    found = each_its_own(148).shares(yes)
    assert (found.count[0], found.share[0]) == (15, 15 / 148)
    # One of 148 degrees of freedom goes to the mean.
    assert (found.low[0], found.high[0]) == pytest.approx((0.0624, 0.1605), abs=5e-4)


def test_copies_of_images_tell_nothing_new() -> None:
    yes = np.random.default_rng(0).random((60, 3)) < [0.1, 0.4, 0.9]
    once = each_its_own(60).shares(yes)
    five_each = Patients.of(pl.Series(np.repeat(np.arange(60), 5)).cast(pl.String))
    often = five_each.shares(np.repeat(yes, 5, axis=0))
    np.testing.assert_allclose(often.low, once.low, atol=1e-9)
    np.testing.assert_allclose(often.high, once.high, atol=1e-9)


def test_nothing_and_everything_have_intervals() -> None:
    found = each_its_own(40).shares(np.stack([np.zeros(40), np.ones(40)], axis=1).astype(bool))
    assert list(found.low) == pytest.approx([0.0, 0.9124], abs=1e-3)
    assert list(found.high) == pytest.approx([0.0876, 1.0], abs=1e-3)
    assert np.isnan(each_its_own(0).shares(np.zeros((0, 1), dtype=bool)).share[0])


def test_intervals_of_clustered_images_cover() -> None:
    rng, truth, covered = np.random.default_rng(1), 0.2, 0
    for _ in range(400):
        sizes = rng.integers(1, 7, 150)
        # Of a patient with the disease each image shows it with chance 0.8, of another with chance 0.05.
        chance = np.where(rng.random(150) < 0.2, 0.8, 0.05)
        yes = rng.random(sizes.sum()) < np.repeat(chance, sizes)
        patients = Patients.of(pl.Series(np.repeat(np.arange(150), sizes)).cast(pl.String))
        found = patients.shares(yes[:, None])
        covered += bool(found.low[0] <= truth <= found.high[0])
    # 95 % of 400 is 380, its standard error 4.4; intervals that take images for patients covered 77 %.
    assert 366 <= covered <= 394


def test_lift_is_observed_over_expected() -> None:
    first = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)[:, None]
    second = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=bool)[:, None]
    found = each_its_own(10).lifts(first, second)
    assert (found.both[0, 0], found.expected[0, 0]) == (3, 1.6)
    assert found.lift[0, 0] == pytest.approx(3 / 1.6)
    # By the delta method for counts of one multinomial draw, times P / (P - 1).
    variance = 1 / 3 - 1 / 4 - 1 / 4 + 2 * 3 / (4 * 4) - 1 / 10
    assert np.log(found.high[0, 0] / found.lift[0, 0]) == pytest.approx(1.959964 * (variance * 10 / 9) ** 0.5)
    assert np.isnan(found.p[0, 0])  # too few to say


def test_never_together_has_an_upper_bound_and_a_p_value() -> None:
    mark = np.arange(200) < 60
    found = each_its_own(200).lifts(mark[:, None], ~mark[:, None])
    assert (found.lift[0, 0], found.low[0, 0]) == (0, 0)
    assert found.high[0, 0] == pytest.approx(3.69 / 42)
    assert found.p[0, 0] < 1e-15


def test_a_finding_that_all_have_tells_nothing() -> None:
    mark = np.arange(100) < 40
    found = each_its_own(100).lifts(mark[:, None], np.ones((100, 1), dtype=bool))
    assert found.lift[0, 0] == 1
    assert np.isnan(found.p[0, 0])
    assert np.isnan(each_its_own(100).lifts(mark[:, None], np.zeros((100, 1), dtype=bool)).lift[0, 0])


def test_independent_findings_are_seldom_called_together() -> None:
    rng, alarms = np.random.default_rng(2), 0
    for _ in range(150):
        sizes = rng.integers(1, 6, 200)
        chance = np.where(rng.random((200, 6)) < 0.25, 0.85, 0.04)  # the same patient keeps his findings
        yes = rng.random((sizes.sum(), 6)) < np.repeat(chance, sizes, axis=0)
        patients = Patients.of(pl.Series(np.repeat(np.arange(200), sizes)).cast(pl.String))
        p = patients.lifts(yes, yes).p[np.triu_indices(6, 1)]
        alarms += bool((holm(p) < 0.05).any())
    # 5 % of 150 is 7.5; 15 is three standard errors above. With images taken for patients there were 86.
    assert alarms <= 15
