"""95 % intervals hold the truth 95 % of the time, in clustered patients, with many and with few positives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CLOSED = ("average_precision", "recall", "specificity", "precision")


@pytest.fixture
def cover(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[tuple[str, str], Any]]:
    """Coverage in a cell of AUC and positives; see `benchmarks.interval_coverage`."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    from benchmarks.interval_coverage import Cell, coverage

    return lambda auc, positives, simulations, **options: coverage(
        Cell(auc, positives), simulations, seed=1, **options
    )


def test_simulated_truths_are_those_of_a_large_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    import numpy as np
    from benchmarks.interval_coverage import SCORES, Cell, sample, truths

    from hilum.metrics import influence

    cell = Cell(0.85, 20_000)
    part = sample(cell, np.random.default_rng(0))
    assert part.targets.mean() == pytest.approx(0.1, abs=0.004)
    for name in SCORES:
        value, _ = influence(part, part.logits >= 0, name)
        assert value[0] == pytest.approx(truths(cell)[name], abs=0.01), name


CELLS = pytest.mark.parametrize(
    ("auc", "positives"), [(0.7, 30), (0.7, 300), (0.95, 30), (0.95, 300)], ids=lambda value: f"{value:g}"
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@CELLS
def test_intervals_of_the_auc_cover(cover: Callable[..., Any], auc: float, positives: int) -> None:
    found = cover(auc, positives, 5_000, scores=("roc_auc",), replicates=16)
    assert found["roc_auc", "auto"].share == pytest.approx(0.95, abs=0.015)
    if (auc, positives) == (0.95, 30):
        # Where the usual way fails: it lies too high, because a high AUC cannot vary upwards.
        assert found["roc_auc", "plain"].share < 0.87
        assert found["roc_auc", "plain"].above > 0.1


@pytest.mark.slow
@pytest.mark.timeout(900)
@CELLS
def test_other_intervals_from_formulas_cover(cover: Callable[..., Any], auc: float, positives: int) -> None:
    found = cover(auc, positives, 1_500, scores=CLOSED, replicates=16)
    for name in CLOSED:
        assert found[name, "auto"].share == pytest.approx(0.95, abs=0.03), name
        assert found[name, "auto"].missing == 0
    if (auc, positives) == (0.95, 30):
        assert found["recall", "plain"].share < 0.9


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_bootstrap_intervals_cover(cover: Callable[..., Any]) -> None:
    found = cover(0.95, 30, 800, scores=("roc_auc", "partial_auc", "f1", "brier"))
    for name in ("partial_auc", "f1", "brier"):
        assert found[name, "auto"].share == pytest.approx(0.945, abs=0.025), name
    assert found["roc_auc", "bootstrap percentile"].share < found["roc_auc", "auto"].share - 0.05
