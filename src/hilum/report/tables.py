"""The score tables of a part: what needs no threshold, what is decided at it, and all findings together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.metrics import SCORES, Scores, per_finding
from hilum.report.values import Count, Value, combined_value, interval_note, value_of

DECISIONS = ("recall", "specificity", "precision", "npv")
SUMMARIES = ("f1", "f2", "balanced_accuracy", "accuracy", "mcc")
KEY = frozenset({"roc_auc", "recall"})
"""Scores shown in bold: the field's first two."""

COMBINATIONS = (("recall", "Recall"), ("precision", "Precision"), ("f1", "F1"))


@dataclass(frozen=True)
class Heading:
    """A column: its title and whether it is shown in bold."""

    title: str
    key: bool = False


@dataclass(frozen=True)
class Row:
    """One finding, or the mean."""

    name: str
    cells: tuple[Value | Count | None, ...]
    mean: bool = False


@dataclass(frozen=True)
class ScoreTable:
    """A table of numbers with intervals under them."""

    title: str
    columns: tuple[Heading, ...]
    rows: tuple[Row, ...]
    note: str


def score_tables(scores: Scores) -> list[ScoreTable]:
    """The tables of a part; none has more columns than fit a page."""
    return [
        _table(scores, "Ranking, at no threshold", _of("scores"), ("Positive",)),
        _table(scores, "Probabilities, at no threshold", _of("probabilities"), ()),
        _table(scores, "Decisions at the threshold", DECISIONS, ("Threshold", "Found", "False alarms")),
        _table(scores, "The same decisions in one number", SUMMARIES, ()),
    ]


def combined_rows(scores: Scores) -> list[tuple[str, list[Value]]]:
    """Recall, precision and F1, each as mean over findings, over labels and over images."""
    return [
        (title, [combined_value(scores, kind + name) for kind in ("macro_", "micro_", "sample_")])
        for name, title in COMBINATIONS
    ]


def _of(what: str) -> tuple[str, ...]:
    return tuple(name for name in per_finding() if SCORES[name].of == what)


def _table(scores: Scores, title: str, rates: tuple[str, ...], counts: tuple[str, ...]) -> ScoreTable:
    # A run of a former version has no MCC, partial AUC and ECE.
    rates = tuple(name for name in rates if name in scores.columns and not np.isnan(scores[name]).all())
    columns = [Heading(name) for name in counts]
    columns += [Heading(SCORES[name].heading, name in KEY) for name in rates]
    rows = [
        Row(
            finding,
            (
                *(_count(scores, name, j) for name in counts),
                *(value_of(scores, name, j) for name in rates),
            ),
        )
        for j, finding in enumerate(scores.findings)
    ]
    if len(scores.findings) > 1:
        over = scores.mean("roc_auc")[1]
        name = "mean" if over == len(scores.findings) else f"mean of {over} with both classes"
        rows.append(Row(name, (*(None for _ in counts), *(value_of(scores, n) for n in rates)), mean=True))
    return ScoreTable(title, tuple(columns), tuple(rows), interval_note(scores, rates))


def _count(scores: Scores, name: str, j: int) -> Value | Count:
    if name == "Positive":
        return Count(float(scores["positives"][j]), float(scores["images"][j]))
    if name == "Threshold":
        return Value(float(scores.thresholds.values[j]))
    if name == "Found":
        return Count(float(scores["true_positives"][j]), float(scores["positives"][j]))
    return Count(
        float(scores["false_positives"][j]), float(scores["images"][j]) - float(scores["positives"][j])
    )
