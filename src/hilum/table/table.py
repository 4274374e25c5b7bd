"""`Table`: one row per image, checked once when it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LabelsConfig
from hilum.errors import DataError, did_you_mean
from hilum.table.identity import identities
from hilum.table.labels import scoring_targets, training_targets
from hilum.text import items, listed, many

COLUMNS: dict[str, pl.DataType] = {
    "image_id": pl.String(),
    "path": pl.String(),
    "patient_id": pl.String(),
    "study_id": pl.String(),
    "view": pl.String(),
    "projection": pl.String(),
    "age": pl.Float32(),
    "sex": pl.String(),
    "source": pl.String(),
    "official_split": pl.String(),
}
"""Columns that every Table has, in this order. `path` is relative to the Table's root, with / between."""

IDS = ("image_id", "patient_id", "study_id")
_WRITTEN = (
    "{ids} written in two ways (spaces, 1 and 1.0, or another form of the same letters): each counts as one "
    "patient."
)
REQUIRED = ("image_id", "path", "patient_id", "source")
ALLOWED = {
    "view": ("frontal", "lateral"),
    "projection": ("AP", "PA", "LL"),
    "sex": ("F", "M"),
    "official_split": ("train", "valid", "test"),
}
BOX_COLUMNS: dict[str, pl.DataType] = {
    "image_id": pl.String(),
    "finding": pl.String(),
    "x": pl.Float32(),
    "y": pl.Float32(),
    "width": pl.Float32(),
    "height": pl.Float32(),
}
"""Boxes of findings, as shares (0..1) of the image's width and height, from its upper left corner."""


@dataclass(frozen=True)
class Table:
    """One row per image.

    Attributes:
        frame: the columns of `COLUMNS`, then any extra columns of the source, then one Int8 column a finding
            with what the source said: 1 positive, 0 negative, -1 uncertain, null not mentioned.
        findings: names of the finding columns, in order.
        root: the folder that `path` is relative to.
        boxes: boxes of findings (`BOX_COLUMNS`), where the source has some.
        notes: what the source guessed and what it left out, a sentence each; no part of the fingerprint.
    """

    frame: pl.DataFrame
    findings: tuple[str, ...]
    root: Path = field(default_factory=Path)
    boxes: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faults = list(_faults(self.frame, self.findings))
        if faults:
            raise DataError(
                "this is not a table of images:\n" + "\n".join(f"  - {fault}" for fault in faults)
            )

    @classmethod
    def make(
        cls,
        frame: pl.DataFrame,
        findings: tuple[str, ...] | list[str],
        root: str | Path = "",
        boxes: pl.DataFrame | None = None,
        notes: Sequence[str] = (),
    ) -> Table:
        """A Table from a frame that may lack optional columns; casts, orders and checks.

        Ids of images, patients and studies get their one spelling (`identity`); patients who were written in two
        are a note.

        Raises:
            DataError: a required column is missing, an id occurs twice, or a value is not allowed.
        """
        missing = [name for name in (*REQUIRED, *findings) if name not in frame.columns]
        if missing:
            raise DataError(
                f"the table has no column {missing[0]!r}; {did_you_mean(missing[0], frame.columns)}"
            )
        extra = [name for name in frame.columns if name not in COLUMNS and name not in findings]
        frame = frame.select(
            *(
                (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
                for name, kind in COLUMNS.items()
            ),
            *extra,
            *(pl.col(name).cast(pl.Int8) for name in findings),
        )
        if boxes is not None:
            boxes = boxes.select(pl.col(name).cast(kind) for name, kind in BOX_COLUMNS.items())
            boxes = boxes.with_columns(identities(boxes["image_id"]))
        written = frame["patient_id"]
        frame = frame.with_columns(identities(frame[name]) for name in IDS)
        merged = written.drop_nulls().n_unique() - frame["patient_id"].drop_nulls().n_unique()
        if merged and not frame["patient_id"].null_count():
            notes = [*notes, _WRITTEN.format(ids=many(merged, "patient id"))]
        return cls(frame, tuple(findings), Path(root), boxes, tuple(notes))

    def __len__(self) -> int:
        return self.frame.height

    @property
    def image_ids(self) -> npt.NDArray[np.object_]:
        """Object array [n] of str."""
        return self.frame["image_id"].to_numpy()

    @property
    def study_ids(self) -> npt.NDArray[np.object_] | None:
        """Object array [n] of str, or None where not every image's study is known."""
        ids = self.frame["study_id"]
        return None if ids.null_count() else ids.to_numpy()

    @property
    def patients(self) -> int:
        """How many patients there are."""
        return self.frame["patient_id"].n_unique()

    def filter(self, keep: pl.Expr | pl.Series | npt.NDArray[np.bool_]) -> Table:
        """The rows where `keep` is true (an unknown value does not keep a row)."""
        mask = pl.Series(keep) if isinstance(keep, np.ndarray) else keep
        return self._with(self.frame.filter(mask), self.findings)

    def take(self, rows: npt.ArrayLike) -> Table:
        """The rows at these positions, in this order.

        Raises:
            DataError: a position occurs twice.
        """
        rows = np.asarray(rows, dtype=np.int64)
        frame = self.frame[rows]
        if len(rows) and np.bincount(rows % len(self)).max() > 1:
            raise DataError("image_id would not be unique: take() was given a row twice.")
        return self._with(frame, self.findings)

    def select(self, findings: Sequence[str]) -> Table:
        """The same rows with these findings only, in this order; empty means all.

        Raises:
            DataError: a finding is not in the table; the message names the nearest.
        """
        if not findings:
            return self
        findings = items(findings)
        for name in findings:
            if name not in self.findings:
                raise DataError(f"the data has no finding {name!r}; {did_you_mean(name, self.findings)}")
        dropped = [name for name in self.findings if name not in findings]
        others = [name for name in self.frame.columns if name not in self.findings]
        return self._with(self.frame.drop(dropped).select(*others, *findings), findings)

    def relabel(self, columns: Mapping[str, pl.Series]) -> Table:
        """The same rows with other label codes (Int8 [n]) of some findings; a code may be `labels.UNUSABLE`."""
        return self._with(self.frame.with_columns(**columns), self.findings)

    def _with(self, frame: pl.DataFrame, findings: tuple[str, ...]) -> Table:
        """Some of these rows and findings, and the boxes of the images that are left.

        What was true of all rows is true of some: they are not checked again (50 ms on CheXpert's 223,414).
        """
        boxes = self.boxes
        if boxes is not None and frame.height < self.frame.height:
            boxes = boxes.join(frame, on="image_id", how="semi", maintain_order="left")
        made = object.__new__(Table)
        vars(made).update(vars(self) | {"frame": frame, "findings": findings, "boxes": boxes})
        return made

    @property
    def codes(self) -> npt.NDArray[np.float32]:
        """Label codes, float32 [n, k]: 1, 0, -1, NaN for not mentioned, and what `relabel` put there."""
        if not self.findings:
            return np.zeros((len(self), 0), np.float32)
        return self.frame.select(pl.col(self.findings).cast(pl.Float32)).fill_null(np.nan).to_numpy()

    def targets(self, policy: LabelsConfig, *, scoring: bool = False) -> npt.NDArray[np.float32]:
        """Targets under a label policy, float32 [n, k]; NaN is not scored. See `hilum.table.labels`."""
        return (scoring_targets if scoring else training_targets)(self.codes, policy)

    def fingerprint(self) -> str:
        """A sha256 of all rows and columns but `path`: equal for equal content, wherever the images lie."""
        text = self.frame.drop("path").write_csv(None)
        return hashlib.sha256(text.encode()).hexdigest()

    def counts(self) -> pl.DataFrame:
        """Per finding: positive, negative, uncertain, blank and the positive rate among all rows."""
        return pl.DataFrame(
            [
                {
                    "finding": name,
                    "positive": int((column == 1).sum()),
                    "negative": int((column == 0).sum()),
                    "uncertain": int((column == -1).sum()),
                    "blank": column.null_count(),
                    "positive_rate": int((column == 1).sum()) / max(len(self), 1),
                }
                for name in self.findings
                for column in [self.frame[name]]
            ],
            schema={
                "finding": pl.String,
                "positive": pl.Int64,
                "negative": pl.Int64,
                "uncertain": pl.Int64,
                "blank": pl.Int64,
                "positive_rate": pl.Float64,
            },
        )

    def __repr__(self) -> str:
        return (
            f"Table({len(self):,} images of {self.patients:,} patients, {len(self.findings)} findings: "
            f"{', '.join(self.findings)})"
        )

    def _repr_html_(self) -> str:
        head = f"<p><b>{len(self):,}</b> images of <b>{self.patients:,}</b> patients</p>"
        return head + self.counts()._repr_html_()


def _faults(frame: pl.DataFrame, findings: tuple[str, ...]) -> Iterator[str]:
    for name, kind in COLUMNS.items():
        if frame.schema.get(name) != kind:
            yield f"column {name!r} should be {kind}, it is {frame.schema.get(name, 'missing')}"
            return
    for name in REQUIRED:
        if frame[name].null_count():
            row = int(frame[name].is_null().arg_max() or 0) + 1
            yield (
                f"column {name!r} is empty, or holds a word for what is missing, in "
                f"{many(frame[name].null_count(), 'row')}, the first of them row {row}"
            )
    if frame["image_id"].n_unique() < frame.height:
        twice = frame["image_id"].filter(frame["image_id"].is_duplicated())
        times = (frame["image_id"] == twice[0]).sum()
        yield f"image_id is not unique: {twice[0]!r} occurs {times} times, and a table has one row per image"
    for name, allowed in ALLOWED.items():
        strange = frame[name].drop_nulls().filter(~frame[name].drop_nulls().is_in(allowed))
        if len(strange):
            yield f"column {name!r} may hold {', '.join(allowed)}; it holds {strange[0]!r}"
    if len(set(findings)) < len(findings):
        yield f"a finding is named twice among {listed(findings)}"
    for name in findings:
        if frame.schema.get(name) != pl.Int8():
            yield f"finding {name!r} should be Int8, it is {frame.schema.get(name, 'missing')}"
            continue
        values = frame[name].drop_nulls()
        strange = values.filter(~values.is_in([1, 0, -1]))
        if len(strange):
            yield f"finding {name!r} may be 1, 0, -1 or empty; it is {strange[0]}"
