"""Intervals of scores, with a patient's images taken together.

Which method `auto` takes for a score is in `CLOSED`: DeLong's for the ROC AUC, the jackknife for AP, Wilson's for
shares, and the bootstrap for all else; how well each covers the truth was simulated (`docs/scores.md`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError
from hilum.metrics.inputs import Bools, Floats, ratio
from hilum.metrics.predictions import Predictions, sigmoid
from hilum.metrics.uncertainty.bootstrap import Clusters, clusters, replicate
from hilum.metrics.uncertainty.influence import influences, standard_error
from hilum.metrics.uncertainty.significance import effective_degrees, t_quantile
from hilum.metrics.values.registry import COMBINED, RATES
from hilum.metrics.values.sums import mean_over_findings, sum_by
from hilum.text import items

Method = Literal["auto", "percentile", "bca"]

DELONG, JACKKNIFE, WILSON = "DeLong", "jackknife", "Wilson"
PERCENTILE, BCA = "bootstrap percentile", "bootstrap BCa"
CLOSED: dict[str, str] = {
    "roc_auc": DELONG,
    "average_precision": JACKKNIFE,
    "recall": WILSON,
    "specificity": WILSON,
    "precision": WILSON,
    "npv": WILSON,
    "accuracy": WILSON,
}
"""Scores for which `auto` has a formula; all others are bootstrapped."""
LOGIT = ("roc_auc", "average_precision")
"""Those of them whose interval is made on the logit scale, as is that of their mean over findings."""
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
        columns: name of `RATES` -> of the k findings.
        means: name of `RATES` -> of the mean over findings.
        combined: name of `COMBINED` -> of that number.
    """

    level: float
    patients: int
    replicates: int
    columns: Mapping[str, Interval]
    means: Mapping[str, Interval]
    combined: Mapping[str, Interval]

    def select(self, columns: list[int]) -> Intervals:
        """Only the findings at these positions; there is then no interval of means and combined scores."""
        kept = {
            name: Interval(one.low[columns], one.high[columns], one.method)
            for name, one in self.columns.items()
        }
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


def intervals_of(
    predictions: Predictions,
    decisions: Bools,
    *,
    method: Method = "auto",
    level: float = 0.95,
    replicates: int = 1000,
    max_fpr: float = 0.1,
    seed: int = 0,
    names: Sequence[str] = (*RATES, *COMBINED),
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
        names: which scores, of `RATES` and `COMBINED`.
        drawn: their replicates, where `replicate` has made them already.

    Raises:
        DataError: NaN logits where the target is known.
    """
    patients, names = clusters(predictions), items(names)
    if drawn is None:
        drawn = replicate(predictions, decisions, names, replicates=replicates, seed=seed, max_fpr=max_fpr)
    columns, means, combined = {}, {}, {}
    for name, value, each in influences(predictions, decisions, names, max_fpr=max_fpr):
        if name in COMBINED:
            whole = bootstrapped(value, drawn[name][:, None], each, level, method)
            combined[name] = Interval(whole.low[0], whole.high[0], whole.method)
            continue
        if method == "auto" and name in CLOSED:
            columns[name] = _closed(name, value, each, predictions, decisions, patients, level)
        else:
            columns[name] = bootstrapped(value, drawn[name], each, level, method)
        known = ~np.isnan(value)
        mean, of_mean = mean_over_findings(value)[None], mean_over_findings(each[:, known])[:, None]
        if method == "auto" and name in LOGIT:
            fewest = np.min(_rarer(predictions, patients)[known], initial=patients.count)
            whole = on_logit_scale(mean, of_mean, [fewest], level, CLOSED[name])
        else:
            drawn_mean = mean_over_findings(drawn[name][:, known])[:, None]
            whole = bootstrapped(mean, drawn_mean, of_mean, level, method)
        means[name] = Interval(whole.low[0], whole.high[0], whole.method)
    return Intervals(level, patients.count, replicates, columns, means, combined)


def delong(value: Floats, each: Floats, patients: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Interval of an AUC, [k], from DeLong's variance; see `on_logit_scale`."""
    return on_logit_scale(value, each, patients, level, DELONG)


def on_logit_scale(
    value: Floats, each: Floats, patients: npt.ArrayLike, level: float, method: str
) -> Interval:
    """Interval of an AUC or AP from its influence values; the logit scale keeps it within 0 to 1.

    The quantile is of a t distribution, because the error rests on few patients where positives are few: its
    degrees of freedom are `DEGREES` of those that the kurtosis of the influence values gives, but at least
    `FEWEST_DEGREES`.

    A value of exactly 1 (or 0) has no error to go by: it is then treated as a share of 1 of as many trials as the
    rarer class has patients, whose Wilson interval is one-sided (compare Obuchowski & Lieber 2002). There is none
    where that is a single patient.

    Args:
        value: AUC or AP, [k]; NaN where there is none.
        each: influence of each patient on it, [patients, k]; see `hilum.metrics.uncertainty.influence`.
        patients: how many have a positive row, or a negative one, whichever are fewer, [k].
        level: how often the interval is to hold the true value.
        method: what the interval is called.
    """
    inside = (value > 0) & (value < 1)
    safe = np.where(inside, value, 0.5)
    reach = t_quantile(level, np.maximum(DEGREES * effective_degrees(each), FEWEST_DEGREES)) * standard_error(
        each
    )
    centre, spread = np.log(safe / (1 - safe)), reach / (safe * (1 - safe))
    low, high = (sigmoid(centre + side * spread) for side in (-1, 1))
    trials = np.asarray(patients, dtype=np.float64)
    extreme = wilson(value, np.where(trials > 1, trials, 0.0), level)
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
        WILSON,
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
        if np.isnan(point) or len(each) < 2 or 2 * len(column) < len(drawn):
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


def _closed(
    name: str,
    value: Floats,
    each: Floats,
    predictions: Predictions,
    decisions: Bools,
    patients: Clusters,
    level: float,
) -> Interval:
    if patients.count < 2:
        missing = np.full(len(value), np.nan)
        return Interval(missing, missing, CLOSED[name])
    if name in LOGIT:
        return on_logit_scale(value, each, _rarer(predictions, patients), level, CLOSED[name])
    positive, negative = predictions.targets == 1, predictions.targets == 0
    of = {
        "recall": positive,
        "specificity": negative,
        "precision": (positive | negative) & decisions,
        "npv": (positive | negative) & ~decisions,
        "accuracy": positive | negative,
    }[name]
    trials = effective_trials(
        value, standard_error(each), of.sum(axis=0).astype(np.float64), _holders(of, patients)
    )
    return wilson(value, trials, level)


def _rarer(predictions: Predictions, patients: Clusters) -> Floats:
    """How many patients have a positive row, or a negative one, whichever are fewer, [k]."""
    targets = predictions.targets
    return np.minimum(_holders(targets == 1, patients), _holders(targets == 0, patients))


def _holders(rows: Bools, patients: Clusters) -> Floats:
    """How many patients have at least one of these rows, float64 [k]."""
    held = sum_by(rows.astype(np.float64), patients.code, patients.count) > 0
    return np.asarray(held.sum(axis=0), dtype=np.float64)


def _normal(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _plain(values: Floats) -> Any:
    """Numbers as JSON holds them: nested lists, NaN as None."""
    if values.ndim == 0:
        return None if np.isnan(values) else float(values)
    return [_plain(value) for value in values]
