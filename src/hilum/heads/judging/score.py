"""Scores of many candidates' out-of-fold predictions, their intervals, and which equal the winner's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hilum.heads.judging.cross_fit import CrossFitted
from hilum.heads.record import TriedHead
from hilum.heads.solvers.fitted import Floats, Rows, Vectors
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

_Scored = tuple[tuple[TriedHead, ...], int, dict[str, str]]


def score_all(heads: CrossFitted, vectors: Vectors, like: Predictions, by: str) -> _Scored:
    """Score every candidate out of fold.

    Args:
        heads: trained once a fold.
        vectors: what they look at.
        like: predictions of the same rows, whose logits do not matter.
        by: of `SCORES`; decisions are made at a probability of 0.5.

    Returns:
        All of them, best first, the earlier of two equals first; how many of the others are not distinguishable
        from the best; and finding -> why it cannot be scored.

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
    each = [dict(zip(findings, row, strict=True)) for row in per_finding.tolist()]
    tried = (_tried(heads, j, float(score[j]), ends[j], each[j], like) for j in order)
    return tuple(tried), alike, reasons


def _tried(
    heads: CrossFitted, j: int, score: float, ends: Floats, each: dict[str, float], like: Predictions
) -> TriedHead:
    per_finding = {name: each.get(name, math.nan) for name in like.findings}
    low, high = ends.tolist()
    return TriedHead(heads.candidates[j], score, low, high, per_finding, float(heads.seconds[j]))


def _parts(
    heads: CrossFitted, vectors: Vectors, like: Predictions, findings: tuple[str, ...], chosen: Rows
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
    heads: CrossFitted, vectors: Vectors, like: Predictions, template: Side, chosen: Rows
) -> Iterator[Side]:
    """Each candidate's score and how every patient moves it, as `hilum.metrics.comparison.effects` takes it."""
    findings = tuple(name for name in template.columns if name is not None)
    f = len(findings)
    for part in _parts(heads, vectors, like, findings, chosen):
        value, each = influence(part, _half(part).decide(part), template.score)
        for at in range(0, len(value), f):
            yield template.of(value[at : at + f], each[:, at : at + f])
