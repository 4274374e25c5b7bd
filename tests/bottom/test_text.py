"""How values and lists are said."""

from __future__ import annotations

import math
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.text import cell, escaped, listed, many, plain, shown, visible


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (math.nan, "–"),
        (np.float64("nan"), "–"),
        (True, "yes"),
        (False, "no"),
        (12345, "12,345"),
        (0.12345, "0.123"),
        (np.float64(1), "1.000"),
        ("Edema", "Edema"),
    ],
)
def test_cells(value: object, said: str) -> None:
    assert cell(value) == said


def test_long_lists_are_cut() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a, b"
    assert listed(list(range(7)), 3) == "0, 1, 2 and 4 more"


def test_one_and_many() -> None:
    assert [many(count, "image") for count in (0, 1, 2048)] == ["0 images", "1 image", "2,048 images"]


def test_plain_names() -> None:
    assert plain("Frontal/Lateral") == plain("frontal lateral") == "frontallateral"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    said = visible(text)
    assert all(unicodedata.category(letter) not in {"Cc", "Cs", "Zl", "Zp"} for letter in said)
    assert visible(said) == said
    assert said.encode().decode() == said
    kept = visible(text, keep="\n")
    assert kept.count("\n") == text.count("\n")
    assert kept.replace("\n", r"\n") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\x1b[31mMass", r"\x1b[31mMass"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb\u2066\u200f\u061c", r"a\u202eb\u2066\u200f\u061c"),
        ("two\nlines\tand\ra return", r"two\nlines\tand\ra return"),
        ("film\udcff.png", r"film\udcff.png"),
        ("Épanchement 胸水 😀 👩‍⚕️", "Épanchement 胸水 😀 👩‍⚕️"),
        (r"C:\new\x1b", r"C:\new\x1b"),
    ],
)
def test_what_is_seen_of_a_name(text: str, said: str) -> None:
    assert visible(text) == cell(text) == shown(text) == listed([text]) == said
    assert escaped(f"<b>{text}</b>") == f"&lt;b&gt;{said}&lt;/b&gt;"
