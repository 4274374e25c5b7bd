"""Labels of a feature store that are probably wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hilum.config import LabelsConfig
from hilum.errors import DataError
from hilum.features import Features, FeatureStore
from hilum.heads import Candidate
from hilum.noise.confident import need_cleanlab
from hilum.noise.how import How
from hilum.noise.judged import Judged, Known, described, judge, known_labels
from hilum.noise.probabilities import DEFAULT, out_of_sample
from hilum.noise.read import Reading, no_reading, read_already
from hilum.noise.suspects import Suspects
from hilum.noise.twins import find_twins
from hilum.noise.unlike import unlike_note
from hilum.progress import progress
from hilum.text import items


def find_suspects(
    store: FeatureStore | str | Path,
    findings: Sequence[str] = (),
    *,
    encoder: str = "",
    where: str = "",
    candidate: Candidate | None = None,
    folds: int = 5,
    repeats: int = 3,
    threshold: float = 0.9,
    k: int = 5,
    top: int | None = None,
    test: bool = False,
    labels: LabelsConfig | None = None,
    verdicts: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
) -> Suspects:
    """Look for wrong labels, one finding at a time; images whose label is not known are left out.

    Suspects are ranked by the odds that their label is right: those of the given label by classifiers that have
    not seen the patient, times what near duplicates say. A label is suspect where confident learning finds it
    (Northcutt, Jiang and Chuang 2021), where the probability of the other label reaches `threshold`, or where a
    near duplicate has the other label.

    Args:
        store: a feature store, or where it is.
        findings: of which; all that the store has by default.
        encoder: whose vectors; its name or fingerprint, needed where the store has several.
        where: only among images that fulfil this condition.
        candidate: as all that follow but `labels` and `verdicts`, see `hilum.noise.how.How`.
        folds: parts of the cross-validation.
        repeats: how often it is done.
        threshold: of confident errors.
        k: neighbours of each suspect.
        top: how many per finding.
        test: official test images too.
        labels: what uncertain and blank labels mean; not scored and negative by default.
        verdicts: an overlay with verdicts of readers: their labels are learned from, and not listed again.
        device: where classifiers are fitted.
        seed: of folds.

    Raises:
        ConfigError: an argument out of range, or no such encoder.
        DataError: no such store or finding, a finding with one class only, too few patients for the folds, or
            verdicts that cannot be read or name what is not there.
        MissingExtra: cleanlab, or LanceDB, is not installed.
    """
    how = How(candidate, folds, repeats, threshold, k, top, test, labels or LabelsConfig(), device, seed)
    need_cleanlab()
    opened = store if isinstance(store, FeatureStore) else FeatureStore.open(store)
    features = opened.features(encoder, where=where)
    reading = no_reading(features)
    if verdicts is not None:
        everything = opened.features(encoder) if where else features
        reading = read_already(features, everything, verdicts, how.labels)
    return suspects_of(reading, findings, how, opened.url)


def suspects_of(reading: Reading, findings: Sequence[str], how: How, store: str = "") -> Suspects:
    """As `find_suspects`, among vectors in memory.

    Args:
        reading: the images, and which of their labels have been read.
        findings: of which; by default all that can be learned.
        how: all that can be chosen.
        store: where they come from, for those who read the result.
    """
    features = _taking_part(reading.features, how.test)
    asked, warnings = _asked(features, findings, how)
    candidates = DEFAULT if how.candidate is None else (how.candidate,)
    vectors: dict[str, npt.NDArray[np.float32]] = {
        one.pooling: features.vectors(one.pooling) for one in candidates
    }
    patients = features.frame["patient_id"].to_numpy()
    twins = find_twins(features.frame)
    looked = []
    with progress("cross-validating", how.repeats * len(asked), "rounds") as advance:
        for one in asked:
            inside = {pooling: matrix[one.rows] for pooling, matrix in vectors.items()}
            sampled = out_of_sample(
                inside, one.given, patients[one.rows], candidates,
                folds=how.folds, repeats=how.repeats, seed=how.seed, device=how.device, advance=advance,
            )  # fmt: skip
            read = reading.rows(features, one.finding)
            looked.append(judge(one, sampled, twins.pairs, read, how))
    return Suspects(
        tuple(one.rate for one in looked),
        tuple(suspect for one in looked for suspect in described(one, features, how.k)),
        store,
        features.encoder.name,
        _named(looked),
        how.folds,
        how.repeats,
        how.threshold,
        (*warnings, *twins.warnings, *unlike_note(features.frame)),
    )


def _asked(features: Features, findings: Sequence[str], how: How) -> tuple[list[Known], list[str]]:
    """Known labels of each finding; where none was named, one that cannot be learned is left out and told."""
    if findings:
        return [known_labels(features, name, how) for name in dict.fromkeys(items(findings))], []
    found, told = [], []
    for name in features.findings:
        try:
            found.append(known_labels(features, name, how))
        except DataError as error:
            told.append(f"Left out: {error}")
    if not found:
        raise DataError("no finding can be looked at:\n" + "\n".join(f"  - {line}" for line in told))
    return found, told


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


def _named(looked: Sequence[Judged]) -> str:
    """The classifiers in words: one for all, or one a finding."""
    names = {one.known.finding: one.sampled.candidate.describe() for one in looked}
    if len(set(names.values())) == 1:
        return next(iter(names.values()))
    return "; ".join(f"{finding}: {name}" for finding, name in names.items())
