"""Does something other than the picture give the label away? The ROC AUC of each such trait alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LabelsConfig
from hilum.metrics import roc_auc
from hilum.table.table import Table

LEAST_EACH = 10
"""Positives and negatives that a finding must have for its AUC to mean anything."""
STANDARD_ERRORS = 4.0
"""An AUC within so many standard errors of 0.5 is chance: some 100 of them are looked at."""

TRAITS: dict[str, pl.Expr] = {
    "projection AP": pl.col("projection").eq("AP"),
    "lateral view": pl.col("view").eq("lateral"),
    "image width": pl.col("width"),
    "image height": pl.col("height"),
    "aspect ratio": pl.col("width") / pl.col("height"),
    "bit depth": pl.col("bits"),
    "colour mode": pl.col("channels"),
    "male sex": pl.col("sex").eq("M"),
    "age": pl.col("age"),
}
PATIENT_TRAITS = ("male sex", "age")
"""These may well be honest risk factors."""


@dataclass(frozen=True)
class Shortcut:
    """How well one trait alone tells the positives of a finding from the rest.

    `auc` is 0.5 or more; `higher` says whether positives have more of the trait or less.
    """

    trait: str
    finding: str
    auc: float
    higher: bool

    def __str__(self) -> str:
        what = self.finding if self.higher else f"no {self.finding}"
        return f"{self.trait} predicts {what} ({self.auc:.2f})"


def shortcuts(table: Table, pictures: pl.DataFrame | None = None) -> list[Shortcut]:
    """AUC of each trait for each finding where it is not chance, best first.

    Uncertain labels are left out, and findings not mentioned are negative.

    Args:
        table: the images.
        pictures: width, height, bits and channels of each row of the table, null where unknown.
    """
    frame = table.frame if pictures is None else pl.concat([table.frame, pictures], how="horizontal")
    targets = table.targets(LabelsConfig(), scoring=True)
    found: list[Shortcut] = []
    for trait, expression in TRAITS.items():
        if any(name not in frame.columns for name in expression.meta.root_names()):
            continue
        values = frame.select(expression.cast(pl.Float64)).to_series()
        known = values.is_not_null().to_numpy()
        column = values.to_numpy()[known]
        if len(column) and np.ptp(column):
            found += _of_trait(trait, table.findings, targets[known], column)
    return sorted(found, key=lambda shortcut: -shortcut.auc)


def _of_trait(
    trait: str, findings: tuple[str, ...], targets: npt.NDArray[np.float32], column: npt.NDArray[np.float64]
) -> list[Shortcut]:
    """The AUCs of one trait that are not chance (standard error of the Mann-Whitney statistic)."""
    positives, negatives = (targets == 1).sum(axis=0), (targets == 0).sum(axis=0)
    enough = np.flatnonzero(np.minimum(positives, negatives) >= LEAST_EACH)
    if not len(enough):
        return []
    targets = targets[:, enough]
    positives, negatives = positives[enough], negatives[enough]
    aucs = roc_auc(targets, np.repeat(column[:, None], len(enough), axis=1))
    errors = np.sqrt((positives + negatives + 1) / (12.0 * positives * negatives))
    return [
        Shortcut(trait, findings[enough[j]], float(max(auc, 1 - auc)), bool(auc > 0.5))
        for j, auc in enumerate(aucs)
        if abs(auc - 0.5) > STANDARD_ERRORS * errors[j]
    ]
