"""One side of a comparison: a score of one model, or of several seeds, and how it moves with each patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError
from hilum.metrics.inputs import Floats
from hilum.metrics.judging.thresholds import Thresholds
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty.bootstrap import resamples
from hilum.metrics.uncertainty.influence import standard_error
from hilum.metrics.uncertainty.intervals import Evidence, Method, average, evidence_of
from hilum.metrics.uncertainty.patients import clusters, tally
from hilum.metrics.uncertainty.significance import effective_degrees, satterthwaite, t_quantile
from hilum.metrics.values.engine import mean_over_findings
from hilum.metrics.values.registry import SCORES, check_score
from hilum.text import plural

Model = tuple[Predictions, Thresholds]
"""What a run says of a part, and from where on it says yes."""
LEVEL = 0.95
"""Of intervals; verdicts are wrong in at most the rest of comparisons."""
Term = tuple[Floats, Floats, float]
"""What seeds add to a variance; what it was estimated from, for the degrees of freedom; and how many it has."""


@dataclass(frozen=True)
class Side:
    """A score of one model, or the mean over several seeds.

    Columns are the findings that can be scored and, where there are several, their mean.

    Attributes:
        score: a name of `SCORES`.
        columns: c findings; None is the mean, or a score over all findings.
        per_run: score of each run and finding, without their mean, float64 [runs, k].
        evidence: of the mean over the runs: influence of each patient, replicates.
        alone: the part of a run's variance over patients that other seeds do not share, float64 [c].
        positives: positive rows, int64 [c]; of all findings for the mean.
        fewest: patients with the rarer class, int64 [c].
        unscored: finding -> why it is not among the columns.
        rows: how many images (studies, patients) there are.
        unit: what a row is.
    """

    score: str
    columns: tuple[str | None, ...]
    per_run: Floats
    evidence: Evidence
    alone: Floats
    positives: npt.NDArray[np.int64]
    fewest: npt.NDArray[np.int64]
    unscored: Mapping[str, str]
    rows: int
    unit: str

    @property
    def runs(self) -> int:
        """How many seeds."""
        return len(self.per_run)

    @property
    def patients(self) -> int:
        """How many patients."""
        return len(self.evidence.influence)

    @cached_property
    def values(self) -> Floats:
        """Score of each run, [runs, c]."""
        return self._and_mean(self.per_run)

    @cached_property
    def mean(self) -> Floats:
        """Score over the runs, float64 [c]."""
        return np.asarray(self.values.mean(axis=0))

    @cached_property
    def influence(self) -> Floats:
        """Of each patient on `mean`, float64 [patients, c]."""
        return self._and_mean(self.evidence.influence)

    @cached_property
    def replicates(self) -> Floats:
        """Bootstrap replicates of `mean`, float64 [replicates, c]; none where none were asked for."""
        return self._and_mean(self.evidence.drawn)

    @property
    def spread(self) -> Floats:
        """Variance of the score over the runs, float64 [c]; NaN for a single one."""
        if self.runs < 2:
            return np.full(len(self.columns), np.nan)
        return np.asarray(self.values.var(axis=0, ddof=1))

    def of(self, value: Floats, influence: Floats) -> Side:
        """What another model gives on the same rows: score [k] and influence [patients, k]."""
        return replace(
            self,
            per_run=value[None],
            evidence=replace(self.evidence, value=value, influence=influence, gaps=()),
            alone=np.full(len(self.columns), np.nan),
        )

    def interval(self, level: float = LEVEL, method: Method = "auto") -> tuple[Floats, Floats]:
        """Low and high ends of `mean`, [c]: those of every table, widened by what seeds add."""
        found = [self.evidence.interval(level, method)]
        if len(self.columns) > len(self.evidence.value):
            found.append(self.evidence.mean.interval(level, method))
        low, high = (np.concatenate([getattr(one, end) for one in found]) for end in ("low", "high"))
        if self.runs < 2:
            return low, high
        of_patients, degrees = standard_error(self.influence) ** 2, self.degrees(self.influence)
        variance, together = satterthwaite(of_patients, degrees, [self.seeds(self)])
        added = (t_quantile(level, together) ** 2 * variance) - (
            t_quantile(level, degrees) ** 2 * of_patients
        )
        below, above = self.mean - low, high - self.mean
        least, greatest = SCORES[self.score].limits
        added = np.maximum(added, 0.0)
        return (
            np.maximum(low - (np.sqrt(below**2 + added) - np.abs(below)), least),
            np.minimum(high + (np.sqrt(above**2 + added) - np.abs(above)), greatest),
        )

    def degrees(self, influence: Floats) -> Floats:
        """Degrees of freedom of the variance over patients: never more than patients of the rarer class, less one.

        With 30 positives the normal distribution would call 8 to 9 % of equal models different, t calls 5 %. The
        mean over findings has no more than its findings have, each counting by its variance: their patients are
        the same.
        """
        degrees = np.minimum(effective_degrees(influence), np.maximum(self.fewest - 1, 1))
        if len(degrees) > 1:
            variance = standard_error(influence[:, :-1]) ** 2
            if variance.sum() > 0:
                degrees[-1] = min(degrees[-1], variance.sum() / (variance / degrees[:-1]).sum())
        return np.asarray(degrees)

    def seeds(self, known: Side) -> Term:
        """What the seeds of this side add, if they spread as those of `known` do.

        Seeds' scores spread also because they err on other patients; that part is counted with the patients.
        """
        added = np.maximum(known.spread - known.alone, 0.0) / self.runs
        return added, known.spread / self.runs, float(known.runs - 1)

    def _and_mean(self, columns: Floats) -> Floats:
        """[n, k] with the mean over findings as a further column, where there is one."""
        if len(self.columns) == columns.shape[1]:
            return columns
        return np.column_stack([columns, mean_over_findings(columns)])


def measure(
    models: Sequence[Model],
    score: str,
    *,
    replicates: int = 1000,
    seed: int = 0,
    max_fpr: float = 0.1,
) -> Side:
    """Measure one side: runs whose predictions are of the same rows in the same order (see `Predictions.aligned`).

    Args:
        models: predictions and thresholds of each run.
        score: a name of `SCORES`.
        replicates: of the bootstrap; 0 leaves it out.
        seed: of its draws.
        max_fpr: for the partial AUC.

    Raises:
        ConfigError: no score is called so.
        DataError: no finding can be scored.
    """
    check_score(score)
    like = models[0][0]
    over_all = SCORES[score].over_all
    findings, unscored = (like.findings, {}) if over_all else _scorable(like)
    each = [_evidence(model, score, findings, replicates, seed, max_fpr) for model in models]
    names: tuple[str | None, ...] = (None,) if over_all else findings
    columns = names if len(names) == 1 else (*names, None)
    side = Side(
        score,
        columns,
        np.stack([one.value for one in each]),
        average(each),
        np.full(len(columns), np.nan),
        *_counts(like.select(findings), len(columns)),
        unscored,
        len(like),
        like.unit,
    )
    return replace(side, alone=_alone([side._and_mean(one.influence) for one in each], side.influence))


def _evidence(
    model: Model, score: str, findings: Sequence[str], replicates: int, seed: int, max_fpr: float
) -> Evidence:
    """Of one model's score of some findings."""
    some, thresholds = model[0].select(findings), model[1].select(findings)
    found = tally(some, thresholds.decide(some), [score], max_fpr)
    drawn = resamples(found, 0 if SCORES[score].slow else replicates, seed)[score]
    return evidence_of(found, score, drawn)


def _scorable(predictions: Predictions) -> tuple[tuple[str, ...], dict[str, str]]:
    """Findings with positives and negatives of two patients at least, and why the others are none of them."""
    code = clusters(predictions).code
    kept, unscored = [], {}
    for j, finding in enumerate(predictions.findings):
        for kind, value in (("positive", 1), ("negative", 0)):
            patients = len(np.unique(code[predictions.targets[:, j] == value]))
            if patients < 2:
                rows = plural(predictions.unit)
                unscored[finding] = (
                    f"there are no {kind} {rows}" if not patients else f"its {kind} {rows} are of one patient"
                )
                break
        else:
            kept.append(finding)
    if not kept:
        reasons = "; ".join(f"{name}: {why}" for name, why in unscored.items())
        raise DataError(f"no finding of the {predictions.part} part can be compared ({reasons}).")
    return tuple(kept), unscored


def _alone(influences: Sequence[Floats], together: Floats) -> Floats:
    """Variance over patients of one run's score, less what the runs share, [c].

    The variance of the mean of n runs is shared + alone / n, that of one run shared + alone.
    """
    runs = len(influences)
    if runs < 2:
        return np.full(together.shape[1], np.nan)
    each = sum(standard_error(one) ** 2 for one in influences)
    return np.asarray(np.maximum(each - runs * standard_error(together) ** 2, 0.0) / (runs - 1))


def _counts(predictions: Predictions, columns: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positive rows of each column, and patients with its rarer class; of all findings for a single column."""
    positive, negative = predictions.targets == 1, predictions.targets == 0
    if columns == 1:
        positive_rows = [positive.sum()]
        positive, negative = (side.any(axis=1, keepdims=True) for side in (positive, negative))
    else:
        positive_rows = [*positive.sum(axis=0), positive.sum()]
        positive, negative = (np.column_stack([side, side.any(axis=1)]) for side in (positive, negative))
    patients = clusters(predictions)
    fewest = np.minimum(patients.holding(positive), patients.holding(negative))
    return np.array(positive_rows, dtype=np.int64), fewest.astype(np.int64)
