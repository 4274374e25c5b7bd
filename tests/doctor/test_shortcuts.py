from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from made_images import make_table
from sklearn.metrics import roc_auc_score

from hilum.doctor.shortcuts import _checks, _Shortcut, _shortcuts

N = 400
LABELS = np.arange(N) % 4 == 0


def table_with(**columns: object):
    paths = [f"{i}.png" for i in range(N)]
    return make_table(Path(), paths, Finding=LABELS.astype(int), **columns)


def test_the_auc_is_that_of_scikit_learn_over_known_rows():
    generator = np.random.default_rng(0)
    ages = np.where(LABELS, 60, 50) + generator.normal(0, 10, N)
    known = generator.random(N) < 0.8
    (found,) = _shortcuts(table_with(age=[a if k else None for a, k in zip(ages, known, strict=True)]))
    assert (found.trait, found.finding, found.higher) == ("age", "Finding", True)
    expected = roc_auc_score(LABELS[known], ages[known].astype(np.float32))
    assert found.auc == pytest.approx(expected, abs=1e-12)


def test_less_of_a_trait_is_told_as_such():
    (found,) = _shortcuts(table_with(projection=["PA" if label else "AP" for label in LABELS]))
    assert found == _Shortcut("projection AP", "Finding", 1.0, False)
    assert str(found) == "projection AP predicts no Finding (1.00)"


def test_chance_is_not_reported_and_neither_are_traits_of_one_value():
    generator = np.random.default_rng(0)
    assert _shortcuts(table_with(age=generator.normal(50, 10, N), sex=["F"] * N)) == []


def test_a_finding_of_too_few_positives_is_not_judged():
    few = np.arange(N) < 9
    table = make_table(Path(), [f"{i}.png" for i in range(N)], Finding=few.astype(int), age=few.astype(float))
    assert _shortcuts(table) == []


def test_image_size_is_a_trait_and_the_best_comes_first():
    pictures = pl.DataFrame(
        {
            "width": np.where(LABELS, 512, 1024),
            "height": np.where(np.arange(N) % 5 < 4, 512, 500) + LABELS * 8,
        },
        schema={"width": pl.Int32, "height": pl.Int32},
    ).with_columns(bits=pl.lit(8, pl.Int16))
    found = _shortcuts(table_with(), pictures)
    assert {shortcut.trait for shortcut in found} == {
        "image width",
        "image height",
        "aspect ratio",
        "exact size",
    }
    assert [shortcut.auc for shortcut in found] == sorted((s.auc for s in found), reverse=True)


def test_what_decides_is_a_fault_and_what_a_patient_is_only_a_note():
    found = [
        _Shortcut("image width", "A", 0.96, True),
        _Shortcut("projection AP", "A", 0.8, True),
        _Shortcut("age", "A", 0.9, True, patient=True),
        _Shortcut("image height", "A", 0.6, True),
    ]
    checks = {check.level: check for check in _checks(found)}
    assert set(checks) == {"fault", "warning", "note"}
    assert "image width predicts A (0.96)" in checks["fault"].message
    assert checks["note"].what_to_do == ""
    (fine,) = _checks(found[3:])
    assert fine.level == "ok"
