"""Parts of the report as the template shows them: tables, counts, figures with their captions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hilum.drawing import COLOURS, SQUARE, WIDE, image
from hilum.errors import HilumError
from hilum.metrics import SCORES, Cell, Scores, per_finding
from hilum.report.content import (
    PARTS,
    PROGRESSION,
    Part,
    Value,
    value_of,
)
from hilum.report.drawing import (
    alone,
    draw_precision_recall,
    draw_progression,
    draw_roc,
    reliability_plot,
    subgroup_plot,
)
from hilum.report.numbers import Numbers, PartCurves, Progression
from hilum.report.published import published
from hilum.runs import Member, Run
from hilum.text import MISSING, cell, listed, many

_HEADLINE = ("roc_auc", "average_precision", "recall", "specificity", "precision", "f1")
"""The large numbers at the top."""
_SUBGROUP_SCORES = {name: SCORES[name].heading for name in ("roc_auc", "recall", "specificity", "precision")}
"""Scores by subgroup: the first two are drawn, all are in the table."""
_DRAWN = ("roc_auc", "recall")
_DECISIONS = ("recall", "specificity", "precision", "npv")
_SUMMARIES = ("f1", "f2", "balanced_accuracy", "accuracy", "mcc")
_KEY = frozenset({"roc_auc", "recall"})
"""Scores shown in bold: the field's first two."""
_CALIBRATION = {"ici": "ICI", "calibration_slope": "slope", "calibration_intercept": "intercept"}
"""Scores that sum up a reliability diagram, as its caption calls them."""
_COMBINATIONS = (("recall", "Recall"), ("precision", "Precision"), ("f1", "F1"))


@dataclass(frozen=True)
class _Count:
    """How many of how many."""

    value: float
    of: float

    @property
    def text(self) -> str:
        """The count."""
        return MISSING if math.isnan(self.value) else f"{int(self.value):,}"

    @property
    def range(self) -> str:
        """What it is a part of."""
        return "" if math.isnan(self.value) else f"of {int(self.of):,}"


def panels(run: Run, numbers: Numbers) -> dict[str, Any]:
    """What the template shows of a run's scores; what the run does not have is empty.

    Raises:
        RunError: the run's folder is not whole.
    """
    parts = numbers.parts
    return {
        "headline": [
            (SCORES[name].heading, [value_of(part.scores, name) for part in parts]) for name in _HEADLINE
        ],
        "headline_note": _interval_note(parts[0].scores, _HEADLINE, means=True) if parts else "",
        "tables": [(part, _score_tables(part.scores), _combined_rows(part.scores)) for part in parts],
        "curves": _curves(parts, numbers.curves),
        "progression": _progression(numbers.progression),
        "confusion": _confusion(parts[0]) if parts else [],
        "calibration": _calibration(run, numbers),
        "subgroups": _subgroups(numbers),
        "members": _members(run, parts),
        "published": _published(run, parts),
    }


def _score_tables(scores: Scores) -> list[dict[str, Any]]:
    """The tables of a part; none has more columns than fit a page."""
    return [
        _table(scores, "Ranking, at no threshold", _of("scores"), ("Positive",)),
        _table(scores, "Probabilities, at no threshold", _of("probabilities"), ()),
        _table(scores, "Decisions at the threshold", _DECISIONS, ("Threshold", "Found", "False alarms")),
        _table(scores, "The same decisions in one number", _SUMMARIES, ()),
    ]


def _combined_rows(scores: Scores) -> list[tuple[str, list[Value]]]:
    """Recall, precision and F1, each as mean over findings, over labels and over images."""
    return [
        (title, [_combined_value(scores, kind + name) for kind in ("macro_", "micro_", "sample_")])
        for name, title in _COMBINATIONS
    ]


def _of(what: str) -> tuple[str, ...]:
    return tuple(name for name in per_finding() if SCORES[name].of == what)


def _table(scores: Scores, title: str, rates: tuple[str, ...], counts: tuple[str, ...]) -> dict[str, Any]:
    """Columns (title, and whether it is bold), and rows: a finding, or the mean, and a cell a column."""
    # A run of a former version has no MCC, partial AUC and ECE.
    rates = tuple(name for name in rates if name in scores.columns and not np.isnan(scores[name]).all())
    columns = [(name, False) for name in counts] + [(SCORES[name].heading, name in _KEY) for name in rates]
    rows: list[dict[str, Any]] = []
    cells: list[Value | _Count | None]
    for j, finding in enumerate(scores.findings):
        cells = [
            *(_count(scores, name, j) for name in counts),
            *(value_of(scores, name, j) for name in rates),
        ]
        rows.append({"name": finding, "cells": cells, "mean": False})
    if len(scores.findings) > 1:
        over = scores.mean("roc_auc")[1]
        name = "mean" if over == len(scores.findings) else f"mean of {over} with both classes"
        cells = [*(None for _ in counts), *(value_of(scores, rate) for rate in rates)]
        rows.append({"name": name, "cells": cells, "mean": True})
    return {"title": title, "columns": columns, "rows": rows, "note": _interval_note(scores, rates)}


def _count(scores: Scores, name: str, j: int) -> Value | _Count:
    counts = ("positives", "images", "true_positives", "false_positives")
    positives, images, found, alarms = (float(scores[name][j]) for name in counts)
    if name == "Threshold":
        return Value(float(scores.thresholds.values[j]))
    how_many = {"Positive": (positives, images), "Found": (found, positives)}
    return _Count(*how_many.get(name, (alarms, images - positives)))


def _curves(parts: list[Part], found: Sequence[PartCurves]) -> list[dict[str, Any]]:
    """ROC and precision-recall figures a finding, with the operating point of each part."""
    shown = []
    for finding in parts[0].scores.findings if parts else ():
        having = [part for part in found if finding in part.roc]
        told = [
            f"{part.title} ({part.roc[finding].positives:,} of "
            f"{part.roc[finding].positives + part.roc[finding].negatives:,}): AUC {part.roc_auc[finding].both}, "
            f"AP {part.average_precision[finding].both}"
            for part in having
        ]
        reasons = [part.scores.reasons.get(finding, "") for part in parts]
        roc = alone(draw_roc, SQUARE, ("False positive rate", "Recall"), found, finding)
        pr = alone(draw_precision_recall, SQUARE, ("Recall", "Precision"), found, finding)
        shown.append(
            {
                "finding": finding,
                "told": told,
                "reason": "; ".join(dict.fromkeys(reason for reason in reasons if reason)),
                "roc": image(roc) if having else "",
                "pr": image(pr) if having else "",
            }
        )
    return shown


def _progression(found: Progression) -> list[dict[str, Any]]:
    """One figure a score over epochs."""
    shown = []
    for name, values in found.series.items() if found.epochs else ():
        last = ", ".join(f"{PARTS[part].lower()} {cell(line[-1])}" for part, line in values.items())
        figure = alone(draw_progression, WIDE, ("Epoch", ""), found.epochs, values, found.best)
        title = PROGRESSION[name]
        alt = f"{title} over {len(found.epochs)} epochs; after the last: {last}"
        shown.append({"title": title, "image": image(figure), "alt": alt})
    return shown


def _confusion(part: Part) -> list[dict[str, Any]]:
    """Counts of decisions against truth, with each cell's share of its row."""
    shown = []
    for j, finding in enumerate(part.scores.findings):
        tp, fn, fp, tn = part.confusion(j)
        rows = [("positive", [(tp, True), (fn, False)]), ("negative", [(fp, False), (tn, True)])]
        shares = [
            (name, [(value, right, value / max(sum(v for v, _ in cells), 1)) for value, right in cells])
            for name, cells in rows
        ]
        threshold = float(part.scores.thresholds.values[j])
        shown.append({"finding": finding, "threshold": threshold, "rows": shares})
    return shown


def _calibration(run: Run, numbers: Numbers) -> dict[str, Any]:
    """The reliability diagrams, what sums them up, and Brier score and ECE before and after calibration."""
    if not numbers.parts:
        return {"rows": []}
    part = numbers.parts[0]
    after, before = (
        {name: SCORES[name](side.targets, side.probabilities) for name in ("brier", "ece")}
        for side in (part.predictions, part.units_raw)
    )
    rows = []
    for diagram in numbers.diagrams:
        j = part.scores.findings.index(diagram.finding)
        rows.append(
            {
                "finding": diagram.finding,
                "image": image(reliability_plot(diagram, COLOURS[part.name])),
                "after": {name: float(values[j]) for name, values in after.items()},
                "before": {name: float(values[j]) for name, values in before.items()}
                if diagram.before
                else {},
                "summary": _calibration_scores(part.scores, j),
                "count": int(diagram.after.count.sum()),
            }
        )
    return {"rows": rows, "method": run.calibration.method, "fallbacks": dict(run.calibration.fallbacks)}


def _calibration_scores(scores: Scores, j: int) -> str:
    """`ICI 0.021 (0.008–0.040), slope ...`; empty of a run of a former version, which has none of them."""
    values = {title: value_of(scores, name, j) for name, title in _CALIBRATION.items()}
    return ", ".join(
        f"{title} {value.both}" for title, value in values.items() if not math.isnan(value.value)
    )


def _published(run: Run, parts: list[Part]) -> list[dict[str, Any]]:
    """One a system whose figures are of the run's data: its conditions, and each figure beside the run's own."""
    by_name = {part.name: part for part in parts}
    systems: dict[tuple[str, str], dict[str, Any]] = {}
    for row in published(run):
        part = by_name.get(row.part)
        if part is None or row.finding not in part.scores.findings:
            continue
        own = value_of(part.scores, row.score, part.scores.findings.index(row.finding))
        shown = systems.setdefault(
            (row.system, row.source),
            {
                "system": row.system,
                "source": row.source,
                "split": row.split,
                "images": row.n,
                "warnings": [],
                "part": part.title,
                "rows": [],
            },
        )
        if row.warning and row.warning not in shown["warnings"]:
            shown["warnings"].append(row.warning)
        shown["rows"].append((row.finding, SCORES[row.score].heading, row.value, row.positives, own))
    return list(systems.values())


def _subgroups(numbers: Numbers) -> list[dict[str, Any]]:
    """One an attribute: two figures and a table."""
    whole = {name: numbers.whole(name) for name in _SUBGROUP_SCORES} if numbers.cells else {}
    return [_subgroup_panel(attribute, cells, whole) for attribute, cells in numbers.cells.items()]


def _subgroup_panel(
    attribute: str, cells: Sequence[Cell], whole: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    values = list(dict.fromkeys(found.value for found in cells))
    figures = [
        {
            "image": image(subgroup_plot(cells, name, _SUBGROUP_SCORES[name], whole[name])),
            "alt": f"{_SUBGROUP_SCORES[name]} by {attribute} ({', '.join(values)}) for each finding; "
            "see the table",
        }
        for name in _DRAWN
    ]
    rows = [
        {
            "finding": found.finding,
            "value": found.value,
            "images": found.images,
            "positives": found.positives,
            "few": found.few,
            "scores": [Value(found.scores[name], *found.intervals[name]) for name in _SUBGROUP_SCORES],
        }
        for found in sorted(cells, key=lambda found: list(whole["roc_auc"]).index(found.finding))
    ]
    return {
        "attribute": attribute,
        "values": values,
        "figures": figures,
        "rows": rows,
        "titles": list(_SUBGROUP_SCORES.values()),
        "few": sum(found.few for found in cells),
    }


def _members(run: Run, parts: list[Part]) -> list[dict[str, Any]]:
    """The members of an ensemble, and what each scores alone; none for a run that was trained."""
    total = sum(member.weight for member in run.members)
    part = parts[0].name if parts else ""
    return [{**_alone(member, part), "weight": member.weight / total} for member in run.members]


def _alone(member: Member, part: str) -> dict[str, Any]:
    told = {"name": member.path.name if member.epoch is None else f"{member.path.name}, epoch {member.epoch}"}
    try:
        run = Run(member.path)
        scores = run.scores(part) if part and member.epoch is None else None
        value = value_of(scores, "roc_auc") if scores else Value(math.nan)
        return {**told, "model": run.config.model.name, "seed": run.config.seed, "roc_auc": value}
    except HilumError:
        return {**told, "model": "", "seed": None, "roc_auc": Value(math.nan)}


def _combined_value(scores: Scores, name: str) -> Value:
    """A score over all findings, with its interval where there is one."""
    value, found = scores.combined[name], scores.intervals
    interval = found.combined.get(name) if found else None
    if interval is None:
        return Value(value)
    return Value(value, float(interval.low), float(interval.high), interval.method)


def _interval_note(scores: Scores, names: tuple[str, ...], *, means: bool = False) -> str:
    """How the intervals of some scores came about, in one phrase; empty where there are none.

    Args:
        scores: of a part.
        names: of `SCORES`.
        means: of their means over findings.
    """
    found = scores.intervals
    if found is None:
        return ""
    columns = found.means if means and len(scores.findings) > 1 else found.columns
    methods: dict[str, list[str]] = {}
    for name in names:
        if name in columns:
            methods.setdefault(columns[name].method, []).append(SCORES[name].heading)
    if not methods:
        return ""
    each = "; ".join(
        f"{_method(method, found.replicates)}{f' for {listed(titles, 9)}' if len(methods) > 1 else ''}"
        for method, titles in methods.items()
    )
    return f"{100 * found.level:g} % intervals over {many(found.patients, 'patient')}, by {each}"


def _method(method: str, replicates: int) -> str:
    return f"{method} ({replicates:,} samples)" if method.startswith("bootstrap") else method
