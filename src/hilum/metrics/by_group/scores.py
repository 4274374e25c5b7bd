"""The same scores by sex, age, view and whatever else is known of the images, and where they really differ.

A gap is named where a test says that it is no noise, Holm's correction over all tests of the part included,
and where it is large enough to matter. What is tested is each value of an attribute against the rest of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from hilum.errors import DataError
from hilum.metrics.by_group.attributes import KEYS, Attribute, attributes_of
from hilum.metrics.by_group.differences import Area, Ints, Share, correlation_of, share_of
from hilum.metrics.by_group.gaps import FLOOR, Gap, Measured, named_gaps
from hilum.metrics.inputs import Bools
from hilum.metrics.judging.thresholds import Thresholds
from hilum.metrics.judging.warnings import FEW
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty.bootstrap import clusters
from hilum.metrics.uncertainty.influence import influence

SCORES = ("roc_auc", "recall", "specificity", "precision", "prevalence")
"""What each cell holds; prevalence is the share of positives among the scored rows."""


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
        few: under ten positives or negatives: the numbers say little.
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
    """

    cells: tuple[Cell, ...]
    gaps: tuple[Gap, ...]
    level: float = 0.95
    tests: int = 0
    floor: float = field(default=FLOOR)

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
        """As JSON holds it: NaN is None; `from_json` reads it."""
        return {
            "level": self.level,
            "tests": self.tests,
            "floor": self.floor,
            "gaps": [gap.to_json() for gap in self.gaps],
            "cells": self.frame().to_dicts(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Subgroups:
        """Read what `to_json` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            cells = tuple(_cell_from(row) for row in value["cells"])
            gaps = tuple(Gap.from_json(gap) for gap in value["gaps"])
            return cls(cells, gaps, float(value["level"]), int(value["tests"]), float(value["floor"]))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"these are not scores by group: {error!r} in {str(value)[:80]}") from error


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
    part = _Part(predictions, thresholds.decide(predictions))
    cells = tuple(
        _cell(attribute, value, finding, measured, level)
        for attribute in attributes
        for value in attribute.values
        for finding, measured in part.measure(attribute.rows(value)).items()
    )
    gaps, tests = named_gaps(attributes, part.measure, predictions.unit, level)
    return Subgroups(cells, gaps, level, tests)


class _Part:
    """Predictions and decisions, measured on any of their rows; what was measured is kept."""

    def __init__(self, predictions: Predictions, decisions: Bools) -> None:
        self.predictions, self.decisions = predictions, decisions
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
            areas = self._areas(rows)
            self.known[key] = {
                finding: Measured(
                    {
                        name: share_of(hit, among & rows, self.patient, correlation)
                        for name, (hit, among, correlation) in self.shares[finding].items()
                    },
                    areas[finding],
                )
                for finding in self.predictions.findings
            }
        return self.known[key]

    def _areas(self, rows: Bools) -> dict[str, Area]:
        part, patient = self.predictions.take(rows), self.patient[rows]
        values, moved = influence(part, self.decisions[rows], "roc_auc")
        # Patients of the chosen rows are numbered in the same order as those of all.
        chosen = np.flatnonzero(np.bincount(patient))
        areas = {}
        for j, finding in enumerate(part.findings):
            spread = np.zeros(self.patients)
            spread[chosen] = moved[:, j]
            sides = [part.targets[:, j] == side for side in (0, 1)]
            pairs = float(sides[0].sum()) * float(sides[1].sum())
            patients = min(int(np.count_nonzero(np.bincount(patient[side]))) for side in sides)
            areas[finding] = Area(float(values[j]), spread, pairs, patients)
        return areas


def _shares(target: Any, decided: Bools) -> dict[str, tuple[Bools, Bools]]:
    """Score -> which rows count, among which."""
    positive, negative = target == 1, target == 0
    scored = positive | negative
    return {
        "recall": (decided, positive),
        "specificity": (~decided, negative),
        "precision": (positive, scored & decided),
        "prevalence": (positive, scored),
    }


def _cell(attribute: Attribute, value: str, finding: str, measured: Measured, level: float) -> Cell:
    positives, negatives = measured.positives, measured.negatives
    scores: dict[str, float] = {"roc_auc": measured.area.value}
    intervals = {"roc_auc": measured.area.interval(level)}
    for name, share in measured.shares.items():
        scores[name], intervals[name] = _share_shown(name, share, positives, level)
    few = min(positives, negatives) < FEW
    images = positives + negatives
    return Cell(attribute.name, value, finding, images, positives, negatives, scores, intervals, few)


def _share_shown(name: str, share: Share, positives: int, level: float) -> tuple[float, tuple[float, float]]:
    """A share and its interval; precision is 0 where positives exist and none is decided, as everywhere."""
    if name == "precision" and not share.rows:
        return 0.0 if positives else np.nan, (np.nan, np.nan)
    return share.value, share.interval(level)


def _cell_from(row: Mapping[str, Any]) -> Cell:
    def number(name: str) -> float:
        return np.nan if row[name] is None else float(row[name])

    return Cell(
        row["attribute"],
        row["value"],
        row["finding"],
        int(row["images"]),
        int(row["positives"]),
        int(row["negatives"]),
        {name: number(name) for name in SCORES},
        {name: (number(f"{name}_low"), number(f"{name}_high")) for name in SCORES},
        bool(row["few"]),
    )
