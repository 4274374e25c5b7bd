"""Intervals of scores, with a patient's images taken together: one for each score, whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hilum.metrics.inputs import Bools, Floats, ratio
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty import rules
from hilum.metrics.uncertainty.bootstrap import resamples
from hilum.metrics.uncertainty.interval import Interval, Intervals
from hilum.metrics.uncertainty.patients import tally
from hilum.metrics.values.engine import Ranked, Score, Tally, mean_over_findings, sum_by
from hilum.metrics.values.gaps import Gaps, together
from hilum.metrics.values.registry import SCORES
from hilum.text import items

Method = Literal["auto", "percentile", "bca"]


@dataclass(frozen=True)
class Evidence:
    """What the interval of one score follows from, for c columns.

    Attributes:
        score: which.
        value: float64 [c]; NaN where there is none.
        influence: of each patient on it, float64 [patients, c].
        drawn: its replicates, float64 [replicates, c]; only bootstrapped intervals look at them.
        holders: patients with a row that the score is of (of the rarer class, where both count), float64 [c].
        patients: as many of equal weight they are worth, float64 [c].
        gaps: of an error of calibration what it is the mean of, [c]; empty for others.
        each: of the mean over findings (the only column) these.
    """

    score: Score
    value: Floats
    influence: Floats
    drawn: Floats
    holders: Floats
    patients: Floats
    gaps: tuple[Gaps | None, ...] = ()
    each: Evidence | None = None

    @property
    def mean(self) -> Evidence:
        """Of the mean over the findings that have a value, one column."""
        known = ~np.isnan(self.value)
        gaps = [one for one in self.gaps if one]
        return Evidence(
            self.score,
            mean_over_findings(self.value)[None],
            mean_over_findings(self.influence[:, known])[:, None],
            mean_over_findings(self.drawn[:, known])[:, None],
            np.min(self.holders[known], initial=len(self.influence), keepdims=True),
            np.min(self.patients[known], initial=len(self.influence), keepdims=True),
            (together(gaps),) if gaps else (),
            self,
        )

    def interval(self, level: float = 0.95, method: Method = "auto") -> Interval:
        """The interval of each column, [c], as every table, page and comparison shows it.

        Args:
            level: how often it is to hold the true value.
            method: `auto` takes the score's own, `percentile` and `bca` bootstrap all that is not `slow`.
        """
        value, limits = self.value, self.score.limits
        if method != "auto" and not self.score.slow:
            found = rules.bootstrapped(value, self.drawn, self.influence, level, method)
            # Rounding can push a quantile of values of 1 past it.
            return Interval(np.clip(found.low, *limits), np.clip(found.high, *limits), found.method)
        if self.gaps:
            return rules.freed(value, self.gaps, limits, level)
        if self.each is not None:
            return rules.of_mean(self.each.value, self.each.influence, self.each.interval(level), limits)
        if not np.isfinite(limits).all():
            return rules.by_t(value, self.influence, self.holders, limits, level)
        influence, sure = self.influence, 1.0
        if isinstance(self.score.way, Ranked) and not self.score.way.two_samples:
            # Derivatives alone, unlike the jackknife, do not know how few patients they are of.
            influence, sure = influence * np.sqrt(ratio(self.holders, self.holders - 1)), rules.DEGREES
        return rules.within(value, influence, self.holders, self.patients, limits, level, sure)


def evidence_of(found: Tally, name: str, drawn: Floats | None = None) -> Evidence:
    """What is known of one of the scores that are summed up.

    Args:
        found: sums and orders of predictions.
        name: of one of its scores.
        drawn: its replicates, where they are needed.
    """
    score, rows, value = found.scores[name], found.rows, found.values[name]
    drawn = np.empty((0, len(value))) if drawn is None else drawn
    if score.trials:
        sides = [score.trials(rows)]
    else:
        sides = [rows.positive > 0] if score.over_all else [rows.positive > 0, rows.negative > 0]
    counted = [sum_by(side.astype(np.float64), found.code, found.patients) for side in sides]
    if score.over_all:
        counted = [each.sum(axis=1, keepdims=True) for each in counted]
    worth = np.stack([ratio(each.sum(axis=0) ** 2, (each**2).sum(axis=0)) for each in counted])
    holders = np.stack([(each > 0).sum(axis=0).astype(np.float64) for each in counted])
    gaps = tuple(found.gaps(name))
    return Evidence(score, value, found.influence(name), drawn, holders.min(axis=0), worth.min(axis=0), gaps)


def average(runs: Sequence[Evidence]) -> Evidence:
    """Of the mean over several runs on the same rows."""
    first = runs[0]
    names = ("value", "influence", "drawn", "holders", "patients")
    means = {name: np.mean([getattr(one, name) for one in runs], axis=0) for name in names}
    columns = zip(*(one.gaps for one in runs), strict=True)
    gaps = tuple(None if None in column else together([one for one in column if one]) for column in columns)
    return replace(first, **means, gaps=gaps)


def intervals_of(
    predictions: Predictions,
    decisions: Bools,
    *,
    method: Method = "auto",
    level: float = 0.95,
    replicates: int = 1000,
    max_fpr: float = 0.1,
    seed: int = 0,
    names: Sequence[str] = (),
    drawn: Mapping[str, Floats] | None = None,
) -> Intervals:
    """Intervals of every score.

    There is none (NaN) for a score without a value, for fewer than two patients (of the rarer class, where both
    count), and from the bootstrap where more than half of the samples hold one class only or all samples give
    the same (an F1 of exactly 1).

    Args:
        predictions: n rows, k findings; rows of one patient are resampled together.
        decisions: bool [n, k].
        method: `auto`, or `percentile` or `bca` for all scores.
        level: how often an interval is to hold the true value.
        replicates: bootstrap samples.
        max_fpr: for the partial AUC.
        seed: of the bootstrap.
        names: which scores, of `SCORES`; all by default.
        drawn: their replicates, where `replicate` has made them already.

    Raises:
        DataError: NaN logits where the target is known.
    """
    names = items(names) or tuple(SCORES)
    found = tally(predictions, decisions, names, max_fpr)
    if drawn is None:
        needed = [name for name in names if method != "auto" and not SCORES[name].slow]
        drawn = resamples(tally(predictions, decisions, needed, max_fpr), replicates, seed)
    each = {name: evidence_of(found, name, drawn.get(name)) for name in names}
    return Intervals(level, found.patients, replicates, *_by_kind(each, level, method))


def _by_kind(each: Mapping[str, Evidence], level: float, method: Method) -> list[dict[str, Interval]]:
    """Intervals of the scores of each finding, of the means of these, and of the scores over all findings."""
    made = {name: one.interval(level, method) for name, one in each.items()}
    columns = {name: one for name, one in made.items() if not SCORES[name].over_all}
    means = {name: each[name].mean.interval(level, method).at(0) for name in columns}
    return [columns, means, {name: one.at(0) for name, one in made.items() if SCORES[name].over_all}]
