"""Errors of calibration: what they are, that noise is taken off, and that their intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from clustered import made
from scipy.stats import norm

from hilum.errors import DataError
from hilum.metrics import Predictions, ece, intervals_of
from hilum.metrics.inputs import Rows
from hilum.metrics.uncertainty.intervals import evidence_of
from hilum.metrics.uncertainty.patients import tally
from hilum.metrics.values.gaps import FACTORS, Gaps, binned, together
from hilum.metrics.values.smooth import smooth_curve


def _bins(y: np.ndarray, p: np.ndarray) -> float:
    """Calibration error by its definition: 15 bins of equal width, 1 in the last."""
    total = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        here = (p >= low) & ((p < high) | ((number == 14) & (p == 1)))
        if here.any():
            total += here.sum() * abs(p[here].mean() - y[here].mean())
    return total / len(y)


def _plain(targets: object, probabilities: object) -> float:
    rows = Rows(targets, probabilities=probabilities)
    (found,) = binned(rows, np.arange(len(rows.positive)), len(rows.positive))
    assert found is not None
    return found.plain


def _calibrated(images: int, findings: int, seed: int, off: float = 0.0, images_each: int = 1) -> Predictions:
    """Logits with a deviation of 1.5 about -1.5, too high by `off`; a patient's images have one truth's luck."""
    rng = np.random.default_rng(seed)
    owner = np.arange(images) // images_each
    logits = rng.normal(-1.5, 1.5, (images, findings))
    luck = norm.cdf(rng.normal(size=(images, findings)))
    targets = luck < 1 / (1 + np.exp(off - logits))
    return made(targets, logits, owner)


def _true(off: float) -> float:
    logits = norm.ppf((np.arange(400_000) + 0.5) / 400_000, -1.5, 1.5)
    p, truth = (1 / (1 + np.exp(-(logits - by))) for by in (0.0, off))
    bins = np.minimum((p * 15).astype(int), 14)
    return float(np.abs(np.bincount(bins, p - truth)).sum() / len(p))


@pytest.mark.parametrize("seed", range(5))
def test_the_gaps_seen_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.random(300), rng.integers(0, 2, 300)
    p[:3] = 0, 1, 1 / 15
    assert _plain(y, p) == pytest.approx(_bins(y, p), abs=1e-12)


def test_they_are_of_the_positive_class() -> None:
    """Half of those said to have 0.9 have it; as a confidence in the answer given, 0.1 would say the same."""
    assert _plain([1, 0], [0.9, 0.9]) == pytest.approx(0.4)
    assert _plain([0, 0, 0, 0, 1], [0.2] * 5) == pytest.approx(0)
    # Over and under 0.2 in one bin cancel; in two bins they do not.
    assert _plain([1, 0], [0.51, 0.49]) == pytest.approx(0)
    assert _plain([0, 1], [0.99, 0.01]) == pytest.approx(0.99)


def test_what_noise_adds_is_a_folded_normals_mean() -> None:
    rng = np.random.default_rng(0)
    moved = rng.normal(size=(400, 3)) * np.array([0.001, 0.0005, 0.0008])
    error = np.sqrt((moved**2).sum(axis=0))
    gaps = Gaps(np.array([0.5, 0.3, 0.2]), np.array([0.01, -0.02, 0.0]), error, moved, np.zeros(400))
    at = int(np.flatnonzero(FACTORS == 1)[0])
    noise = rng.multivariate_normal(np.zeros(3), moved.T @ moved, 200_000)
    drawn = np.abs(gaps.gap + noise) @ gaps.weight
    mean, deviation = gaps.expected
    assert mean[at] == pytest.approx(drawn.mean(), rel=0.01)
    assert deviation[at] == pytest.approx(drawn.std(), rel=0.02)
    assert together([gaps, gaps]).plain == pytest.approx(gaps.plain)


@pytest.mark.parametrize(("name", "left"), [("ece", 0.3), ("ici", 0.45)])
def test_noise_is_taken_off(name: str, left: float) -> None:
    none = tally(_calibrated(1_000, 100, 0), None, [name])
    seen = np.mean([gaps.plain for gaps in none.gaps(name) if gaps])
    assert seen > 0.015
    assert abs(none.values[name].mean()) < left * seen
    assert (none.values[name] < 0).any()
    off = tally(_calibrated(1_000, 100, 1, off=0.9), None, [name])
    assert off.values[name].mean() == pytest.approx(_true(0.9), abs=0.008)


@pytest.mark.parametrize("name", ["ece", "ici"])
@pytest.mark.parametrize(("off", "images_each"), [(0.0, 1), (0.2, 1), (0.9, 1), (0.0, 5)])
def test_intervals_hold_the_truth(name: str, off: float, images_each: int) -> None:
    part = _calibrated(600, 200, 2, off, images_each)
    one = evidence_of(tally(part, None, [name]), name).interval()
    held = (one.low <= _true(off)) & (_true(off) <= one.high)
    assert held.mean() >= 0.93
    assert (one.high - one.low).mean() < 0.12


def test_the_interval_of_a_mean_holds_zero_and_lies_about_the_value() -> None:
    for seed in range(10):
        part = _calibrated(300, 4, seed)
        found = intervals_of(part, part.logits > 0, names=["ece"])
        value = tally(part, None, ["ece"]).values["ece"].mean()
        assert found.means["ece"].low < value < found.means["ece"].high
        assert found.means["ece"].low <= 0.001
        width = float((found.columns["ece"].high - found.columns["ece"].low).mean())
        assert found.means["ece"].high - found.means["ece"].low < width


def test_no_scored_row_one_class_and_weights() -> None:
    assert np.isnan(ece([np.nan, np.nan], [0.2, 0.3])).all()
    part = made([[0], [0], [0]], [[-1], [0], [1]])
    found = intervals_of(part, part.logits > 0, names=["ece", "ici"]).columns
    assert found["ece"].low[0] < found["ece"].high[0]
    assert np.isnan(found["ici"].low[0])
    with pytest.raises(DataError, match="takes no weights"):
        ece([0, 1], [0.2, 0.3], weights=[1, 2])


def test_the_smoothed_curve_follows_the_truth() -> None:
    part = _calibrated(20_000, 1, 0, off=0.9)
    probability, share = smooth_curve(part.probabilities[:, 0], part.targets[:, 0])
    right = 1 / (1 + np.exp(0.9) * (1 / probability - 1))
    assert np.abs(share - right).max() < 0.03
    assert (np.diff(probability) > 0).all()
    ici = tally(part, None, ["ici"]).gaps("ici")[0]
    assert ici is not None
    assert probability - share == pytest.approx(ici.gap, abs=1e-12)
    apart = made([[0], [1]] * 30, [[-3], [3]] * 30)
    _, share = smooth_curve(apart.probabilities[:, 0], apart.targets[:, 0])
    assert share.min() < 0.05 < 0.95 < share.max()
