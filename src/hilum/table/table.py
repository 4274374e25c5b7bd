"""`Table`: one row per image, checked once when it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LabelsConfig
from hilum.errors import DataError, did_you_mean
from hilum.table.columns import BOX_COLUMNS, COLUMNS, IDS, REQUIRED, faults
from hilum.table.identity import Alike, identities
from hilum.table.labels import targets_of
from hilum.text import items, many

Rows = npt.NDArray[np.int64]
PARTS = ("train", "valid", "test")
_TRAITS = ("sex", "projection", "view")
"""What besides the findings should be equally frequent in every part."""
_ROUNDING = 1e-9
_NO_FINDING = "No Finding"


@dataclass(frozen=True)
class _Gap:
    """A finding or trait whose rate differs between two parts; rates are shares of the part's images."""

    name: str
    first: float
    second: float

    def __str__(self) -> str:
        return f"{self.name} {self.first:.1%} against {self.second:.1%}"


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
    COLUMNS: ClassVar = COLUMNS
    BOX_COLUMNS: ClassVar = BOX_COLUMNS
    COPY_OF: ClassVar = "copy_of"
    """Extra column of a table with changed copies of images (`hilum augment`): of which, null for an image itself.

    A copy has its original's patient, study, labels and path. Taken for one image more, a copy of a training image
    could end up in validation, and every score would count each image several times.
    """

    def __post_init__(self) -> None:
        if found := list(faults(self.frame, self.findings)):
            raise DataError("this is not a table of images:\n" + "\n".join(f"  - {fault}" for fault in found))

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
            how = "written in two ways (spaces, 1 and 1.0, or another form of the same letters)"
            notes = [*notes, f"{many(merged, 'patient id')} {how}: each counts as one patient."]
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
        return targets_of(self.codes, policy, scoring=scoring)

    def fingerprint(self) -> str:
        """A sha256 of all rows and columns but `path`: equal for equal content, wherever the images lie."""
        text = self.frame.drop("path").write_csv(None)
        return hashlib.sha256(text.encode()).hexdigest()

    def counts(self) -> pl.DataFrame:
        """Per finding: positive, negative, uncertain, blank and the positive rate among all rows."""
        rows = []
        for name in self.findings:
            column = self.frame[name]
            counts = [int((column == code).sum()) for code in (1, 0, -1)]
            rows.append((name, *counts, column.null_count(), counts[0] / max(len(self), 1)))
        kinds = dict.fromkeys(("positive", "negative", "uncertain", "blank"), pl.Int64)
        schema = {"finding": pl.String, **kinds, "positive_rate": pl.Float64}
        return pl.DataFrame(rows, schema, orient="row")

    @property
    def diseases(self) -> tuple[str, ...]:
        """The findings but `No Finding`, a label that says that there is nothing."""
        return tuple(name for name in self.findings if name != _NO_FINDING)

    @property
    def copies(self) -> npt.NDArray[np.bool_]:
        """Which rows are changed copies of other images (`COPY_OF`), bool [n]."""
        if self.COPY_OF not in self.frame.columns:
            return np.zeros(len(self), np.bool_)
        return self.frame[self.COPY_OF].is_not_null().to_numpy()

    def originals(self) -> Table:
        """The images themselves, without the column `COPY_OF`: the table that the copies were made from."""
        if self.COPY_OF not in self.frame.columns:
            return self
        made = self.filter(~self.copies)
        return made._with(made.frame.drop(self.COPY_OF), self.findings)

    def with_copies_of(self, of: Table, rows: Rows) -> tuple[Table, Rows, int]:
        """Add to a table of originals the copies of some of its images.

        Args:
            of: the table with copies that these are from; some may have been left out since.
            rows: int64 [m], rows whose copies are wanted: the training part, and nothing else.

        Returns:
            The table with `COPY_OF` again: its own rows in their order, then the copies; the copies' rows; and how
            many copies of other images were left out.
        """
        if not of.copies.any():
            return self, np.zeros(0, np.int64), 0
        wanted = self.frame["image_id"][rows].implode()
        copies = of.frame[self.COPY_OF].is_in(wanted).fill_null(value=False)
        order = pl.DataFrame({"image_id": of.frame["image_id"], "row": np.arange(len(of))})
        own = self.frame.select("image_id").join(order, on="image_id", how="left", maintain_order="left")
        both = np.concatenate([own["row"].to_numpy(), copies.arg_true().to_numpy()]).astype(np.int64)
        added = np.arange(len(self), len(both), dtype=np.int64)
        return of.take(both), added, int(of.copies.sum()) - len(added)

    def official_parts(self) -> dict[str, Rows]:
        """Rows of each part that the data set itself names; parts without rows are left out."""
        official = self.frame["official_split"]
        rows = {part: official.eq(part).arg_true().cast(pl.Int64).to_numpy() for part in PARTS}
        return {part: found for part, found in rows.items() if len(found)}

    @property
    def nobody_named(self) -> bool:
        """Whether every image is taken for a patient of its own because nothing says whose it is."""
        names = self.frame["image_id"]
        if self.frame["source"].eq("folder").all():
            names = names.str.split("/").list.last()
        return len(self) > 1 and bool(self.frame["patient_id"].eq(names).all())

    def alike_patients(self) -> Alike:
        """Patients of one source whose ids differ only in case, leading zeros or signs; none where every image is
        a patient of its own."""
        if self.patients == len(self) and self.nobody_named:
            return Alike()
        frames = self.frame.select("patient_id", "source").partition_by("source")
        return Alike(group for source in frames for group in Alike.of(source["patient_id"]))

    def shared_patients(self, parts: Mapping[str, Rows]) -> dict[tuple[str, str], tuple[str, ...]]:
        """Patients with images in two parts: for each such pair of parts, their ids in order."""
        patients = {name: set(self.frame["patient_id"][rows]) for name, rows in parts.items()}
        pairs = {pair: patients[pair[0]] & patients[pair[1]] for pair in combinations(patients, 2)}
        return {pair: tuple(sorted(both)) for pair, both in pairs.items() if both}

    def marks(self) -> tuple[tuple[str, ...], Rows]:
        """Names, and int64 [n, m] of 0 and 1: each finding positive, then each value of each trait.

        Of a trait that is always known and has two values, the second says nothing new and is left out.
        """
        columns = {name: pl.col(name).eq(1) for name in self.findings}
        for trait in _TRAITS:
            values = sorted(self.frame[trait].drop_nulls().unique())
            if len(values) == 2 and not self.frame[trait].null_count():
                values = values[:1]
            columns |= {f"{trait} {value}": pl.col(trait).eq(value) for value in values}
        if not columns:
            return (), np.zeros((len(self), 0), np.int64)
        marks = [
            mark.fill_null(False).cast(pl.Int64).alias(str(i)) for i, mark in enumerate(columns.values())
        ]
        return tuple(columns), self.frame.select(marks).to_numpy()

    def rate_gaps(self, first: Rows, second: Rows, points: float = 2.0) -> tuple[_Gap, ...]:
        """Findings and traits whose rate differs between two parts by more than `points` percentage points.

        Two are what the CheXpert framework of 2020 warned of. The widest gaps come first; there are none where
        either part is empty.
        """
        if not len(first) or not len(second):
            return ()
        names, marks = self.marks()
        rates = [marks[rows].mean(axis=0).tolist() for rows in (first, second)]
        gaps = [_Gap(name, a, b) for name, a, b in zip(names, *rates, strict=True)]
        wide = [gap for gap in gaps if abs(gap.first - gap.second) > points / 100 + _ROUNDING]
        return tuple(sorted(wide, key=lambda gap: -abs(gap.first - gap.second)))

    def __repr__(self) -> str:
        return (
            f"Table({len(self):,} images of {self.patients:,} patients, {len(self.findings)} findings: "
            f"{', '.join(self.findings)})"
        )

    def _repr_html_(self) -> str:
        head = f"<p><b>{len(self):,}</b> images of <b>{self.patients:,}</b> patients</p>"
        return head + self.counts()._repr_html_()
