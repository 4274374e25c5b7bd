"""What a search of heads tried and found, as a run keeps it (search.json): plain values, for tables and pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hilum.errors import RunError
from hilum.files import read_json, write_json
from hilum.heads.candidates import Candidate
from hilum.runs import Run

FILE = "search.json"


@dataclass(frozen=True)
class Entry:
    """One head that was tried.

    Attributes:
        candidate: how it was made.
        score: out of fold, the mean over the findings that can be scored.
        low: where its 95 % interval over patients begins; NaN where none was made (see `hilum.heads.score`).
        high: where it ends.
        per_finding: the score of each finding alone; NaN where it cannot be measured.
        seconds: its share of the time that fitting took.
    """

    candidate: Candidate
    score: float
    low: float
    high: float
    per_finding: Mapping[str, float]
    seconds: float

    @property
    def told(self) -> str:
        """`0.953 (0.941-0.964)`."""
        if math.isnan(self.score):
            return "–"
        between = "" if math.isnan(self.low) else f" ({self.low:.3f}–{self.high:.3f})"
        return f"{self.score:.3f}{between}"

    def to_json(self) -> dict[str, Any]:
        """As search.json holds it; a score that cannot be had is null."""
        return {
            "told": self.candidate.describe(),
            "candidate": self.candidate.to_json(),
            "score": _known(self.score),
            "low": _known(self.low),
            "high": _known(self.high),
            "per_finding": {name: _known(value) for name, value in self.per_finding.items()},
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """What `to_json` gave."""
        each = {name: _number(value) for name, value in data["per_finding"].items()}
        score, low, high = (_number(data[name]) for name in ("score", "low", "high"))
        return cls(Candidate.from_json(data["candidate"]), score, low, high, each, float(data["seconds"]))


@dataclass(frozen=True)
class SearchRecord:
    """A whole search.

    Attributes:
        entries: every head that was tried, best first; the first is the run's.
        by: the score that they were judged by.
        folds: how many parts the training patients were dealt to.
        seed: of folds, draws and first weights.
        within_noise: how many of the others cannot be told from the first.
        images: of the training part.
        patients: of the training part.
        store: where the vectors were.
        encoder: whose they are: `name`, `origin`, `fingerprint`, `precision`, ...
        where: the condition that rows had to fulfil; empty for all.
        seconds: of the whole search.
    """

    entries: tuple[Entry, ...]
    by: str
    folds: int
    seed: int
    within_noise: int
    images: int
    patients: int
    store: str
    encoder: Mapping[str, Any]
    where: str
    seconds: float

    @property
    def winner(self) -> Entry:
        """The head that the run has."""
        return self.entries[0]

    def brief(self) -> dict[str, Any]:
        """What run.json says of it."""
        best = self.winner
        return {
            "told": best.candidate.describe(),
            "by": self.by,
            "score": _known(best.score),
            "low": _known(best.low),
            "high": _known(best.high),
            "tried": len(self.entries),
            "within_noise": self.within_noise,
            "folds": self.folds,
            "store": self.store,
            "where": self.where,
            "encoder": {name: self.encoder[name] for name in ("name", "origin", "fingerprint")},
        }

    def save(self, run: Run) -> None:
        """Write it into a run's folder, whole."""
        kept = ("by", "folds", "seed", "within_noise", "images", "patients", "store", "where", "seconds")
        value = {name: getattr(self, name) for name in kept}
        tried = [entry.to_json() for entry in self.entries]
        write_json(run.path / FILE, {**value, "encoder": dict(self.encoder), "tried": tried})

    @classmethod
    def of(cls, run: Run) -> SearchRecord | None:
        """The search that a run's head comes from; None of a run that was trained.

        Raises:
            RunError: it should be there and is not, or cannot be read.
        """
        if not run.head:
            return None
        path = run.path / FILE
        try:
            data = read_json(path)
            entries = tuple(Entry.from_json(entry) for entry in data.pop("tried"))
            return cls(entries, **data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path} is missing or damaged: the run's folder is not whole.") from error


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
