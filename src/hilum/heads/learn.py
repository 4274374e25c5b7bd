"""`learn_heads`: from a feature store to the best head, as a run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from hilum.config import Config, HeadsConfig
from hilum.errors import ConfigError
from hilum.features import FeatureStore, reopen
from hilum.heads.candidates import KINDS, POOLINGS, Candidate
from hilum.heads.judging.search import Labelled, Search, search
from hilum.heads.record import SearchRecord
from hilum.heads.stacking.data import TrainingData
from hilum.heads.stacking.network import check_backbone
from hilum.heads.stacking.save import save_run
from hilum.heads.stacking.settings import settings_of_run
from hilum.progress import progress
from hilum.records import to_json
from hilum.runs import Run
from hilum.text import items, many

DRAWN = 100
"""How many candidates a random search draws, where nobody says."""


def learn_heads(
    store: str | Path,
    settings: HeadsConfig,
    *,
    recipe: Config | str | Path | None = None,
    change: Iterable[str] = (),
    out: str | Path = "heads",
    command: str = "",
) -> Run:
    """Try many heads on stored vectors, and keep the best with its backbone as a run.

    Heads are compared by cross-validation over the patients of the training part, and the best is fitted on all of
    it. Calibration and thresholds come from the validation part; official test rows take no part at all.

    Args:
        store: a feature store, as `embed` makes it.
        settings: what is tried and how it is judged; what it names goes before the recipe.
        recipe: settings of data, cleaning, labels, split and scores; defaults by default.
        change: settings over the recipe's, as `section.key=value`.
        out: where the run is made; `out/best` links to it.
        command: what the user typed, kept in run.json.

    Returns:
        The finished run; `SearchRecord.of` reads all that was tried.

    Raises:
        InputError: the store, the condition, the data or a setting cannot be used; nothing is left behind then.
        MissingExtra: LanceDB is not installed.
    """
    started = time.monotonic()
    opened = FeatureStore(store)
    config = settings_of_run(settings, recipe, items(change), opened.encoder(settings.encoder))
    candidates = _candidates(settings, config.seed)
    features = opened.features(settings.encoder, where=settings.where)
    data = TrainingData.gather(config, features, store=str(store), where=settings.where)
    backbone = reopen(features.encoder, device=settings.device)
    check_backbone(backbone, data)
    found = _search(data, candidates, settings)
    record = _record(found, data, settings, str(store), time.monotonic() - started)
    return save_run(Path(out), data, record, found, backbone, command)


def _candidates(settings: HeadsConfig, seed: int) -> tuple[Candidate, ...]:
    kinds, poolings = settings.kinds or KINDS, settings.poolings or POOLINGS
    if settings.search == "random":
        return Candidate.drawn(settings.candidates or DRAWN, seed, kinds, poolings)
    if settings.candidates:
        raise ConfigError("a grid tries all of its heads: --candidates goes with --search random.")
    return Candidate.grid(kinds, poolings)


def _search(data: TrainingData, candidates: tuple[Candidate, ...], settings: HeadsConfig) -> Search:
    """Try all candidates on the training part."""
    part = data.job.part("train")
    rows = Labelled(part.table.image_ids, part.patient_ids, data.job.findings, part.targets)
    vectors = data.vectors(part, dict.fromkeys(one.pooling for one in candidates))
    with progress(
        f"trying {many(len(candidates), 'head')}", settings.folds * len(candidates), "fits"
    ) as advance:
        return search(
            vectors,
            rows,
            candidates,
            by=settings.by,
            folds=settings.folds,
            seed=data.job.config.seed,
            device=settings.device,
            advance=advance,
        )


def _record(
    found: Search, data: TrainingData, settings: HeadsConfig, store: str, seconds: float
) -> SearchRecord:
    part = data.job.part("train")
    return SearchRecord(
        found.tried,
        settings.by,
        settings.folds,
        data.job.config.seed,
        found.within_noise,
        len(part),
        part.table.patients,
        store,
        to_json(data.features.encoder),
        settings.where,
        seconds,
    )
