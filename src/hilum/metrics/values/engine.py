"""`Score`: one entry of the registry; `Tally`: scores of rows for any weights of the patients they belong to.

There are four ways in which a score comes about. Most follow from sums over rows (counts of decisions, squared
errors): summed once per patient, a bootstrap replicate is `counts @ per_patient`, and what is left without a
patient is `total - per_patient`. Those of an order need one running sum. Any other is a plain function of targets
and probabilities, which is called anew for every resample.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError
from hilum.metrics.inputs import Bools, Floats, Rows, ratio, row_weights
from hilum.metrics.values.gaps import Gaps
from hilum.metrics.values.ranks import Counts, Ints, Order, Weighed, orders_of, weighed

SINGLE = 2**18
"""Up to so many products OpenBLAS multiplies in one thread. Larger ones start threads that wait for each other by
spinning: 16 replicates of 14,000 patients took 1.5 s on a busy machine, and in pieces of this size 4 ms."""
GROUPS = 200
"""Of more patients, a plain function's jackknife leaves out so many groups (Kott 2001), as each call is slow."""


@dataclass(frozen=True)
class Summed:
    """A formula over sums of parts.

    Attributes:
        parts: rows -> parts of each row, float64 [n, c] each.
        formula: their sums, [..., c] each -> the score, [..., k], or [..., 1] of one over all findings.
    """

    parts: Callable[[Rows], list[Floats]]
    formula: Callable[..., Floats]


@dataclass(frozen=True)
class Ranked:
    """A formula over an order.

    Attributes:
        formula: one finding's order, weighed b times -> the score, [b].
        derivatives: its derivative by the weight of each positive, and of each negative.
        two_samples: positives and negatives are samples of their own, as DeLong's variance takes them.
    """

    formula: Callable[[Weighed], Floats]
    derivatives: Callable[[Order], tuple[Floats, Floats]]
    two_samples: bool = True


@dataclass(frozen=True)
class Plain:
    """Any function of targets (NaN: not scored) and probabilities, float64 [n, k] each.

    Attributes:
        value: -> the score, [k]; or the score and its derivative by the weight of each row, [n, k], if `derived`.
        derived: whether it gives the derivative; else influence is the jackknife's.
    """

    value: Callable[[Floats, Floats], Any]
    derived: bool = False

    def of(self, targets: Floats, probabilities: Floats) -> Floats:
        """The score alone."""
        found = self.value(targets, probabilities)
        return np.asarray(found[0] if self.derived else found, dtype=np.float64)


@dataclass(frozen=True)
class Gapped:
    """A mean absolute gap between probabilities and shares, freed of what noise adds.

    Attributes:
        gaps: rows, the patient of each and how many there are -> each finding's gaps; None where there are none.
    """

    gaps: Callable[[Rows, Ints, int], list[Gaps | None]]


@dataclass(frozen=True)
class Score:
    """What there is to know of a score; `SCORES` has them all.

    Called with targets [n, k] (1, 0, NaN: not scored) and what it is of, it gives float64 [k], or one number.

    Attributes:
        heading: how tables call it.
        short: the same in five letters.
        way: how it comes about.
        of: what it is of beside targets.
        about: what it is, in a sentence or two.
        better: which way is better; `neither` where it is best at a point between.
        limits: the least and the greatest value; its interval follows from them (`hilum.metrics.uncertainty`).
        trials: which cells it is a share, or a mean, of; without it, those of the rarer class count.
        over_all: one number for all findings.
        usual: shown without being asked for.
    """

    heading: str
    short: str
    way: Summed | Ranked | Plain | Gapped
    of: Literal["decisions", "scores", "probabilities"] = "decisions"
    about: str = ""
    better: Literal["higher", "lower", "neither"] = "higher"
    limits: tuple[float, float] = (0.0, 1.0)
    trials: Callable[[Rows], Bools] | None = None
    over_all: bool = False
    usual: bool = True

    @property
    def slow(self) -> bool:
        """Whether it is fitted anew for each resample, and so is never bootstrapped: its derivative is known."""
        return isinstance(self.way, Plain) and self.way.derived

    def __call__(
        self,
        targets: npt.ArrayLike,
        given: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        max_fpr: float = 0.1,
    ) -> Floats:
        """The score of each finding, float64 [k]; of all of them, [].

        Args:
            targets: [n, k] of 0, 1 and NaN (not scored); one column may come as [n].
            given: decisions, scores (logits will do) or probabilities, as `of` says; [n, k].
            weights: how often each row counts, [n]; None means once.
            max_fpr: for the partial AUC: false positive rate up to which the area counts, above 0 and at most 1.

        Raises:
            DataError: targets other than 0, 1 and NaN, shapes that differ, a NaN where a target is known,
                decisions that are none, or probabilities outside 0..1.
        """
        rows = Rows(targets, max_fpr=max_fpr, **{self.of: given})
        each = row_weights(weights, len(rows.positive))
        tally = Tally(rows, {"": self}, np.arange(len(each)), len(each))
        once = bool((each == 1).all())
        if isinstance(self.way, Gapped) and not once:
            raise DataError(
                f"{self.heading} takes no weights: what noise adds to it follows from single images."
            )
        value = tally.values[""] if once else tally.resampled(each[None])[""][0]
        return np.asarray(value[0]) if self.over_all else value


class Tally:
    """Some scores of rows, for any weights of the patients that these belong to: sorted and summed once.

    Args:
        rows: n rows, k findings.
        scores: name -> what to look at.
        code: the patient of each row, int64 [n].
        patients: how many there are.
    """

    def __init__(self, rows: Rows, scores: Mapping[str, Score], code: Ints, patients: int) -> None:
        self.rows, self.scores, self.code, self.patients = rows, scores, code, patients
        ways = [score.way for score in scores.values()]
        self.orders = orders_of(rows) if any(isinstance(way, Ranked) for way in ways) else []
        self.sums = _Sums([way.parts for way in ways if isinstance(way, Summed)], rows, code, patients)
        self._gaps: dict[str, list[Gaps | None]] = {}

    @cached_property
    def values(self) -> dict[str, Floats]:
        """Name -> the score, float64 [k], or [1] of one over all findings; NaN where it cannot be measured."""
        return {name: value[0] for name, value in self.resampled(None).items()}

    def resampled(self, counts: Counts | None) -> dict[str, Floats]:
        """Name -> the scores of b resamples, float64 [b, k], or [b, 1] of one over all findings.

        Args:
            counts: how often each patient is in each resample, [b, patients]; None is everybody once, b = 1.
        """
        found = {}
        sums = self.sums.weighted(counts)
        ranks = self._ranks(counts)
        for name, score in self.scores.items():
            match score.way:
                case Summed(parts, formula):
                    found[name] = np.asarray(formula(*self.sums.split(parts, sums)))
                case Ranked(formula):
                    found[name] = np.stack([_one_class(formula, one) for one in ranks], axis=1)
                case Plain() as way:
                    found[name] = self._plain(way, counts)
                case Gapped():
                    found[name] = self._freed(name, counts)
        return found

    def influence(self, name: str) -> Floats:
        """How much each patient moves a score, float64 [patients, k]; see `hilum.metrics.influence`."""
        match self.scores[name].way:
            case Summed(parts, formula):
                return _jackknife(np.asarray(formula(*self.sums.split(parts, self.sums.without))))
            case Ranked() as way:
                return np.stack([self._moved(way, order) for order in self.orders], axis=1)
            case Plain(derived=True) as way:
                moved = way.value(_targets(self.rows), self.rows.probabilities)[1]
                return sum_by(moved, self.code, self.patients)
            case Plain() as way:
                return self._left_out(way)
            case Gapped():
                none = np.full(self.patients, np.nan)
                return np.stack([one.influence if one else none for one in self.gaps(name)], axis=1)

    def gaps(self, name: str) -> list[Gaps | None]:
        """Each finding's gaps between probabilities and shares; none of a score that is not made of them."""
        way = self.scores[name].way
        if not isinstance(way, Gapped):
            return []
        if name not in self._gaps:
            self._gaps[name] = way.gaps(self.rows, self.code, self.patients)
        return self._gaps[name]

    def _freed(self, name: str, counts: Counts | None) -> Floats:
        """Of resamples to the first order: in them noise is twice what it is, and no estimate is free of it."""
        value = np.array([one.estimate if one else np.nan for one in self.gaps(name)])
        return value[None] if counts is None else value + (counts - 1.0) @ self.influence(name)

    def _ranks(self, counts: Counts | None) -> list[Weighed]:
        owner = self.code if counts is not None else np.zeros(len(self.code), dtype=np.int64)
        counts = np.ones((1, 1)) if counts is None else counts
        with_nobody = np.zeros((len(counts), counts.shape[1] + 1), dtype=counts.dtype)
        with_nobody[:, :-1] = counts
        return [weighed(order, owner, with_nobody) for order in self.orders]

    def _plain(self, way: Plain, counts: Counts | None) -> Floats:
        targets, p = _targets(self.rows), self.rows.probabilities
        if counts is None:
            return way.of(targets, p)[None]
        if (counts % 1).any():
            raise DataError("this score takes whole weights: how often each row counts.")
        drawn = (np.repeat(np.arange(len(p)), row[self.code].astype(np.int64)) for row in counts)
        return np.stack([way.of(targets[rows], p[rows]) for rows in drawn])

    def _left_out(self, way: Plain) -> Floats:
        """The jackknife, which leaves out a patient, or one of `GROUPS` groups of them, at a time."""
        targets, p = _targets(self.rows), self.rows.probabilities
        groups = min(self.patients, GROUPS)
        group = np.arange(self.patients) % groups
        of_row = group[self.code]
        without = np.stack([way.of(targets[of_row != g], p[of_row != g]) for g in range(groups)])
        # Each patient has its part of what the group moves, so that the squares add up to the group's.
        return (_jackknife(without) / np.sqrt(np.bincount(group))[:, None])[group]

    def _moved(self, way: Ranked, order: Order) -> Floats:
        if order.one_class:
            return np.full(self.patients, np.nan)
        positive, negative = way.derivatives(order)
        if way.two_samples:
            positive = positive * self._unbiased(order.positives)
            negative = negative * self._unbiased(order.negatives)
        rows = np.concatenate([order.positives, order.negatives])
        each = np.concatenate([positive, negative])[:, None]
        return sum_by(each, self.code[rows], self.patients)[:, 0]

    def _unbiased(self, rows: Ints) -> float:
        """sqrt(m / (m - 1)) of the m patients of these rows, over that of all patients; NaN for a single one."""
        m, p = len(np.unique(self.code[rows])), self.patients
        return float(np.sqrt(m / (m - 1) * (p - 1) / p)) if m > 1 else np.nan


class _Sums:
    """Sums of parts per patient, side by side."""

    def __init__(
        self, parts: Collection[Callable[[Rows], list[Floats]]], rows: Rows, code: Ints, patients: int
    ) -> None:
        self.places: dict[Callable[[Rows], list[Floats]], list[slice]] = {}
        blocks, start = [np.zeros((len(code), 0))], 0
        for part in dict.fromkeys(parts):
            made = part(rows)
            ends = start + np.cumsum([0, *(block.shape[1] for block in made)])
            self.places[part] = [slice(a, b) for a, b in pairwise(ends)]
            blocks, start = [*blocks, *made], int(ends[-1])
        self.each = sum_by(np.hstack(blocks), code, patients)

    @cached_property
    def without(self) -> Floats:
        """What is left without each patient, [patients, columns]."""
        return np.asarray(self.each.sum(axis=0) - self.each)

    def weighted(self, counts: Counts | None) -> Floats:
        """`counts @ each`: the sums of resamples, [b, columns]; None is everybody once, [1, columns]."""
        if counts is None:
            return np.asarray(self.each.sum(axis=0, keepdims=True))
        step = max(1, SINGLE // max(1, len(counts) * self.each.shape[1]))
        total = np.zeros((len(counts), self.each.shape[1]))
        for start in range(0, len(self.each), step):
            total += counts[:, start : start + step].astype(np.float64) @ self.each[start : start + step]
        return total

    def split(self, part: Callable[[Rows], list[Floats]], sums: Floats) -> list[Floats]:
        """The sums of one function's parts, of sums [..., columns]."""
        return [sums[..., place] for place in self.places[part]]


def sum_by(values: Floats, code: Ints, groups: int) -> Floats:
    """Sums of the rows of each group, [groups, columns]."""
    total = np.zeros((groups, values.shape[1]))
    if len(values):
        order = np.argsort(code, kind="stable")
        present, first = np.unique(code[order], return_index=True)
        total[present] = np.add.reduceat(values[order], first, axis=0)
    return total


def mean_over_findings(values: Floats) -> Floats:
    """Mean over the findings (last axis) that have a value; NaN where none has."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def _jackknife(without: Floats) -> Floats:
    """Influence from the scores without each patient, [patients, k]; NaN of a single one."""
    patients = len(without)
    if patients < 2:
        return np.full(without.shape, np.nan)
    return np.asarray((patients - 1) / patients * (without.mean(axis=0) - without))


def _one_class(formula: Callable[[Weighed], Floats], ranks: Weighed) -> Floats:
    return np.full(len(ranks.positive), np.nan) if ranks.order.one_class else formula(ranks)


def _targets(rows: Rows) -> Floats:
    return np.where(rows.scored, rows.positive, np.nan)
