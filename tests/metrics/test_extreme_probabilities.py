"""Scores of probabilities where there is next to nothing to score: certain, all the same, one class, none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hilum.config import ScoresConfig
from hilum.metrics import Predictions, Scores, Thresholds, per_finding, score

CASES = {
    "certain": ([1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 0, 1]),
    "certain and right": ([1, 0, 1, 0], [1, 0, 1, 0]),
    "certain and wrong": ([1, 0, 1, 0], [0, 1, 0, 1]),
    "only positives": ([1, 1, 1, 1], [0, 0.5, 0.9, 1]),
    "only negatives": ([0, 0, 0, 0], [0, 0.5, 0.9, 1]),
    "all the same": ([1, 0, 1, 0, 1, 0], [0.3] * 6),
    "all 1": ([1, 0, 1, 0, 1, 0], [1] * 6),
    "all 0": ([1, 0, 1, 0, 1, 0], [0] * 6),
    "one image": ([1], [0]),
    "no image": ([], []),
}


def scored(name: str, intervals: str = "auto") -> Scores:
    truth, share = CASES[name]
    made = Predictions.from_probabilities([str(row) for row in range(len(truth))], ["A"], share, truth)
    config = ScoresConfig(intervals=intervals, replicates=100)
    return score(made, Thresholds(np.array([0.5]), made.findings), config)


@pytest.mark.parametrize("intervals", ["auto", "percentile"])
@pytest.mark.parametrize("name", CASES)
def test_every_score_is_a_number_or_missing_for_a_reason(name: str, intervals: str) -> None:
    found = scored(name, intervals)
    for each in per_finding():
        value, (low, high) = float(found[each][0]), found.interval(each, 0)
        assert not math.isinf(value), each
        if math.isnan(value):
            assert found.text(each, 0) == "–"
        elif low is not None and not math.isnan(low):
            assert -1000 < low <= high < 1000, each
        assert "-0.000" not in found.text(each, 0), each
    both = len(set(CASES[name][0])) == 2
    assert bool(found.reasons) is not both
    assert math.isnan(found["roc_auc"][0]) is not both


def test_what_is_known_of_them() -> None:
    assert scored("certain and right")["brier_skill"][0] == pytest.approx(1)
    assert scored("certain and right")["log_loss"][0] == pytest.approx(0, abs=1e-12)
    assert scored("certain and wrong")["log_loss"][0] == pytest.approx(
        -math.log(np.finfo(float).eps), rel=1e-3
    )
    assert scored("all the same")["calibration_intercept"][0] == pytest.approx(math.log(0.7 / 0.3))
    assert scored("all 0")["net_benefit"][0] == 0
    assert scored("all 1")["net_benefit"][0] == pytest.approx(0.5 - 0.5 / 9)


@pytest.mark.parametrize("name", ["certain", "certain and right"])
def test_an_intercept_that_nothing_determines_is_missing(name: str) -> None:
    assert scored(name).text("calibration_intercept", 0) == "–"
