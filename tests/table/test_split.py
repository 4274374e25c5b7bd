from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tables import cohort, make_table, tables

from hilum.config import SplitConfig
from hilum.errors import DataError
from hilum.table.split import Split, make_split, subset
from hilum.table.table import Table


def assert_whole(table: Table, split: Split) -> None:
    rows = np.concatenate(list(split.parts.values()))
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(table)))
    assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in split.parts.values())


@given(tables, st.integers(0, 99), st.sampled_from([0.0, 0.15]))
@settings(max_examples=40)
def test_parts_are_disjoint_and_complete_and_no_patient_is_in_two(table: Table, seed: int, test: float):
    split = make_split(table, SplitConfig(test=test), seed)
    assert_whole(table, split)
    assert table.shared_patients(split.parts) == {}
    assert (len(split.parts["test"]) > 0) == (test > 0)


@given(tables, st.integers(0, 99), st.integers(2, 6), st.sampled_from(["patient", "image"]))
@settings(max_examples=25)
def test_folds_partition_the_patients(table: Table, seed: int, folds: int, by: str):
    splits = [make_split(table, SplitConfig(by=by, folds=folds, fold=k), seed) for k in range(folds)]
    for split in splits:
        assert_whole(table, split)
    validated = np.concatenate([split.parts["valid"] for split in splits])
    np.testing.assert_array_equal(np.sort(validated), np.arange(len(table)))
    if by == "patient":
        patients = [set(table.take(split.parts["valid"]).frame["patient_id"]) for split in splits]
        assert sum(map(len, patients)) == table.patients


def test_folds_leave_the_test_part_alone():
    table = cohort(300)
    splits = [make_split(table, SplitConfig(folds=3, fold=k, test=0.2), 1) for k in range(3)]
    tests = {tuple(split.parts["test"]) for split in splits}
    assert len(tests) == 1
    assert len(splits[0].parts["test"]) == pytest.approx(0.2 * len(table), abs=5)


@given(tables, st.integers(0, 99), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_row_order_does_not_matter(table: Table, seed: int, random):
    order = list(range(len(table)))
    random.shuffle(order)
    config = SplitConfig(test=0.1)
    ordered, shuffled = make_split(table, config, seed), make_split(table.take(order), config, seed)
    assert ordered.id == shuffled.id
    for part, rows in shuffled.parts.items():
        assert set(table.take(ordered.parts[part]).image_ids) == set(table.take(order).take(rows).image_ids)


def test_the_seed_changes_the_split_and_the_split_its_id():
    table = cohort(100)
    made = [make_split(table, SplitConfig(), seed) for seed in (0, 0, 1)]
    assert made[0].id == made[1].id != made[2].id
    assert len(made[0].id) == 12


@pytest.mark.parametrize("by", ["patient", "image"])
def test_shares_and_rates_agree(by: str):
    table = cohort(1000, seed=3)
    split = make_split(table, SplitConfig(by=by, valid=0.2, test=0.1), 0)
    sizes = [len(split.parts[part]) / len(table) for part in ("train", "valid", "test")]
    assert sizes == pytest.approx([0.7, 0.2, 0.1], abs=0.003)
    rates = [table.marks()[1][rows].mean(axis=0) for rows in split.parts.values()]
    assert np.ptp(rates, axis=0).max() < 0.01
    assert not [text for text in split.warnings if "points" in text]


def test_a_rare_finding_reaches_every_fold():
    table = make_table(list(range(500)), **{"Very rare": [1] * 5 + [0] * 495})
    for fold in range(5):
        split = make_split(table, SplitConfig(folds=5, fold=fold), 0)
        assert table.take(split.parts["valid"]).frame["Very rare"].sum() == 1


def test_two_patients_are_enough_and_one_is_not():
    split = make_split(make_table([0, 0, 0, 1]), SplitConfig(valid=0.01), 0)
    assert {len(split.parts["train"]), len(split.parts["valid"])} == {1, 3}
    with pytest.raises(DataError, match=r"valid part of the split is empty: 3 images of 1 patients.*Raise"):
        make_split(make_table([0, 0, 0]), SplitConfig(), 0)
    with pytest.raises(DataError, match="train part"):
        make_split(make_table([]), SplitConfig(), 0)


def test_by_image_carries_a_warning():
    split = make_split(cohort(50), SplitConfig(by="image"), 0)
    assert "scores are too good" in split.warnings[0]
    assert "train and valid" in split.warnings[0]
    alone = make_split(make_table(list(range(60))), SplitConfig(by="image"), 0)
    assert "Split by image" in alone.warnings[0]
    assert "train and valid" not in alone.warnings[0]


def test_warns_of_rates_that_differ_and_of_findings_without_positives():
    official = ["train"] * 100 + ["valid"] * 50
    sex = ["M"] * 60 + ["F"] * 40 + ["M"] * 31 + ["F"] * 19
    common = [1] * 50 + [0] * 50 + [1] * 20 + [0] * 30
    rare = [1] * 5 + [0] * 145
    columns = {"official_split": official, "sex": sex, "Common": common, "Rare": rare, "Very rare": [0] * 150}
    split = make_split(make_table(list(range(150)), **columns), SplitConfig(), 0)
    gaps, train, valid = split.warnings
    assert gaps.endswith("Common 50.0% against 40.0%, Rare 5.0% against 0.0%.")  # sex: exactly 2 points
    assert train == "No positive in train: Very rare."
    assert valid == "No positive in valid: Rare, Very rare."


OFFICIAL = ["train"] * 80 + ["valid"] * 10 + ["test"] * 10


def test_official_parts_are_kept_and_only_what_is_missing_is_divided():
    table = make_table(list(range(100)), official_split=OFFICIAL)
    kept = make_split(table, SplitConfig(valid=0.5, test=0.3), 0)
    assert [len(rows) for rows in kept.parts.values()] == [80, 10, 10]
    same = make_split(table, SplitConfig(by="official"), 0)
    assert same.id == kept.id

    without_valid = table.filter(np.array(OFFICIAL) != "valid")
    divided = make_split(without_valid, SplitConfig(valid=0.25, test=0.3), 0)
    assert [len(rows) for rows in divided.parts.values()] == [60, 20, 10]
    np.testing.assert_array_equal(divided.parts["test"], np.arange(80, 90))

    without_test = table.filter(np.array(OFFICIAL) != "test")
    divided = make_split(without_test, SplitConfig(valid=0.25, test=0.25), 0)
    assert [len(rows) for rows in divided.parts.values()] == [60, 10, 20]

    anew = make_split(table, SplitConfig(keep_official=False, valid=0.3), 0)
    assert [len(rows) for rows in anew.parts.values()] == [70, 30, 0]


def test_folds_divide_official_train_and_valid_together():
    table = make_table(list(range(100)), official_split=OFFICIAL)
    valid = [make_split(table, SplitConfig(folds=3, fold=k), 0).parts["valid"] for k in range(3)]
    np.testing.assert_array_equal(np.sort(np.concatenate(valid)), np.arange(90))


def test_a_patient_in_two_official_parts_is_told_and_kept():
    table = make_table([*range(80), *range(10), *range(80, 90)], official_split=OFFICIAL)
    split = make_split(table.filter(np.array(OFFICIAL) != "valid"), SplitConfig(), 0)
    assert not [text for text in split.warnings if "Patient ids" in text]
    both = make_table([*range(90), *range(10)], official_split=OFFICIAL)
    split = make_split(both, SplitConfig(), 0)
    np.testing.assert_array_equal(split.parts["test"], np.arange(90, 100))
    assert "train and test: 10" in split.warnings[0]
    assert "If these are the same persons" in split.warnings[0]


def test_official_needs_a_part_for_every_image_and_a_valid_part():
    table = make_table(list(range(100)), official_split=["train"] * 90 + ["test"] * 10)
    with pytest.raises(DataError, match=r"valid part .* are: train, test\. Use split\.by"):
        make_split(table, SplitConfig(by="official"), 0)
    table = make_table(list(range(100)), official_split=["train"] * 90 + [None] * 10)
    with pytest.raises(DataError, match=r"10 of 100 have none"):
        make_split(table, SplitConfig(by="official"), 0)


def test_only_official_test_rows_cannot_be_trained_on():
    table = make_table(list(range(20)), official_split=["test"] * 20)
    with pytest.raises(DataError, match="keep_official = false"):
        make_split(table, SplitConfig(), 0)


def test_says_what_it_is():
    assert "by patient: train" in repr(make_split(cohort(30), SplitConfig(), 0))


@given(tables, st.integers(1, 150), st.integers(0, 99))
@settings(max_examples=40)
def test_a_subset_is_whole_patients_and_about_n_images(table: Table, n: int, seed: int):
    drawn = subset(table, n, seed)
    assert len(drawn) > 0
    inside = table.frame["patient_id"].is_in(drawn.frame["patient_id"].to_list())
    assert drawn.frame.equals(table.frame.filter(inside))
    largest = table.frame["patient_id"].value_counts()["count"].max()
    assert abs(len(drawn) - n) <= largest or n >= len(table)
    assert drawn.frame.equals(subset(table, n, seed).frame)


def test_a_subset_of_nothing_is_everything():
    table = cohort(20)
    assert subset(table, 0, 0) is table
    assert subset(table, len(table), 0) is table
    assert list(subset(table, 20, 0).image_ids) != list(subset(table, 20, 1).image_ids)


@pytest.mark.slow
def test_as_many_patients_as_chexpert_are_split_within_two_seconds():
    table = cohort(64_540)
    started = time.process_time()
    make_split(table, SplitConfig(), 0)
    assert time.process_time() - started < 2
