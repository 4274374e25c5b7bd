"""`Scores`: every score of one part of the data, per finding and combined, with reasons for what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.errors import ConfigError, DataError, did_you_mean
from hilum.metrics import combined
from hilum.metrics.decisions import confusion
from hilum.metrics.inputs import Bools, Floats
from hilum.metrics.predictions import Predictions
from hilum.metrics.probabilities import brier, log_loss
from hilum.metrics.ranking import rank
from hilum.metrics.thresholds import Thresholds
from hilum.metrics.warn import missing_reasons, warnings_of
from hilum.text import cell

COUNTS: dict[str, str] = {
    "images": "Images",
    "positives": "Positive",
    "predicted_positives": "Predicted",
    "true_positives": "Found",
    "false_positives": "False alarms",
    "false_negatives": "Missed",
    "true_negatives": "Left alone",
}
"""Counts of one finding, and their headings. `images` are those on which the finding is scored."""

RATES: dict[str, str] = {
    "recall": "Recall",
    "specificity": "Specificity",
    "precision": "Precision",
    "npv": "NPV",
    "f1": "F1",
    "f2": "F2",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "AP",
    "brier": "Brier",
    "log_loss": "Log loss",
}
"""Scores of one finding, and their headings."""

COMBINED: dict[str, str] = {
    "exact_match": "Exact match",
    "hamming_accuracy": "Hamming accuracy",
    "hamming_loss": "Hamming loss",
    "macro_recall": "Recall, mean over findings",
    "macro_precision": "Precision, mean over findings",
    "macro_f1": "F1, mean over findings",
    "micro_recall": "Recall, over all labels",
    "micro_precision": "Precision, over all labels",
    "micro_f1": "F1, over all labels",
    "sample_recall": "Recall, mean over images with a finding",
    "sample_precision": "Precision, mean over images with a finding",
    "sample_f1": "F1, mean over images with a finding",
}
"""Scores over all findings, and their headings."""

LOWER_IS_BETTER = frozenset({"loss", "brier", "log_loss", "hamming_loss"})
"""Of all other scores, higher is better."""

TABLE = (
    *("images", "positives", "predicted_positives", "true_positives"),
    *("recall", "specificity", "precision", "f1", "f2", "roc_auc", "average_precision"),
)


@dataclass(frozen=True)
class Scores:
    """Scores of one part.

    Attributes:
        part: `train`, `valid`, `test` or `new`.
        images: how many there are.
        findings: names of the k findings.
        columns: name of `COUNTS` or `RATES` -> float64 [k]; NaN where it cannot be measured.
        combined: name of `COMBINED` -> number; NaN where it cannot be measured.
        thresholds: what turned probabilities into decisions.
        reasons: finding -> why some of its scores are NaN.
        warnings: what a reader must know, in plain words.
    """

    part: str
    images: int
    findings: tuple[str, ...]
    columns: Mapping[str, Floats]
    combined: Mapping[str, float]
    thresholds: Thresholds
    reasons: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Floats:
        """One score of all findings, float64 [k]: `scores["recall"]`."""
        if name not in self.columns:
            raise ConfigError(
                f"there is no score {name!r} per finding; {did_you_mean(name, [*COUNTS, *RATES])}"
            )
        return self.columns[name]

    def mean(self, name: str) -> tuple[float, int]:
        """Mean of a score over the findings that have it, and how many those are."""
        values = self[name]
        return combined.macro(values), int((~np.isnan(values)).sum())

    def value(self, name: str) -> float:
        """One number by name: a combined score, or the mean over findings of one of theirs (`roc_auc`).

        Raises:
            ConfigError: no score is called so.
        """
        if name in self.combined:
            return self.combined[name]
        if name not in RATES:
            raise ConfigError(f"there is no score {name!r}; {did_you_mean(name, [*RATES, *COMBINED])}")
        return self.mean(name)[0]

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Column headings and one row a finding, then the mean where there are several; None where missing."""
        headings = {**COUNTS, **RATES}
        columns = ["Finding", *(headings[name] for name in TABLE), "Threshold"]
        rows = [
            [finding, *(_plain(name, self.columns[name][j]) for name in TABLE), float(threshold)]
            for j, (finding, threshold) in enumerate(zip(self.findings, self.thresholds.values, strict=True))
        ]
        if len(self.findings) > 1:
            means = [None if name in COUNTS else _plain(name, self.mean(name)[0]) for name in TABLE]
            rows.append([self._mean_label(), *means, None])
        return columns, rows

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it: NaN is None, counts are integers; `from_json` reads it."""
        return {
            "part": self.part,
            "images": self.images,
            "per_finding": {
                finding: {name: _plain(name, values[j]) for name, values in self.columns.items()}
                for j, finding in enumerate(self.findings)
            },
            "mean": {
                name: {"value": _plain(name, self.mean(name)[0]), "findings": self.mean(name)[1]}
                for name in RATES
            },
            "combined": {name: _plain(name, value) for name, value in self.combined.items()},
            "thresholds": self.thresholds.to_json(),
            "reasons": dict(self.reasons),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Scores:
        """Read what `to_json` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            rows = value["per_finding"]
            names = [name for name in (*COUNTS, *RATES) if all(name in row for row in rows.values())]
            return cls(
                value["part"],
                int(value["images"]),
                tuple(rows),
                {name: np.array([_number(row[name]) for row in rows.values()]) for name in names},
                {name: _number(number) for name, number in value["combined"].items()},
                Thresholds.from_json(value["thresholds"]),
                dict(value["reasons"]),
                tuple(value["warnings"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"these are not scores: {error!r} in {str(value)[:80]}") from error

    def _mean_label(self) -> str:
        """`mean`, and over how many findings where some have no AUC."""
        over = self.mean("roc_auc")[1]
        return "mean" if over == len(self.findings) else f"mean of {over} with both classes"

    def __repr__(self) -> str:
        auc, over = self.mean("roc_auc")
        return (
            f"Scores({self.part}: {self.images:,} images, {len(self.findings)} findings, "
            f"mean ROC AUC {auc:.3f} over {over})"
        )

    def _repr_html_(self) -> str:
        columns, rows = self.table()
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell(value))}</td>" for value in row) + "</tr>" for row in rows
        )
        notes = "".join(f"<p>{escape(warning)}</p>" for warning in self.warnings)
        caption = escape(f"{self.part}, {self.images:,} images")
        head = f"<caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        return f"<table>{head}<tbody>{body}</tbody></table>{notes}"


def score(predictions: Predictions, thresholds: Thresholds) -> Scores:
    """Every score of predictions, with decisions at thresholds chosen on validation.

    Raises:
        DataError: thresholds of other findings, or NaN logits where the target is known.
    """
    targets, probabilities = predictions.targets, predictions.probabilities
    decisions = thresholds.decide(predictions)
    counts = confusion(targets, decisions)
    # Logits, because probabilities beyond 37 nats round to 0 or 1 and would tie.
    ranking = rank(targets, predictions.logits)
    columns: dict[str, Floats] = {"images": counts.positives + counts.negatives}
    columns |= {name: getattr(counts, name) for name in COUNTS if name != "images"}
    columns |= {
        "recall": counts.recall,
        "specificity": counts.specificity,
        "precision": counts.precision,
        "npv": counts.npv,
        "f1": counts.f_beta(1),
        "f2": counts.f_beta(2),
        "accuracy": counts.accuracy,
        "balanced_accuracy": counts.balanced_accuracy,
        "roc_auc": ranking.roc_auc(),
        "average_precision": ranking.average_precision(),
        "brier": brier(targets, probabilities),
        "log_loss": log_loss(targets, probabilities),
    }
    return Scores(
        predictions.part,
        len(predictions),
        predictions.findings,
        columns,
        _combined(targets, decisions),
        thresholds,
        missing_reasons(predictions.findings, counts, predictions.part),
        warnings_of(predictions.findings, counts, predictions.part),
    )


def _combined(targets: npt.NDArray[np.float32], decisions: Bools) -> dict[str, float]:
    values = {name: function(targets, decisions) for name, function in combined.FUNCTIONS.items()}
    values["hamming_accuracy"] = 1 - values["hamming_loss"]
    return {name: values[name] for name in COMBINED}


def _plain(name: str, value: float) -> float | int | None:
    """A number as JSON and tables hold it."""
    if math.isnan(value):
        return None
    return int(value) if name in COUNTS else float(value)


def _number(value: float | int | None) -> float:
    return math.nan if value is None else float(value)
