"""Scores of many candidates' out-of-fold predictions, their intervals, and which equal the winner's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hilum.heads.cross import CrossFitted
from hilum.heads.fitted import Floats, Vectors
from hilum.metrics import (
    SCORES,
    Predictions,
    Side,
    Thresholds,
    against,
    influence,
    mean_over_findings,
    measure,
)

TOGETHER = 32
"""Candidates whose predictions are held at once."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """Scores of c candidates.

    Attributes:
        findings: the f that can be scored.
        per_finding: float64 [c, f].
        score: their mean, [c].
        low, high: ends of the 95 % interval of the mean over patients, [c].
        order: candidates, best first; the earlier of two equals first.
        within_noise: how many others are not distinguishable from the best.
        reasons: finding -> why it cannot be scored.
    """

    findings: tuple[str, ...]
    per_finding: Floats
    score: Floats
    low: Floats
    high: Floats
    order: tuple[int, ...]
    within_noise: int
    reasons: dict[str, str]


def score_all(heads: CrossFitted, vectors: Vectors, like: Predictions, by: str) -> Scored:
    """Score every candidate out of fold.

    Args:
        heads: trained once a fold.
        vectors: what they look at.
        like: predictions of the same rows, whose logits do not matter.
        by: of `SCORES`; decisions are made at a probability of 0.5.

    Raises:
        DataError: no finding has both classes in two patients each.
    """
    template = measure([(like, _half(like))], by, replicates=0)
    findings = tuple(name for name in template.columns if name is not None)
    count = len(heads.candidates)
    all_of_them = np.arange(count)
    per_finding = np.concatenate(
        [_values(part, by) for part in _parts(heads, vectors, like, findings, all_of_them)]
    ).reshape(count, len(findings))
    score = mean_over_findings(per_finding)
    order = np.argsort(score if SCORES[by].better == "lower" else -score, kind="stable")
    best = next(_measured(heads, vectors, like, template, order[:1]))
    ends = np.full((count, 2), np.nan)

    def others() -> Iterator[Side]:
        for j, side in enumerate(_measured(heads, vectors, like, template, all_of_them)):
            ends[j] = [end[-1] for end in side.interval()]
            if j != order[0]:
                yield side

    alike = sum(one.overall.verdict == "not distinguishable" for one in against(best, others()))
    reasons = dict(template.unscored)
    return Scored(findings, per_finding, score, ends[:, 0], ends[:, 1], tuple(order.tolist()), alike, reasons)


def _parts(
    heads: CrossFitted, vectors: Vectors, like: Predictions, findings: tuple[str, ...], chosen: Ints
) -> Iterator[Predictions]:
    """Predictions of some candidates at a time side by side: c x f columns, candidate by candidate."""
    places = [like.findings.index(name) for name in findings]
    for at in range(0, len(chosen), TOGETHER):
        some = chosen[at : at + TOGETHER]
        logits = heads.logits(some.tolist(), vectors, like.targets)[:, :, places]
        yield replace(
            like,
            findings=tuple(f"{j} {name}" for j in some for name in findings),
            logits=logits.transpose(1, 0, 2).reshape(len(like), -1),
            targets=np.tile(like.targets[:, places], (1, len(some))),
        )


def _half(predictions: Predictions) -> Thresholds:
    return Thresholds(np.full(len(predictions.findings), 0.5), predictions.findings)


def _values(part: Predictions, by: str) -> Floats:
    """One score of every column."""
    given = {"scores": part.logits, "probabilities": part.probabilities}
    return SCORES[by](part.targets, given.get(SCORES[by].of, part.probabilities >= 0.5))


def _measured(
    heads: CrossFitted, vectors: Vectors, like: Predictions, template: Side, chosen: Ints
) -> Iterator[Side]:
    """Each candidate's score and how every patient moves it, as `hilum.metrics.comparison.effects` takes it."""
    findings = tuple(name for name in template.columns if name is not None)
    f = len(findings)
    for part in _parts(heads, vectors, like, findings, chosen):
        value, each = influence(part, _half(part).decide(part), template.score)
        for at in range(0, len(value), f):
            yield template.of(value[at : at + f], each[:, at : at + f])
