"""Hundreds of heads tried by cross-validation over patients, and the best one trained on all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hilum.errors import ConfigError, did_you_mean
from hilum.heads.candidates import Candidate
from hilum.heads.folds import folds_of
from hilum.heads.judging.cross_fit import cross_fit
from hilum.heads.judging.score import score_all
from hilum.heads.record import TriedHead
from hilum.heads.solvers.fit import fit_heads
from hilum.heads.solvers.fitted import FittedHead, Floats, Rows, Targets, Vectors
from hilum.metrics import SCORES, Predictions


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

    def predictions(self, logits: Floats) -> Predictions:
        """Of these rows out of fold; they are of the training part, and no thresholds can be fitted on them."""
        return Predictions(self.image_ids, self.findings, logits, self.targets, "train", self.patient_ids)


@dataclass(frozen=True)
class Search:
    """What came of a search.

    Attributes:
        tried: best first.
        winner: the best candidate, trained on all rows.
        out_of_fold: the winner's predictions of every row by a head that had not seen its patient.
        within_noise: how many of the others are not distinguishable from the winner, by the paired test of
            `hilum.metrics.comparison.effects` with Holm's correction for all of them.
        reasons: finding -> why it could not be scored, or what a fold could not learn.
    """

    tried: tuple[TriedHead, ...]
    winner: FittedHead
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
    advance: Callable[[int], None] = lambda _: None,
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
    candidates = _different(candidates, by)
    fold_of = folds_of(rows.patient_ids, rows.targets, folds, seed)
    heads = cross_fit(candidates, vectors, rows.targets, fold_of, device=device, seed=seed, advance=advance)
    tried, within_noise, reasons = score_all(
        heads, vectors, rows.predictions(np.zeros(rows.targets.shape)), by
    )
    best = tried[0].candidate
    (winner,) = fit_heads([best], vectors, rows.targets, fold_of=fold_of, device=device, seed=seed)
    out_of_fold = rows.predictions(heads.logits([candidates.index(best)], vectors, rows.targets)[0])
    return Search(tried, winner, out_of_fold, within_noise, _not_learned(rows, fold_of) | reasons)


def _different(candidates: Sequence[Candidate], by: str) -> tuple[Candidate, ...]:
    known = [name for name, score in SCORES.items() if not score.over_all and score.better != "neither"]
    if by not in known:
        raise ConfigError(f"heads are not searched by {by!r}; {did_you_mean(by, known)}")
    if not candidates:
        raise ConfigError("there is no head to try: the list of candidates is empty.")
    return tuple(dict.fromkeys(candidates))


def _not_learned(rows: Labelled, fold_of: Rows) -> dict[str, str]:
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
