"""How often each finding is positive in parts of the data: by projection, view, sex, age band, official part."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hilum.metrics import BANDS, CHILDREN, FEW, Bools, holm
from hilum.report.dataset.shares import ALPHA, Patients, lifts, shares
from hilum.table import Table

NOT_SAID = "not said"

ATTRIBUTES: dict[str, str] = {
    "projection": "projection",
    "view": "view",
    "sex": "sex",
    "age_band": "age",
    "official_split": "official part",
    "source": "source",
}
"""Column -> what it is called."""
ORDER = ("train", "valid", "test", "frontal", "lateral")


@dataclass(frozen=True)
class Rate:
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
    rates: tuple[Rate, ...]

    @property
    def title(self) -> str:
        """What the attribute is called."""
        return ATTRIBUTES[self.attribute]


def with_age_band(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the column `age_band`, null where the age is not known; the bands of subgroup scores."""
    ages = frame["age"].drop_nulls()
    grown_up = not len(ages) or bool((ages >= BANDS[1]).any())
    starts = [int(start) for start in (BANDS if grown_up else CHILDREN)]
    ends = [*starts[1:], None if grown_up else int(BANDS[1])]
    band = pl.lit(None, pl.String)
    for start, end in zip(starts, ends, strict=True):
        name = f"{start}+" if end is None else f"{start}-{end - 1}"
        band = pl.when(pl.col("age") >= start).then(pl.lit(name)).otherwise(band)
    return frame.with_columns(age_band=band)


def find_groups(table: Table, positive: Bools, patients: Patients) -> tuple[Group, ...]:
    """Groups of every attribute that has two values or more (rows that do not say are one of them).

    Args:
        table: the images.
        positive: bool [n, k], of its findings.
        patients: of its rows.
    """
    frame = with_age_band(table.frame)
    names, marks = [], []
    for attribute in ATTRIBUTES:
        values = frame[attribute].fill_null(NOT_SAID)
        distinct = sorted(values.unique(), key=_place)
        if len(distinct) > 1 and distinct != [NOT_SAID]:
            names += [(attribute, value) for value in distinct]
            marks += [values.eq(value).to_numpy() for value in distinct]
    if not names:
        return ()
    lift = lifts(positive, np.stack(marks, axis=1), patients)
    real = np.nan_to_num(holm(lift.p.ravel()), nan=1.0).reshape(lift.p.shape) < ALPHA
    found = []
    for j, ((attribute, value), mark) in enumerate(zip(names, marks, strict=True)):
        there = patients.take(mark)
        share = shares(positive[mark], there)
        rates = tuple(
            Rate(
                finding=finding,
                positive=int(share.count[i]),
                share=float(share.share[i]),
                low=float(share.low[i]),
                high=float(share.high[i]),
                lift=float(lift.lift[i, j]),
                lift_low=float(lift.low[i, j]),
                lift_high=float(lift.high[i, j]),
                real=bool(real[i, j]),
            )
            for i, finding in enumerate(table.findings)
        )
        found.append(Group(attribute, value, int(mark.sum()), there.count, rates))
    return tuple(found)


def _place(value: str) -> tuple[bool, int, int, str]:
    """Where a value stands among the others: ages by their years, those not said last."""
    digits = re.match(r"\d+", value)
    place = ORDER.index(value) if value in ORDER else len(ORDER)
    return value == NOT_SAID, place, int(digits[0]) if digits else 0, value


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


def dependences(groups: tuple[Group, ...], least: float = 2.0) -> tuple[Dependence, ...]:
    """For each attribute and finding, the widest gap between two groups that is `least` times or more.

    Only groups where the finding is more, or less, frequent than chance allows count, and their intervals must
    not meet; groups that do not say the attribute are left out. The strongest come first.
    """
    found = []
    for attribute in dict.fromkeys(group.attribute for group in groups):
        own = [g for g in groups if g.attribute == attribute and g.value != NOT_SAID and g.images >= FEW]
        for i in range(len(own[0].rates) if len(own) > 1 else 0):
            real = [group for group in own if group.rates[i].real]
            if not real:
                continue
            low = min(own, key=lambda group: group.rates[i].share)
            high = max(real, key=lambda group: group.rates[i].share)
            pair = Dependence(high.rates[i].finding, high, low, high.rates[i].share, low.rates[i].share)
            apart = high.rates[i].low > low.rates[i].high
            if apart and high.rates[i].positive >= FEW and pair.times >= least:
                found.append(pair)
    return tuple(sorted(found, key=lambda pair: -pair.times))
