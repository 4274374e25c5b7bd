"""Whole run folders, made without training: what the model says is drawn around the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from hilum.files import write_json, write_parquet
from hilum.metrics import Predictions, fit_judge, fit_thresholds, score
from hilum.pixels import Pack
from hilum.runs import Run

CHEXPERT = (
    *("Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation"),
    *("Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture"),
    *("Support Devices", "No Finding"),
)


def draw(
    part: str,
    ids: list[str],
    findings: tuple[str, ...],
    strength: float,
    unknown: float = 0.03,
    seed: int = 1,
) -> Predictions:
    """Targets with realistic prevalences, and logits that know them as well as `strength` says."""
    rng = np.random.default_rng([seed, *part.encode()])
    rates = np.linspace(0.45, 0.06, len(findings))
    targets = (rng.random((len(ids), len(findings))) < rates).astype(np.float32)
    noise = rng.normal(size=targets.shape)
    logits = (1.6 * (noise + strength * (targets - 0.6)) + np.log(rates / (1 - rates)) / 2).astype(np.float32)
    targets[rng.random(targets.shape) < unknown] = np.nan
    patients = np.array([f"p{row // 2}" for row in range(len(ids))], dtype=object)
    return Predictions(np.array(ids, dtype=object), findings, logits, targets, part, patients)


def fill(
    run: Run,
    findings: tuple[str, ...],
    *,
    pack: Pack | None = None,
    epochs: int = 6,
    best: int = 4,
    test: bool = True,
    ids: dict[str, list[str]] | None = None,
    unknown: float = 0.03,
) -> Run:
    """Write into a run what a training of `epochs` epochs would have."""
    ids = ids or {
        part: [f"{part}-{row:03d}" for row in range(rows)]
        for part, rows in {"train": 400, "valid": 160, "test": 200}.items()
    }
    parts = {part: draw(part, ids[part], findings, 1.4, unknown) for part in ids}
    judge = fit_judge(parts["valid"], run.config.scores)
    thresholds = judge.thresholds
    for epoch in range(1, epochs + 1):
        sides: dict[str, Any] = {}
        for part, gain in (("train", 0.24), ("valid", 0.22)):
            strength = 0.5 + gain * epoch - (0.04 * max(0, epoch - best) if part == "valid" else 0)
            made = draw(part, ids[part], findings, strength, unknown, seed=epoch)
            made.save(run.epoch_folder(epoch) / f"{part}.parquet")
            scores = score(made, fit_thresholds(made, run.config.scores) if part == "valid" else thresholds)
            sides[part] = {"loss": float(np.nan_to_num(scores.value("log_loss"))), "scores": scores.to_json()}
        entry = {"epoch": epoch, "lr": 1e-3, "seconds": 9.0, "images_per_second": 44.0, **sides}
        write_json(run.epoch_folder(epoch) / "summary.json", {**entry, "improved": epoch <= best})
    write_parquet(run.path / "images.parquet", pl.concat([who(part) for part in parts.values()]))
    if epochs:
        run.write_judge(judge)
        for part in ("valid", "test") if test else ("valid",):
            run.write_scores(parts[part], judge.score(parts[part]))
    write_json(run.path / "data.json", describe(parts, findings, pack))
    write_json(
        run.path / "environment.json",
        {
            "python": "3.11.7",
            "system": "Linux",
            "device": "cpu",
            "packages": {"numpy": "2.4", "torch": "2.15"},
        },
    )
    run.write_info({**run.info, "status": "done" if epochs else "running", "seconds": 61.0})
    return run


def who(part: Predictions) -> pl.DataFrame:
    """A part's rows of images.parquet; nothing in them has to do with truth or logits."""
    rng = np.random.default_rng([8, *part.part.encode()])
    count = len(part)
    return pl.DataFrame(
        {
            "image_id": pl.Series(part.image_ids, dtype=pl.String),
            "part": [part.part] * count,
            "patient_id": pl.Series(part.patient_ids, dtype=pl.String),
            "study_id": pl.Series(part.patient_ids, dtype=pl.String) + "-1",
            "view": ["frontal"] * count,
            "projection": rng.choice(["AP", "PA"], count, p=[0.7, 0.3]),
            "age": pl.Series(rng.integers(18, 90, count), dtype=pl.Float32),
            "sex": rng.choice(["F", "M"], count),
            "source": ["phantom"] * count,
        }
    )


def describe(parts: dict[str, Predictions], findings: tuple[str, ...], pack: Pack | None) -> dict[str, Any]:
    """data.json."""
    return {
        "pack": str(pack.path) if pack else "/gone/pack",
        "pack_fingerprint": pack.fingerprint if pack else "0" * 64,
        "table_fingerprint": "1" * 64,
        "source": "phantom",
        "findings": list(findings),
        "prepare": {"size": 64, "fit": "squash", "clahe": 0.0},
        "mean": 0.5064,
        "sd": 0.2513,
        "excluded": 1,
        "clean": [{"name": "frontal views", "before": 900, "after": 760}],
        "split": {
            "id": "4f2a91c07be3",
            "by": "patient",
            "counts": {
                name: {"images": len(part), "patients": (len(part) + 1) // 2} for name, part in parts.items()
            },
        },
        "prevalence": [
            {
                "finding": finding,
                "part": name,
                "positive": int((part.targets[:, j] == 1).sum()),
                "negative": int((part.targets[:, j] == 0).sum()),
                "unscored": int(np.isnan(part.targets[:, j]).sum()),
            }
            for name, part in parts.items()
            for j, finding in enumerate(findings)
        ],
    }
