"""The numbers behind every figure of a run's report, and their files; drawing them is another matter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hilum.files import write_json, write_parquet
from hilum.metrics import (
    Cell,
    PrecisionRecallCurve,
    Reliability,
    RocCurve,
    Subgroups,
    precision_recall_curves,
    reliability,
    roc_curves,
    subgroups,
)
from hilum.report import content
from hilum.report.content import Part
from hilum.report.operating import Operating, operating_points
from hilum.report.values import Value, value_of
from hilum.runs import Run


@dataclass(frozen=True)
class Point:
    """Where a threshold puts a finding on its curves, with intervals where there are some."""

    recall: Value
    precision: Value
    false_positive_rate: Value


@dataclass(frozen=True)
class PartCurves:
    """Curves and operating points of a part, by finding; a finding with one class only has none."""

    part: str
    title: str
    roc: dict[str, RocCurve]
    pr: dict[str, PrecisionRecallCurve]
    points: dict[str, Point]
    roc_auc: dict[str, Value]
    average_precision: dict[str, Value]


@dataclass(frozen=True)
class Progression:
    """Scores after each epoch: score -> part -> one number an epoch."""

    epochs: list[int]
    series: dict[str, dict[str, list[float]]]
    best: int | None


@dataclass(frozen=True)
class Diagram:
    """How far the probabilities of one finding are true: after calibration, and before where there was one."""

    finding: str
    after: Reliability
    before: Reliability | None


@dataclass(frozen=True)
class Numbers:
    """All of them. What a run does not have is empty."""

    parts: list[Part]
    curves: list[PartCurves]
    progression: Progression
    diagrams: list[Diagram]
    subgroups: Subgroups | None
    operating: list[Operating]


def numbers_of(run: Run) -> Numbers:
    """Everything that the report draws.

    Raises:
        RunError: the run's folder is not whole.
    """
    parts = content.scored_parts(run)
    epochs, series = content.progression(run)
    return Numbers(
        parts,
        [part_curves(part) for part in parts],
        Progression(epochs, series, content.best_epoch(run)),
        diagrams(run, parts[0]) if parts else [],
        groups(run, parts[0]) if parts else None,
        operating_points(run, parts),
    )


def part_curves(part: Part) -> PartCurves:
    """Curves of a part, and where its thresholds lie on them."""
    roc, pr = roc_curves(part.predictions), precision_recall_curves(part.predictions)
    at = {finding: j for j, finding in enumerate(part.scores.findings) if finding in roc}
    return PartCurves(
        part.name,
        part.title,
        roc,
        pr,
        {finding: _point(part, j) for finding, j in at.items()},
        {finding: value_of(part.scores, "roc_auc", j) for finding, j in at.items()},
        {finding: value_of(part.scores, "average_precision", j) for finding, j in at.items()},
    )


def diagrams(run: Run, part: Part) -> list[Diagram]:
    """Reliability of a part's probabilities; findings without a known label have none."""
    calibrated = run.calibration.method != "none"
    after = reliability(part.predictions)
    before = reliability(part.units_raw) if calibrated else {}
    return [
        Diagram(finding, found, before.get(finding)) for finding, found in after.items() if found.count.sum()
    ]


def groups(run: Run, part: Part) -> Subgroups | None:
    """Scores by who the patients are and how they were imaged; None where the run does not know."""
    images = run.images
    if images.width <= 3:
        return None
    found = subgroups(part.predictions, part.scores.thresholds, images, level=run.config.scores.level)
    return found if found.cells else None


def shown_cells(found: Subgroups) -> list[Cell]:
    """All but those of a finding by itself: patients with devices all have devices."""
    return [cell for cell in found.cells if cell.attribute != cell.finding]


def save(numbers: Numbers, folder: Path) -> None:
    """Write them as Parquet and JSON, each file whole.

    Raises:
        DiskError: a file cannot be written.
    """
    write_parquet(folder / "curves.parquet", _curve_frame(numbers.curves))
    write_parquet(folder / "progression.parquet", _progression_frame(numbers.progression))
    write_parquet(folder / "confusion.parquet", _confusion_frame(numbers.parts))
    write_json(folder / "thresholds.json", [point.to_json() for point in numbers.operating])
    write_json(folder / "reliability.json", _reliability_json(numbers))
    if numbers.subgroups:
        write_json(folder / "subgroups.json", numbers.subgroups.to_json())
        write_parquet(folder / "subgroups.parquet", numbers.subgroups.frame())


def _curve_frame(curves: list[PartCurves]) -> pl.DataFrame:
    """The points that are drawn: at most 200 a curve."""
    frames = []
    for part in curves:
        for finding in part.roc:
            for kind, line in (("roc", part.roc[finding].line()), ("pr", part.pr[finding].line())):
                x, y = line
                frames.append(
                    pl.DataFrame({"x": x, "y": y}).select(
                        pl.lit(part.part).alias("part"),
                        pl.lit(finding).alias("finding"),
                        pl.lit(kind).alias("curve"),
                        "x",
                        "y",
                    )
                )
    text, number = pl.String, pl.Float64
    empty = pl.DataFrame(schema={"part": text, "finding": text, "curve": text, "x": number, "y": number})
    return pl.concat([empty, *frames])


def _progression_frame(found: Progression) -> pl.DataFrame:
    rows = [
        (epoch, part, name, value)
        for name, series in found.series.items()
        for part, values in series.items()
        for epoch, value in zip(found.epochs, values, strict=True)
    ]
    schema = {"epoch": pl.Int64, "part": pl.String, "score": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _confusion_frame(parts: list[Part]) -> pl.DataFrame:
    names = ("true_positives", "false_negatives", "false_positives", "true_negatives")
    rows = [
        (
            part.name,
            finding,
            float(part.scores.thresholds.values[j]),
            *(int(part.scores[name][j]) for name in names),
        )
        for part in parts
        for j, finding in enumerate(part.scores.findings)
    ]
    schema = {"part": pl.String, "finding": pl.String, "threshold": pl.Float64}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(names, pl.Int64), orient="row")


def _reliability_json(numbers: Numbers) -> dict[str, Any]:
    part = numbers.parts[0].name if numbers.parts else None
    shown: dict[str, Any] = {}
    for diagram in numbers.diagrams:
        sides = {"after": diagram.after} | ({"before": diagram.before} if diagram.before else {})
        shown[diagram.finding] = {name: _bins(side) for name, side in sides.items()}
    return {"part": part, "findings": shown}


def _bins(found: Reliability) -> dict[str, list[float | None]]:
    columns = {
        "mean_probability": found.mean_probability,
        "share_positive": found.share_positive,
        "count": found.count,
        "edges": found.edges,
    }
    return {
        name: [None if math.isnan(value) else float(value) for value in values]
        for name, values in columns.items()
    }


def _point(part: Part, column: int) -> Point:
    specificity = value_of(part.scores, "specificity", column)
    return Point(
        value_of(part.scores, "recall", column),
        value_of(part.scores, "precision", column),
        Value(1 - specificity.value, 1 - specificity.high, 1 - specificity.low, specificity.method),
    )
