"""Labels that are probably wrong."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from hilum.config import LabelsConfig
from hilum.errors import ConfigError
from hilum.features import FeatureStore
from hilum.heads import Candidate
from hilum.locks import writing
from hilum.noise import Suspects, check_out, find_suspects, write_results
from hilum.report import write_suspects


def noise(
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
    out: str | Path | None = None,
    accept: int = 0,
    by: str = "hilum noise",
) -> Suspects:
    """Look for wrong labels in a feature store, and write a page of suspects to be judged by a reader.

    Args:
        store: as all up to `seed`, see `hilum.noise.find.find_suspects`.
        findings: of which; by default all that can be learned.
        encoder: whose vectors.
        where: only among images that fulfil this condition.
        candidate: the classifier.
        folds: parts of the cross-validation by patient.
        repeats: with how many ways to form them.
        threshold: of confident errors.
        k: neighbours shown with each suspect.
        top: list so many per finding, for whatever reason.
        test: official test images too.
        labels: what uncertain and blank labels mean.
        verdicts: an overlay with verdicts that readers have given already.
        device: where classifiers are fitted.
        seed: of folds.
        out: a folder for `suspects.html`, `suspects.json`, `suspects.csv` and `overlay.csv`; None writes nothing.
        accept: so many suspects of each finding get, in `overlay.csv`, the verdict that their label is wrong.
        by: whose verdict that is.

    Returns:
        The suspects, worst first, and the estimated share of wrong labels.

    Raises:
        ConfigError: an argument out of range, or no such encoder.
        DataError: no such store or finding, too few images of a class, or verdicts that would be lost.
        InUse: another process writes `out`.
        MissingExtra: cleanlab, or LanceDB, is not installed.
    """
    if accept and out is None:
        raise ConfigError("verdicts that are accepted are written to a folder: name one with --out.")
    with writing(out) if out is not None else nullcontext():
        if out is not None:
            check_out(Path(out))
        found = find_suspects(
            store, findings, encoder=encoder, where=where, candidate=candidate, folds=folds, repeats=repeats,
            threshold=threshold, k=k, top=top, test=test, labels=labels, verdicts=verdicts, device=device,
            seed=seed,
        )  # fmt: skip
        if out is not None:
            write_results(found, Path(out), accept=accept, by=by)
            write_suspects(found, Path(out))
    return found
