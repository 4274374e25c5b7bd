"""What `hilum noise` finds, as plain values: suspects, worst first, and how many labels are probably wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import polars as pl

LEARNING, ERROR, DUPLICATE = "confident learning", "confident error", "near duplicate"
"""Why a label is suspect: cleanlab finds it, its error is confident, or the same picture is labelled otherwise."""
REASONS = (LEARNING, ERROR, DUPLICATE)


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

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Suspects:
        """What `to_json` wrote, also after a trip through a JSON file."""
        plain = dict(value)
        plain["rates"] = tuple(NoiseRate(**rate) for rate in value["rates"])
        plain["suspects"] = tuple(_suspect(one) for one in value["suspects"])
        plain["warnings"] = tuple(value["warnings"])
        return cls(**plain)

    def frame(self) -> pl.DataFrame:
        """One row a suspect: its columns, reasons joined by `; `, and its neighbours' ids and labels by spaces."""
        rows = [
            {name: getattr(one, name) for name in _COLUMNS if name in _OWN}
            | {
                "reasons": "; ".join(one.reasons),
                "neighbours": " ".join(near.image_id for near in one.neighbours),
                "neighbour_labels": " ".join(_label(near.label) for near in one.neighbours),
            }
            for one in self.suspects
        ]
        return pl.DataFrame(rows, schema=_COLUMNS)


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
_OWN = {field.name for field in fields(Suspect)} - {"reasons", "neighbours"}


def _label(label: int | None) -> str:
    return "?" if label is None else str(label)


def _suspect(value: Mapping[str, Any]) -> Suspect:
    plain = dict(value)
    plain["reasons"] = tuple(value["reasons"])
    plain["neighbours"] = tuple(Neighbour(**near) for near in value["neighbours"])
    return Suspect(**plain)
