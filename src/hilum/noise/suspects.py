"""What `hilum noise` finds, as plain values and as files: suspects, worst first, and how many labels are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from hilum.errors import DataError
from hilum.files import csv_text, write_json, write_text
from hilum.records import to_json
from hilum.table import Overlay
from hilum.text import many

REASONS = ("confident learning", "confident error", "near duplicate")
"""Why a label is suspect: cleanlab finds it, its error is confident, or the same picture is labelled otherwise."""
CLASSES = {1: "positive", 0: "negative"}
"""Label -> how tables and verdicts call it."""
OVERLAY = "overlay.csv"


@dataclass(frozen=True)
class Neighbour:
    """One of the images most like a suspect.

    Attributes:
        image_id: which.
        similarity: cosine of the two vectors, at most 1.
        label: its label of the finding, 1 or 0; None where unknown.
        pack: folder of the pack that has its pixels.
        slot: where they lie in it.
    """

    image_id: str
    similarity: float
    label: int | None
    pack: str = ""
    slot: int = -1


@dataclass(frozen=True)
class Suspect:
    """An image whose label of one finding is probably wrong.

    Attributes:
        image_id: which.
        patient_id: whose.
        finding: of what.
        given: its label, 1 or 0.
        probability: of the finding, by classifiers that have not seen the patient.
        rank: 1 is the worst of its finding.
        quality: cleanlab's label quality: the probability of the given label, lower is worse.
        reasons: some of `REASONS`; empty where only its rank brings it in.
        neighbours: near duplicates with the other label, then the images most like it, whatever their label.
        pack: folder of the pack that has its pixels.
        slot: where they lie in it.
    """

    image_id: str
    patient_id: str
    finding: str
    given: int
    probability: float
    rank: int
    quality: float
    reasons: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]
    pack: str
    slot: int


@dataclass(frozen=True)
class NoiseRate:
    """How many labels of one finding are probably wrong.

    Attributes:
        finding: of what.
        images: with a known label.
        positives: labelled positive.
        negatives: labelled negative.
        wrong_positive: share of the given positives that is estimated to be negative.
        wrong_negative: share of the given negatives that is estimated to be positive.
        suspects: how many images have a reason to be suspect.
    """

    finding: str
    images: int
    positives: int
    negatives: int
    wrong_positive: float
    wrong_negative: float
    suspects: int

    @property
    def wrong(self) -> float:
        """Estimated share of wrong labels among all known ones."""
        return (self.positives * self.wrong_positive + self.negatives * self.wrong_negative) / self.images


@dataclass(frozen=True)
class Suspects:
    """All suspects of some findings, and how they were found.

    Attributes:
        rates: one a finding.
        suspects: finding by finding, worst first.
        store: the feature store.
        encoder: name of the encoder of its vectors.
        candidate: the classifier that gave the probabilities, in words.
        folds: of the cross-validation by patient.
        repeats: with how many ways to form folds; probabilities are averaged.
        threshold: from which probability of the other label an error is a confident one.
        warnings: what must be said wherever this is shown.
    """

    rates: tuple[NoiseRate, ...]
    suspects: tuple[Suspect, ...]
    store: str
    encoder: str
    candidate: str
    folds: int
    repeats: int
    threshold: float
    warnings: tuple[str, ...] = ()

    def of(self, finding: str) -> tuple[Suspect, ...]:
        """The suspects of one finding, worst first."""
        return tuple(one for one in self.suspects if one.finding == finding)

    def frame(self) -> pl.DataFrame:
        """One row a suspect: its columns, reasons joined by `; `, and its neighbours' ids and labels by spaces."""
        rows = [
            vars(one)
            | {
                "reasons": "; ".join(one.reasons),
                "neighbours": " ".join(near.image_id for near in one.neighbours),
                "neighbour_labels": " ".join(
                    "?" if near.label is None else str(near.label) for near in one.neighbours
                ),
            }
            for one in self.suspects
        ]
        return pl.DataFrame(rows, schema=_COLUMNS)

    def overlay(self, accept: int, reader: str) -> pl.DataFrame:
        """A row for each suspect, in words, to be filled with verdicts.

        Args:
            accept: so many of each finding, the worst first, get the verdict that their label is wrong.
            reader: whose verdict that is.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [
            (
                *(one.image_id, one.finding),
                *((CLASSES[1 - one.given], reader, now) if one.rank <= accept else (None, None, None)),
                *(CLASSES[one.given], f"{one.probability:.4f}"),
            )
            for one in self.suspects
        ]
        columns = (*Overlay.COLUMNS, "given", "probability")
        return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")

    def save(self, out: Path, accept: int = 0, reader: str = "hilum noise") -> None:
        """Write `suspects.json`, `suspects.csv`, and `overlay.csv`; see `overlay`.

        Raises:
            DataError: as `check_out`.
            DiskError: it cannot be written.
        """
        check_out(out)
        write_json(out / "suspects.json", to_json(self))
        write_text(out / "suspects.csv", csv_text(self.frame()))
        write_text(out / OVERLAY, csv_text(self.overlay(accept, reader)))


_COLUMNS: dict[str, Any] = {
    "finding": pl.String,
    "rank": pl.Int64,
    "image_id": pl.String,
    "patient_id": pl.String,
    "given": pl.Int8,
    "probability": pl.Float64,
    "quality": pl.Float64,
    "reasons": pl.String,
    "neighbours": pl.String,
    "neighbour_labels": pl.String,
    "pack": pl.String,
    "slot": pl.Int64,
}


def check_out(out: Path) -> None:
    """Check, before the work, that no verdicts of a reader would be written over.

    Raises:
        DataError: the folder has an overlay with verdicts, or one that a spreadsheet saved so that it cannot be
            told whether it has any; or it is a file.
    """
    path = out / OVERLAY
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; suspects are written into a folder. Name another one.")
    if not path.exists():
        return
    filled = Overlay.filled(path)
    if filled is None:
        raise DataError(
            f"{path} has no column 'verdict' that can be read, and may hold verdicts all the same, saved in "
            "another way. Name another folder with --out, or remove that file."
        )
    if filled:
        raise DataError(
            f"{path} has {many(filled, 'verdict')}, which would be lost. Name another folder with --out; "
            f"--labels {path} takes them into account."
        )
