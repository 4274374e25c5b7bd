from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hilum.config import SamplingConfig
from hilum.errors import DataError
from hilum.table.sampling import sample_rows

FINDINGS = ("A", "B", "C")
values = st.sampled_from([0.0, 1.0, 0.7, 2.0, np.nan])
targets = arrays(np.float32, st.tuples(st.integers(1, 60), st.just(3)), elements=values)
OVERSAMPLE = SamplingConfig(kind="oversample", min_count=7)
FINDING = SamplingConfig(kind="finding")


def as_groups(matrix: np.ndarray) -> Counter[tuple[float, ...]]:
    return Counter(map(tuple, np.nan_to_num(matrix, nan=-1.0).tolist()))


def test_all_is_every_image_once():
    rows = sample_rows(np.zeros((5, 3), np.float32), FINDINGS, SamplingConfig(), 0, 0)
    assert rows.tolist() == [0, 1, 2, 3, 4]
    assert rows.dtype == np.int64


@pytest.mark.parametrize("kind", ["all", "oversample", "finding"])
def test_an_empty_part_gives_no_rows(kind: str):
    assert len(sample_rows(np.zeros((0, 3), np.float32), FINDINGS, SamplingConfig(kind=kind), 0, 0)) == 0


@given(targets, st.integers(0, 9), st.integers(0, 9))
def test_oversampling_fills_every_group_of_equal_vectors(matrix: np.ndarray, seed: int, epoch: int):
    rows = sample_rows(matrix, FINDINGS, OVERSAMPLE, seed, epoch)
    assert set(rows) == set(range(len(matrix)))
    before, after = as_groups(matrix), as_groups(matrix[rows])
    assert after == {vector: max(count, 7) for vector, count in before.items()}
    assert rows.tolist() == sample_rows(matrix, FINDINGS, OVERSAMPLE, seed, epoch).tolist()


def test_unknown_is_a_value_of_its_own():
    matrix = np.array([[np.nan], [np.nan], [0.0]], np.float32)
    rows = sample_rows(matrix, ("A",), SamplingConfig(kind="oversample", min_count=2), 0, 0)
    assert np.isnan(matrix[rows, 0]).sum() == 2
    assert (rows == 2).sum() == 2


@given(targets, st.integers(0, 9))
@settings(max_examples=60)
def test_every_finding_equally_often(matrix: np.ndarray, epoch: int):
    positive = (matrix > 0.5) & (matrix <= 1)
    if not positive.any():
        with pytest.raises(DataError, match="needs positives; the training part has none of A, B, C"):
            sample_rows(matrix, FINDINGS, FINDING, 0, epoch)
        return
    rows = sample_rows(matrix, FINDINGS, FINDING, 0, epoch)
    assert len(rows) == len(matrix)
    without = ~positive.any(axis=1)
    assert sorted(rows[without[rows]]) == np.flatnonzero(without).tolist()


def test_every_finding_equally_often_where_findings_exclude_each_other():
    matrix = np.zeros((100, 3), np.float32)
    matrix[:30, 0] = matrix[30:36, 1] = matrix[36:40, 2] = 1
    rows = sample_rows(matrix, FINDINGS, FINDING, 0, 0)
    np.testing.assert_allclose(matrix[rows].sum(axis=0), 40 / 3, atol=1)
    assert (matrix[rows].sum(axis=1) == 0).sum() == 60
    shown = np.bincount(rows, minlength=100)
    for finding in range(3):
        assert np.ptp(shown[matrix[:, finding] == 1]) <= 1


def test_both_classes_equally_often():
    matrix = np.full((101, 3), np.nan, np.float32)
    matrix[:10, 1], matrix[10:60, 1], matrix[60:70, 1] = 1, 0, 2
    rows = sample_rows(matrix, FINDINGS, SamplingConfig(kind="class", finding="B"), 0, 0)
    shown = np.bincount(rows, minlength=101)
    assert shown[:10].tolist() == [5] * 10
    assert shown[10:60].sum() == 51
    assert np.ptp(shown[10:60]) == 1
    assert shown[60:].sum() == 0


@pytest.mark.parametrize(
    "config",
    [SamplingConfig(kind="oversample", min_count=40), FINDING, SamplingConfig(kind="class", finding="A")],
)
def test_epochs_differ_in_what_they_draw_but_not_in_length(config: SamplingConfig):
    matrix = np.zeros((90, 3), np.float32)
    matrix[:13, 0] = matrix[13:20, 1] = 1
    drawn = [sample_rows(matrix, FINDINGS, config, seed, epoch) for seed, epoch in [(0, 0), (0, 1), (1, 0)]]
    assert len({len(rows) for rows in drawn}) == 1
    assert len({tuple(rows) for rows in drawn}) == 3


def test_class_needs_a_known_finding_with_both_classes():
    matrix = np.zeros((4, 3), np.float32)
    with pytest.raises(DataError, match="no finding 'Cc'; did you mean 'C'"):
        sample_rows(matrix, FINDINGS, SamplingConfig(kind="class", finding="Cc"), 0, 0)
    with pytest.raises(DataError, match="0 positives and 4 negatives"):
        sample_rows(matrix, FINDINGS, SamplingConfig(kind="class", finding="C"), 0, 0)
