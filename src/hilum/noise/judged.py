"""One finding: its known labels, what confident learning and twins say of them, and the suspects."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError
from hilum.features import Features, neighbours, unit
from hilum.noise.confident import SMALLEST, Confident, confident_learning
from hilum.noise.how import How
from hilum.noise.probabilities import OutOfSample
from hilum.noise.suspects import DUPLICATE, ERROR, LEARNING, Neighbour, NoiseRate, Suspect
from hilum.noise.twins import twin_evidence
from hilum.table import targets_of
from hilum.text import many

CLASSES = {1: "positive", 0: "negative"}
WRONG_AT_LEAST, WRONG_AT_MOST = 0.005, 0.25
"""Bounds of the share of wrong labels that twins are weighed by."""


@dataclass(frozen=True)
class Known:
    """Images whose label of a finding is known.

    Attributes:
        finding: which.
        targets: float32 [all], NaN where unknown.
        rows: int64 [n], those known.
        given: int64 [n], 1 or 0.
    """

    finding: str
    targets: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
    given: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """What was found of one finding.

    Attributes:
        known: its labels.
        sampled: probabilities of them.
        confident: what confident learning says.
        order: int64, positions in `known.rows` of those listed, the worst first.
        reasons: of each of `known.rows`.
        rate: how many labels are probably wrong.
        pairs: int64 [p, 2], rows of near duplicates.
    """

    known: Known
    sampled: OutOfSample
    confident: Confident
    order: npt.NDArray[np.int64]
    reasons: tuple[tuple[str, ...], ...]
    rate: NoiseRate
    pairs: npt.NDArray[np.int64]


def known_labels(features: Features, finding: str, how: How) -> Known:
    """The images whose label of a finding is known.

    Raises:
        DataError: no such finding, or too few patients of a class.
    """
    targets = targets_of(features.codes(finding)[:, None], how.labels, scoring=True)[:, 0]
    rows = np.flatnonzero(np.isfinite(targets)).astype(np.int64)
    given = targets[rows].astype(np.int64)
    patients = features.frame["patient_id"].to_numpy()[rows]
    there = {name: len(np.unique(patients[given == code].astype(str))) for code, name in CLASSES.items()}
    for name, count in there.items():
        if not count:
            raise DataError(
                f"{finding} has no {name} label among {len(given):,} known ones: nothing can be learned of it. "
                "Name other findings with --finding."
            )
    for name, count in there.items():
        if count < how.folds:
            raise DataError(
                f"{finding} has {name} labels of {many(count, 'patient')} only, too few for {how.folds} folds: "
                "each fold needs one. Ask for fewer folds, or embed more images."
            )
    return Known(finding, targets, rows, given)


def judge(
    known: Known, sampled: OutOfSample, pairs: npt.NDArray[np.int64], read: Set[int], how: How
) -> Judged:
    """Rank the labels of one finding by the odds that they are right, and say which are suspect and why.

    Args:
        known: the labels.
        sampled: probabilities of them.
        pairs: rows of near duplicates.
        read: rows whose label a reader has judged: they are learned from, and not listed again.
        how: all that can be chosen.
    """
    given, probability = known.given, sampled.probability
    found = confident_learning(given, probability)
    rates = found.wrong_positive, found.wrong_negative
    share = float(np.where(given == 1, *rates).mean())
    everywhere = np.full(len(known.targets), -1, np.int64)
    everywhere[known.rows] = given
    evidence, contradicted = twin_evidence(pairs, everywhere, np.clip(share, WRONG_AT_LEAST, WRONG_AT_MOST))
    quality = np.clip(found.quality, SMALLEST, 1 - SMALLEST)
    order = np.argsort(np.log(quality / (1 - quality)) + evidence[known.rows], kind="stable")
    reasons = _reasons(
        {
            LEARNING: found.issues,
            ERROR: found.quality <= 1 - how.threshold,
            DUPLICATE: contradicted[known.rows],
        }
    )
    suspect = np.array([bool(row) for row in reasons])
    unread = ~np.isin(known.rows, list(read))
    positives = int(given.sum())
    rate = NoiseRate(
        known.finding, len(given), positives, len(given) - positives, *rates, int((suspect & unread).sum())
    )
    listed = order[unread[order]]
    listed = listed[suspect[listed]] if how.top is None else listed[: how.top]
    return Judged(known, sampled, found, listed.astype(np.int64), reasons, rate, pairs)


def _reasons(why: Mapping[str, npt.NDArray[np.bool_]]) -> tuple[tuple[str, ...], ...]:
    """Row by row, the names of those that hold."""
    rows = np.stack(list(why.values()), axis=1).tolist()
    return tuple(tuple(name for name, holds in zip(why, row, strict=True) if holds) for row in rows)


def described(judged: Judged, features: Features, k: int) -> list[Suspect]:
    """The suspects with their neighbours, which are sought among all images that take part.

    Near duplicates with the other label come first: an encoder need not find them the most similar.
    """
    known, frame = judged.known, features.frame
    rows = known.rows[judged.order]
    twins = _twins_labelled_otherwise(judged)
    # The nearest of all is the image itself.
    index, similarity = neighbours(features.avg, k + 1, queries=features.avg[rows])
    found = []
    for rank, (place, row) in enumerate(zip(judged.order.tolist(), rows.tolist(), strict=True), start=1):
        like = dict(zip(index[rank - 1].tolist(), similarity[rank - 1].tolist(), strict=True))
        near = {twin: _cosine(features.avg[row], features.avg[twin]) for twin in twins.get(row, ())} | like
        near.pop(row, None)
        about = frame.row(row, named=True)
        found.append(
            Suspect(
                about["image_id"],
                about["patient_id"],
                known.finding,
                int(known.given[place]),
                float(judged.sampled.probability[place]),
                rank,
                float(judged.confident.quality[place]),
                judged.reasons[place],
                tuple(_neighbour(frame.row(j, named=True), near[j], known.targets[j]) for j in [*near][:k]),
                about["pack"],
                about["slot"],
            )
        )
    return found


def _twins_labelled_otherwise(judged: Judged) -> dict[int, list[int]]:
    """Row -> its near duplicates with the other label."""
    targets = judged.known.targets
    found: dict[int, list[int]] = {}
    for one, other in judged.pairs.tolist():
        if targets[one] + targets[other] == 1:
            found.setdefault(one, []).append(other)
            found.setdefault(other, []).append(one)
    return found


def _cosine(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(unit(one[None])[0] @ unit(other[None])[0])


def _neighbour(about: dict[str, object], similarity: float, target: float) -> Neighbour:
    label = None if np.isnan(target) else int(target)
    return Neighbour(str(about["image_id"]), similarity, label, str(about["pack"]), int(str(about["slot"])))
