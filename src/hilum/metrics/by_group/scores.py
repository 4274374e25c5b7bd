"""The same scores by sex, age, view and whatever else is known of the images, and where they really differ.

A gap is named where a test says that it is no noise, Holm's correction over all tests of the part included,
and where it is large enough to matter. What is tested is each value of an attribute against the rest of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from hilum.errors import DataError
from hilum.metrics.by_group.attributes import KEYS, Attribute, attributes_of
from hilum.metrics.by_group.differences import Area, Ints, correlation_of, share_of
from hilum.metrics.by_group.gaps import FLOOR, LABELS, Gap, Measured, named_gaps
from hilum.metrics.inputs import Bools, Rows, ratio
from hilum.metrics.judging.thresholds import Thresholds
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty.intervals import evidence_of
from hilum.metrics.uncertainty.patients import FEW, clusters
from hilum.metrics.values import registry
from hilum.metrics.values.counts import Confusion, cells
from hilum.metrics.values.engine import Score, Summed, Tally
from hilum.records import to_json
from hilum.text import listed

SCORES: dict[str, Score] = {
    **{name: registry.SCORES[name] for name in ("roc_auc", "recall", "specificity", "precision")},
    "prevalence": Score(
        "Prevalence",
        "prev.",
        Summed(cells, lambda *sums: ratio(Confusion(*sums).positives, Confusion(*sums).images)),
        about="Share of positives among the scored rows.",
        trials=lambda rows: rows.scored,
    ),
}
"""What each cell holds."""


@dataclass(frozen=True)
class Cell:
    """One finding in one group.

    Attributes:
        attribute: `sex`.
        value: `F`.
        finding: name of the finding.
        images: scored rows (images; studies or patients where rows are these).
        positives: of these.
        negatives: of these.
        scores: each of `SCORES`; NaN where there is none.
        intervals: of each its interval; NaN where there is none.
        few: of fewer than `FEW` patients with the finding, or without it: the numbers say little.
    """

    attribute: str
    value: str
    finding: str
    images: int
    positives: int
    negatives: int
    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    few: bool


@dataclass(frozen=True)
class Subgroups:
    """Scores of one part by group.

    Attributes:
        cells: every attribute, value and finding.
        gaps: differences that are no noise, largest first; empty where there are none.
        level: of the intervals; 1 - level is how often a part without any difference has a gap named, at most.
        tests: how many differences were tested, which the p values are corrected for.
        floor: a gap is a difference that is certainly larger than this.
        shown: score -> the difference that half of its tests would have found in 4 of 5 tries.
    """

    cells: tuple[Cell, ...]
    gaps: tuple[Gap, ...]
    level: float = 0.95
    tests: int = 0
    floor: float = field(default=FLOOR)
    shown: Mapping[str, float] = field(default_factory=dict)

    @property
    def tested(self) -> str:
        """What was tested and how small a gap could have been seen, for a reader."""
        if not self.tests:
            return "No group had enough patients with and without a finding to be compared with the others."
        names = listed([LABELS[name] for name in self.shown])
        sizes = listed([f"{value:.2f} in {LABELS[name]}" for name, value in self.shown.items()])
        return (
            f"{self.tests:,} differences between a group and the others were tested ({names} of each "
            f"finding), each for being certainly larger than {self.floor:g}, with a chance of "
            f"{100 * (1 - self.level):.3g} % that any is named by chance (Holm's correction). In half of them, "
            f"these patients would have shown a gap of {sizes} in 4 of 5 tries; smaller ones may be there unseen."
        )

    def frame(self) -> pl.DataFrame:
        """One row a cell: its counts, and each score with `_low` and `_high`; NaN is null."""
        rows = []
        for cell in self.cells:
            row: dict[str, Any] = {name: getattr(cell, name) for name in _COUNTS}
            for name in SCORES:
                low, high = cell.intervals[name]
                row |= {name: cell.scores[name], f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
        return pl.DataFrame(rows, schema=_SCHEMA, infer_schema_length=None).fill_nan(None)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it: NaN is None; cells as in `frame`."""
        return {**to_json(replace(self, cells=())), "cells": self.frame().to_dicts()}


_COUNTS = ("attribute", "value", "finding", "images", "positives", "negatives", "few")
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(_COUNTS[:3], pl.String),
    **dict.fromkeys(_COUNTS[3:6], pl.Int64),
    "few": pl.Boolean,
    **{f"{name}{end}": pl.Float64 for name in SCORES for end in ("", "_low", "_high")},
}


def subgroups(
    predictions: Predictions, thresholds: Thresholds, images: pl.DataFrame, *, level: float = 0.95
) -> Subgroups:
    """Scores of every group of every attribute, and the differences that are no noise.

    An attribute that is itself a finding (`Support Devices`) is not looked at for that finding.

    Args:
        predictions: what is judged; any unit.
        thresholds: decide them.
        images: one row an image, as `Run.images`: see `attributes_of`.
        level: of the intervals, and 1 - level that of the tests.

    Raises:
        DataError: rows of the predictions are not among the images, or thresholds are of other findings.
    """
    if KEYS[predictions.unit] not in images.columns:
        raise DataError(f"the images have no column {KEYS[predictions.unit]} to join predictions on.")
    attributes = attributes_of(predictions, images)
    part = _Part(predictions, thresholds.decide(predictions), level)
    cells = tuple(
        _cell(attribute, value, finding, measured)
        for attribute in attributes
        for value in attribute.values
        for finding, measured in part.measure(attribute.rows(value)).items()
    )
    gaps, tests, shown = named_gaps(attributes, part.measure, predictions.unit, level)
    return Subgroups(cells, gaps, level, tests, shown=shown)


class _Part:
    """Predictions and decisions, measured on any of their rows; what was measured is kept."""

    def __init__(self, predictions: Predictions, decisions: Bools, level: float) -> None:
        self.predictions, self.decisions, self.level = predictions, decisions, level
        self.patient: Ints = clusters(predictions).code
        self.patients = int(self.patient.max(initial=-1)) + 1
        self.shares = {
            finding: {
                name: (hit, among, correlation_of(hit, among, self.patient))
                for name, (hit, among) in _shares(predictions.targets[:, j], decisions[:, j]).items()
            }
            for j, finding in enumerate(predictions.findings)
        }
        self.known: dict[bytes, dict[str, Measured]] = {}

    def measure(self, rows: Bools) -> dict[str, Measured]:
        """Finding -> what its rows give."""
        key = rows.tobytes()
        if key not in self.known:
            self.known[key] = self._measured(rows)
        return self.known[key]

    def _measured(self, rows: Bools) -> dict[str, Measured]:
        found = self._tally(rows)
        values = found.values
        intervals = {name: evidence_of(found, name).interval(self.level) for name in SCORES}
        # Patients of the chosen rows are numbered in the same order as those of all.
        spread = np.zeros((self.patients, len(self.predictions.findings)))
        spread[np.flatnonzero(np.bincount(self.patient[rows]))] = found.influence("roc_auc")
        measured = {}
        for j, finding in enumerate(self.predictions.findings):
            shares = {
                name: share_of(hit, among & rows, self.patient, correlation)
                for name, (hit, among, correlation) in self.shares[finding].items()
            }
            recall, specificity = shares["recall"], shares["specificity"]
            area = Area(
                float(values["roc_auc"][j]),
                spread[:, j],
                recall.rows * specificity.rows,
                min(recall.patients, specificity.patients),
            )
            ends = {name: (float(one.low[j]), float(one.high[j])) for name, one in intervals.items()}
            each = {name: float(value[j]) for name, value in values.items()}
            measured[finding] = Measured(each, ends, shares, area)
        return measured

    def _tally(self, rows: Bools) -> Tally:
        part = self.predictions.take(rows)
        patients = clusters(part)
        of = Rows(
            part.targets,
            scores=part.logits,
            probabilities=part.probabilities,
            decisions=self.decisions[rows],
        )
        return Tally(of, SCORES, patients.code, patients.count)


def _shares(target: Any, decided: Bools) -> dict[str, tuple[Bools, Bools]]:
    """Score that is tested as a share -> which rows count, among which."""
    return {"recall": (decided, target == 1), "specificity": (~decided, target == 0)}


def _cell(attribute: Attribute, value: str, finding: str, measured: Measured) -> Cell:
    positives, negatives = measured.positives, measured.negatives
    few = measured.area.patients < FEW
    counts = positives + negatives, positives, negatives
    return Cell(attribute.name, value, finding, *counts, measured.scores, measured.intervals, few)
