"""`write_report`: a run as one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hilum.files import write_text
from hilum.metrics.curves import precision_recall_curves, roc_curves
from hilum.metrics.results import RATES
from hilum.report import content
from hilum.report.content import Part
from hilum.report.examples import make_examples, open_pack
from hilum.report.html import render
from hilum.report.plots import (
    COLOURS,
    Point,
    data_uri,
    precision_recall_plot,
    progression_plot,
    roc_plot,
    svg,
)
from hilum.runs import Run
from hilum.text import cell

HEADLINE = ("roc_auc", "average_precision", "recall", "specificity", "precision", "f1")
"""The large numbers at the top."""

EXCLUDED = 20
"""How many of the images that were left out are named."""


def write_report(run: Run) -> Path:
    """Write `report.html` into the run's folder, whole.

    The file holds its style, figures and pictures; a reader's browser asks nobody for anything.

    Returns:
        Its path.

    Raises:
        RunError: the run's folder is not whole.
        DiskError: it cannot be written.
    """
    path = run.path / "report.html"
    write_text(path, render("run.html", page(run)))
    return path


def page(run: Run) -> dict[str, Any]:
    """Everything that the template shows."""
    parts = content.scored_parts(run)
    settings = content.all_settings(run.config)
    prevalence_parts, prevalence = content.prevalence(run)
    pack, why_none = open_pack(run.data)
    examples = make_examples(parts[0].predictions, parts[0].scores.thresholds, pack) if parts and pack else []
    return {
        "run": run,
        "info": run.info,
        "data": run.data,
        "environment": run.environment,
        "duration": content.duration(run.info.get("seconds", 0)),
        "part_titles": content.PARTS,
        "colours": COLOURS,
        "summary": content.summary(run, parts),
        "warnings": content.warnings(run, parts),
        "parts": parts,
        "headline": headline(parts),
        "changed": [setting for setting in settings if setting.differs],
        "unchanged": [setting for setting in settings if not setting.differs],
        "prevalence_parts": prevalence_parts,
        "prevalence": prevalence,
        "curves": curves(parts),
        "progression": progression(run),
        "confusion": confusion(parts[0]) if parts else [],
        "examples": examples,
        "no_examples": why_none or "No image of the reported part has a known label.",
        "excluded": pack.excluded.select("image_id", "reason").head(EXCLUDED).rows() if pack else [],
    }


def headline(parts: list[Part]) -> list[tuple[str, list[float]]]:
    """Headings and means over findings, of the reported part first."""
    return [(RATES[name], [part.scores.mean(name)[0] for part in parts]) for name in HEADLINE]


def curves(parts: list[Part]) -> list[dict[str, Any]]:
    """ROC and precision-recall figures a finding, with the operating point of each part."""
    roc = {part.name: roc_curves(part.predictions) for part in parts}
    pr = {part.name: precision_recall_curves(part.predictions) for part in parts}
    shown = []
    for j, finding in enumerate(parts[0].scores.findings if parts else ()):
        # The reported part is drawn last, on top.
        having = [part for part in reversed(parts) if finding in roc[part.name]]
        points = {part.name: _point(part, j) for part in having}
        own_roc = {part.name: roc[part.name][finding] for part in having}
        own_pr = {part.name: pr[part.name][finding] for part in having}
        told = [
            f"{part.title}: AUC {own_roc[part.name].auc:.3f}, AP {own_pr[part.name].average_precision:.3f}, "
            f"{own_roc[part.name].positives:,} positive of "
            f"{own_roc[part.name].positives + own_roc[part.name].negatives:,}"
            for part in reversed(having)
        ]
        shown.append(
            {
                "finding": finding,
                "told": told,
                "reason": "; ".join(dict.fromkeys(p.scores.reasons.get(finding, "") for p in parts)),
                "roc": _image(roc_plot(own_roc, points)) if having else "",
                "pr": _image(precision_recall_plot(own_pr, points)) if having else "",
            }
        )
    return shown


def progression(run: Run) -> list[dict[str, Any]]:
    """One figure a score over epochs."""
    epochs, series = content.progression(run)
    best = content.best_epoch(run)
    shown = []
    for name, values in series.items() if epochs else ():
        last = ", ".join(f"{content.PARTS[part].lower()} {cell(line[-1])}" for part, line in values.items())
        shown.append(
            {
                "title": content.PROGRESSION[name],
                "image": _image(progression_plot(epochs, values, best)),
                "alt": f"{content.PROGRESSION[name]} over {len(epochs)} epochs; after the last: {last}",
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


def _point(part: Part, column: int) -> Point:
    scores = part.scores
    return Point(
        float(scores["recall"][column]),
        float(scores["precision"][column]),
        1 - float(scores["specificity"][column]),
    )


def _image(figure: Figure) -> str:
    return data_uri(svg(figure), "image/svg+xml")
