from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.config import CleanConfig
from hilum.errors import DataError
from hilum.table.cleaning import Step, clean
from hilum.table.table import Table


def make(**columns: list[object]) -> Table:
    n = len(next(iter(columns.values())))
    ids = [f"i{i}" for i in range(n)]
    frame = pl.DataFrame({"image_id": ids, "path": ids, "patient_id": ids, "source": ["test"] * n, **columns})
    return Table.make(frame, [])


def test_no_filter_does_nothing() -> None:
    table = make(age=[1.0, None])
    cleaned, steps = clean(table, CleanConfig())
    assert cleaned.frame.equals(table.frame)
    assert steps == []


def test_filters_apply_in_order_and_count() -> None:
    table = make(
        official_split=["train", "train", "train", "train", "valid", "train"],
        view=["frontal", "frontal", "frontal", "lateral", "frontal", None],
        study_number=[1, 2, 9, 1, 1, 1],
        projection=["AP", "LL", "PA", None, "AP", "AP"],
        age=[50.0, 50.0, 50.0, 50.0, 50.0, 50.0],
    )
    config = CleanConfig(
        projections=("AP", "PA"), views=("frontal",), studies_below=5, parts=("train",), min_age=18
    )
    cleaned, steps = clean(table, config)
    assert steps == [
        Step("parts", 6, 5),
        Step("views", 5, 3),
        Step("studies_below", 3, 2),
        Step("projections", 2, 1),
        Step("min_age", 1, 1),
    ]
    assert cleaned.image_ids.tolist() == ["i0"]


def test_an_unknown_value_does_not_pass() -> None:
    cleaned, _ = clean(make(age=[17.9, 18.0, None]), CleanConfig(min_age=18))
    assert cleaned.image_ids.tolist() == ["i1"]


@pytest.mark.parametrize(
    ("config", "column"),
    [
        (CleanConfig(studies_below=5), "study_number"),
        (CleanConfig(views=("frontal",)), "view"),
        (CleanConfig(parts=("test",)), "official_split"),
        (CleanConfig(min_age=1), "age"),
    ],
)
def test_a_filter_by_what_the_source_does_not_say_is_refused(config: CleanConfig, column: str) -> None:
    with pytest.raises(DataError, match=f"filters by {column}, which this data does not have"):
        clean(make(sex=["F"]), config)


def test_nothing_left_names_the_filter_and_what_there_is() -> None:
    with pytest.raises(DataError, match=r"no row is left of 2 after clean\.views = .*view is lateral in the"):
        clean(make(view=["lateral", "lateral"]), CleanConfig(views=("frontal",)))


@given(st.lists(st.one_of(st.none(), st.floats(0, 120, width=32)), min_size=1), st.floats(0.5, 100, width=32))
def test_counts_agree_with_the_rows(ages: list[float | None], min_age: float) -> None:
    expected = [age for age in ages if age is not None and age >= min_age]
    if not expected:
        with pytest.raises(DataError):
            clean(make(age=[*ages]), CleanConfig(min_age=min_age))
        return
    cleaned, (step,) = clean(make(age=[*ages]), CleanConfig(min_age=min_age))
    assert cleaned.frame["age"].to_list() == expected
    assert (step.before, step.after) == (len(ages), len(expected))
