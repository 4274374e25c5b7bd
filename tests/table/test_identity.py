from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import make_table

from hilum.errors import DataError
from hilum.table.identity import MISSING, Alike, identities
from hilum.table.split import make_split
from hilum.table.table import Table

SPACES = ["", " ", "\xa0", "\u2009", "\u200b", "\ufeff", "\t", "\r", "\x00", "\u202e", "\u3000", "\x1b"]
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


def identity_of(text: str | None) -> str | None:
    return identities(pl.Series([text], dtype=pl.String))[0]


@given(WORDS, st.sampled_from(SPACES), st.sampled_from(SPACES), st.sampled_from(["NFC", "NFD"]))
def test_what_cannot_be_seen_makes_no_other_patient(word: str, before: str, after: str, form: str) -> None:
    assert identity_of(before + unicodedata.normalize(form, word) + after) == identity_of(word)


@given(st.integers(0, 10**12), st.integers(1, 5), st.integers(0, 4))
def test_a_number_with_decimals_is_the_number(number: int, places: int, zeros: int) -> None:
    assert identity_of(f"{'0' * zeros}{number}.{'0' * places}") == f"{'0' * zeros}{number}"


@given(WORDS)
def test_an_identity_is_its_own(word: str) -> None:
    once = identity_of(word)
    assert identity_of(once) == once


@pytest.mark.parametrize("plain", ["P1", "007", "1.5", "1.2.840.0", "train/patient1", "a b", "nano", "-1.0"])
def test_what_is_plain_stays_as_it_is(plain: str) -> None:
    assert identity_of(plain) == plain


@pytest.mark.parametrize("word", [*MISSING, *(word.upper() for word in MISSING), " nan ", "\xa0", None])
def test_words_for_what_is_missing_are_nobody(word: str | None) -> None:
    assert identity_of(word) is None


def test_spaces_of_any_kind_within_an_id_are_one_kind() -> None:
    assert identity_of("A\xa01") == identity_of("A 1") == identity_of("A\u20091") != identity_of("A1")


@pytest.mark.parametrize(
    ("ids", "groups"),
    [
        (["P1", "p1", "P2"], [("P1", "p1")]),
        (["007", "7", "70", "0070"], [("0070", "70"), ("007", "7")]),
        (["A-1", "A_1", "A 01", "A.1"], [("A 01", "A-1", "A.1", "A_1")]),
        (["0", "00", "000"], [("0", "00", "000")]),
        (["100", "10", "1"], []),
        (["1-11", "11-1"], []),
        (["\uff11\uff12", "12"], [("12", "\uff11\uff12")]),
        ([None, None], []),
    ],
)
def test_ids_that_may_be_one_person(ids: list[str | None], groups: list[tuple[str, ...]]) -> None:
    found = Alike.of(pl.Series(ids, dtype=pl.String))
    assert sorted(found) == sorted(groups)


def test_what_is_alike_is_said_with_counts_and_examples() -> None:
    said = str(Alike([("007", "7"), ("P1", "p1")]))
    assert said.startswith("4 patient ids differ only in case, leading zeros or signs, and may be 2 patients")
    assert "'007' = '7'" in said


def rows(patients: list[str | None]) -> pl.DataFrame:
    names = [f"i{at}" for at in range(len(patients))]
    return pl.DataFrame({"image_id": names, "path": names, "patient_id": patients, "source": "csv"})


def test_a_table_has_one_spelling_of_each_id_and_says_whom_it_merged() -> None:
    table = Table.make(rows(["P1", "P1 ", "P1\xa0", "2", "2.0"]), ())
    assert table.frame["patient_id"].to_list() == ["P1", "P1", "P1", "2", "2"]
    assert table.notes[0].startswith("3 patient ids written in two ways")
    assert Table.make(rows(["P1", "P2"]), ()).notes == ()


def test_a_table_knows_no_patient_called_nan() -> None:
    with pytest.raises(DataError, match=r"'patient_id' is empty, or holds a word .* in 2 rows, .* row 2"):
        Table.make(rows(["1", "nan", "NA"]), ())


def test_notes_stay_with_a_tables_rows_and_out_of_its_fingerprint() -> None:
    table = Table.make(rows(["1", "2", "3"]), (), notes=["a guess"])
    assert table.filter(pl.col("patient_id") != "2").notes == table.take([0]).notes == ("a guess",)
    assert table.fingerprint() == Table.make(rows(["1", "2", "3"]), ()).fingerprint()


def test_a_split_warns_of_alike_patients_in_two_parts_and_of_no_others() -> None:
    from hilum.config import SplitConfig

    table = make_table(list(range(60)))
    twins = [f"{'Pp'[at % 2]}{at // 2}" for at in range(60)]
    table = Table.make(table.frame.with_columns(patient_id=pl.Series(twins)), table.findings)
    warnings = make_split(table, SplitConfig(), 0).warnings
    assert any("differ only in case" in said and "two parts" in said for said in warnings)
    parts = ["train"] * 30 + ["valid"] * 30
    official = Table.make(table.frame.with_columns(official_split=pl.Series(parts)), table.findings)
    warnings = make_split(official, SplitConfig(by="official"), 0).warnings
    assert not any("differ only in case" in said for said in warnings)
