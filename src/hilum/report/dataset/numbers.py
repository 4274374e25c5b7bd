"""Every number of the data report: counted once, then drawn, told and written as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from hilum.metrics import Bools, holm
from hilum.pixels import Pack
from hilum.report.dataset.groups import Dependence, Group, dependences, find_groups
from hilum.report.dataset.shares import ALPHA, Patients, lifts, shares
from hilum.table import Table, official_parts

NO_FINDING = "No Finding"
"""A label that says that there is nothing: not counted among the findings of an image."""
VECTORS = 15
"""How many of the most frequent label vectors are kept."""
AGE_BIN = 5
"""Years."""
GRAY_BIN = 8
"""Of 256 gray values."""
SIZES = ((1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "5"), (10, "6-10"), (20, "11-20"))
"""Most and name of each class of images or studies per patient."""


@dataclass(frozen=True)
class Finding:
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
class Pair:
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
class Vector:
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
    findings: tuple[Finding, ...]
    per_image: dict[int, int]
    vectors: tuple[Vector, ...]
    distinct_vectors: int
    pairs: tuple[Pair, ...]
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

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; what is not a number there is null."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        told["findings"] = [asdict(finding) for finding in self.findings]
        told["pairs"] = [asdict(pair) | {"real": pair.real} for pair in self.pairs]
        told["groups"] = [asdict(group) for group in self.groups]
        told["vectors"] = [asdict(vector) for vector in self.vectors]
        told["dependences"] = [pair.to_json() for pair in self.dependences]
        told["per_image"] = {str(count): images for count, images in self.per_image.items()}
        plain = _plain(told)
        assert isinstance(plain, dict)
        return plain


def count(pack: Pack) -> DataNumbers:
    """Count everything; only the pack's table and statistics are read."""
    table = pack.table
    frame = table.frame
    positive = positives(table)
    patients = Patients.of(frame["patient_id"])
    diseases = [j for j, name in enumerate(table.findings) if name != NO_FINDING]
    per_image = Counter(positive[:, diseases].sum(axis=1).tolist())
    groups = find_groups(table, positive, patients)
    vectors = label_vectors(table)
    studies = None if frame["study_id"].null_count() else frame["study_id"].n_unique()
    return DataNumbers(
        images=len(table),
        patients=patients.count,
        studies=studies,
        findings=_findings(table, positive, patients),
        per_image={number: per_image[number] for number in range(max(per_image, default=0) + 1)},
        vectors=tuple(vectors[:VECTORS]),
        distinct_vectors=len(vectors),
        pairs=_pairs(table, positive, patients),
        groups=groups,
        dependences=dependences(groups),
        values={name: _values(frame[name]) for name in ("source", "view", "projection", "sex")},
        ages=_ages(frame),
        per_patient={
            "images": _sizes(frame.group_by("patient_id").len()["len"]),
            "studies": _sizes(frame.group_by("patient_id").agg(pl.n_unique("study_id"))["study_id"])
            if studies is not None
            else {},
        },
        gray=_gray(pack),
        parts={
            part: {"images": len(rows), "patients": table.take(rows).patients}
            for part, rows in official_parts(table).items()
        },
        reasons=dict(Counter(reason.partition(";")[0] for reason in pack.excluded["reason"]).most_common()),
    )


def positives(table: Table) -> Bools:
    """Where a finding is said to be positive, bool [n, k]; uncertain and blank are not."""
    if not table.findings:
        return np.zeros((len(table), 0), dtype=bool)
    return table.frame.select(pl.col(table.findings).eq(1).fill_null(False)).to_numpy()


def label_vectors(table: Table) -> list[Vector]:
    """Every combination of positive findings that occurs, the most frequent first."""
    if not table.findings:
        return []
    marks = table.frame.select(pl.col(table.findings).eq(1).fill_null(False))
    grouped = marks.group_by(table.findings, maintain_order=True).len("images of it")
    found = [
        Vector(
            tuple(name for name, yes in zip(table.findings, row, strict=False) if yes),
            row[-1],
            row[-1] / len(table),
        )
        for row in grouped.iter_rows()
    ]
    return sorted(found, key=lambda vector: (-vector.images, len(vector.findings), vector.findings))


def _findings(table: Table, positive: Bools, patients: Patients) -> tuple[Finding, ...]:
    share = shares(positive, patients)
    having = (patients.sums(positive) > 0).sum(axis=0)
    return tuple(
        Finding(
            row["finding"], row["positive"], row["negative"], row["uncertain"], row["blank"], int(having[j]),
            float(share.share[j]), float(share.low[j]), float(share.high[j]),
        )
        for j, row in enumerate(table.counts().iter_rows(named=True))
    )  # fmt: skip


def _pairs(table: Table, positive: Bools, patients: Patients) -> tuple[Pair, ...]:
    lift = lifts(positive, positive, patients)
    upper = np.triu_indices(len(table.findings), 1)
    adjusted = holm(lift.p[upper])
    return tuple(
        Pair(
            first=table.findings[i],
            second=table.findings[j],
            both=int(lift.both[i, j]),
            expected=float(lift.expected[i, j]),
            lift=float(lift.lift[i, j]),
            low=float(lift.low[i, j]),
            high=float(lift.high[i, j]),
            p_adjusted=float(adjusted[at]),
        )
        for at, (i, j) in enumerate(zip(*upper, strict=True))
    )


def _values(column: pl.Series) -> dict[str, int]:
    counts = column.fill_null("").value_counts(sort=True)
    return {value: int(number) for value, number in counts.iter_rows()}


def _ages(frame: pl.DataFrame) -> dict[str, Any]:
    known = frame.filter(pl.col("age").is_not_null() & pl.col("age").is_not_nan())
    if not len(known):
        return {"known": 0, "youngest": None, "median": None, "oldest": None, "bins": []}
    age = known["age"].to_numpy()
    start = (known["age"] // AGE_BIN).cast(pl.Int64).to_numpy() * AGE_BIN
    sexes = [known["sex"].eq(sex).fill_null(False).to_numpy() for sex in ("F", "M")]
    marks = [*sexes, known["sex"].is_null().to_numpy()]
    bins = [
        [at, *(int((mark & (start == at)).sum()) for mark in marks)]
        for at in range(int(start.min()), int(start.max()) + 1, AGE_BIN)
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
    names = [name for _, name in SIZES] + [f"{SIZES[-1][0] + 1}+"]
    ends = [most for most, _ in SIZES]
    counts = np.bincount(np.searchsorted(ends, numbers.to_numpy()), minlength=len(names))
    last = int(np.flatnonzero(counts).max(initial=0))
    return {name: int(number) for name, number in zip(names[: last + 1], counts, strict=False)}


def _gray(pack: Pack) -> dict[str, Any]:
    if not len(pack):
        return {"mean": None, "sd": None, "bins": []}
    mean, sd = pack.mean_sd(pack.slots)
    means = pack.stats["sum"].to_numpy() / pack.prepare.size**2
    counts = np.histogram(means, bins=np.arange(0, 257, GRAY_BIN))[0]
    return {
        "mean": mean,
        "sd": sd,
        "bins": [[at * GRAY_BIN, int(number)] for at, number in enumerate(counts)],
    }


def _plain(value: Any) -> Any:
    """JSON values: tuples as lists, what is not finite as None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
