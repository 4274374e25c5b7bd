"""Does something other than the picture give the label away? The ROC AUC of each such trait alone.

A trait in numbers is judged by its order. One in classes, and one in numbers whose effect rises and falls, is
judged out of fold: patients are dealt to folds, and each image is scored by how often the finding is positive at
its value in the other folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LabelsConfig
from hilum.doctor.report import Check, Level
from hilum.doctor.traits import OF_FILES, Trait, traits
from hilum.table import Table
from hilum.text import listed

_TELLING = 0.7
"""ROC AUC from which a trait alone is called a shortcut."""
_LEAST_EACH = 10
"""Patients with and patients without a finding that it must have for its AUC to mean anything."""
_STANDARD_ERRORS = 4.0
"""An AUC within so many standard errors of 0.5 is chance: some hundreds of them are looked at."""
_DECIDING = 0.95
"""ROC AUC from which a network need not look at the picture at all."""
_BETTER = 2.0
"""By so many standard errors must an AUC out of fold beat the one by order to be told in its place."""
_RARE = 3
"""Values of fewer images are taken together: they tell nothing of another fold."""

_MOST_OF_ALL = 0.9
"""A part of more than this share of all images is not looked at by itself."""

_Values = npt.NDArray[np.float64] | npt.NDArray[np.str_]

_FOLDS = 5
_BINS = 32
"""Numbers of more values than this, or of fewer than `_LEAST_LEAF` images a value, are put into at most so many
bins, of about `_PER_BIN` images or more."""
_PER_BIN = 8
_LEAVES = 6
_LEAST_LEAF = 3
_TREE_ROWS = 20_000

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Shortcut:
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


def shortcut_checks(
    table: Table, files: pl.DataFrame | None = None, *, deciding: bool = False
) -> Iterator[Check]:
    """Traits that tell the label without a look at the picture, by how well they do.

    Args:
        table: the images.
        files: facts of each row's file, null where unknown; see `traits`.
        deciding: only those with which a network need not look at the picture; nothing where there are none.
    """
    found = _shortcuts(table, files)
    if deciding:
        yield from _told([one for one in found if one.auc >= _DECIDING])
    else:
        yield from _checks(found, *_looked_at(table, files))


def _checks(found: Sequence[_Shortcut], looked_at: Sequence[str] = (), missed: str = "") -> Iterator[Check]:
    """`missed` is what was not looked at: then it is not said that nothing but the picture predicts."""
    told = list(_told(found))
    yield from told
    if not told and missed and not looked_at:
        message = f"Whether only the picture predicts a label is not known; not looked at: {missed}."
        yield Check("note", "shortcuts", message)
    elif not told:
        what = (
            f"Of what was looked at ({listed(looked_at, 40)}), nothing"
            if missed
            else "Nothing but the picture"
        )
        rest = f"; not looked at: {missed}" if missed else ""
        yield Check("ok", "shortcuts", f"{what} predicts a label with an AUC of {_TELLING}{rest}.")


def _told(found: Sequence[_Shortcut]) -> Iterator[Check]:
    by_level: dict[Level, list[_Shortcut]] = {}
    for shortcut in found:
        levels: tuple[Level, Level] = ("note", "warning") if shortcut.patient else ("warning", "fault")
        if shortcut.auc >= _TELLING:
            by_level.setdefault(levels[shortcut.auc >= _DECIDING], []).append(shortcut)
    for level, shortcuts in by_level.items():
        yield Check(
            level,
            "shortcuts",
            f"What predicts labels without a look at the picture (ROC AUC): {listed(shortcuts, 6)}.",
            ""
            if level == "note"
            else "Compare scores within one value of it, or balance it, before believing them.",
            {"shortcuts": [asdict(shortcut) for shortcut in shortcuts]},
        )


@dataclass(frozen=True)
class _Rows:
    """What traits are judged by: targets, float32 [n, k], the patient and the fold of each image."""

    findings: tuple[str, ...]
    targets: npt.NDArray[np.float32]
    patients: _Ints
    fold: _Ints

    @classmethod
    def of(cls, table: Table) -> _Rows:
        """Uncertain labels are left out, and findings not mentioned are negative."""
        codes = table.frame["patient_id"].cast(pl.Categorical).to_physical().to_numpy()
        patients = np.unique(codes, return_inverse=True)[1].astype(np.int64)
        targets = table.targets(LabelsConfig(), scoring=True)
        return cls(table.findings, targets, patients, _deal(patients))

    def where(self, known: npt.NDArray[np.bool_]) -> _Rows:
        """The rows of which something is known."""
        if known.all():
            return self
        return _Rows(self.findings, self.targets[known], self.patients[known], self.fold[known])

    def error(self, j: int) -> float:
        """Standard error of an AUC of chance (Mann-Whitney), for images of a patient that say all the same.

        Infinite for fewer than `_LEAST_EACH` patients of either kind.
        """
        own = [np.bincount(self.patients[self.targets[:, j] == value]) for value in (1, 0)]
        if min(np.count_nonzero(images) for images in own) < _LEAST_EACH:
            return float("inf")
        # As many patients of equally many images would vary as much (Kish 1965).
        ill, well = (float(images.sum()) ** 2 / float((images**2).sum()) for images in own)
        return float(np.sqrt((ill + well + 1) / (12 * ill * well)))


def _shortcuts(table: Table, files: pl.DataFrame | None = None) -> list[_Shortcut]:
    """AUC of each trait for each finding where it is not chance, best first.

    A trait that decides within one official part, and not over all of them, is told of that part: its score would
    be the trait's, or what is learned there.

    Args:
        table: the images.
        files: facts of each row's file, null where unknown; see `traits`.
    """
    found = _of_table(table, files)
    known = {(shortcut.trait, shortcut.finding) for shortcut in found if shortcut.auc >= _DECIDING}
    for part, rows in table.official_parts().items():
        if len(rows) <= _MOST_OF_ALL * len(table):
            own = _of_table(table.take(rows), files[rows] if files is not None else None)
            deciding = (shortcut for shortcut in own if shortcut.auc >= _DECIDING)
            found += [replace(one, part=part) for one in deciding if (one.trait, one.finding) not in known]
    return sorted(found, key=lambda shortcut: -shortcut.auc)


def _of_table(table: Table, files: pl.DataFrame | None) -> list[_Shortcut]:
    rows = _Rows.of(table)
    return [shortcut for trait in traits(table, files) for shortcut in _of_trait(trait, rows)]


def _looked_at(table: Table, files: pl.DataFrame | None) -> tuple[list[str], str]:
    """Names of the traits that differ between images and that `_shortcuts` judges, and what it cannot judge."""
    rows = _Rows.of(table)
    few = [n for j, n in enumerate(rows.findings) if _STANDARD_ERRORS * rows.error(j) > _DECIDING - 0.5]
    missed = [OF_FILES] if files is None or not files["width"].is_not_null().any() else []
    missed += [f"{listed(few)} (too few patients with or without)"] if few else []
    if len(few) == len(rows.findings):
        return [], "; ".join(missed)
    names = [trait.name for trait in traits(table, files) if trait.values.drop_nulls().n_unique() > 1]
    return names, "; ".join(missed)


def _of_trait(trait: Trait, rows: _Rows) -> Iterator[_Shortcut]:
    known = trait.values.is_not_null().to_numpy()
    if not known.any():
        return
    values, level = _levels(trait.values.drop_nulls())
    rows = rows.where(known)
    for j, finding in enumerate(rows.findings if len(values) > 1 else ()):
        error = rows.error(j)
        if np.isinf(error):
            continue
        count = _counted(level, rows.fold, rows.targets[:, j])
        ordered = _ranked_auc(count.sum(axis=1)) if values.dtype.kind == "f" else 0.5
        simple = max(ordered, 1 - ordered)
        crossed = _crossed(trait, values, level, rows, j, count, worth=simple < _DECIDING, error=error)
        better = crossed - simple > _BETTER * error or crossed >= _DECIDING > simple
        auc = crossed if better else simple
        if auc - 0.5 > _STANDARD_ERRORS * error:
            told = (better or auc >= _DECIDING) and not trait.secret and not np.isin(values, (0.0, 1.0)).all()
            how = _how(values, count.sum(axis=1), finding) if told else ""
            yield _Shortcut(trait.name, finding, auc, better or ordered > 0.5, how, trait.patient)


def _levels(values: pl.Series) -> tuple[_Values, _Ints]:
    """The different values in order, rare classes as one, and which of them each row has."""
    if values.dtype == pl.String:
        counts = values.rename("value").value_counts()
        rare = counts.filter(pl.col("count") < _RARE)["value"]
        values = values.set(values.is_in(rare.implode()), "(others)")
        found, level = np.unique(values.to_numpy().astype(str), return_inverse=True)
    else:
        found, level = np.unique(values.to_numpy(), return_inverse=True)
    return found, level.astype(np.int64)


def _crossed(
    trait: Trait, values: _Values, level: _Ints, rows: _Rows, j: int, count: _Ints, worth: bool, error: float
) -> float:
    """The AUC out of fold; a tree is asked where bins may blur what a trait of the picture's making tells."""
    if values.dtype.kind != "f":
        return _out_of_fold_auc(count)
    starts = _binned(count.sum(axis=(0, 1)))
    found = _out_of_fold_auc(np.add.reduceat(count, starts, axis=2))
    if len(starts) == len(values) or trait.patient or not worth or found - 0.5 <= error:
        return found
    return max(found, _tree_auc(values[level].astype(np.float64), rows.targets[:, j], rows.patients))


def _how(values: _Values, count: _Ints, finding: str) -> str:
    """Values at which the finding is more frequent than over all, and how many images of either kind have them."""
    numbers = values.dtype.kind == "f"
    starts = _binned(count.sum(axis=0)) if numbers else np.arange(len(values))
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


def _deal(patients: _Ints) -> _Ints:
    """The fold of each image, 0 to _FOLDS - 1: a patient's images stay together."""
    dealt = np.random.default_rng(0).permutation(int(patients.max()) + 1) % _FOLDS
    return dealt[patients].astype(np.int64)


def _counted(level: _Ints, fold: _Ints, target: npt.NDArray[np.float32]) -> _Ints:
    """Images of each class, fold and level, int64 [2, _FOLDS, levels]; a target of NaN does not count."""
    levels = int(level.max()) + 1
    place = fold * levels + level
    each = [np.bincount(place[target == value], minlength=_FOLDS * levels) for value in (0, 1)]
    return np.stack(each).reshape(2, _FOLDS, levels)


def _binned(sizes: _Ints) -> _Ints:
    """Where each bin of a number begins, given the images of each of its values in order."""
    total = int(sizes.sum())
    if len(sizes) <= _BINS and total >= _LEAST_LEAF * len(sizes):
        return np.arange(len(sizes))
    count = min(max(total // _PER_BIN, 2), _BINS)
    middle = np.cumsum(sizes) - sizes / 2
    return np.flatnonzero(np.diff((middle * count / total).astype(np.int64), prepend=-1))


def _ranked_auc(count: _Ints) -> float:
    """ROC AUC of levels in their order, of int64 [2, levels]."""
    wins, pairs = _wins(np.arange(count.shape[1], dtype=np.float64), *count)
    return wins / pairs if pairs else 0.5


def _out_of_fold_auc(count: _Ints) -> float:
    """ROC AUC of the rate of positives at each level in the other folds, of int64 [2, _FOLDS, levels].

    Only pairs of images within a fold count: rates of two folds differ by their folds too, and over all pairs
    chance would be below 0.5.
    """
    total = count.sum(axis=1)
    each = []
    for own in range(count.shape[1]):
        negative, positive = total - count[:, own]
        everywhere = positive.sum() / max(int(negative.sum() + positive.sum()), 1)
        rate = (positive + everywhere) / (negative + positive + 1)
        each.append(_wins(rate, *count[:, own]))
    wins, pairs = np.sum(each, axis=0)
    return float(wins / pairs) if pairs else 0.5


def _tree_auc(values: _Floats, target: npt.NDArray[np.float32], patients: _Ints) -> float:
    """The same of scikit-learn's decision tree of a few leaves, which finds borders that bins blur."""
    from sklearn.model_selection import GroupKFold
    from sklearn.tree import DecisionTreeClassifier

    rows = np.random.default_rng(0).permutation(np.flatnonzero(~np.isnan(target)))[:_TREE_ROWS]
    values, truth, patients = values[rows, None], target[rows].astype(np.int64), patients[rows]
    tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, min_samples_leaf=_LEAST_LEAF, random_state=0)
    each = [(0.0, 0.0)]
    for learn, judge in GroupKFold(_FOLDS, shuffle=True, random_state=0).split(values, truth, patients):
        if len(np.unique(truth[learn])) == 2:
            score = tree.fit(values[learn], truth[learn]).predict_proba(values[judge])[:, 1]
            each.append(_wins(score, 1 - truth[judge], truth[judge]))
    wins, pairs = np.sum(each, axis=0)
    return float(wins / pairs) if pairs else 0.5


def _wins(score: _Floats, negative: _Ints, positive: _Ints) -> tuple[float, float]:
    """Pairs that a score of each level puts in order, ties counting half, and all pairs."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    below = np.concatenate([[0], np.cumsum(negative[order])])
    first, last = (below[np.searchsorted(ordered, ordered, side)] for side in ("left", "right"))
    wins = float((positive[order] * (first + last)).sum()) / 2
    return wins, float(negative.sum()) * float(positive.sum())
