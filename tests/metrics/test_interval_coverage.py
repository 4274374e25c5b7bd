"""95 % intervals hold the truth in clustered patients, with many and with few of them ill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.metrics import influence


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    from benchmarks import interval_coverage

    return interval_coverage


@pytest.mark.parametrize("mixed", [False, True])
def test_simulated_truths_are_those_of_a_large_sample(simulation: Any, mixed: bool) -> None:
    design = simulation.Classified(4_000, 5, 0.5, mixed, 0.85, 0.8, 16_000)
    part = design.draw(np.random.default_rng(0), 1)
    assert part.targets.mean() == pytest.approx(design.prevalence, abs=0.004)
    for name, value in design.truths().items():
        assert influence(part, part.logits >= 0, name)[0][0] == pytest.approx(value, abs=0.02), name
    wrong = simulation.Calibrated(40_000, -1.5, 0.1, "spread", 3, 0.5)
    part = wrong.draw(np.random.default_rng(0), 1)
    for name, value in wrong.truths().items():
        assert influence(part, part.logits >= 0, name)[0][0] == pytest.approx(value, abs=0.03), name


@pytest.mark.parametrize(
    ("ill", "most", "alike", "auc", "recall"),
    [(5, 1, 0.0, 0.95, 0.9), (10, 20, 0.8, 0.95, 0.9), (60, 20, 0.95, 0.98, 0.98), (5, 20, 0.95, 0.7, 0.6)],
)
def test_intervals_of_few_patients_with_many_images_cover(
    simulation: Any, ill: int, most: int, alike: float, auc: float, recall: float
) -> None:
    design = simulation.Classified(ill, most, alike, False, auc, recall, 190)
    found = simulation.coverage(design, ("recall", "roc_auc", "average_precision", "brier"), 400)
    for name, (share, width, missing) in found.items():
        assert share >= 0.92, name
        assert width < 1
        assert missing == 0


def test_they_are_no_wider_than_they_must_be_where_patients_are_many(simulation: Any) -> None:
    design = simulation.Classified(300, 1, 0.0, False, 0.85, 0.8, 700)
    found = simulation.coverage(design, ("recall", "specificity", "roc_auc", "log_loss"), 400)
    for name, (share, _, _) in found.items():
        assert share == pytest.approx(0.95, abs=0.03), name
    assert found["recall"][1] == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 300), rel=0.04)


def test_a_mean_over_findings_is_covered(simulation: Any) -> None:
    design = simulation.Classified(20, 20, 0.8, False, 0.85, 0.8, 180)
    found = simulation.coverage(design, ("recall", "roc_auc"), 100, of_mean=True)
    assert all(share >= 0.9 for share, _, _ in found.values())


def test_cells_are_shown_with_bad_ones_in_bold(simulation: Any) -> None:
    import json
    from dataclasses import asdict

    design = next(simulation.classified())
    found = {name: [0.951, 0.2, 0.0] for name in simulation.OF_ORDER} | {"recall": [0.9, 0.123, 0.0]}
    kept = {json.dumps(["decisions", asdict(design)]): {"draws": 2000, "scores": found}}
    page = simulation.markdown(kept)
    assert f"| {design}; 0.7, 0.6 | **90.0**, 0.12 | 95.1, 0.2 |" in page


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("ill", [5, 10, 60])
def test_every_score_covers_in_clustered_patients(simulation: Any, ill: int) -> None:
    for most, alike, mixed, healthy in simulation.CLUSTERS:
        for auc, recall in simulation.LEVELS:
            design = simulation.Classified(ill, most, alike, mixed, auc, recall, healthy)
            found = simulation.coverage(design, simulation.OF_ORDER, 1_000, seed=1)
            assert min(share for share, _, _ in found.values()) >= 0.92, str(design)
