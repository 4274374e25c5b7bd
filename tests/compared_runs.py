"""Run folders to compare, made without training: seeds of recipes that err on the same and on other patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hilum.compare import RunsCompared, compare_runs
from hilum.config import make_config
from hilum.files import write_json
from hilum.metrics import Predictions, fit_thresholds
from hilum.runs import Run

FINDINGS = ("Edema", "Pneumonia", "Fracture")


def drawn(
    part: str,
    findings: Sequence[str] = FINDINGS,
    *,
    strength: float = 1.4,
    recipe: int = 0,
    seed: int = 0,
    rows: int = 400,
    data: int = 1,
) -> Predictions:
    """Predictions of `rows` images, two a patient.

    Args:
        part: its name; another part has other images.
        findings: their prevalence falls from 40 to 8 %.
        strength: how well the model knows the truth (1.4: AUC 0.84).
        recipe: models of one recipe share half of their own errors.
        seed: of the training.
        rows: images.
        data: another number gives other targets.
    """
    k = len(findings)
    truth = np.random.default_rng([data, *part.encode()])
    targets = (truth.random((rows, k)) < np.linspace(0.4, 0.08, k)).astype(np.float32)
    shared = truth.normal(size=(rows, k))
    of_recipe = np.random.default_rng([7, recipe, *part.encode()]).normal(size=(rows, k))
    own = np.random.default_rng([11, recipe, seed, *part.encode()]).normal(size=(rows, k))
    logits = strength * (targets - 0.5) + np.sqrt(0.6) * shared + np.sqrt(0.2) * (of_recipe + own) - 0.5
    targets[truth.random((rows, k)) < 0.02] = np.nan
    ids = np.array([f"{part}-{row}" for row in range(rows)], dtype=object)
    patients = np.array([f"p{row // 2}" for row in range(rows)], dtype=object)
    return Predictions(ids, tuple(findings), logits.astype(np.float32), targets, part, patients)


def make_run(
    folder: Path,
    name: str = "plain",
    *,
    seed: int = 0,
    config: dict[str, Any] | None = None,
    findings: Sequence[str] = FINDINGS,
    split: str = "4f2a91c07be3",
    parts: Sequence[str] = ("valid", "test"),
    status: str = "done",
    pack: str = "",
    **drawing: Any,
) -> Run:
    """A finished run `folder/name-N` with predictions of `parts`, of the pack of this fingerprint, as `drawn`."""
    made = make_config({**(config or {}), "name": name, "seed": seed})
    run = Run.create(folder, made, {"command": "", "status": status})
    predictions = {part: drawn(part, findings, seed=seed, **drawing) for part in {"valid", *parts}}
    for part in parts:
        predictions[part].save(run.path / "predictions" / f"{part}.parquet")
    run.write_thresholds(fit_thresholds(predictions["valid"], made.scores))
    data = {"findings": list(findings), "split": {"id": split, "by": made.split.by, "counts": {}}}
    images = {"pack": "", "pack_fingerprint": pack, "prepare": {"size": 32}, "mean": 0.5, "sd": 0.25}
    write_json(run.path / "data.json", data | images)
    return run


def make_lab(folder: Path) -> Path:
    """Two groups of three seeds, and a single run that is worse."""
    for seed in range(3):
        make_run(folder, "plain", seed=seed)
        make_run(folder, "clahe", seed=seed, recipe=1, strength=2.2, config={"prepare": {"clahe": 2.0}})
    make_run(folder, "weak", recipe=2, strength=0.6, config={"model": {"name": "densenet121"}})
    return folder


def compare_lab(lab: Path) -> RunsCompared:
    """All of `make_lab`, against the group of the first."""
    names = [f"{group}-{seed}" for group in ("plain", "clahe") for seed in (1, 2, 3)]
    return compare_runs([lab / name for name in (*names, "weak-1")])
