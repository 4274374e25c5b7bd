"""A published "recall 0.954" that is the negative class's: what its own counts say.

A framework of 2020 published for one finding: 9,032 actual positives, 3,681 predicted, accuracy 0.737, "combined
recall 0.954, precision 0.730", on 26,4xx validation images. hilum's docs/mistakes.md tells the story.
"""

from __future__ import annotations

import numpy as np
import pytest

from hilum.metrics import accuracy, confusion, precision, recall
from hilum.metrics.values.counts import Confusion

POSITIVES, PREDICTED = 9_032, 3_681


def matrices() -> Confusion:
    """Every confusion matrix of 26,400 to 26,499 images that gives the published numbers as rounded."""
    images, true = (grid.ravel() for grid in np.mgrid[26_400:26_500, 0 : PREDICTED + 1].astype(float))
    false = PREDICTED - true
    every = Confusion(true, false, POSITIVES - true, images - POSITIVES - false)
    fits = (every.accuracy.round(3) == 0.737) & (every.specificity.round(3) == 0.954)
    fits &= every.npv.round(3) == 0.730
    return Confusion(*(cell[fits] for cell in cells(every)))


def cells(matrix: Confusion) -> tuple[np.ndarray, ...]:
    """TP, FP, FN, TN."""
    return matrix.true_positives, matrix.false_positives, matrix.false_negatives, matrix.true_negatives


def test_the_published_numbers_fit_together_only_as_those_of_the_negative_class() -> None:
    """95 % of 9,032 positives cannot be among 3,681 images; as specificity and NPV all four numbers agree."""
    assert pytest.approx(0.4075, abs=1e-4) == PREDICTED / POSITIVES
    found = matrices()
    assert len(found.recall) > 100
    assert found.recall.min() > 0.316
    assert found.recall.max() < 0.322
    assert found.precision.min() > 0.775
    assert found.precision.max() < 0.790


def test_hilum_gives_032_where_0954_was_published() -> None:
    """The matrix that solves the equations for the numbers as published, before rounding."""
    specificity, npv = 0.954, 0.730
    # TN = specificity N, and TN = npv (N + positives - predicted), since those not predicted are TN + FN.
    negatives = round(npv * (POSITIVES - PREDICTED) / (specificity - npv))
    false_positives = round((1 - specificity) * negatives)
    assert (negatives, false_positives) == (17_439, 802)
    counts = PREDICTED - false_positives, false_positives, POSITIVES - 2_879, negatives - false_positives
    assert counts == (2_879, 802, 6_153, 16_637)
    targets = np.repeat([1, 0, 1, 0], counts)
    decisions = np.repeat([True, True, False, False], counts)
    assert len(targets) == 26_471
    assert confusion(targets, decisions).predicted_positives[0] == PREDICTED
    assert accuracy(targets, decisions)[0].round(3) == 0.737
    # As published: the negative class taken for the positive one.
    assert recall(1 - targets, ~decisions)[0].round(3) == 0.954
    assert precision(1 - targets, ~decisions)[0].round(3) == 0.730
    # What a reader asks for.
    assert recall(targets, decisions)[0].round(3) == 0.319
    assert precision(targets, decisions)[0].round(3) == 0.782
