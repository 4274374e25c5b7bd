"""Labels of a feature store that are probably wrong."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hilum.config import LabelsConfig, NoiseConfig
from hilum.errors import DataError, MissingExtra
from hilum.features import Features, FeatureStore
from hilum.heads import Candidate
from hilum.noise.confident import CANDIDATES, out_of_sample
from hilum.noise.pictures import look_at_pictures
from hilum.noise.ranking import KnownLabels, RankedLabels
from hilum.noise.reviewed import Reviewed
from hilum.noise.suspects import Suspects
from hilum.progress import progress


def find_suspects(
    store: FeatureStore | str | Path, settings: NoiseConfig, candidate: Candidate | None = None
) -> Suspects:
    """Look for wrong labels, one finding at a time; images whose label is not known are left out.

    Suspects are ranked by the odds that their label is right: those of the given label by classifiers that have
    not seen the patient, times what near duplicates say. A label is suspect where confident learning finds it
    (Northcutt, Jiang and Chuang 2021), where the probability of the other label reaches `threshold`, or where a
    near duplicate has the other label.

    Args:
        store: a feature store, or where it is.
        settings: which images and findings, and how they are looked at.
        candidate: the classifier; None takes that of `CANDIDATES` which fits the labels of a finding best.

    Raises:
        ConfigError: no such encoder.
        DataError: no such store or finding, a finding with one class only, too few patients for the folds, or
            verdicts that cannot be read or name what is not there.
        MissingExtra: cleanlab, or LanceDB, is not installed.
    """
    if find_spec("cleanlab") is None:
        raise MissingExtra("cleanlab", "noise", "finding wrong labels")
    opened = store if isinstance(store, FeatureStore) else FeatureStore(store)
    features = opened.features(settings.encoder, where=settings.where)
    reviewed = Reviewed(features)
    if settings.labels:
        everything = opened.features(settings.encoder) if settings.where else features
        reviewed = Reviewed.of(features, everything, settings.labels, _policy(settings))
    return suspects_among(reviewed, settings, candidate, opened.url)


def suspects_among(
    reviewed: Reviewed, settings: NoiseConfig, candidate: Candidate | None = None, store: str = ""
) -> Suspects:
    """As `find_suspects`, among vectors in memory; `store` is told as where they come from."""
    features = _taking_part(reviewed.features, settings.test)
    findings, warnings = _known(features, settings)
    candidates = CANDIDATES if candidate is None else (candidate,)
    vectors: dict[str, npt.NDArray[np.float32]] = {
        one.pooling: features.vectors(one.pooling) for one in candidates
    }
    patients = features.frame["patient_id"].to_numpy()
    pairs, told = look_at_pictures(features.frame)
    ranked, names = [], {}
    with progress("cross-validating", settings.repeats * len(findings), "rounds") as advance:
        for one in findings:
            inside = {pooling: matrix[one.rows] for pooling, matrix in vectors.items()}
            probability, best = out_of_sample(
                inside, one.given, patients[one.rows], candidates, settings, advance
            )
            names[one.finding] = best.describe()
            read = reviewed.rows(features, one.finding)
            ranked.append(RankedLabels.of(one, probability, pairs, read, settings))
    return Suspects(
        tuple(one.rate for one in ranked),
        tuple(suspect for one in ranked for suspect in one.suspects(features, settings.neighbours)),
        store,
        features.encoder.name,
        _one_for_all(names),
        settings.folds,
        settings.repeats,
        settings.threshold,
        (*warnings, *told),
    )


def _policy(settings: NoiseConfig) -> LabelsConfig:
    return LabelsConfig(uncertain=settings.uncertain, blank=settings.blank)


def _known(features: Features, settings: NoiseConfig) -> tuple[list[KnownLabels], list[str]]:
    """Known labels of each finding; where none was named, one that cannot be learned is left out and told."""
    known, left_out = [], []
    for name in dict.fromkeys(settings.findings or features.findings):
        try:
            known.append(KnownLabels.of(features, name, _policy(settings), settings.folds))
        except DataError as error:
            if settings.findings:
                raise
            left_out.append(f"Left out: {error}")
    if not known:
        raise DataError("no finding can be looked at:\n" + "\n".join(f"  - {line}" for line in left_out))
    return known, left_out


def _taking_part(features: Features, test: bool) -> Features:
    """Without augmented copies, which say nothing of their own, and without official test images."""
    keep = features.frame["copy_of"].is_null()
    if not test:
        keep &= features.frame["official_split"].ne_missing("test")
    if not keep.any():
        raise DataError(
            "none of the images is left: all are official test images, or augmented copies. "
            "Labels of test images are looked at with --test."
        )
    return features.take(keep.to_numpy())


def _one_for_all(names: dict[str, str]) -> str:
    """The classifiers in words: one for all, or one a finding."""
    if len(set(names.values())) == 1:
        return next(iter(names.values()))
    return "; ".join(f"{finding}: {name}" for finding, name in names.items())
