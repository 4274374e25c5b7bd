"""One finding: its known labels, ranked by the odds that they are right, and the suspects among them."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.config import LabelsConfig, NoiseConfig
from hilum.errors import DataError
from hilum.features import Features, neighbours
from hilum.noise.confident import SMALLEST, Confident, Floats, confident_learning
from hilum.noise.pictures import twin_evidence
from hilum.noise.suspects import CLASSES, REASONS, Neighbour, NoiseRate, Suspect
from hilum.table import targets_of
from hilum.text import many

Rows = npt.NDArray[np.int64]

WRONG_AT_LEAST, WRONG_AT_MOST = 0.005, 0.25
"""Bounds of the share of wrong labels that twins are weighed by."""


@dataclass(frozen=True)
class KnownLabels:
    """Images whose label of a finding is known.

    Attributes:
        finding: which.
        targets: float32 [all], NaN where unknown.
        rows: int64 [n], those known.
        given: int64 [n], 1 or 0.
    """

    finding: str
    targets: npt.NDArray[np.float32]
    rows: Rows
    given: Rows

    @classmethod
    def of(cls, features: Features, finding: str, labels: LabelsConfig, folds: int) -> KnownLabels:
        """The images whose label of a finding is known under this policy.

        Raises:
            DataError: no such finding, or too few patients of a class for so many folds.
        """
        targets = targets_of(features.codes(finding)[:, None], labels, scoring=True)[:, 0]
        rows = np.flatnonzero(np.isfinite(targets)).astype(np.int64)
        given = targets[rows].astype(np.int64)
        patients = features.frame["patient_id"].to_numpy()[rows]
        there = {name: len(np.unique(patients[given == code].astype(str))) for code, name in CLASSES.items()}
        for name, count in there.items():
            if not count:
                raise DataError(
                    f"{finding} has no {name} label among {len(given):,} known ones: nothing can be learned of "
                    "it. Name other findings with --finding."
                )
        for name, count in there.items():
            if count < folds:
                raise DataError(
                    f"{finding} has {name} labels of {many(count, 'patient')} only, too few for {folds} folds: "
                    "each fold needs one. Ask for fewer folds, or embed more images."
                )
        return cls(finding, targets, rows, given)


@dataclass(frozen=True)
class RankedLabels:
    """Labels of one finding by the odds that they are right, and which are suspect and why.

    Attributes:
        known: the labels.
        probability: float64 [n], of the finding, by classifiers that have not seen the patient.
        confident: what confident learning says.
        order: int64, positions in `known.rows` of those listed, the worst first.
        reasons: of each of `known.rows`.
        rate: how many labels are probably wrong.
        pairs: int64 [p, 2], rows of near duplicates.
    """

    known: KnownLabels
    probability: Floats
    confident: Confident
    order: Rows
    reasons: tuple[tuple[str, ...], ...]
    rate: NoiseRate
    pairs: Rows

    @classmethod
    def of(
        cls, known: KnownLabels, probability: Floats, pairs: Rows, read: Set[int], settings: NoiseConfig
    ) -> RankedLabels:
        """Rank labels; rows whose label a reader has judged (`read`) are learned from, and not listed again."""
        given, found = known.given, confident_learning(known.given, probability)
        rates = found.wrong_positive, found.wrong_negative
        share = float(np.where(given == 1, *rates).mean())
        everywhere = np.full(len(known.targets), -1, np.int64)
        everywhere[known.rows] = given
        evidence, contradicted = twin_evidence(
            pairs, everywhere, np.clip(share, WRONG_AT_LEAST, WRONG_AT_MOST)
        )
        quality = np.clip(found.quality, SMALLEST, 1 - SMALLEST)
        order = np.argsort(np.log(quality / (1 - quality)) + evidence[known.rows], kind="stable")
        why = found.issues, found.quality <= 1 - settings.threshold, contradicted[known.rows]
        reasons = _reasons(dict(zip(REASONS, why, strict=True)))
        suspect, unread = np.any(why, axis=0), ~np.isin(known.rows, list(read))
        positives = int(given.sum())
        rate = NoiseRate(
            known.finding,
            len(given),
            positives,
            len(given) - positives,
            *rates,
            int((suspect & unread).sum()),
        )
        listed = order[unread[order]]
        listed = listed[suspect[listed]] if settings.top is None else listed[: settings.top]
        return cls(known, probability, found, listed.astype(np.int64), reasons, rate, pairs)

    def suspects(self, features: Features, count: int) -> list[Suspect]:
        """The suspects with so many neighbours, which are sought among all images that take part.

        Near duplicates with the other label come first: an encoder need not find them the most similar.
        """
        known, frame = self.known, features.frame
        rows = known.rows[self.order]
        twins = self._twins_labelled_otherwise()
        # The nearest of all is the image itself.
        index, similarity = neighbours(features.avg, count + 1, queries=features.avg[rows])
        suspects = []
        for rank, (place, row) in enumerate(zip(self.order.tolist(), rows.tolist(), strict=True), start=1):
            like = dict(zip(index[rank - 1].tolist(), similarity[rank - 1].tolist(), strict=True))
            near = {twin: _cosine(features, row, twin) for twin in twins.get(row, ())} | like
            near.pop(row, None)
            about = frame.row(row, named=True)
            suspects.append(
                Suspect(
                    about["image_id"],
                    about["patient_id"],
                    known.finding,
                    int(known.given[place]),
                    float(self.probability[place]),
                    rank,
                    float(self.confident.quality[place]),
                    self.reasons[place],
                    tuple(_neighbour(features, j, near[j], known.targets[j]) for j in [*near][:count]),
                    about["pack"],
                    about["slot"],
                )
            )
        return suspects

    def _twins_labelled_otherwise(self) -> dict[int, list[int]]:
        """Row -> its near duplicates with the other label."""
        targets = self.known.targets
        twins: dict[int, list[int]] = {}
        for one, other in self.pairs.tolist():
            if targets[one] + targets[other] == 1:
                twins.setdefault(one, []).append(other)
                twins.setdefault(other, []).append(one)
        return twins


def _reasons(why: Mapping[str, npt.NDArray[np.bool_]]) -> tuple[tuple[str, ...], ...]:
    """Row by row, the names of those that hold."""
    rows = np.stack(list(why.values()), axis=1).tolist()
    return tuple(tuple(name for name, holds in zip(why, row, strict=True) if holds) for row in rows)


def _cosine(features: Features, one: int, other: int) -> float:
    return float(neighbours(features.avg[[one]], 1, queries=features.avg[[other]])[1][0, 0])


def _neighbour(features: Features, row: int, similarity: float, target: float) -> Neighbour:
    about = features.frame.row(row, named=True)
    label = None if np.isnan(target) else int(target)
    return Neighbour(about["image_id"], similarity, label, about["pack"], about["slot"])
