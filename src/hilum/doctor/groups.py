"""How often each finding is positive in parts of the data: by projection, view, sex, age band, official part."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hilum.doctor.patients import ALPHA, Patients
from hilum.metrics import BANDS, CHILDREN, FEW, Bools, holm
from hilum.table import Table

ATTRIBUTES = {
    "projection": "projection",
    "view": "view",
    "sex": "sex",
    "age_band": "age",
    "official_split": "official part",
    "source": "source",
}
"""Column -> what it is called."""
_NOT_SAID = "not said"
_ORDER = ("train", "valid", "test", "frontal", "lateral")
_TIMES = 2.0
"""How many times as frequent as in another group a finding must be to be told of."""


@dataclass(frozen=True)
class _Rate:
    """One finding in one group.

    Attributes:
        finding: its name.
        positive: images of the group where it is positive.
        share, low, high: of the group's images, with a 95 % interval.
        lift, lift_low, lift_high: the share against that in all images.
        real: whether the lift differs from 1 by more than chance, all findings and groups counted (Holm).
    """

    finding: str
    positive: int
    share: float
    low: float
    high: float
    lift: float
    lift_low: float
    lift_high: float
    real: bool


@dataclass(frozen=True)
class Group:
    """Images that have one value of an attribute."""

    attribute: str
    value: str
    images: int
    patients: int
    rates: tuple[_Rate, ...]

    @property
    def title(self) -> str:
        """What the attribute is called."""
        return ATTRIBUTES[self.attribute]


@dataclass(frozen=True)
class Dependence:
    """A finding that is much more frequent in one group than in another of the same attribute."""

    finding: str
    high: Group
    low: Group
    high_share: float
    low_share: float

    @property
    def times(self) -> float:
        """How many times as frequent; infinite where it never occurs in the other."""
        return self.high_share / self.low_share if self.low_share else math.inf

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `times` is null where it is infinite."""
        return {
            "finding": self.finding,
            "attribute": self.high.attribute,
            "more_in": self.high.value,
            "less_in": self.low.value,
            "share_more": self.high_share,
            "share_less": self.low_share,
            "times": self.times if math.isfinite(self.times) else None,
        }


def find_groups(
    table: Table, positive: Bools, patients: Patients
) -> tuple[tuple[Group, ...], tuple[Dependence, ...]]:
    """Groups of every attribute that has two values or more (rows that do not say are one), and what depends.

    Args:
        table: the images.
        positive: bool [n, k], of its findings.
        patients: of its rows.
    """
    frame = table.frame.with_columns(age_band=_age_band(table.frame["age"]))
    names, marks = [], []
    for attribute in ATTRIBUTES:
        values = frame[attribute].fill_null(_NOT_SAID)
        distinct = sorted(values.unique(), key=_place)
        if len(distinct) > 1:
            names += [(attribute, value) for value in distinct]
            marks += [values.eq(value).to_numpy() for value in distinct]
    if not names:
        return (), ()
    lift = patients.lifts(positive, np.stack(marks, axis=1))
    real = np.nan_to_num(holm(lift.p.ravel()), nan=1.0).reshape(lift.p.shape) < ALPHA
    found = []
    for j, ((attribute, value), mark) in enumerate(zip(names, marks, strict=True)):
        there = patients.take(mark)
        share = there.shares(positive[mark])
        columns = (
            share.count,
            share.share,
            share.low,
            share.high,
            *(x[:, j] for x in (lift.lift, lift.low, lift.high, real)),
        )
        rows = zip(table.findings, *(column.tolist() for column in columns), strict=True)
        found.append(
            Group(attribute, value, int(mark.sum()), there.count, tuple(_Rate(*row) for row in rows))
        )
    return tuple(found), _dependences(found)


def _age_band(age: pl.Series) -> pl.Expr:
    """The band of each age, null where it is not known; the bands of subgroup scores."""
    grown_up = not age.count() or bool((age.drop_nulls() >= BANDS[1]).any())
    starts = [int(start) for start in (BANDS if grown_up else CHILDREN)]
    ends = [*starts[1:], None if grown_up else int(BANDS[1])]
    band = pl.lit(None, pl.String)
    for start, end in zip(starts, ends, strict=True):
        name = f"{start}+" if end is None else f"{start}-{end - 1}"
        band = pl.when(pl.col("age") >= start).then(pl.lit(name)).otherwise(band)
    return band


def _place(value: str) -> tuple[bool, int, int, str]:
    """Where a value stands among the others: ages by their years, those not said last."""
    digits = re.match(r"\d+", value)
    place = _ORDER.index(value) if value in _ORDER else len(_ORDER)
    return value == _NOT_SAID, place, int(digits[0]) if digits else 0, value


def _dependences(groups: Sequence[Group]) -> tuple[Dependence, ...]:
    """For each attribute and finding, the widest gap between two groups that is `_TIMES` or more.

    Only groups where the finding is more, or less, frequent than chance allows count, and their intervals must
    not meet; groups that do not say the attribute are left out. The strongest come first.
    """
    found = []
    for attribute in dict.fromkeys(group.attribute for group in groups):
        own = [g for g in groups if g.attribute == attribute and g.value != _NOT_SAID and g.images >= FEW]
        for i in range(len(own[0].rates) if len(own) > 1 else 0):
            real = [group for group in own if group.rates[i].real]
            if not real:
                continue
            low = min(own, key=lambda group: group.rates[i].share)
            high = max(real, key=lambda group: group.rates[i].share)
            more, less = high.rates[i], low.rates[i]
            pair = Dependence(more.finding, high, low, more.share, less.share)
            if more.low > less.high and more.positive >= FEW and pair.times >= _TIMES:
                found.append(pair)
    return tuple(sorted(found, key=lambda pair: -pair.times))
