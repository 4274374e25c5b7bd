"""Under no difference, `better` or `worse` is said in at most 5 % of comparisons; a real one is seen."""

from __future__ import annotations

import itertools
import math

import pytest
from comparison_draws import Case, said

NULL = [
    Case(positives=positives, findings=findings, correlated=correlated, runs=runs)
    for positives, findings, correlated, runs in itertools.product((30, 300), (1, 5), (0.0, 0.7), (1, 5))
]
OTHER_SCORES = [
    *("average_precision", "partial_auc", "recall", "specificity", "precision", "f1", "mcc"),
    *("accuracy", "brier", "log_loss", "ece"),
]


def at_most(share: float, comparisons: int) -> float:
    """What a true rate of `share` stays under in all but one of a thousand simulations."""
    return share + 3.1 * math.sqrt(share * (1 - share) / comparisons)


def test_false_alarms_are_rare() -> None:
    """With the normal distribution for t, or images for patients, 7.5 % of these are called different."""
    assert said(Case(positives=16, correlated=0.0), 400, seed=1).overall <= 0.05


def test_false_alarms_of_groups_are_rare() -> None:
    """Without the seeds' variance, 20 % of these are called different."""
    assert said(Case(positives=30, runs=3, seeds_sd=0.3), 150, seed=1).overall <= 0.05


def test_false_alarms_over_findings_are_rare() -> None:
    found = said(Case(positives=30, findings=5), 150, seed=2)
    assert found.overall <= at_most(0.05, 150)
    assert found.on_a_finding <= at_most(0.05, 150)


def test_a_true_difference_is_seen_and_named_rightly() -> None:
    found = said(Case(positives=300, gain=0.4), 60)
    assert found.better > 0.9
    assert found.worse == 0


def test_a_true_difference_of_groups_is_seen() -> None:
    found = said(Case(positives=200, gain=0.5, runs=5), 25)
    assert found.better > 0.8
    assert found.worse == 0


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("case", NULL, ids=lambda c: f"{c.positives}-{c.findings}-{c.correlated}-{c.runs}")
def test_false_alarm_rate(case: Case) -> None:
    found = said(case, 1000, seed=3)
    print(f"{case}: {found}")  # noqa: T201
    assert found.overall <= at_most(0.05, 1000)
    assert found.on_a_finding <= at_most(0.05, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("score", OTHER_SCORES)
def test_false_alarm_rate_of_other_scores(score: str) -> None:
    found = said(Case(positives=30, score=score), 1000, seed=4)
    print(f"{score}: {found}")  # noqa: T201
    assert found.overall <= at_most(0.05, 1000)


@pytest.mark.slow
def test_power_grows_with_positives() -> None:
    few, many = (said(Case(positives=count, gain=0.3), 500, seed=5) for count in (30, 300))
    print(few, many)  # noqa: T201
    assert few.better < many.better
    assert many.better > 0.9
    assert few.worse < 0.01
