"""Dataclasses to JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator

from hilum.config import PrepareConfig
from hilum.errors import DataError
from hilum.records import Number, Numbers, from_json, to_json


@dataclass(frozen=True)
class Inner:
    name: str
    value: Number
    share: float | None = None


@dataclass(frozen=True)
class Named:
    """Its JSON has another form than its fields."""

    names: tuple[str, ...]
    values: Numbers

    def to_json(self) -> dict[str, Any]:
        return dict(zip(self.names, self.values.tolist(), strict=True))

    @model_validator(mode="before")
    @classmethod
    def _fields(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {"names": tuple(value), "values": list(value.values())}
        return value


@dataclass(frozen=True)
class Outer:
    inner: Inner
    others: tuple[Inner, ...]
    by_name: Mapping[str, Inner]
    each: Numbers
    named: Named
    prepare: PrepareConfig
    path: Path
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


def outer(value: float = 0.5) -> Outer:
    inner = Inner("a", value)
    return Outer(
        inner,
        (inner, Inner("b", 1.0, 0.25)),
        {"x": inner},
        np.array([[1.0, np.nan], [2.0, 3.0]]),
        Named(("p", "q"), np.array([0.25, 0.75])),
        PrepareConfig(size=128),
        Path("folder/file"),
        ("one",),
        {"k": 3},
    )


def test_a_record_of_records_comes_back_from_a_file() -> None:
    there = json.loads(json.dumps(to_json(outer(math.nan)), allow_nan=False))
    back = from_json(Outer, there)
    assert to_json(back) == there
    assert math.isnan(back.inner.value)
    assert back.others[1] == Inner("b", 1.0, 0.25)
    assert isinstance(back.others, tuple)
    assert (back.prepare, back.path, back.notes) == (PrepareConfig(size=128), Path("folder/file"), ("one",))
    assert back.each.dtype == np.float64
    np.testing.assert_array_equal(back.each, outer().each)


def test_fields_keep_their_order_and_are_plain() -> None:
    there = to_json(outer())
    assert list(there)[:4] == ["inner", "others", "by_name", "each"]
    assert there["inner"] == {"name": "a", "value": 0.5, "share": None}
    assert there["each"] == [[1.0, None], [2.0, 3.0]]
    assert there["named"] == {"p": 0.25, "q": 0.75}
    assert there["path"] == "folder/file"
    numpy_number = to_json(Inner("a", np.float64(0.1)))["value"]
    assert type(numpy_number) is float


@given(st.floats())
def test_every_number_comes_back_to_the_last_digit(value: float) -> None:
    back = from_json(Inner, json.loads(json.dumps(to_json(Inner("a", value)), allow_nan=False))).value
    assert back == value or (math.isnan(back) and not math.isfinite(value))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inner": {"value": 1.0}}, r"this is no Outer: inner\.name: Field required"),
        ({"inner": {"name": 3, "value": 1.0}}, r"inner\.name: .*valid string \(it is '3'\)"),
        ({"others": 7}, r"others: .*tuple \(it is '7'\)"),
        ({"each": ["x"]}, r"each: .*could not convert string to float"),
        ({"each": [{}]}, r"each: .*float\(\) argument"),
        ({"named": {"p": "much"}}, r"named\.values: .*could not convert"),
        ({"counts": {"k": "many"}}, r"counts\.k: .*integer"),
        ({"prepare": {"size": -1}}, r"prepare\.size"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        from_json(Outer, {**to_json(outer()), **change})


def test_another_thing_is_refused() -> None:
    with pytest.raises(DataError, match=r"this is no Inner: .*\(it is '\[1\]'\)"):
        from_json(Inner, [1])


def test_keys_of_a_later_version_are_left_out() -> None:
    assert from_json(Inner, {"name": "a", "value": 1, "colour": "red"}) == Inner("a", 1.0)
