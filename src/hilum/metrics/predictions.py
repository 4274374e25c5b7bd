"""`Predictions`: what a model said of a part of the data, and what is true. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.errors import DataError, did_you_mean
from hilum.files import write_parquet
from hilum.text import cell, many

LOGIT, TARGET = "logit:", "target:"


def sigmoid(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Probabilities of logits, float64 of the same shape; no logit is large enough to overflow it."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64))))


@dataclass(frozen=True)
class Predictions:
    """Logits and targets of one part of the data.

    Attributes:
        image_ids: str, [n].
        findings: names of the k columns.
        logits: float32 [n, k]; their sigmoid is the probability of the *positive* class.
        targets: float32 [n, k] of 0, 1 and NaN (unknown: not scored).
        part: which part this is: `train`, `valid`, `test` or `new`. Thresholds are fitted on `valid` alone.
        patient_ids: str, [n], or None where unknown; intervals resample patients.
    """

    image_ids: npt.NDArray[np.object_]
    findings: tuple[str, ...]
    logits: npt.NDArray[np.float32]
    targets: npt.NDArray[np.float32]
    part: str
    patient_ids: npt.NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.image_ids), len(self.findings))
        if self.logits.shape != shape or self.targets.shape != shape:
            raise DataError(
                f"{shape[0]} image ids and {shape[1]} findings need logits and targets of shape {shape}; "
                f"they are {self.logits.shape} and {self.targets.shape}."
            )

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """Probability of the positive class, float64 [n, k]."""
        return sigmoid(self.logits)

    def select(self, findings: Sequence[str]) -> Predictions:
        """Only these findings, in this order.

        Raises:
            DataError: one of them is not among the findings.
        """
        for name in findings:
            if name not in self.findings:
                raise DataError(
                    f"the predictions have no finding {name!r}; {did_you_mean(name, self.findings)}"
                )
        columns = [self.findings.index(name) for name in findings]
        return replace(
            self, findings=tuple(findings), logits=self.logits[:, columns], targets=self.targets[:, columns]
        )

    def save(self, path: Path) -> None:
        """Write as Parquet, whole: image_id, patient_id, then `logit:NAME` and `target:NAME` per finding."""
        columns: dict[str, object] = {"image_id": pl.Series(self.image_ids, dtype=pl.String)}
        if self.patient_ids is not None:
            columns["patient_id"] = pl.Series(self.patient_ids, dtype=pl.String)
        for prefix, values in ((LOGIT, self.logits), (TARGET, self.targets)):
            columns |= {prefix + name: values[:, j] for j, name in enumerate(self.findings)}
        write_parquet(path, pl.DataFrame(columns))

    @classmethod
    def load(cls, path: Path, part: str) -> Predictions:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or holds no predictions.
        """
        try:
            frame = pl.read_parquet(path)
        except (OSError, pl.exceptions.ComputeError) as error:
            raise DataError(f"{path} cannot be read as predictions: {error}") from error
        findings = tuple(name.removeprefix(LOGIT) for name in frame.columns if name.startswith(LOGIT))
        if not findings or any(TARGET + name not in frame.columns for name in findings):
            raise DataError(f"{path} holds no predictions: it has the columns {', '.join(frame.columns[:6])}")

        def matrix(prefix: str) -> npt.NDArray[np.float32]:
            return frame.select(pl.col(prefix + name).cast(pl.Float32) for name in findings).to_numpy()

        patients = frame["patient_id"].to_numpy() if "patient_id" in frame.columns else None
        return cls(frame["image_id"].to_numpy(), findings, matrix(LOGIT), matrix(TARGET), part, patients)

    def __repr__(self) -> str:
        return f"Predictions({self.part}: {len(self):,} images, {many(len(self.findings), 'finding')})"

    def _repr_html_(self) -> str:
        known = np.isfinite(self.targets).sum(axis=0)
        positive = np.nansum(self.targets == 1, axis=0)
        mean = self.probabilities.mean(axis=0) if len(self) else np.full(len(self.findings), np.nan)
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{escape(name)}</th><td>{positive[j]:,}</td>"
            f"<td>{known[j] - positive[j]:,}</td><td>{len(self) - known[j]:,}</td>"
            f"<td>{cell(float(mean[j]))}</td></tr>"
            for j, name in enumerate(self.findings)
        )
        heads = ("Finding", "Positive", "Negative", "Not scored", "Mean probability")
        head = "".join(f"<th scope='col'>{name}</th>" for name in heads)
        return (
            f"<table><caption>{escape(self.part)}, {many(len(self), 'image')}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )
