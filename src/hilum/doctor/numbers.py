"""Every number of the data report: counted once, then drawn, told and written as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from hilum.doctor.groups import Dependence, Group, find_groups
from hilum.doctor.patients import ALPHA, Patients
from hilum.metrics import Bools, holm
from hilum.pixels import Pack
from hilum.table import Table

_VECTORS = 15
"""How many of the most frequent label vectors are kept."""
_AGE_BIN = 5
"""Years."""
_GRAY_BIN = 8
"""Of 256 gray values."""
_SIZES = ((1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "5"), (10, "6-10"), (20, "11-20"))
"""Most and name of each class of images or studies per patient."""


@dataclass(frozen=True)
class _Finding:
    """Labels of one finding; `share` is of positives among all images, with a 95 % interval."""

    finding: str
    positive: int
    negative: int
    uncertain: int
    blank: int
    patients: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class _Pair:
    """Two findings: images that have both, as many as chance would give, and the ratio (lift)."""

    first: str
    second: str
    both: int
    expected: float
    lift: float
    low: float
    high: float
    p_adjusted: float

    @property
    def real(self) -> bool:
        """Whether the lift differs from 1 by more than chance, with all pairs counted (Holm)."""
        return self.p_adjusted < ALPHA


@dataclass(frozen=True)
class _Vector:
    """A combination of positive findings, all others not, and how many images have just it."""

    findings: tuple[str, ...]
    images: int
    share: float


@dataclass(frozen=True)
class DataNumbers:
    """What is counted of a pack.

    Attributes:
        images, patients: how many.
        studies: how many, or None where not every image's study is known.
        findings: labels per finding.
        per_image: number of findings -> images (`No Finding` is not one).
        vectors: the most frequent label vectors; `distinct_vectors` says how many there are.
        pairs: every two findings.
        groups: prevalences by attribute.
        dependences: findings that are much more frequent in one group than in another.
        values: attribute -> value -> images; values that are not said are under an empty name.
        ages: `known`, `youngest`, `median`, `oldest` (years), and `bins`: [from, F, M, not said].
        per_patient: `images` and `studies` -> how many -> patients.
        gray: `mean` and `sd` of all pixels (0 to 1), and `bins`: [from, images] of images' mean gray (0 to 255).
        parts: images and patients per official part.
        reasons: why images were left out -> how many.
    """

    images: int
    patients: int
    studies: int | None
    findings: tuple[_Finding, ...]
    per_image: dict[int, int]
    vectors: tuple[_Vector, ...]
    distinct_vectors: int
    pairs: tuple[_Pair, ...]
    groups: tuple[Group, ...]
    dependences: tuple[Dependence, ...]
    values: dict[str, dict[str, int]]
    ages: dict[str, Any]
    per_patient: dict[str, dict[str, int]]
    gray: dict[str, Any]
    parts: dict[str, dict[str, int]]
    reasons: dict[str, int]

    @property
    def with_none(self) -> int:
        """Images without a positive finding."""
        return self.per_image.get(0, 0)

    @classmethod
    def of(cls, pack: Pack) -> DataNumbers:
        """Count everything; only the pack's table and statistics are read."""
        table, frame = pack.table, pack.table.frame
        positive, patients = table.codes == 1, Patients.of(frame["patient_id"])
        per_image = Counter(
            positive[:, [name in table.diseases for name in table.findings]].sum(axis=1).tolist()
        )
        groups, dependences = find_groups(table, positive, patients)
        vectors = _label_vectors(table)
        studies = None if frame["study_id"].null_count() else frame["study_id"].n_unique()
        per_patient = frame.group_by("patient_id").agg(pl.len(), pl.n_unique("study_id"))
        return cls(
            images=len(table),
            patients=patients.count,
            studies=studies,
            findings=_findings(table, positive, patients),
            per_image={number: per_image[number] for number in range(max(per_image, default=0) + 1)},
            vectors=tuple(vectors[:_VECTORS]),
            distinct_vectors=len(vectors),
            pairs=_pairs(table, positive, patients),
            groups=groups,
            dependences=dependences,
            values={name: _values(frame[name]) for name in ("source", "view", "projection", "sex")},
            ages=_ages(frame),
            per_patient={
                "images": _sizes(per_patient["len"]),
                "studies": {} if studies is None else _sizes(per_patient["study_id"]),
            },
            gray=_gray(pack),
            parts={
                part: {"images": len(rows), "patients": table.take(rows).patients}
                for part, rows in table.official_parts().items()
            },
            reasons=dict(Counter(why.partition(";")[0] for why in pack.excluded["reason"]).most_common()),
        )

    @property
    def by_attribute(self) -> dict[str, list[Group]]:
        """The groups of each attribute."""
        found: dict[str, list[Group]] = {}
        for group in self.groups:
            found.setdefault(group.attribute, []).append(group)
        return found

    def strongest(self, findings: Collection[str], most: int) -> tuple[list[_Pair], list[_Pair]]:
        """Pairs of these findings that are more, and less, often together than chance allows, strongest first."""
        real = [pair for pair in self.pairs if pair.real and {pair.first, pair.second} <= set(findings)]
        more = sorted((pair for pair in real if pair.lift > 1), key=lambda pair: -pair.lift)
        less = sorted((pair for pair in real if pair.lift < 1), key=lambda pair: pair.lift)
        return more[:most], less[:most]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; what is not a number there is null."""
        told = asdict(replace(self, dependences=()))
        told["pairs"] = [asdict(pair) | {"real": pair.real} for pair in self.pairs]
        told["dependences"] = [pair.to_json() for pair in self.dependences]
        told["per_image"] = {str(count): images for count, images in self.per_image.items()}
        plain: dict[str, Any] = _plain(told)
        return plain


def _label_vectors(table: Table) -> list[_Vector]:
    """Every combination of positive findings that occurs, the most frequent first."""
    if not table.findings:
        return []
    marks = table.frame.select(pl.col(table.findings).eq(1).fill_null(False))
    found = [
        _Vector(
            tuple(name for name, yes in zip(table.findings, row, strict=False) if yes),
            row[-1],
            row[-1] / len(table),
        )
        for row in marks.group_by(table.findings, maintain_order=True).len("images of it").iter_rows()
    ]
    return sorted(found, key=lambda vector: (-vector.images, len(vector.findings), vector.findings))


def _findings(table: Table, positive: Bools, patients: Patients) -> tuple[_Finding, ...]:
    share, having = patients.shares(positive), (patients.sums(positive) > 0).sum(axis=0)
    columns = (column.tolist() for column in (having, share.share, share.low, share.high))
    counts = table.counts().drop("positive_rate").rows()
    return tuple(_Finding(*count, *more) for count, *more in zip(counts, *columns, strict=True))


def _pairs(table: Table, positive: Bools, patients: Patients) -> tuple[_Pair, ...]:
    lift = patients.lifts(positive, positive)
    upper = np.triu_indices(len(table.findings), 1)
    columns = (lift.both, lift.expected, lift.lift, lift.low, lift.high)
    rows = zip(
        *upper, *(column[upper].tolist() for column in columns), holm(lift.p[upper]).tolist(), strict=True
    )
    return tuple(_Pair(table.findings[i], table.findings[j], *row) for i, j, *row in rows)


def _values(column: pl.Series) -> dict[str, int]:
    counts = column.fill_null("").value_counts(sort=True)
    return {value: int(number) for value, number in counts.iter_rows()}


def _ages(frame: pl.DataFrame) -> dict[str, Any]:
    known = frame.filter(pl.col("age").is_not_null() & pl.col("age").is_not_nan())
    if not len(known):
        return {"known": 0, "youngest": None, "median": None, "oldest": None, "bins": []}
    age = known["age"].to_numpy()
    start = (known["age"] // _AGE_BIN).cast(pl.Int64).to_numpy() * _AGE_BIN
    sexes = [known["sex"].eq(sex).fill_null(False).to_numpy() for sex in ("F", "M")]
    marks = [*sexes, known["sex"].is_null().to_numpy()]
    bins = [
        [at, *(int((mark & (start == at)).sum()) for mark in marks)]
        for at in range(int(start.min()), int(start.max()) + 1, _AGE_BIN)
    ]
    return {
        "known": len(known),
        "youngest": float(age.min()),
        "median": float(np.median(age)),
        "oldest": float(age.max()),
        "bins": bins,
    }


def _sizes(numbers: pl.Series) -> dict[str, int]:
    """How many patients have so many images or studies; classes that nobody is in come only between others."""
    names = [name for _, name in _SIZES] + [f"{_SIZES[-1][0] + 1}+"]
    ends = [most for most, _ in _SIZES]
    counts = np.bincount(np.searchsorted(ends, numbers.to_numpy()), minlength=len(names))
    last = int(np.flatnonzero(counts).max(initial=0))
    return {name: int(number) for name, number in zip(names[: last + 1], counts, strict=False)}


def _gray(pack: Pack) -> dict[str, Any]:
    if not len(pack):
        return {"mean": None, "sd": None, "bins": []}
    mean, sd = pack.mean_sd(pack.slots)
    means = pack.stats["sum"].to_numpy() / pack.prepare.size**2
    counts = np.histogram(means, bins=np.arange(0, 257, _GRAY_BIN))[0]
    return {"mean": mean, "sd": sd, "bins": [[at * _GRAY_BIN, int(n)] for at, n in enumerate(counts)]}


def _plain(value: Any) -> Any:
    """JSON values: tuples as lists, what is not finite as None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
