"""`Scores`: every score of one part of the data, per finding and combined, with reasons for what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.config import ScoresConfig
from hilum.errors import ConfigError, DataError, did_you_mean
from hilum.metrics.inputs import Bools, Floats
from hilum.metrics.judging.calibration import reliability
from hilum.metrics.judging.thresholds import Thresholds
from hilum.metrics.judging.warnings import missing_reasons, of_part, warnings_of
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty.interval import Intervals
from hilum.metrics.uncertainty.intervals import intervals_of
from hilum.metrics.uncertainty.patients import clusters, tally
from hilum.metrics.values.counts import Confusion, cells, confusion
from hilum.metrics.values.curves import roc_curves
from hilum.metrics.values.engine import Summed, mean_over_findings
from hilum.metrics.values.registry import COUNTS, SCORES, over_all, per_finding
from hilum.text import items, listed, many, plural, strings, table_html, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = (
    *("images", "positives", "predicted_positives", "true_positives"),
    *("recall", "specificity", "precision", "f1", "f2", "roc_auc", "average_precision"),
)
WITH_INTERVALS = (
    *("images", "positives", "predicted_positives", "true_positives"),
    *("roc_auc", "average_precision", "recall", "precision", "specificity", "f1"),
)
"""Columns of the table with intervals, and those of them that have theirs beside them: it fits 200 characters."""
SHOWN = frozenset({"roc_auc", "average_precision", "recall", "precision"})


@dataclass(frozen=True)
class Scores:
    """Scores of one part.

    Attributes:
        part: `train`, `valid`, `test` or `new`.
        images: how many there are.
        findings: names of the k findings.
        columns: name of `COUNTS`, or of a score of one finding -> float64 [k]; NaN where it cannot be measured.
        combined: name of a score over all findings -> number; NaN where it cannot be measured.
        thresholds: what turned probabilities into decisions.
        reasons: finding -> why some of its scores are NaN.
        warnings: what a reader must know, in plain words.
        unit: what is counted as one: `image`, `study` or `patient`.
        intervals: of all scores; None where none were asked for.
        shown: scores of the findings of `scores.include` alone, where some are left out.
        scored: the predictions themselves, for curves; None where scores were read from a file.
        fewest: patients with each finding, or without it, whichever are fewer, float64 [k]; NaN of older versions.
    """

    part: str
    images: int
    findings: tuple[str, ...]
    columns: Mapping[str, Floats]
    combined: Mapping[str, float]
    thresholds: Thresholds
    reasons: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    unit: str = "image"
    intervals: Intervals | None = None
    shown: Scores | None = None
    scored: Predictions | None = field(default=None, repr=False, compare=False)
    fewest: Floats = field(default_factory=lambda: np.full(1, np.nan))

    @property
    def heading(self) -> str:
        """What these are scores of: `test, 312 studies`."""
        return f"{self.part}, {many(self.images, self.unit)}"

    def __getitem__(self, name: str) -> Floats:
        """One score of all findings, float64 [k]: `scores["recall"]`."""
        if name not in self.columns:
            raise ConfigError(f"there is no score {name!r} per finding; {did_you_mean(name, self.columns)}")
        return self.columns[name]

    def mean(self, name: str) -> tuple[float, int]:
        """Mean of a score over the findings that have it, and how many those are."""
        values = self[name]
        return float(mean_over_findings(values)), int((~np.isnan(values)).sum())

    def value(self, name: str) -> float:
        """One number by name: a combined score, or the mean over findings of one of theirs (`roc_auc`).

        Raises:
            ConfigError: no score is called so.
        """
        if name in self.combined:
            return self.combined[name]
        if name not in self.columns or name in COUNTS:
            raise ConfigError(f"there is no score {name!r}; {did_you_mean(name, SCORES)}")
        return self.mean(name)[0]

    def interval(self, name: str, j: int | None = None) -> tuple[float, float]:
        """Low and high end for finding `j`, or for the mean or a combined score; NaN where there is none."""
        if self.intervals is None:
            return math.nan, math.nan
        if j is not None:
            found = self.intervals.columns.get(name)
            return (float(found.low[j]), float(found.high[j])) if found else (math.nan, math.nan)
        found = self.intervals.combined.get(name) or self.intervals.means.get(name)
        return (float(found.low), float(found.high)) if found else (math.nan, math.nan)

    def text(self, name: str, j: int | None = None) -> str:
        """A score and its interval in words: `0.968 [0.953, 0.980]`; the number alone where there is none.

        Args:
            name: of `SCORES`.
            j: position of the finding; None is the mean over findings, or the combined score.
        """
        value = self.value(name) if j is None else float(self[name][j])
        return with_interval(value, *self.interval(name, j))

    def warned(self, told: Sequence[str]) -> Scores:
        """The same scores, with more that a reader must know, told first."""
        warnings = tuple(dict.fromkeys([*told, *self.warnings]))
        return replace(self, warnings=warnings, shown=self.shown and self.shown.warned(told))

    def select(self, findings: Sequence[str]) -> Scores:
        """Scores of some findings, in this order; means are then over these.

        Scores of whole rows (exact match, means over samples) cannot be had from those of all findings and
        are NaN, and means have no interval, unless these are the findings of `scores.include`.

        Raises:
            ConfigError: one of them is not among the findings.
        """
        chosen = items(findings)
        if chosen == self.findings:
            return self
        if self.shown is not None and chosen == self.shown.findings:
            return self.shown
        for name in chosen:
            if name not in self.findings:
                raise ConfigError(f"there are no scores of {name!r}; {did_you_mean(name, self.findings)}")
        places = [self.findings.index(name) for name in chosen]
        columns = {name: values[places] for name, values in self.columns.items()}
        counts = _counts(columns)
        own = warnings_of(self.findings, _counts(self.columns), self.fewest, self.part, self.unit)
        some = Scores(
            self.part,
            self.images,
            chosen,
            columns,
            _combined_of_counts(counts),
            self.thresholds.select(chosen),
            {name: why for name, why in self.reasons.items() if name in chosen},
            warnings_of(chosen, counts, self.fewest[places], self.part, self.unit),
            self.unit,
            None if self.intervals is None else self.intervals.select(places),
            scored=self.scored and self.scored.select(chosen),
            fewest=self.fewest[places],
        )
        return some.warned([told for told in self.warnings if told not in own])

    def table(self, intervals: bool = True) -> tuple[list[str], list[list[Any]]]:
        """Column headings and one row a finding, then the mean where there are several; None where missing.

        Args:
            intervals: show those of the main scores beside them, where there are any, and fewer other scores.
        """
        with_intervals = intervals and self.intervals is not None
        names = WITH_INTERVALS if with_intervals else TABLE
        headings = {name: score.heading for name, score in SCORES.items()}
        headings |= {**COUNTS, "images": plural(self.unit).capitalize()}
        columns = ["Finding", *(headings[name] for name in names), "Threshold"]

        def shown(name: str, j: int | None) -> Any:
            if with_intervals and name in SHOWN:
                return self.text(name, j)
            if j is None:
                return None if name in COUNTS else _plain(name, self.mean(name)[0])
            return _plain(name, self.columns[name][j])

        rows = [
            [finding, *(shown(name, j) for name in names), float(threshold)]
            for j, (finding, threshold) in enumerate(zip(self.findings, self.thresholds.values, strict=True))
        ]
        if len(self.findings) > 1:
            rows.append([self._mean_label(), *(shown(name, None) for name in names), None])
        return columns, rows

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it: NaN is None, counts are integers; `from_json` reads it."""
        return {
            "part": self.part,
            "unit": self.unit,
            "images": self.images,
            "per_finding": {
                finding: {name: _plain(name, values[j]) for name, values in self.columns.items()}
                for j, finding in enumerate(self.findings)
            },
            "mean": {
                name: {"value": _plain(name, self.mean(name)[0]), "findings": self.mean(name)[1]}
                for name in self.columns
                if name not in COUNTS
            },
            "combined": {name: _plain(name, value) for name, value in self.combined.items()},
            "thresholds": self.thresholds.to_json(),
            "reasons": dict(self.reasons),
            "warnings": list(self.warnings),
            "intervals": None if self.intervals is None else self.intervals.to_json(),
            "shown": None if self.shown is None else self.shown.to_json(),
            "fewest": [None if math.isnan(patients) else patients for patients in self.fewest],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Scores:
        """Read what `to_json` gave; scores that an older version did not have are NaN.

        Raises:
            DataError: it is something else.
        """
        try:
            rows = value["per_finding"]
            intervals, shown = value.get("intervals"), value.get("shown")
            found = cls(
                value["part"],
                int(value["images"]),
                tuple(rows),
                {name: np.array([_number(row[name]) for row in rows.values()]) for name in COUNTS}
                | {
                    name: np.array([_number(row.get(name)) for row in rows.values()])
                    for name in per_finding()
                },
                {name: _number(value["combined"].get(name)) for name in over_all()},
                Thresholds.from_json(value["thresholds"]),
                dict(value["reasons"]),
                # Of an older version they do not say of which part they are.
                tuple(dict.fromkeys([*of_part(value["part"]), *strings(value["warnings"])])),
                value.get("unit", "image"),
                None if intervals is None else Intervals.from_json(intervals),
                None if shown is None else cls.from_json(shown),
                fewest=np.array([_number(patients) for patients in value.get("fewest", [None] * len(rows))]),
            )
            found._fits()
            return found
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"these are not scores: {error!r} in {str(value)[:80]}") from error

    def plot_roc(self) -> Axes:
        """A ROC curve a finding, with its threshold as a dot and its AUC in the legend.

        Raises:
            DataError: the scores were read from a file, which has no predictions.
        """
        from hilum.drawing import RULE, unit_square

        axes, colours = self._axes("False positive rate", "Recall")
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1, zorder=1)
        curves = roc_curves(self._scored)
        for j, (finding, colour) in enumerate(colours.items()):
            if finding in curves:
                curves[finding].draw(axes, colour, f"{finding} {self.text('roc_auc', j)}")
                axes.plot([1 - self["specificity"][j]], [self["recall"][j]], "o", color=colour, zorder=4)
        unit_square(axes)
        axes.legend(loc="lower right", fontsize=7.5, frameon=False)
        return axes

    def plot_calibration(self) -> Axes:
        """Share of positives against probability: ten bins with intervals, the smoothed curve, and its ICI.

        Raises:
            DataError: as `plot_roc`.
        """
        from hilum.drawing import RULE, unit_square

        axes, colours = self._axes("Probability", "Share positive")
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1, zorder=1)
        for finding, found in reliability(self._scored).items():
            told = self.text("ici", self.findings.index(finding))
            found.draw(axes, colours[finding], f"{finding} ICI {told}")
        unit_square(axes)
        axes.legend(loc="upper left", fontsize=7.5, frameon=False)
        return axes

    @property
    def _scored(self) -> Predictions:
        if self.scored is None:
            raise DataError(
                "these scores were read from a file, which has no predictions to draw. Score them anew: "
                "run.judge.score(run.predictions(part))."
            )
        return self.scored

    def _axes(self, x: str, y: str) -> tuple[Axes, dict[str, str]]:
        """Empty axes, and a colour for each finding."""
        from hilum.drawing import PALETTE, new_figure

        return new_figure((4.4, 4.2), x, y)[1], dict(zip(self.findings, cycle(PALETTE), strict=False))

    def _fits(self) -> None:
        """ValueError where thresholds or intervals are of other findings."""
        fits = self.thresholds.findings == self.findings and len(self.fewest) == len(self.findings)
        if (own := self.intervals) is not None:
            each, single = own.columns.values(), [*own.means.values(), *own.combined.values()]
            fits &= all(one.low.shape == one.high.shape == (len(self.findings),) for one in each)
            fits &= all(one.low.shape == one.high.shape == () for one in single)
        if not fits:
            raise ValueError(f"thresholds or intervals are not of {listed(self.findings)}")

    def _mean_label(self) -> str:
        """`mean`, and over how many findings where some have no AUC."""
        over = self.mean("roc_auc")[1]
        return "mean" if over == len(self.findings) else f"mean of {over} with both classes"

    def __repr__(self) -> str:
        auc, over = self.mean("roc_auc")
        return (
            f"Scores({self.part}: {many(self.images, self.unit)}, {len(self.findings)} findings, "
            f"mean ROC AUC {auc:.3f} over {over})"
        )

    def _repr_html_(self) -> str:
        return table_html(*self.table(), self.heading, self.warnings)


def score(predictions: Predictions, thresholds: Thresholds, config: ScoresConfig | None = None) -> Scores:
    """Every score of predictions, with decisions at thresholds chosen on validation.

    Args:
        predictions: judged as they are: per image, study or patient, calibrated or not.
        thresholds: of the same findings.
        config: asks for intervals, how they are made, and the reach of the partial AUC; None makes none.

    Raises:
        DataError: thresholds of other findings, or NaN logits where the target is known.
    """
    settings = config or ScoresConfig(intervals="none")
    decisions = thresholds.decide(predictions)
    counts, patients = confusion(predictions.targets, decisions), clusters(predictions)
    fewest = np.minimum(*(patients.holding(predictions.targets == side) for side in (1, 0)))
    values = tally(predictions, decisions, tuple(SCORES), settings.max_fpr).values
    shown = None
    if settings.include and tuple(settings.include) != predictions.findings:
        alone = settings.model_copy(update={"include": ()})
        shown = score(predictions.select(settings.include), thresholds.select(settings.include), alone)
    return Scores(
        predictions.part,
        len(predictions),
        predictions.findings,
        {name: getattr(counts, name) for name in COUNTS} | {name: values[name] for name in per_finding()},
        {name: float(values[name][0]) for name in over_all()},
        thresholds,
        missing_reasons(predictions.findings, counts, predictions.part, predictions.unit),
        (
            *predictions.doubts,
            *warnings_of(predictions.findings, counts, fewest, predictions.part, predictions.unit),
        ),
        predictions.unit,
        _intervals(predictions, decisions, settings),
        shown,
        predictions,
        fewest,
    )


def _intervals(predictions: Predictions, decisions: Bools, settings: ScoresConfig) -> Intervals | None:
    if settings.intervals == "none":
        return None
    how: dict[str, Any] = settings.model_dump(include={"level", "replicates", "max_fpr"})
    return intervals_of(predictions, decisions, method=settings.intervals, **how)


def _counts(columns: Mapping[str, Floats]) -> Confusion:
    return Confusion(*(columns[field.name] for field in fields(Confusion)))


def _combined_of_counts(counts: Confusion) -> dict[str, float]:
    """The scores over all findings that follow from counts per finding; the others are NaN."""
    values = dict.fromkeys(over_all(), math.nan)
    for name in values:
        match SCORES[name].way:
            case Summed(parts, formula) if parts is cells:
                values[name] = float(formula(*vars(counts).values())[0])
    return values


def _plain(name: str, value: float) -> float | int | None:
    """A number as JSON and tables hold it."""
    if math.isnan(value):
        return None
    return int(value) if name in COUNTS else float(value)


def _number(value: float | int | None) -> float:
    return math.nan if value is None else float(value)
