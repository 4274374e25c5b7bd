"""Intervals of scores, with a patient's images taken together: one for each score, whoever shows it.

Which method `auto` takes for a score is said in its entry of `SCORES`: DeLong's for the ROC AUC, the jackknife for
AP, Wilson's for shares, and the bootstrap for all else; how well each covers the truth was simulated
(`docs/scores.md`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from hilum.errors import DataError
from hilum.metrics.inputs import Bools, Floats, ratio
from hilum.metrics.predictions import Predictions, sigmoid
from hilum.metrics.uncertainty.bootstrap import resamples
from hilum.metrics.uncertainty.influence import standard_error
from hilum.metrics.uncertainty.patients import Clusters, tally
from hilum.metrics.uncertainty.significance import effective_degrees, t_quantile
from hilum.metrics.values.engine import Score, Tally, mean_over_findings
from hilum.metrics.values.registry import SCORES
from hilum.text import items

Method = Literal["auto", "percentile", "bca"]

PERCENTILE, BCA = "bootstrap percentile", "bootstrap BCa"
DEGREES = 0.625
"""Share of the degrees of freedom that kurtosis gives which made DeLong's intervals cover 95 % in simulations of
15, 30 and 300 positives and AUCs of 0.7, 0.85 and 0.95 (94.1 to 96.5 %; with all of them 91.6 to 96)."""

FEWEST_DEGREES = 4.0
"""They are not taken for fewer than this. Where one patient carries most of the error, kurtosis says 1 and the
interval around an AUC of 0.82 is 0.07 to 1.00. With 4 intervals cover as often (94.0 to 95.8 % in the same
simulations), and at an AUC of 0.95 with 30 positives they are a fifth narrower."""


@dataclass(frozen=True)
class Interval:
    """Low and high ends for k findings, or for one number (shape []); NaN where there is none.

    Attributes:
        low, high: float64 [k] or [].
        method: `DeLong`, `jackknife`, `Wilson`, `bootstrap BCa` or `bootstrap percentile`.
    """

    low: Floats
    high: Floats
    method: str

    def at(self, place: int) -> Interval:
        """Of one finding, shape []."""
        return Interval(np.asarray(self.low[place]), np.asarray(self.high[place]), self.method)

    def select(self, places: list[int]) -> Interval:
        """Of some findings."""
        return Interval(self.low[places], self.high[places], self.method)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it: NaN is None."""
        return {"low": _plain(self.low), "high": _plain(self.high), "method": self.method}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Interval:
        """Read what `to_json` gave."""
        low, high = (np.array(value[end], dtype=np.float64) for end in ("low", "high"))
        return cls(low, high, str(value["method"]))


@dataclass(frozen=True)
class Intervals:
    """Intervals of all scores of one part.

    Attributes:
        level: how often an interval is to hold the true value, such as 0.95.
        patients: how many were resampled.
        replicates: how many bootstrap samples there were.
        columns: name of a score of one finding -> of the k findings.
        means: name of a score of one finding -> of the mean over findings.
        combined: name of a score over all findings -> of that number.
    """

    level: float
    patients: int
    replicates: int
    columns: Mapping[str, Interval]
    means: Mapping[str, Interval]
    combined: Mapping[str, Interval]

    def select(self, columns: list[int]) -> Intervals:
        """Only the findings at these positions; there is then no interval of means and combined scores."""
        kept = {name: one.select(columns) for name, one in self.columns.items()}
        return Intervals(self.level, self.patients, self.replicates, kept, {}, {})

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it; `from_json` reads it."""
        groups = {"columns": self.columns, "means": self.means, "combined": self.combined}
        return {
            "level": self.level,
            "patients": self.patients,
            "replicates": self.replicates,
            **{key: {name: one.to_json() for name, one in group.items()} for key, group in groups.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Intervals:
        """Read what `to_json` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            groups = [
                {name: Interval.from_json(one) for name, one in value[key].items()}
                for key in ("columns", "means", "combined")
            ]
            return cls(float(value["level"]), int(value["patients"]), int(value["replicates"]), *groups)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"these are not intervals: {error!r} in {str(value)[:80]}") from error


@dataclass(frozen=True)
class Evidence:
    """What the interval of one score follows from, for c columns.

    Attributes:
        score: which.
        value: float64 [c]; NaN where there is none.
        influence: of each patient on it, float64 [patients, c].
        drawn: its replicates, float64 [replicates, c]; of scores with a formula it may be empty.
        rarer: patients with a positive row or with a negative one, whichever are fewer, float64 [c].
        trials: rows that a share is of, float64 [c]; NaN for other scores.
        holders: patients with such a row.
        of_mean: the only column is a mean over findings.
    """

    score: Score
    value: Floats
    influence: Floats
    drawn: Floats
    rarer: Floats
    trials: Floats
    holders: Floats
    of_mean: bool = False

    @property
    def mean(self) -> Evidence:
        """Of the mean over the findings that have a value, one column."""
        known = ~np.isnan(self.value)
        missing = np.full(1, np.nan)
        return Evidence(
            self.score,
            mean_over_findings(self.value)[None],
            mean_over_findings(self.influence[:, known])[:, None],
            mean_over_findings(self.drawn[:, known])[:, None],
            np.min(self.rarer[known], initial=len(self.influence), keepdims=True),
            missing,
            missing,
            of_mean=True,
        )

    def interval(self, level: float = 0.95, method: Method = "auto") -> Interval:
        """The interval of each column, [c], as every table, page and comparison shows it.

        Args:
            level: how often it is to hold the true value.
            method: `auto` takes the score's own, `percentile` and `bca` bootstrap all.
        """
        how = self.score.interval if method == "auto" or self.score.slow else "bootstrap"
        if how == "bootstrap" or (how == "Wilson" and self.of_mean):
            found = bootstrapped(self.value, self.drawn, self.influence, level, method)
            # Rounding can push a quantile of values of 1 past it.
            low, high = (np.clip(end, *self.score.limits) for end in (found.low, found.high))
            return Interval(low, high, found.method)
        if len(self.influence) < 2:
            missing = np.full(len(self.value), np.nan)
            return Interval(missing, missing, how)
        if how != "Wilson":
            return by_error(self, level)
        error = standard_error(self.influence)
        return wilson(self.value, effective_trials(self.value, error, self.trials, self.holders), level)


def evidence_of(found: Tally, name: str, drawn: Floats | None = None) -> Evidence:
    """What is known of one of the scores that are summed up.

    Args:
        found: sums and orders of predictions.
        name: of one of its scores.
        drawn: its replicates, where they are needed.
    """
    score, rows, patients = found.scores[name], found.rows, Clusters(found.code, found.patients)
    value = found.values[name]
    rarer = np.minimum(patients.holding(rows.positive > 0), patients.holding(rows.negative > 0))
    trials = holders = np.full(len(value), np.nan)
    if score.trials:
        of = score.trials(rows)
        trials, holders = of.sum(axis=0).astype(np.float64), patients.holding(of)
    drawn = np.empty((0, len(value))) if drawn is None else drawn
    return Evidence(score, value, found.influence(name), drawn, rarer, trials, holders)


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

    There is none (NaN) for a score without a value, for fewer than two patients, and from the bootstrap where
    more than half of the samples hold one class only or all samples give the same (an F1 of exactly 1).

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
        own = method == "auto"
        needed = [
            name for name in names if not SCORES[name].slow and (not own or SCORES[name].needs_replicates)
        ]
        drawn = resamples(tally(predictions, decisions, needed, max_fpr), replicates, seed)
    columns, means, combined = {}, {}, {}
    for name in names:
        evidence = evidence_of(found, name, drawn.get(name))
        if SCORES[name].over_all:
            combined[name] = evidence.interval(level, method).at(0)
        else:
            columns[name] = evidence.interval(level, method)
            means[name] = evidence.mean.interval(level, method).at(0)
    return Intervals(level, found.patients, replicates, columns, means, combined)


def by_error(evidence: Evidence, level: float) -> Interval:
    """Interval of an AUC, AP or another score from its standard error.

    The quantile is of a t distribution, because the error rests on few patients where positives are few: its
    degrees of freedom are `DEGREES` of those that the kurtosis of the influence values gives, but at least
    `FEWEST_DEGREES`. A score within 0 to 1 gets its interval on the logit scale, which keeps it there.

    A value of exactly 1 (or 0) has no error to go by: it is then treated as a share of 1 of as many trials as the
    rarer class has patients, whose Wilson interval is one-sided (compare Obuchowski & Lieber 2002). There is none
    where that is a single patient.
    """
    value, each, method = evidence.value, evidence.influence, evidence.score.interval
    degrees = np.maximum(DEGREES * effective_degrees(each), FEWEST_DEGREES)
    reach = t_quantile(level, degrees) * standard_error(each)
    if evidence.score.limits != (0.0, 1.0):
        return Interval(value - reach, value + reach, method)
    inside = (value > 0) & (value < 1)
    safe = np.where(inside, value, 0.5)
    centre, spread = np.log(safe / (1 - safe)), reach / (safe * (1 - safe))
    low, high = (sigmoid(centre + side * spread) for side in (-1, 1))
    extreme = wilson(value, np.where(evidence.rarer > 1, evidence.rarer, 0.0), level)
    return Interval(np.where(inside, low, extreme.low), np.where(inside, high, extreme.high), method)


def wilson(share: Floats, trials: Floats, level: float = 0.95) -> Interval:
    """Wilson's (1927) interval of a share of independent trials, [k] each; NaN without a trial."""
    z = _normal(level)
    share, n = np.clip(share, 0.0, 1.0), np.where(trials > 0, trials, np.nan)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    spread = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # Rounding must not push the end past a share of exactly 0 or 1.
    return Interval(
        np.where(share == 0, 0.0 * n, np.maximum(centre - spread, 0.0)),
        np.where(share == 1, 1.0 + 0.0 * n, np.minimum(centre + spread, 1.0)),
        "Wilson",
    )


def effective_trials(share: Floats, error: Floats, rows: Floats, patients: Floats) -> Floats:
    """How many independent trials are worth as much as rows that cluster in patients, [k].

    The rows over their design effect (Kish 1965): the variance of the share with patients as clusters over that
    of independent rows, at least 1 (Rao & Scott 1992). A share of 0 or 1 has no variance to go by; every
    patient then counts as one trial.
    """
    binomial = ratio(share * (1 - share), rows)
    effect = np.maximum(ratio(error**2, binomial), 1.0)
    return np.where(np.isnan(effect), patients, rows / effect)


def bootstrapped(value: Floats, drawn: Floats, each: Floats, level: float, method: Method) -> Interval:
    """Percentile or BCa interval of k scores (Efron 1987), widened where it misses the score; `auto` is BCa.

    Args:
        value: the scores, [k].
        drawn: their replicates, [R, k].
        each: their influence values, [patients, k], for the acceleration of BCa.
        level: how often the interval is to hold the true value.
        method: `percentile`, `bca` or `auto`.
    """
    normal = NormalDist()
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    ends = np.full((len(value), 2), np.nan)
    for j, point in enumerate(value):
        column = drawn[:, j]
        column = np.sort(column[~np.isnan(column)])
        if np.isnan(point) or len(each) < 2 or not len(column) or 2 * len(column) < len(drawn):
            continue
        if column[0] == column[-1]:
            continue  # All right, or all wrong: no resample can show how far from it the truth may be.
        shares = tails
        if method != "percentile":
            below = np.searchsorted(column, point, "left") + np.searchsorted(column, point, "right")
            # A point beyond all replicates has no normal score; half a replicate keeps it finite.
            share = min(max(below / 2, 0.5), len(column) - 0.5) / len(column)
            shift, skew = normal.inv_cdf(share), acceleration(each[:, j])
            scores = np.array([shift + normal.inv_cdf(tail) for tail in tails])
            shares = np.array([normal.cdf(s) for s in shift + scores / (1 - skew * scores)])
        low, high = np.quantile(column, shares)
        # ECE is biased upwards, in replicates more than in the data: its corrected ends can both miss the score.
        ends[j] = min(low, point), max(high, point)
    return Interval(ends[:, 0], ends[:, 1], PERCENTILE if method == "percentile" else BCA)


def acceleration(each: Floats) -> float:
    """A sixth of the skewness of one score's influence values, [patients]; 0 where they are all alike."""
    spread = (each**2).sum()
    return float((each**3).sum() / (6 * spread**1.5)) if spread > 0 else 0.0


def _normal(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _plain(values: Floats) -> Any:
    """Numbers as JSON holds them: nested lists, NaN as None."""
    if values.ndim == 0:
        return None if np.isnan(values) else float(values)
    return [_plain(value) for value in values]
