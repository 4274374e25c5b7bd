from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.table.columns import _ALLOWED
from hilum.table.sources import values
from hilum.table.sources.values import READERS

ORIGIN = Path("labels.csv")


def one(expression: pl.Expr, value: object) -> object:
    return pl.DataFrame({"x": [value]}, strict=False).select(expression).item()


@given(st.integers(0, 120))
def test_an_age_in_years_is_read_with_and_without_its_unit(years: int) -> None:
    for written in (years, float(years), str(years), f"{years:03}Y", f" {years}y "):
        assert one(READERS["age"](pl.col("x")), written) == years


@given(st.integers(0, 999), st.sampled_from("MWD"))
def test_ages_in_months_weeks_and_days_become_years(number: int, unit: str) -> None:
    per_year = {"M": 12, "W": 52.1775, "D": 365.2425}[unit]
    age = one(READERS["age"](pl.col("x")), f"{number:03}{unit}")
    assert age == pytest.approx(number / per_year, rel=1e-6)


@given(st.one_of(st.integers(121, 10**6).map(str), st.text(alphabet="abcxyz+-/ .", max_size=6)))
def test_an_impossible_age_is_unknown(written: str) -> None:
    assert one(READERS["age"](pl.col("x")), written) is None


@given(st.text(max_size=12))
def test_whatever_is_written_a_table_accepts_what_is_read(written: str) -> None:
    column = pl.col("x")
    assert one(READERS["sex"](column), written) in (None, *_ALLOWED["sex"])
    assert one(READERS["view"](column), written) in (None, *_ALLOWED["view"])
    assert one(READERS["projection"](column), written) in (None, *_ALLOWED["projection"])
    assert one(READERS["official_split"](column), written) in (None, *_ALLOWED["official_split"])
    age = one(READERS["age"](column), written)
    assert age is None or 0 <= age <= 120


@pytest.mark.parametrize(
    ("written", "view", "projection"),
    [
        ("AP", "frontal", "AP"),
        ("pa", "frontal", "PA"),
        ("LL", "lateral", "LL"),
        ("RL", "lateral", None),
        ("Frontal", "frontal", None),
        ("postero-anterior", "frontal", "PA"),
        ("Left lateral", "lateral", "LL"),
        ("oblique", None, None),
        (None, None, None),
    ],
)
def test_views_and_projections(written: str | None, view: str | None, projection: str | None) -> None:
    frame = pl.DataFrame({"x": [written]}, {"x": pl.String})
    assert frame.select(READERS["view"](pl.col("x"))).item() == view
    assert frame.select(READERS["projection"](pl.col("x"))).item() == projection


@pytest.mark.parametrize(
    ("written", "sex"), [("Male", "M"), ("f", "F"), ("FEMALE", "F"), ("O", None), ("Unknown", None)]
)
def test_sexes(written: str, sex: str | None) -> None:
    assert one(READERS["sex"](pl.col("x")), written) == sex


@given(st.lists(st.sampled_from([1, 0, -1, None]), min_size=1, max_size=20))
def test_codes_are_the_same_from_whole_numbers_decimals_and_text(codes: list[int | None]) -> None:
    whole = pl.Series("x", codes, pl.Int64)
    forms = [whole, whole.cast(pl.Float64), whole.cast(pl.String), whole.cast(pl.Float64).cast(pl.String)]
    for form in forms:
        (read,) = values.label_codes(form.to_frame(), ["x"], ORIGIN)
        assert read.to_list() == codes
        assert read.dtype == pl.Int8


def test_words_and_blanks_are_codes() -> None:
    frame = pl.DataFrame({"x": ["Yes", "no", "uncertain", "", "NaN", "n/a", " positive "]})
    (read,) = values.label_codes(frame, ["x"], ORIGIN)
    assert read.to_list() == [1, 0, -1, None, None, None, 1]
    (read,) = values.label_codes(pl.DataFrame({"x": [True, False, None]}), ["x"], ORIGIN)
    assert read.to_list() == [1, 0, None]
    (read,) = values.label_codes(pl.DataFrame({"x": [1.0, float("nan")]}), ["x"], ORIGIN)
    assert read.to_list() == [1, None]


@pytest.mark.parametrize("strange", [2, 0.5, 300, float("inf"), "perhaps", "-2"])
def test_a_value_that_is_no_code_is_named(strange: object) -> None:
    frame = pl.DataFrame({"Edema": [strange]})
    assert values._kind_of(frame["Edema"]) not in ("codes", "nearly", "blank")
    with pytest.raises(DataError, match=r"labels\.csv: column 'Edema' should hold labels .* the first "):
        values.label_codes(frame, ["Edema"], ORIGIN)


def test_a_column_of_blanks_alone_is_no_finding() -> None:
    assert values._kind_of(pl.Series([None, None], dtype=pl.String)) == "blank"
    assert values._kind_of(pl.Series(["", "nan"])) == "blank"
    assert values._kind_of(pl.Series(["", "1"])) == "codes"


def test_the_documented_spellings_are_those_that_are_read() -> None:
    page = (Path(__file__).parents[2] / "docs/tables.md").read_text()
    rows = dict(
        re.findall(r"^\| (positive|negative|uncertain|not mentioned) \| (.+) \|$", page, re.MULTILINE)
    )
    documented = {name: re.findall(r"`([^`]+)`", row) for name, row in rows.items()}
    assert documented == {
        "positive": [*values._WORDS[1]],
        "negative": [*values._WORDS[0]],
        "uncertain": [*values._WORDS[-1]],
        "not mentioned": [word for word in values.BLANK if word],
    }
