"""`learn_heads`: from a feature store to the best head, as a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.errors import ConfigError, did_you_mean
from hilum.features import Features, FeatureStore, reopen
from hilum.heads.candidates import KINDS, POOLINGS, Candidate, drawn, grid
from hilum.heads.keep import write_run
from hilum.heads.material import Material, gather
from hilum.heads.record import SearchRecord
from hilum.heads.search import Labelled, Search, search
from hilum.heads.settings import Wishes, head_config
from hilum.heads.stack import check_backbone, check_vectors
from hilum.predict import Encoder
from hilum.progress import progress
from hilum.runs import Run
from hilum.text import many

SEARCHES = ("grid", "random")
DRAWN = 100
"""How many candidates a random search draws, where nobody says."""


@dataclass(frozen=True)
class Plan:
    """What is tried, and how it is judged.

    Attributes:
        search: `grid` or `random`.
        candidates: `random`: how many; 0 means `DRAWN`.
        kinds: of heads; empty means all.
        poolings: that they look at; empty means all.
        by: the score that decides, out of fold, as mean over findings.
        folds: parts that training patients are dealt to.
    """

    search: str = "grid"
    candidates: int = 0
    kinds: Sequence[str] = ()
    poolings: Sequence[str] = ()
    by: str = "roc_auc"
    folds: int = 5

    def tried(self, seed: int) -> tuple[Candidate, ...]:
        """All of them.

        Raises:
            ConfigError: there is no such search, kind or pooling.
        """
        kinds, poolings = tuple(self.kinds) or KINDS, tuple(self.poolings) or POOLINGS
        if self.search not in SEARCHES:
            raise ConfigError(f"there is no search {self.search!r}; {did_you_mean(self.search, SEARCHES)}")
        if self.search == "random":
            return drawn(self.candidates or DRAWN, seed, kinds, poolings)
        if self.candidates:
            raise ConfigError("a grid tries all of its heads: --candidates goes with --search random.")
        return grid(kinds, poolings)


def learn_heads(
    store: str | Path,
    plan: Plan,
    wishes: Wishes,
    *,
    encoder: str = "",
    where: str = "",
    folder: str | Path = "heads",
    command: str = "",
) -> Run:
    """Try many heads on stored vectors, and keep the best with its backbone as a run.

    Heads are compared by cross-validation over the patients of the training part, and the best is fitted on all of
    it. Calibration and thresholds come from the validation part; official test rows take no part at all.

    Args:
        store: a feature store.
        plan: what is tried.
        wishes: data, findings, split and what else a run is made with.
        encoder: whose vectors; needed where the store has several encoders'.
        where: a condition that rows of the store must fulfil.
        folder: where the run is made.
        command: what the user typed, kept in run.json.

    Returns:
        The finished run; `folder/best` links to it.

    Raises:
        InputError: the store, the condition, the data or a setting cannot be used; nothing is left behind then.
    """
    started = time.monotonic()
    opened = FeatureStore.open(store)
    config = head_config(wishes, opened.encoder(encoder))
    candidates = plan.tried(config.seed)
    features = opened.features(encoder, where=where)
    material = gather(config, features, store=str(store), where=where)
    backbone = _backbone(features, material, config.train.device)
    found = _search(material, candidates, plan)
    seconds = time.monotonic() - started
    record = _record(found, material, features, str(store), where, seconds)
    return write_run(folder, material, record, found, backbone, command=command)


def _backbone(features: Features, material: Material, device: str) -> Encoder:
    """The network that the head will be put on, before any search: it may be gone, or no longer the same."""
    backbone = reopen(features.encoder, device=device)
    check_backbone(backbone)
    check_vectors(backbone, material)
    return backbone


def _search(material: Material, candidates: Sequence[Candidate], plan: Plan) -> Search:
    """Try all candidates on the training part."""
    config, part = material.job.config, material.job.part("train")
    rows = Labelled(part.table.image_ids, part.patient_ids, material.job.findings, part.targets)
    vectors = material.vectors(part, dict.fromkeys(one.pooling for one in candidates))
    with progress(f"trying {many(len(candidates), 'head')}", plan.folds * len(candidates), "fits") as advance:
        return search(
            vectors,
            rows,
            candidates,
            by=plan.by,
            folds=plan.folds,
            seed=config.seed,
            device=config.train.device,
            advance=advance,
        )


def _record(
    found: Search, material: Material, features: Features, store: str, where: str, seconds: float
) -> SearchRecord:
    part = material.job.part("train")
    return SearchRecord(
        found.tried,
        found.by,
        found.folds,
        material.job.config.seed,
        found.within_noise,
        len(part),
        part.table.patients,
        store,
        features.encoder.to_json(),
        where,
        seconds,
    )
