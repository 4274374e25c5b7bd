"""How values and lists are said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hilum.text import cell, listed, many, plain


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
