"""The numbers behind every figure of a run's report, and their files; drawing them is another matter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hilum.config import ScoresConfig
from hilum.files import write_json, write_parquet
from hilum.metrics import (
    Cell,
    PrecisionRecallCurve,
    Predictions,
    Reliability,
    RocCurve,
    Scores,
    Subgroups,
    confusion,
    fit_thresholds,
    precision_recall_curves,
    reliability,
    roc_curves,
    subgroups,
)
from hilum.report.content import CELLS, PARTS, PROGRESSION, Part, Value, best_epoch, value_of
from hilum.runs import Run


@dataclass(frozen=True)
class _Point:
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
    points: dict[str, _Point]
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
    operating: list[_Operating]

    @classmethod
    def of(cls, run: Run) -> Numbers:
        """Everything that the report draws.

        Raises:
            RunError: the run's folder is not whole.
        """
        parts = _scored_parts(run)
        epochs, series = _progression(run)
        return cls(
            parts,
            [_part_curves(part) for part in parts],
            Progression(epochs, series, best_epoch(run)),
            _diagrams(run, parts[0]) if parts else [],
            _groups(run, parts[0]) if parts else None,
            _operating_points(run, parts),
        )

    @property
    def cells(self) -> dict[str, list[Cell]]:
        """Attribute -> its subgroups; not of a finding by itself: patients with devices all have devices."""
        by_attribute: dict[str, list[Cell]] = {}
        for cell in self.subgroups.cells if self.subgroups else ():
            if cell.attribute != cell.finding:
                by_attribute.setdefault(cell.attribute, []).append(cell)
        return by_attribute

    def whole(self, name: str) -> dict[str, float]:
        """Finding -> a score of all of the reported part."""
        scores = self.parts[0].scores
        return dict(zip(scores.findings, scores[name].tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write them as Parquet and JSON, each file whole.

        Raises:
            DiskError: a file cannot be written.
        """
        write_parquet(folder / "curves.parquet", _curve_frame(self.curves))
        write_parquet(folder / "progression.parquet", _progression_frame(self.progression))
        write_parquet(folder / "confusion.parquet", _confusion_frame(self.parts))
        write_json(folder / "thresholds.json", [point.to_json() for point in self.operating])
        write_json(folder / "reliability.json", _reliability_json(self))
        if self.subgroups:
            write_json(folder / "subgroups.json", self.subgroups.to_json())
            write_parquet(folder / "subgroups.parquet", self.subgroups.frame())


def _progression(run: Run) -> tuple[list[int], dict[str, dict[str, list[float]]]]:
    """Epochs, and score -> part -> its value after each of them."""
    history = run.history

    def value(side: dict[str, Any], name: str) -> float:
        number = side["loss"] if name == "loss" else side["scores"]["mean"][name]["value"]
        return float("nan") if number is None else float(number)

    return [int(entry["epoch"]) for entry in history], {
        name: {part: [value(entry[part], name) for entry in history] for part in ("train", "valid")}
        for name in PROGRESSION
    }


def _part_curves(part: Part) -> PartCurves:
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


def _diagrams(run: Run, part: Part) -> list[Diagram]:
    """Reliability of a part's probabilities; findings without a known label have none."""
    calibrated = run.calibration.method != "none"
    after = reliability(part.predictions)
    before = reliability(part.units_raw) if calibrated else {}
    return [
        Diagram(finding, found, before.get(finding)) for finding, found in after.items() if found.count.sum()
    ]


def _groups(run: Run, part: Part) -> Subgroups | None:
    """Scores by who the patients are and how they were imaged; None where the run does not know."""
    images = run.images
    if images.width <= 3:
        return None
    found = subgroups(part.predictions, part.scores.thresholds, images, level=run.config.scores.level)
    return found if found.cells else None


def _curve_frame(curves: list[PartCurves]) -> pl.DataFrame:
    """The points that are drawn: at most 200 a curve."""
    names = dict.fromkeys(("part", "finding", "curve"), pl.String)
    frames = [pl.DataFrame(schema={**names, "x": pl.Float64, "y": pl.Float64})]
    for part in curves:
        for finding in part.roc:
            for kind, (x, y) in (("roc", part.roc[finding].line()), ("pr", part.pr[finding].line())):
                told = zip(names, (part.part, finding, kind), strict=True)
                frame = pl.DataFrame({"x": x, "y": y}, schema_overrides={"x": pl.Float64, "y": pl.Float64})
                frames.append(frame.select(*(pl.lit(text).alias(name) for name, text in told), "x", "y"))
    return pl.concat(frames)


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
    rows = [
        (part.name, finding, float(part.scores.thresholds.values[j]), *part.confusion(j))
        for part in parts
        for j, finding in enumerate(part.scores.findings)
    ]
    schema = {"part": pl.String, "finding": pl.String, "threshold": pl.Float64}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(CELLS, pl.Int64), orient="row")


def _reliability_json(numbers: Numbers) -> dict[str, Any]:
    part = numbers.parts[0].name if numbers.parts else None
    shown: dict[str, Any] = {}
    for diagram in numbers.diagrams:
        sides = {"after": diagram.after} | ({"before": diagram.before} if diagram.before else {})
        shown[diagram.finding] = {name: _bins(side) | _smooth(side) for name, side in sides.items()}
    return {"part": part, "findings": shown}


def _bins(found: Reliability) -> dict[str, list[float | None]]:
    columns = ("mean_probability", "share_positive", "count", "edges")
    return {name: [_plain(float(value)) for value in getattr(found, name)] for name in columns}


def _smooth(found: Reliability) -> dict[str, list[float]]:
    return {"curve_probability": found.curve[0].tolist(), "curve_share": found.curve[1].tolist()}


def _point(part: Part, column: int) -> _Point:
    specificity = value_of(part.scores, "specificity", column)
    return _Point(
        value_of(part.scores, "recall", column),
        value_of(part.scores, "precision", column),
        Value(1 - specificity.value, 1 - specificity.high, 1 - specificity.low, specificity.method),
    )


_GIVES = ("recall", "specificity", "precision")
"""What is said of every threshold."""

_OTHERS: dict[str, dict[str, Any]] = {
    "0.5 for all": {"threshold": "fixed", "value": 0.5},
    "best Youden index": {"threshold": "youden"},
    "best F1": {"threshold": "f1"},
    "best F2": {"threshold": "f_beta", "beta": 2.0},
    "recall of 0.95": {"threshold": "recall", "at_least": 0.95},
    "precision of 0.90": {"threshold": "precision", "at_least": 0.9},
}
"""Other ways to choose, as settings of `[scores]`."""


@dataclass(frozen=True)
class _Other:
    """Another threshold, and what it gives on the validation part."""

    rule: str
    threshold: float
    gives: dict[str, float]
    why_not: str = ""


@dataclass(frozen=True)
class _Operating:
    """The operating point of one finding."""

    finding: str
    threshold: float
    origin: str
    part: str
    gives: dict[str, Value]
    others: tuple[_Other, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it: NaN is None."""
        ends = ("value", "low", "high")
        gives = {name: {end: _plain(getattr(v, end)) for end in ends} for name, v in self.gives.items()}
        others = [
            {"rule": other.rule, "threshold": other.threshold, "why_not": other.why_not}
            | {name: _plain(value) for name, value in other.gives.items()}
            for other in self.others
        ]
        told = {"finding": self.finding, "threshold": self.threshold, "origin": self.origin}
        return told | {"gives": gives, "part": self.part, "on_validation": others}


def _operating_points(run: Run, parts: list[Part]) -> list[_Operating]:
    """One a finding: what the threshold gives on the reported part, and the others on validation."""
    if not parts:
        return []
    reported = parts[0]
    valid = next((part.predictions for part in parts if part.name == "valid"), None)
    others = _others(valid, run.config.scores) if valid else {}
    thresholds = reported.scores.thresholds
    return [
        _Operating(
            finding,
            float(thresholds.values[j]),
            thresholds.origin(finding),
            reported.title,
            {name: value_of(reported.scores, name, j) for name in _GIVES},
            tuple(others.get(finding, ())),
        )
        for j, finding in enumerate(reported.scores.findings)
    ]


def _others(valid: Predictions, config: ScoresConfig) -> dict[str, list[_Other]]:
    """Finding -> what other rules would choose, by rising threshold."""
    found: dict[str, list[_Other]] = {finding: [] for finding in valid.findings}
    for rule, change in _OTHERS.items():
        thresholds = fit_thresholds(valid, config.model_copy(update=change))
        counts = confusion(valid.targets, thresholds.decide(valid))
        for j, finding in enumerate(valid.findings):
            gives = {name: float(getattr(counts, name)[j]) for name in _GIVES}
            why = thresholds.fallbacks.get(finding, "") or _short(change, gives)
            found[finding].append(_Other(rule, float(thresholds.values[j]), gives, why))
    return {finding: sorted(each, key=lambda other: other.threshold) for finding, each in found.items()}


def _short(change: dict[str, Any], gives: dict[str, float]) -> str:
    """Why a rule that asks for something does not give it."""
    rule = change["threshold"]
    reached = gives.get(rule, math.nan)
    return "not reached by any threshold" if reached < change.get("at_least", 0.0) else ""


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _scored_parts(run: Run) -> list[Part]:
    """The reported part first: test where it was scored, then validation.

    A run that is not finished has the validation scores of its best epoch so far, or none.
    """
    found = []
    for name in ("test", "valid"):
        scores = run.scores(name)
        if scores is not None:
            raw = run.predictions(name)
            found.append(_part(run, name, run.judged(name), raw, scores))
    history = run.history
    if not found and history:
        entry = next((e for e in history if e["best"]), history[-1])
        raw = run.predictions("valid", entry["epoch"])
        found.append(_part(run, "valid", raw, raw, Scores.from_json(entry["valid"]["scores"])))
    return found


def _part(run: Run, name: str, judged: Predictions, raw: Predictions, scores: Scores) -> Part:
    """A part with the findings alone that the settings show."""
    include = run.config.scores.include
    shown = tuple(finding for finding in include if finding in scores.findings) or scores.findings
    if shown != scores.findings:
        scores = scores.select(shown)
    return Part(
        name,
        PARTS[name],
        judged.select(scores.findings),
        scores,
        raw.select(scores.findings),
        run.config.scores.combine,
    )
