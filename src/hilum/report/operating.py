"""The threshold of each finding: where it is from, what it gives, and what others would give on validation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hilum.config import ScoresConfig
from hilum.metrics import Predictions, confusion, fit_thresholds
from hilum.report.content import Part
from hilum.report.values import Value, value_of
from hilum.runs import Run

GIVES = ("recall", "specificity", "precision")
"""What is said of every threshold."""

OTHERS: dict[str, dict[str, Any]] = {
    "0.5 for all": {"threshold": "fixed", "value": 0.5},
    "best Youden index": {"threshold": "youden"},
    "best F1": {"threshold": "f1"},
    "best F2": {"threshold": "f_beta", "beta": 2.0},
    "recall of 0.95": {"threshold": "recall", "at_least": 0.95},
    "precision of 0.90": {"threshold": "precision", "at_least": 0.9},
}
"""Other ways to choose, as settings of `[scores]`."""


@dataclass(frozen=True)
class Other:
    """Another threshold, and what it gives on the validation part."""

    rule: str
    threshold: float
    gives: dict[str, float]
    why_not: str = ""


@dataclass(frozen=True)
class Operating:
    """The operating point of one finding."""

    finding: str
    threshold: float
    origin: str
    part: str
    gives: dict[str, Value]
    others: tuple[Other, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it: NaN is None."""
        return {
            "finding": self.finding,
            "threshold": self.threshold,
            "origin": self.origin,
            "gives": {
                name: {"value": _plain(v.value), "low": _plain(v.low), "high": _plain(v.high)}
                for name, v in self.gives.items()
            },
            "part": self.part,
            "on_validation": [
                {
                    "rule": other.rule,
                    "threshold": other.threshold,
                    "why_not": other.why_not,
                    **{name: _plain(value) for name, value in other.gives.items()},
                }
                for other in self.others
            ],
        }


def operating_points(run: Run, parts: list[Part]) -> list[Operating]:
    """One a finding: what the threshold gives on the reported part, and the others on validation."""
    if not parts:
        return []
    reported = parts[0]
    valid = next((part.predictions for part in parts if part.name == "valid"), None)
    others = _others(valid, run.config.scores) if valid else {}
    thresholds = reported.scores.thresholds
    return [
        Operating(
            finding,
            float(thresholds.values[j]),
            thresholds.origin(finding),
            reported.title,
            {name: value_of(reported.scores, name, j) for name in GIVES},
            tuple(others.get(finding, ())),
        )
        for j, finding in enumerate(reported.scores.findings)
    ]


def _others(valid: Predictions, config: ScoresConfig) -> dict[str, list[Other]]:
    """Finding -> what other rules would choose, by rising threshold."""
    found: dict[str, list[Other]] = {finding: [] for finding in valid.findings}
    for rule, change in OTHERS.items():
        thresholds = fit_thresholds(valid, config.model_copy(update=change))
        counts = confusion(valid.targets, thresholds.decide(valid))
        for j, finding in enumerate(valid.findings):
            gives = {name: float(getattr(counts, name)[j]) for name in GIVES}
            why = thresholds.fallbacks.get(finding, "") or _short(change, gives)
            found[finding].append(Other(rule, float(thresholds.values[j]), gives, why))
    return {finding: sorted(each, key=lambda other: other.threshold) for finding, each in found.items()}


def _short(change: dict[str, Any], gives: dict[str, float]) -> str:
    """Why a rule that asks for something does not give it."""
    rule = change["threshold"]
    reached = gives.get(rule, math.nan)
    return "not reached by any threshold" if reached < change.get("at_least", 0.0) else ""


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
