"""Does something other than the picture give the label away? The ROC AUC of each such trait alone.

A trait in numbers is judged by its order. One in classes, and one in numbers whose effect rises and falls, is
judged out of fold: patients are dealt to folds, and each image is scored by how often the finding is positive at
its value in the other folds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LabelsConfig
from hilum.doctor.out_of_fold import (
    Ints,
    binned,
    counted,
    deal,
    out_of_fold_auc,
    ranked_auc,
    tree_auc,
)
from hilum.doctor.traits import OF_FILES, Trait, traits
from hilum.table import Table, official_parts
from hilum.text import listed

LEAST_EACH = 10
"""Patients with and patients without a finding that it must have for its AUC to mean anything."""
STANDARD_ERRORS = 4.0
"""An AUC within so many standard errors of 0.5 is chance: some hundreds of them are looked at."""
DECIDING = 0.95
"""ROC AUC from which a network need not look at the picture at all."""
BETTER = 2.0
"""By so many standard errors must an AUC out of fold beat the one by order to be told in its place."""
RARE = 3
"""Values of fewer images are taken together: they tell nothing of another fold."""

MOST_OF_ALL = 0.9
"""A part of more than this share of all images is not looked at by itself."""

Values = npt.NDArray[np.float64] | npt.NDArray[np.str_]


@dataclass(frozen=True)
class Shortcut:
    """How well one trait alone tells the positives of a finding from the rest.

    Attributes:
        trait: what it is called.
        finding: what it tells.
        auc: 0.5 or more.
        higher: whether positives have more of the trait, or less.
        how: which values tell it, where that is not plain.
        patient: whether the trait is of the patient, and may well be an honest risk factor.
        part: the official part in which it does; empty for all images.
    """

    trait: str
    finding: str
    auc: float
    higher: bool = True
    how: str = ""
    patient: bool = False
    part: str = ""

    def __str__(self) -> str:
        what = self.finding if self.higher else f"no {self.finding}"
        where = f" in the {self.part} part" if self.part else ""
        return f"{self.trait} predicts {what}{where} ({self.auc:.2f}){': ' if self.how else ''}{self.how}"


@dataclass(frozen=True)
class _Rows:
    """What traits are judged by: targets, float32 [n, k], the patient and the fold of each image."""

    findings: tuple[str, ...]
    targets: npt.NDArray[np.float32]
    patients: Ints
    fold: Ints

    @classmethod
    def of(cls, table: Table) -> _Rows:
        """Uncertain labels are left out, and findings not mentioned are negative."""
        codes = table.frame["patient_id"].cast(pl.Categorical).to_physical().to_numpy()
        patients = np.unique(codes, return_inverse=True)[1].astype(np.int64)
        targets = table.targets(LabelsConfig(), scoring=True)
        return cls(table.findings, targets, patients, deal(patients))

    def where(self, known: npt.NDArray[np.bool_]) -> _Rows:
        """The rows of which something is known."""
        if known.all():
            return self
        return _Rows(self.findings, self.targets[known], self.patients[known], self.fold[known])

    def error(self, j: int) -> float:
        """Standard error of an AUC of chance (Mann-Whitney), for images of a patient that say all the same.

        Infinite for fewer than `LEAST_EACH` patients of either kind.
        """
        own = [np.bincount(self.patients[self.targets[:, j] == value]) for value in (1, 0)]
        if min(np.count_nonzero(images) for images in own) < LEAST_EACH:
            return float("inf")
        # As many patients of equally many images would vary as much (Kish 1965).
        ill, well = (float(images.sum()) ** 2 / float((images**2).sum()) for images in own)
        return float(np.sqrt((ill + well + 1) / (12 * ill * well)))


def shortcuts(table: Table, files: pl.DataFrame | None = None) -> list[Shortcut]:
    """AUC of each trait for each finding where it is not chance, best first.

    A trait that decides within one official part, and not over all of them, is told of that part: its score would
    be the trait's, or what is learned there.

    Args:
        table: the images.
        files: facts of each row's file, null where unknown; see `traits`.
    """
    found = _of_table(table, files)
    known = {(shortcut.trait, shortcut.finding) for shortcut in found if shortcut.auc >= DECIDING}
    for part, rows in official_parts(table).items():
        if len(rows) <= MOST_OF_ALL * len(table):
            own = _of_table(table.take(rows), files[rows] if files is not None else None)
            deciding = (shortcut for shortcut in own if shortcut.auc >= DECIDING)
            found += [replace(one, part=part) for one in deciding if (one.trait, one.finding) not in known]
    return sorted(found, key=lambda shortcut: -shortcut.auc)


def _of_table(table: Table, files: pl.DataFrame | None) -> list[Shortcut]:
    rows = _Rows.of(table)
    return [shortcut for trait in traits(table, files) for shortcut in _of_trait(trait, rows)]


def looked_at(table: Table, files: pl.DataFrame | None) -> tuple[list[str], str]:
    """Names of the traits that differ between images and that `shortcuts` judges, and what it cannot judge."""
    rows = _Rows.of(table)
    few = [n for j, n in enumerate(rows.findings) if STANDARD_ERRORS * rows.error(j) > DECIDING - 0.5]
    missed = [OF_FILES] if files is None or not files["width"].is_not_null().any() else []
    missed += [f"{listed(few)} (too few patients with or without)"] if few else []
    if len(few) == len(rows.findings):
        return [], "; ".join(missed)
    names = [trait.name for trait in traits(table, files) if trait.values.drop_nulls().n_unique() > 1]
    return names, "; ".join(missed)


def _of_trait(trait: Trait, rows: _Rows) -> Iterator[Shortcut]:
    known = trait.values.is_not_null().to_numpy()
    if not known.any():
        return
    values, level = _levels(trait.values.drop_nulls())
    rows = rows.where(known)
    for j, finding in enumerate(rows.findings if len(values) > 1 else ()):
        error = rows.error(j)
        if np.isinf(error):
            continue
        count = counted(level, rows.fold, rows.targets[:, j])
        ordered = ranked_auc(count.sum(axis=1)) if values.dtype.kind == "f" else 0.5
        simple = max(ordered, 1 - ordered)
        crossed = _crossed(trait, values, level, rows, j, count, worth=simple < DECIDING, error=error)
        better = crossed - simple > BETTER * error or crossed >= DECIDING > simple
        auc = crossed if better else simple
        if auc - 0.5 > STANDARD_ERRORS * error:
            told = (better or auc >= DECIDING) and not trait.secret and not np.isin(values, (0.0, 1.0)).all()
            how = _how(values, count.sum(axis=1), finding) if told else ""
            yield Shortcut(trait.name, finding, auc, better or ordered > 0.5, how, trait.patient)


def _levels(values: pl.Series) -> tuple[Values, Ints]:
    """The different values in order, rare classes as one, and which of them each row has."""
    if values.dtype == pl.String:
        counts = values.rename("value").value_counts()
        rare = counts.filter(pl.col("count") < RARE)["value"]
        values = values.set(values.is_in(rare.implode()), "(others)")
        found, level = np.unique(values.to_numpy().astype(str), return_inverse=True)
    else:
        found, level = np.unique(values.to_numpy(), return_inverse=True)
    return found, level.astype(np.int64)


def _crossed(
    trait: Trait, values: Values, level: Ints, rows: _Rows, j: int, count: Ints, worth: bool, error: float
) -> float:
    """The AUC out of fold; a tree is asked where bins may blur what a trait of the picture's making tells."""
    if values.dtype.kind != "f":
        return out_of_fold_auc(count)
    starts = binned(count.sum(axis=(0, 1)))
    found = out_of_fold_auc(np.add.reduceat(count, starts, axis=2))
    if len(starts) == len(values) or trait.patient or not worth or found - 0.5 <= error:
        return found
    return max(found, tree_auc(values[level].astype(np.float64), rows.targets[:, j], rows.patients))


def _how(values: Values, count: Ints, finding: str) -> str:
    """Values at which the finding is more frequent than over all, and how many images of either kind have them."""
    numbers = values.dtype.kind == "f"
    starts = binned(count.sum(axis=0)) if numbers else np.arange(len(values))
    negative, positive = np.add.reduceat(count, starts, axis=1)
    chosen = positive * negative.sum() > negative * positive.sum()
    if numbers:
        ends = np.append(starts[1:], len(values)) - 1
        edges = np.diff(chosen.astype(int), prepend=0, append=0)
        runs = zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1, strict=True)
        names = [_span(float(values[starts[a]]), float(values[ends[b]])) for a, b in runs]
    else:
        names = [str(values[k]) for k in np.argsort(-positive, kind="stable") if chosen[k]]
    shares = positive[chosen].sum() / positive.sum(), negative[chosen].sum() / negative.sum()
    return f"{listed(names, 3)} in {shares[0]:.0%} of {finding} and {shares[1]:.0%} of the others"


def _span(first: float, last: float) -> str:
    return f"{first:.4g}" if first == last else f"{first:.4g} to {last:.4g}"
