"""`Predictions`: what a model said of a part of the data, and what is true. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.errors import DataError, did_you_mean
from hilum.files import read_parquet, write_parquet
from hilum.text import items, listed, many, table_html

_LOGIT, _TARGET = "logit:", "target:"
PartName = Literal["train", "valid", "test", "new"]
"""Of a split; `new` is of none. Thresholds and calibration are fitted on `valid` alone."""
_ALIKE = 20
"""From so many rows on, logits that all lie within 0..1 are asked about."""


def sigmoid(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Probabilities of logits, float64 of the same shape; no logit is large enough to overflow it."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64))))


@dataclass(frozen=True)
class Predictions:
    """Logits and targets of one part of the data.

    Attributes:
        image_ids: str, [n]; of a study or a patient, where a row is one.
        findings: names of the k columns.
        logits: float32 (float64 once calibrated) [n, k]; their sigmoid is the probability of the *positive* class.
        targets: float32 [n, k] of 0, 1 and NaN (unknown: not scored).
        part: which part this is.
        patient_ids: str, [n], or None where unknown; intervals resample patients.
        study_ids: str, [n], or None where unknown.
        unit: what a row is: `image`, `study` or `patient`.
    """

    image_ids: npt.NDArray[np.object_]
    findings: tuple[str, ...]
    logits: npt.NDArray[np.floating[Any]]
    targets: npt.NDArray[np.float32]
    part: PartName
    patient_ids: npt.NDArray[np.object_] | None = None
    study_ids: npt.NDArray[np.object_] | None = None
    unit: str = "image"

    def __post_init__(self) -> None:
        shape = (len(self.image_ids), len(self.findings))
        if self.logits.shape != shape or self.targets.shape != shape:
            raise DataError(
                f"{shape[0]} image ids and {shape[1]} findings need logits and targets of shape {shape}; "
                f"they are {self.logits.shape} and {self.targets.shape}."
            )
        if self.part not in get_args(PartName):
            raise DataError(f"there is no part {self.part!r}; {did_you_mean(self.part, get_args(PartName))}")
        # A sampling with replacement shows the network some images of train several times.
        if self.part != "train" and len(set(self.image_ids)) < len(self):
            names, count = np.unique(self.image_ids.astype(str), return_counts=True)
            raise DataError(
                f"{self.unit} {str(names[count > 1][0])!r} is there {count.max()} times; expected each once. "
                "Drop the copies, or average what was said of them."
            )

    @classmethod
    def from_probabilities(
        cls,
        image_ids: Sequence[str],
        findings: Sequence[str],
        probabilities: npt.ArrayLike,
        targets: npt.ArrayLike,
        part: PartName = "test",
        patient_ids: Sequence[str] | None = None,
        study_ids: Sequence[str] | None = None,
    ) -> Predictions:
        """Predictions of a model that gives probabilities.

        Args:
            image_ids: [n], each once.
            findings: names of the k columns.
            probabilities: of the positive class, [n, k] within 0..1; 0 and 1 become the nearest number between.
            targets: [n, k] of 0, 1 and NaN (unknown: not scored).
            part: which part this is.
            patient_ids: [n]; without them every image is taken for a patient of its own.
            study_ids: [n].

        Raises:
            DataError: a probability outside 0..1, with its image and finding; or shapes that do not fit.
        """
        findings = items(findings)
        given = np.asarray(probabilities, dtype=np.float64).reshape(len(image_ids), len(findings))
        _refuse_outside(given, image_ids, findings)
        share = np.clip(given, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
        patients, studies = (
            None if one is None else np.asarray(one, dtype=object) for one in (patient_ids, study_ids)
        )
        known = np.asarray(targets, dtype=np.float32).reshape(given.shape)
        logits = np.log(share) - np.log1p(-share)
        return cls(
            np.asarray(image_ids, dtype=object), tuple(findings), logits, known, part, patients, studies
        )

    @property
    def doubts(self) -> tuple[str, ...]:
        """A sentence for a reader where the logits look like probabilities."""
        values = self.logits[np.isfinite(self.logits)]
        spread = len(self) >= _ALIKE and values.size and values.min() >= 0 and values.max() <= 1
        if not spread or np.ptp(values) < 0.25:
            return ()
        return (
            "All logits lie between 0 and 1, as probabilities do. If they are probabilities, every finding is "
            "taken for 50 to 73 % likely here: make them with Predictions.from_probabilities.",
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
        findings = items(findings)
        for name in findings:
            if name not in self.findings:
                raise DataError(
                    f"the predictions have no finding {name!r}; {did_you_mean(name, self.findings)}"
                )
        columns = [self.findings.index(name) for name in findings]
        return replace(
            self, findings=tuple(findings), logits=self.logits[:, columns], targets=self.targets[:, columns]
        )

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Predictions:
        """Only these rows: positions, or a mask."""
        return replace(
            self,
            image_ids=self.image_ids[rows],
            logits=self.logits[rows],
            targets=self.targets[rows],
            patient_ids=None if self.patient_ids is None else self.patient_ids[rows],
            study_ids=None if self.study_ids is None else self.study_ids[rows],
        )

    def aligned(self, like: Predictions, who: str = "the second", whose: str = "the first") -> Predictions:
        """The same predictions in the order of others, which must be of the same images and targets.

        Args:
            like: of run `whose`.
            who: what this is called in messages.
            whose: what the others are called.

        Raises:
            DataError: other rows, targets, patients, units or findings; the message says which.
        """
        if self.unit != like.unit:
            raise DataError(f"{whose} is scored per {like.unit} and {who} per {self.unit}.")
        if self.findings != like.findings:
            raise DataError(
                f"{whose} has the findings {', '.join(like.findings)}; {who} has {', '.join(self.findings)}."
            )
        ids, wanted = self.image_ids.astype(str), like.image_ids.astype(str)
        order, place = np.argsort(ids, kind="stable"), np.argsort(wanted, kind="stable")
        if len(ids) != len(wanted) or (ids[order] != wanted[place]).any():
            only = [len(set(a) - set(b)) for a, b in ((wanted, ids), (ids, wanted))]
            raise DataError(
                f"{whose} and {who} were scored on other images: {many(only[0], like.unit)} of the one "
                f"and {only[1]:,} of the other are not shared ({len(wanted):,} and {len(ids):,} in all)."
            )
        rows = np.empty(len(ids), dtype=np.int64)
        rows[place] = order
        moved = self.take(rows)
        _same_truth(moved, like, who, whose)
        if moved.patient_ids is None or like.patient_ids is None:
            return replace(moved, patient_ids=like.patient_ids)
        if (moved.patient_ids != like.patient_ids).any():
            raise DataError(f"{whose} and {who} name other patients for the same images.")
        return moved

    def per(self, unit: str, combine: str = "max") -> Predictions:
        """One row a study or a patient: the largest or the mean logit of its images, in order of first sight.

        A finding is positive where any image of the unit has it, negative where some are known and none has it.

        Args:
            unit: `image` (nothing changes), `study` or `patient`.
            combine: `max` or `mean` of the logits.

        Raises:
            DataError: there are no ids of that kind, or rows are studies or patients already.
        """
        if unit == self.unit:
            return self
        ids = {"study": self.study_ids, "patient": self.patient_ids}.get(unit)
        if self.unit != "image" or ids is None or any(name is None for name in ids):
            raise DataError(
                f"these predictions have no {unit} ids for every row, so they cannot be scored per {unit}. "
                f'Score them per {self.unit}: scores.unit = "{self.unit}".'
            )
        names, first, code = np.unique(ids.astype(str), return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        place = np.empty(len(names), dtype=np.int64)
        place[order] = np.arange(len(names))
        group, first = place[code], first[order]
        targets = np.full((len(names), len(self.findings)), -np.inf)
        np.maximum.at(targets, group, np.where(np.isnan(self.targets), -np.inf, self.targets))
        return replace(
            self,
            image_ids=ids[first],
            logits=_combined(self.logits, group, len(names), combine),
            targets=np.where(np.isneginf(targets), np.nan, targets).astype(np.float32),
            patient_ids=None if self.patient_ids is None else self.patient_ids[first],
            study_ids=None if self.study_ids is None or unit == "patient" else self.study_ids[first],
            unit=unit,
        )

    def frame(self, decisions: npt.NDArray[np.bool_] | None = None) -> pl.DataFrame:
        """One row an image and finding, image by image.

        Columns: `image_id`, `patient_id` and `study_id` (text; null where unknown), `finding`, `target` (0 or 1;
        null where it is not scored), `logit`, `probability` (of the positive class), and `decision` where they
        are given.

        Args:
            decisions: bool [n, k], as `Thresholds.decide` makes them.
        """
        n, k = self.logits.shape
        ids = {"image_id": self.image_ids, "patient_id": self.patient_ids, "study_id": self.study_ids}
        columns = {
            name: pl.Series([None] * (n * k) if each is None else np.repeat(each, k), dtype=pl.String)
            for name, each in ids.items()
        }
        columns["finding"] = pl.Series(list(self.findings) * n, dtype=pl.String)
        numbers = {"target": self.targets, "logit": self.logits, "probability": self.probabilities}
        columns |= {name: pl.Series(each.ravel()) for name, each in numbers.items()}
        if decisions is not None:
            columns["decision"] = pl.Series(decisions.ravel())
        return pl.DataFrame(columns).with_columns(pl.col("target").fill_nan(None))

    def save(self, path: Path) -> None:
        """Write as Parquet, one row an image.

        Columns: `image_id`, `patient_id` and `study_id` where known (text), then of every finding `logit:NAME`
        (float32; float64 once calibrated), and of every finding `target:NAME` (float32 of 0, 1 and NaN, which is
        not scored).
        """
        columns: dict[str, object] = {"image_id": pl.Series(self.image_ids, dtype=pl.String)}
        for name, ids in (("patient_id", self.patient_ids), ("study_id", self.study_ids)):
            if ids is not None:
                columns[name] = pl.Series(ids, dtype=pl.String)
        for prefix, values in ((_LOGIT, self.logits), (_TARGET, self.targets)):
            columns |= {prefix + name: values[:, j] for j, name in enumerate(self.findings)}
        write_parquet(path, pl.DataFrame(columns))

    @classmethod
    def load(cls, path: Path, part: str) -> Predictions:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or holds no predictions.
        """
        try:
            frame = read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path} cannot be read as predictions: {error}") from error
        try:
            return _from_frame(frame, part)
        except ValueError as error:
            raise DataError(f"{path} holds no predictions: {error}.") from error

    def __repr__(self) -> str:
        rows, findings = many(len(self), self.unit), many(len(self.findings), "finding")
        return f"Predictions({self.part}: {rows}, {findings})"

    def _repr_html_(self) -> str:
        known = np.isfinite(self.targets).sum(axis=0)
        positive = np.nansum(self.targets == 1, axis=0)
        mean = self.probabilities.mean(axis=0) if len(self) else np.full(len(self.findings), np.nan)
        rows = [
            [name, int(positive[j]), int(known[j] - positive[j]), int(len(self) - known[j]), float(mean[j])]
            for j, name in enumerate(self.findings)
        ]
        heads = ("Finding", "Positive", "Negative", "Not scored", "Mean probability")
        return table_html(heads, rows, f"{self.part}, {many(len(self), self.unit)}", self.doubts)


def _from_frame(frame: pl.DataFrame, part: str) -> Predictions:
    """What `Predictions.save` made a frame of; ValueError where it is something else."""
    findings = tuple(name.removeprefix(_LOGIT) for name in frame.columns if name.startswith(_LOGIT))
    values = [prefix + name for prefix in (_LOGIT, _TARGET) for name in findings]
    for names, right, what in (
        (["image_id"], (pl.String,), "text"),
        (
            [name for name in ("patient_id", "study_id") if name in frame.columns],
            (pl.String, pl.Null),
            "text",
        ),
        (values or [_LOGIT + "FINDING"], (pl.Float32, pl.Float64), "numbers"),
    ):
        for name in names:
            if name not in frame.columns:
                raise ValueError(f"it has no column {name!r}, but {listed(frame.columns, 6)}")
            if frame.schema[name] not in right:
                raise ValueError(f"its column {name!r} should hold {what}, and is {frame.schema[name]}")
    if frame["image_id"].null_count() or (part != "train" and frame["image_id"].is_duplicated().any()):
        raise ValueError("its column 'image_id' should name every image once")
    targets = frame.select(pl.col(values[len(findings) :]).cast(pl.Float32)).to_numpy()
    if not (np.isnan(targets) | (targets == 0) | (targets == 1)).all():
        raise ValueError("its targets should be 0, 1 or NaN")
    logits = frame.select(values[: len(findings)]).to_numpy()
    patients, studies = (
        frame[name].to_numpy() if name in frame.columns else None for name in ("patient_id", "study_id")
    )
    return Predictions(
        frame["image_id"].to_numpy(), findings, logits, targets, cast("PartName", part), patients, studies
    )


def _combined(
    logits: npt.NDArray[np.floating[Any]], group: npt.NDArray[np.int64], groups: int, combine: str
) -> npt.NDArray[np.floating[Any]]:
    """Largest or mean logit of each group, [groups, k], in the logits' own precision."""
    if combine == "max":
        most = np.full((groups, logits.shape[1]), -np.inf, dtype=logits.dtype)
        np.maximum.at(most, group, logits)
        return most
    total = np.zeros((groups, logits.shape[1]))
    np.add.at(total, group, logits)
    return (total / np.bincount(group, minlength=groups)[:, None]).astype(logits.dtype)


def _same_truth(predictions: Predictions, like: Predictions, who: str, whose: str) -> None:
    one, two = predictions.targets, like.targets
    differ = (one != two) & ~(np.isnan(one) & np.isnan(two))
    if differ.any():
        names = [name for name, any_row in zip(like.findings, differ.any(axis=0), strict=True) if any_row]
        count = many(int(differ.any(axis=1).sum()), like.unit)
        raise DataError(f"{whose} and {who} have other labels for {count} ({listed(names)}).")


def _refuse_outside(
    shares: npt.NDArray[np.float64], image_ids: Sequence[str], findings: Sequence[str]
) -> None:
    wrong = ~((shares >= 0) & (shares <= 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"image {image_ids[row]!r}, {findings[column]}: expected a probability between 0 and 1; it is "
            f"{shares[row, column]:g} ({int(wrong.sum()):,} such in all). Logits are given to Predictions(...)."
        )
