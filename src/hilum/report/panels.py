"""Parts of the report as the template shows them: figures with their captions, tables, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from hilum.drawing import COLOURS, data_uri, svg
from hilum.metrics import SCORES, Cell
from hilum.report import content
from hilum.report.content import Part
from hilum.report.drawing import (
    precision_recall_plot,
    progression_plot,
    reliability_plot,
    roc_plot,
    subgroup_plot,
)
from hilum.report.numbers import Numbers, PartCurves, Progression, shown_cells
from hilum.report.published import published
from hilum.report.values import Value, value_of
from hilum.runs import Run
from hilum.text import cell

HEADLINE = ("roc_auc", "average_precision", "recall", "specificity", "precision", "f1")
"""The large numbers at the top."""

SUBGROUP_SCORES = {
    "roc_auc": "ROC AUC",
    "recall": "Recall",
    "specificity": "Specificity",
    "precision": "Precision",
}
"""Scores by subgroup: the first two are drawn, all are in the table."""

DRAWN = ("roc_auc", "recall")


def headline(parts: list[Part]) -> list[tuple[str, list[Value]]]:
    """Headings and means over findings, of the reported part first."""
    return [(SCORES[name].heading, [value_of(part.scores, name) for part in parts]) for name in HEADLINE]


def curves(parts: list[Part], found: Sequence[PartCurves]) -> list[dict[str, Any]]:
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
        shown.append(
            {
                "finding": finding,
                "told": told,
                "reason": "; ".join(dict.fromkeys(reason for reason in reasons if reason)),
                "roc": image(roc_plot(found, finding)) if having else "",
                "pr": image(precision_recall_plot(found, finding)) if having else "",
            }
        )
    return shown


def progression(found: Progression) -> list[dict[str, Any]]:
    """One figure a score over epochs."""
    shown = []
    for name, values in found.series.items() if found.epochs else ():
        last = ", ".join(f"{content.PARTS[part].lower()} {cell(line[-1])}" for part, line in values.items())
        shown.append(
            {
                "title": content.PROGRESSION[name],
                "image": image(progression_plot(found.epochs, values, found.best)),
                "alt": f"{content.PROGRESSION[name]} over {len(found.epochs)} epochs; after the last: {last}",
            }
        )
    return shown


def confusion(part: Part) -> list[dict[str, Any]]:
    """Counts of decisions against truth, with each cell's share of its row."""
    shown = []
    for j, finding in enumerate(part.scores.findings):
        names = ("true_positives", "false_negatives", "false_positives", "true_negatives")
        tp, fn, fp, tn = (int(part.scores[name][j]) for name in names)
        rows = [("positive", [(tp, True), (fn, False)]), ("negative", [(fp, False), (tn, True)])]
        shown.append(
            {
                "finding": finding,
                "threshold": float(part.scores.thresholds.values[j]),
                "rows": [
                    (
                        name,
                        [(value, right, value / max(sum(v for v, _ in cells), 1)) for value, right in cells],
                    )
                    for name, cells in rows
                ],
            }
        )
    return shown


def calibration(run: Run, numbers: Numbers) -> dict[str, Any]:
    """The reliability diagrams, and Brier score and ECE before and after calibration."""
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
                "count": int(diagram.after.count.sum()),
            }
        )
    return {"rows": rows, "method": run.calibration.method, "fallbacks": dict(run.calibration.fallbacks)}


def published_panels(run: Run, parts: list[Part]) -> list[dict[str, Any]]:
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


def subgroup_panels(numbers: Numbers) -> list[dict[str, Any]]:
    """One an attribute: two figures and a table."""
    if numbers.subgroups is None:
        return []
    scores = numbers.parts[0].scores
    whole = {name: dict(zip(scores.findings, scores[name].tolist(), strict=True)) for name in SUBGROUP_SCORES}
    by_attribute: dict[str, list[Cell]] = {}
    for found in shown_cells(numbers.subgroups):
        by_attribute.setdefault(found.attribute, []).append(found)
    return [_subgroup_panel(attribute, cells, whole) for attribute, cells in by_attribute.items()]


def _subgroup_panel(
    attribute: str, cells: Sequence[Cell], whole: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    values = list(dict.fromkeys(found.value for found in cells))
    figures = [
        {
            "image": image(subgroup_plot(cells, name, SUBGROUP_SCORES[name], whole[name])),
            "alt": f"{SUBGROUP_SCORES[name]} by {attribute} ({', '.join(values)}) for each finding; see the table",
        }
        for name in DRAWN
    ]
    rows = [
        {
            "finding": found.finding,
            "value": found.value,
            "images": found.images,
            "positives": found.positives,
            "few": found.few,
            "scores": [Value(found.scores[name], *found.intervals[name]) for name in SUBGROUP_SCORES],
        }
        for found in sorted(cells, key=lambda found: list(whole["roc_auc"]).index(found.finding))
    ]
    return {
        "attribute": attribute,
        "values": values,
        "figures": figures,
        "rows": rows,
        "titles": list(SUBGROUP_SCORES.values()),
        "few": sum(found.few for found in cells),
    }


def image(figure: Figure) -> str:
    """A figure as the source of an <img>."""
    return data_uri(svg(figure), "image/svg+xml")
