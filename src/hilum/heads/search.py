"""Hundreds of heads tried by cross-validation over patients, and the best one trained on all rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hilum.errors import ConfigError, did_you_mean
from hilum.heads.candidates import Candidate
from hilum.heads.cross import CrossFitted, cross_fit, out_of_fold
from hilum.heads.fit import Rows, fit
from hilum.heads.fitted import Fitted, Floats, Targets, Vectors
from hilum.heads.folds import folds_of
from hilum.heads.record import Entry
from hilum.heads.score import Scored, score_all
from hilum.metrics import SCORES, Predictions

__all__ = ["Labelled", "Search", "folds_of", "out_of_fold", "search"]


@dataclass(frozen=True)
class Labelled:
    """What is known of the rows of vectors.

    Attributes:
        image_ids: str, [n].
        patient_ids: str, [n]; folds keep a patient's images together.
        findings: names of the k columns.
        targets: float32 [n, k] of 0, 1 and NaN (unknown: neither learned nor scored).
    """

    image_ids: npt.NDArray[np.object_]
    patient_ids: npt.NDArray[np.object_]
    findings: tuple[str, ...]
    targets: Targets


@dataclass(frozen=True)
class Search:
    """What came of a search.

    Attributes:
        tried: best first.
        by: the score that decided, of `SCORES`.
        folds: how many there were.
        winner: the best candidate, trained on all rows.
        out_of_fold: the winner's predictions of every row by a head that had not seen its patient.
        within_noise: how many of the others are not distinguishable from the winner, by the paired test of
            `hilum.metrics.comparison.effects` with Holm's correction for all of them.
        reasons: finding -> why it could not be scored, or what a fold could not learn.
    """

    tried: tuple[Entry, ...]
    by: str
    folds: int
    winner: Fitted
    out_of_fold: Predictions
    within_noise: int
    reasons: Mapping[str, str] = field(default_factory=dict)


def search(
    vectors: Vectors,
    rows: Labelled,
    candidates: Sequence[Candidate],
    *,
    by: str = "roc_auc",
    folds: int = 5,
    seed: int = 0,
    device: str = "auto",
    advance: Callable[[int], None] | None = None,
) -> Search:
    """Try candidates by cross-validation over patients.

    Every row is predicted by heads that learned from the other folds; all these predictions together are scored,
    decisions at a probability of 0.5. The same seed gives the same numbers.

    Args:
        vectors: pooling -> float32 [n, d].
        rows: whose they are, and what is true; none of a test part.
        candidates: what to try.
        by: of `SCORES`; the mean over findings decides.
        folds: at least 2.
        seed: of folds and of MLPs.
        device: `auto`, `cpu`, `cuda`, ...
        advance: called with the number of heads newly fitted; they are different candidates x folds.

    Raises:
        ConfigError: no score is called so, no candidate, a pooling without vectors, fewer than 2 folds.
        DataError: shapes that do not fit, fewer patients than folds, or no finding with both classes.
    """
    known = [name for name, score in SCORES.items() if not score.over_all and score.better != "neither"]
    if by not in known:
        raise ConfigError(f"heads are not searched by {by!r}; {did_you_mean(by, known)}")
    if not candidates:
        raise ConfigError("there is no head to try: the list of candidates is empty.")
    candidates = tuple(dict.fromkeys(candidates))
    fold_of = folds_of(rows.patient_ids, rows.targets, folds, seed)
    heads = cross_fit(candidates, vectors, rows.targets, fold_of, device=device, seed=seed, advance=advance)
    scored = score_all(heads, vectors, _predictions(rows, np.zeros(rows.targets.shape)), by)
    best = scored.order[0]
    winner = fit([candidates[best]], vectors, rows.targets, fold_of=fold_of, device=device, seed=seed)[0]
    return Search(
        tuple(_entry(j, heads, scored, rows.findings) for j in scored.order),
        by,
        folds,
        winner,
        _predictions(rows, heads.logits([best], vectors, rows.targets)[0]),
        scored.within_noise,
        _reasons(rows, fold_of) | scored.reasons,
    )


def _predictions(rows: Labelled, logits: Floats) -> Predictions:
    """Out-of-fold logits; they are of the training part, and no thresholds can be fitted on them."""
    return Predictions(rows.image_ids, rows.findings, logits, rows.targets, "train", rows.patient_ids)


def _entry(j: int, heads: CrossFitted, scored: Scored, findings: tuple[str, ...]) -> Entry:
    own = dict(zip(scored.findings, scored.per_finding[j].tolist(), strict=True))
    return Entry(
        heads.candidates[j],
        float(scored.score[j]),
        float(scored.low[j]),
        float(scored.high[j]),
        {name: own.get(name, math.nan) for name in findings},
        float(heads.seconds[j]),
    )


def _reasons(rows: Labelled, fold_of: Rows) -> dict[str, str]:
    """Finding -> what some fold could not learn it from."""
    reasons = {}
    for j, finding in enumerate(rows.findings):
        for value, name in ((1, "positive"), (0, "negative")):
            folds = fold_of[rows.targets[:, j] == value]
            if len(np.unique(folds)) == 1:
                reasons[finding] = (
                    f"all {name} images are in fold {folds[0] + 1}: without them nothing could be learned, "
                    "and that fold has the log odds of the others"
                )
    return reasons
