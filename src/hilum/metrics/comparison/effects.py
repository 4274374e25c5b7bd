"""Is the second model better than the first, by how much, and could it be chance?

Both are looked at on the same images. How much each patient moves the difference of a score is known
(`influence`), so its standard error follows, with all of a patient's images together: for the ROC AUC this is the
paired test of DeLong et al. 1988 for clustered data (Obuchowski 1997). Where there are several seeds of a recipe,
their own spread is added, as for several readers of the same cases (Obuchowski & Rockette 1995; Hillis 2007).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hilum.metrics.comparison.sides import LEVEL, Model, Side, Term, measure
from hilum.metrics.inputs import Floats
from hilum.metrics.uncertainty.influence import standard_error
from hilum.metrics.uncertainty.significance import holm, satterthwaite, t_quantile, t_tail, times_as_many
from hilum.metrics.values.registry import SCORES
from hilum.text import many, signed, span, spell_p, table_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ENDLESS = 100
"""Over this many times the positives at hand, the number that it would take is not spelled out."""

Verdict = Literal["better", "worse", "different", "not distinguishable"]
"""`different` is of scores that are best between: a calibration's slope."""


@dataclass(frozen=True)
class Effect:
    """The difference of one score between two models, or two groups of seeds.

    Attributes:
        finding: which; None for the mean over findings, or a score over all of them.
        score: a name of `SCORES`.
        first: its value on the first side, a mean over the seeds.
        second: its value on the second.
        difference: second - first.
        low, high: interval of the difference, by the same test as `p_adjusted`: it leaves out 0 where that
            is below 1 - level.
        p: two-sided p value of no difference, not corrected.
        p_adjusted: after Holm's correction for all that was tested beside it.
        verdict: on the second; `p_adjusted` decides.
        positives: positive rows; of all findings for the mean.
        positives_needed: how many it would take to see this difference 4 times in 5; None where it is seen, and
            where no number would do: there is no difference, or it drowns in that of the seeds.
        error: standard error of the difference.
        degrees: degrees of freedom of its t distribution.
        seeds_share: how much of the variance is of the seeds, 0..1; NaN for one run a side.
        boot_low: lower end of the percentile interval of the paired bootstrap over patients, which is about these
            trained models, whatever other seeds would give.
        boot_high: upper end.
    """

    finding: str | None
    score: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    verdict: Verdict
    positives: int
    positives_needed: int | None
    error: float = math.nan
    degrees: float = math.nan
    seeds_share: float = math.nan
    boot_low: float = math.nan
    boot_high: float = math.nan

    @property
    def name(self) -> str:
        """The finding, or what stands for all of them."""
        return self.finding or ("all findings" if SCORES[self.score].over_all else "mean over findings")

    @property
    def would_take(self) -> str:
        """How many positives a clear verdict would take, as a sentence."""
        if math.isnan(self.difference):
            return "It cannot be measured on all findings of both."
        if self.difference == 0:
            return "There is no difference at all."
        if self.positives_needed is None:
            return (
                "No number of images would tell them apart while seeds differ this much: "
                "train more seeds of both (hilum train RECIPE --repeats N)."
            )
        what = "positive labels" if self.finding is None else "positives"
        if self.positives_needed > _ENDLESS * self.positives:
            return (
                f"If that were the true difference, it would take over {_ENDLESS} times the "
                f"{self.positives:,} {what} that there are to see it."
            )
        return (
            f"If that were the true difference, about {_rounded(self.positives_needed):,} {what} would be needed "
            f"to see it in 4 of 5 tries; there are {self.positives:,}."
        )


@dataclass(frozen=True)
class Comparison:
    """The second against the first, in one score.

    Attributes:
        score: a name of `SCORES`.
        level: of the intervals.
        effects: one a finding, then their mean (`finding` None) where there are several.
        runs: how many seeds on either side.
        rows: images (studies, patients) that both were scored on.
        patients: how many these are of.
        unit: what a row is.
        unscored: finding -> why it has no effect.
    """

    score: str
    level: float
    effects: tuple[Effect, ...]
    runs: tuple[int, int]
    rows: int
    patients: int
    unit: str = "image"
    unscored: Mapping[str, str] = field(default_factory=dict)

    @property
    def overall(self) -> Effect:
        """The mean over findings, or the only one: what the verdict on the second is about."""
        return self.effects[-1]

    @property
    def per_finding(self) -> tuple[Effect, ...]:
        """The effects on single findings, where there are several."""
        return self.effects[:-1]

    @property
    def digits(self) -> int:
        """Decimals that differences are given with: four where three would show little of them."""
        overall = self.overall
        return 4 if overall.high - overall.low < 0.01 or 0 < abs(overall.difference) < 0.0005 else 3

    def table(self, reference: str = "first", other: str = "second") -> tuple[list[str], list[list[Any]]]:
        """Column headings and one row an effect, as the terminal and notebooks show them.

        Args:
            reference: what the first side is called.
            other: what the second is called.
        """
        sides = (reference, other) if max(len(reference), len(other)) <= 16 else ("reference", "this")
        corrected = ", corrected" if any(e.p != e.p_adjusted for e in self.effects) else ""
        level = f"{100 * self.level:g} % interval{corrected}"
        columns = ["finding", "positive", *sides, "difference", level, f"p{corrected}", "verdict"]
        digits = self.digits
        rows = [
            [
                effect.name,
                effect.positives,
                round(effect.first, digits),
                round(effect.second, digits),
                signed(effect.difference, digits),
                span(effect.low, effect.high, digits),
                spell_p(effect.p_adjusted),
                effect.verdict,
            ]
            for effect in self.effects
        ]
        return columns, rows

    def plot(self, reference: str = "first", other: str = "second") -> Axes:
        """The forest plot: each finding's difference with its interval, and the mean's.

        Args:
            reference: what the first side is called.
            other: what the second is called.
        """
        from hilum.metrics.comparison.plots import forest_plot

        return forest_plot([self], [other], reference).axes[0]

    def _repr_html_(self) -> str:
        return table_html(*self.table(), f"{SCORES[self.score].heading}, {many(self.rows, self.unit)}")


def compare_predictions(
    first: Sequence[Model],
    second: Sequence[Model],
    score: str = "roc_auc",
    *,
    level: float = LEVEL,
    replicates: int = 1000,
    seed: int = 0,
    max_fpr: float = 0.1,
) -> Comparison:
    """Compare two models, or two groups of seeds of a recipe each, on the same images.

    Args:
        first: predictions and thresholds of each run of the first recipe.
        second: those of the second; the verdict is on it.
        score: a name of `SCORES`.
        level: of intervals; 1 - level is the rate of false alarms.
        replicates: of the bootstrap; 0 leaves it out.
        seed: of its draws.
        max_fpr: for the partial AUC.

    Raises:
        ConfigError: no score is called so.
        DataError: other images, targets, patients or findings, or nothing that can be scored.
    """
    like = first[0][0]
    sides = [
        measure(
            [(predictions.aligned(like), thresholds) for predictions, thresholds in side],
            score,
            replicates=replicates,
            seed=seed,
            max_fpr=max_fpr,
        )
        for side in (first, second)
    ]
    return against(sides[0], sides[1:], level)[0]


def against(reference: Side, others: Iterable[Side], level: float = LEVEL) -> list[Comparison]:
    """Each of several sides against one, all measured on the same rows; corrected for their number.

    The means over findings are one family of tests; the findings of all comparisons are another (Holm).
    """
    return _adjusted([_contrast(reference, other, level) for other in others])


def _contrast(first: Side, second: Side, level: float = LEVEL) -> Comparison:
    """Second against first; `_adjusted` corrects and gives the verdicts."""
    difference = second.mean - first.mean
    shift = second.influence - first.influence
    of_patients = standard_error(shift) ** 2
    variance, degrees = satterthwaite(of_patients, first.degrees(shift), _seeds(first, second))
    error = np.sqrt(variance)
    p = _p_values(difference, error, degrees)
    reach = t_quantile(level, degrees) * error
    boot = _percentiles(second.replicates - first.replicates, level)
    seeds_share = 1 - of_patients / np.where(variance > 0, variance, np.nan)
    if first.runs == second.runs == 1:
        seeds_share = np.full(len(seeds_share), np.nan)
    effects = [
        Effect(
            finding=finding,
            score=first.score,
            first=float(first.mean[j]),
            second=float(second.mean[j]),
            difference=float(difference[j]),
            low=float(difference[j] - reach[j]),
            high=float(difference[j] + reach[j]),
            p=float(p[j]),
            p_adjusted=float(p[j]),
            verdict="not distinguishable",
            positives=int(first.positives[j]),
            positives_needed=None,
            error=float(error[j]),
            degrees=float(degrees[j]),
            seeds_share=float(seeds_share[j]),
            boot_low=float(boot[0, j]),
            boot_high=float(boot[1, j]),
        )
        for j, finding in enumerate(first.columns)
    ]
    runs = first.runs, second.runs
    return Comparison(
        first.score, level, tuple(effects), runs, first.rows, first.patients, first.unit, first.unscored
    )


def _adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    overall = holm([comparison.overall.p for comparison in comparisons])
    each = holm([effect.p for comparison in comparisons for effect in comparison.per_finding])
    result, at = [], 0
    for comparison, p in zip(comparisons, overall, strict=True):
        effects = []
        for effect in comparison.per_finding:
            effects.append(_decided(effect, float(each[at]), comparison.level, len(each)))
            at += 1
        effects.append(_decided(comparison.overall, float(p), comparison.level, len(overall)))
        result.append(replace(comparison, effects=tuple(effects)))
    return result


def _seeds(first: Side, second: Side) -> list[Term]:
    """What the seeds of either side add; a side with a single run is taken to spread as the other one does."""
    if first.runs == second.runs == 1:
        return []
    return [
        side.seeds(side if side.runs > 1 else other) for side, other in ((first, second), (second, first))
    ]


def _p_values(difference: Floats, error: Floats, degrees: Floats) -> Floats:
    """Two-sided; where all patients moved alike there is no error, and the sign test is what is left."""
    t = np.divide(difference, error, out=np.zeros_like(difference), where=error > 0)
    alike = np.where(difference == 0, 1.0, 0.5 ** np.minimum(degrees, 1000.0))
    return np.where(np.isnan(difference), np.nan, np.where(error > 0, t_tail(t, degrees), alike))


def _percentiles(replicates: Floats, level: float) -> Floats:
    """Ends of the percentile interval, [2, c]; NaN without replicates."""
    if not len(replicates):
        return np.full((2, replicates.shape[1]), np.nan)
    tail = (1 - level) / 2
    return np.asarray(np.nanquantile(replicates, [tail, 1 - tail], axis=0))


def _decided(effect: Effect, p: float, level: float, tests: int) -> Effect:
    """The effect with its corrected p value and interval, the verdict, and what a clear one would take."""
    verdict: Verdict = "not distinguishable"
    needed = None
    if p < 1 - level:
        better = SCORES[effect.score].better
        verdict = "different"
        if better != "neither":
            verdict = "better" if (effect.difference > 0) == (better == "higher") else "worse"
    elif effect.difference != 0:
        share = 0.0 if math.isnan(effect.seeds_share) else effect.seeds_share
        variance = effect.error**2
        times = times_as_many(effect.difference, (1 - share) * variance, share * variance, level, tests)
        needed = None if times is None else math.ceil(effect.positives * max(times, 1.0))
    # Of this test alone, so much of 1 - level is left as p had to be multiplied by.
    left = (1 - level) * (effect.p / p if p > 0 else 1 / tests)
    reach = float(t_quantile(1 - left, np.array(effect.degrees))) * effect.error
    if not effect.error and effect.difference:
        reach = math.nan  # All patients moved alike: p is the sign test's, which has no interval.
    low, high = effect.difference - reach, effect.difference + reach
    return replace(effect, low=low, high=high, p_adjusted=p, verdict=verdict, positives_needed=needed)


def _rounded(count: int) -> int:
    """Two digits are more than enough for such a number."""
    digits = max(len(str(count)) - 2, 0)
    step = int(10**digits)
    return -(-count // step) * step
