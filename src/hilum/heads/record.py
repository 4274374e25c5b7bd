"""What a search of heads tried and found, as a run keeps it (search.json): plain values, for tables and pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hilum.errors import DataError, RunError
from hilum.files import read_json, write_json
from hilum.heads.candidates import Candidate
from hilum.records import Number, from_json, to_json
from hilum.runs import Run
from hilum.text import cell

FILE = "search.json"


@dataclass(frozen=True)
class TriedHead:
    """One head that was tried.

    Attributes:
        candidate: how it was made.
        score: out of fold, the mean over the findings that can be scored.
        low: where its 95 % interval over patients begins; NaN where none was made (`hilum.heads.judging.score`).
        high: where it ends.
        per_finding: the score of each finding alone; NaN where it cannot be measured.
        seconds: its share of the time that fitting took.
    """

    candidate: Candidate
    score: Number
    low: Number
    high: Number
    per_finding: Mapping[str, Number]
    seconds: float

    @property
    def text(self) -> str:
        """`0.953 (0.941–0.964)`."""
        between = "" if math.isnan(self.low) else f" ({self.low:.3f}–{self.high:.3f})"
        return cell(self.score) + between


@dataclass(frozen=True)
class SearchRecord:
    """A whole search.

    Attributes:
        tried: every head, best first; the first is the run's.
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

    tried: tuple[TriedHead, ...]
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
    def winner(self) -> TriedHead:
        """The head that the run has."""
        return self.tried[0]

    def brief(self) -> dict[str, Any]:
        """What run.json says of it."""
        best = to_json(self.winner)
        return {
            "told": self.winner.candidate.describe(),
            **{name: best[name] for name in ("score", "low", "high")},
            **{name: getattr(self, name) for name in ("by", "within_noise", "folds", "store", "where")},
            "tried": len(self.tried),
            "encoder": {name: self.encoder[name] for name in ("name", "origin", "fingerprint")},
        }

    def to_json(self) -> dict[str, Any]:
        """As search.json holds it; each head is also told in words."""
        plain: dict[str, Any] = to_json(self)
        for head, one in zip(plain["tried"], self.tried, strict=True):
            head["told"] = one.candidate.describe()
        return plain

    def save(self, run: Run) -> None:
        """Write it into a run's folder, whole."""
        write_json(run.path / FILE, self.to_json())

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
            return from_json(cls, read_json(path))
        except (OSError, ValueError, DataError) as error:
            raise RunError(f"{path} is missing or damaged: the run's folder is not whole.") from error
