"""What findings are called in MLflow and TensorBoard."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.track.events import _LONGEST as LONGEST
from hilum.track.events import keys
from nasty_names import NASTY


def test_a_possible_name_is_its_own_key() -> None:
    names = ["Pleural Effusion", "Épanchement", "胸水", "T.B.", "a-b_c", "_hidden"]
    assert keys(names) == {name: name for name in names}


def test_names_that_come_out_alike_are_told_apart() -> None:
    assert list(keys(["a/b", "a_b", "a:b", "A_B", "a_b 2"]).values()) == [
        "a_b",
        "a_b 2",
        "a_b 3",
        "A_B 4",
        "a_b 2 2",
    ]
    assert list(keys(["..", "", "."]).values()) == ["finding", "finding 2", "finding 3"]


@given(st.lists(st.text(), unique=True))
def test_keys_are_unique_and_possible(names: list[str]) -> None:
    found = keys(names)
    assert list(found) == names
    assert len({key.casefold() for key in found.values()}) == len(names)
    for key in found.values():
        assert re.fullmatch(r"[\w.\- ]+", key)
        assert key.strip(". ")
        assert len(key) <= LONGEST + 5


def test_mlflow_takes_every_name() -> None:
    validation = pytest.importorskip("mlflow.utils.validation")
    for key in keys(NASTY.values()).values():
        validation._validate_metric_name(f"train_average_precision/{key}")
