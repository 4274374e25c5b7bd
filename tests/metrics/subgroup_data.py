"""Drawn predictions of patients with attributes, with or without a gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from hilum.config import ScoresConfig
from hilum.metrics import Predictions, Thresholds, fit_thresholds


@dataclass(frozen=True)
class Drawn:
    """What `subgroups` takes."""

    predictions: Predictions
    thresholds: Thresholds
    images: pl.DataFrame


def draw_part(
    patients: int,
    seed: int,
    *,
    findings: int = 5,
    strength: float = 1.8,
    old: float = 0.0,
    leads: float = 0.0,
) -> Drawn:
    """Patients with 1 to 7 images that are alike, five attributes, and a threshold from as many others.

    Args:
        patients: how many in the part.
        seed: of everything.
        findings: how many; prevalences from 0.35 down to 0.08.
        strength: of the model, in standard deviations: 1.8 is an AUC of 0.90.
        old: by this share the model sees less of the first finding from 60 years on.
        leads: correlation of leads with the first finding; the model then reads the leads as well.
    """
    rng = np.random.default_rng([seed, 77])
    valid = _draw(patients, rng, findings, strength, 0.0, leads, "valid")
    test = _draw(patients, rng, findings, strength, old, leads, "test")
    return Drawn(test[0], fit_thresholds(valid[0], ScoresConfig(threshold="youden")), test[1])


def _draw(
    patients: int,
    rng: np.random.Generator,
    findings: int,
    strength: float,
    old: float,
    leads: float,
    part: str,
) -> tuple[Predictions, pl.DataFrame]:
    counts = np.minimum(rng.geometric(0.6, patients), 7)
    who = np.repeat(np.arange(patients), counts)
    n = len(who)
    prevalence = np.linspace(0.35, 0.08, findings)
    ill, own = rng.normal(size=(patients, findings)), rng.normal(size=(n, findings))
    quantile = _normal_quantile(1 - prevalence)
    targets = (0.8 * ill[who] + 0.6 * own > quantile).astype(np.float32)
    alike = rng.normal(size=(patients, findings))
    noise = 0.7 * alike[who] + np.sqrt(1 - 0.49) * rng.normal(size=(n, findings))
    age = np.clip(rng.normal(58, 17, patients), 1, 95)[who]
    seen = np.full((n, findings), strength)
    seen[:, 0] *= np.where(age >= 60, 1 - old, 1.0)
    logits = noise + seen * targets - seen.mean() / 2
    p = targets[:, 0].mean()
    has_leads = rng.random(n) < np.where(targets[:, 0] == 1, p + leads * (1 - p), p * (1 - leads))
    logits[:, 0] += (2.5 * (has_leads - p)) if leads else 0.0
    targets[rng.random(targets.shape) < 0.02] = np.nan
    ids = np.array([f"{part}-{row:05d}" for row in range(n)], dtype=object)
    patient_ids = np.array([f"p{number:04d}" for number in who], dtype=object)
    lateral = rng.random(n) < 0.2
    images = pl.DataFrame(
        {
            "image_id": ids,
            "part": [part] * n,
            "patient_id": patient_ids,
            "study_id": ids,
            "view": np.where(lateral, "lateral", "frontal"),
            "projection": np.where(lateral, "LL", np.where(rng.random(n) < 0.6, "AP", "PA")),
            "age": age.astype(np.float32),
            "sex": np.where(rng.random(patients) < 0.45, "F", "M")[who],
            "source": ["drawn"] * n,
            "leads": has_leads,
        }
    )
    names = tuple(f"Finding {j + 1}" for j in range(findings))
    predictions = Predictions(
        ids, names, logits.astype(np.float32), targets, part, patient_ids, ids if part == "test" else None
    )
    return predictions, images


def _normal_quantile(share: np.ndarray) -> np.ndarray:
    from scipy.stats import norm

    return np.asarray(norm.ppf(share))
