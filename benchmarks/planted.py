"""Does a report name what was planted, and nothing where nothing was? Phantom studies, trained and judged.

    python -m benchmarks.planted --seeds 20 --out planted.json

For each seed two studies of class folders are drawn and a small network is trained on each. In one, ECG leads go
with one finding, another is drawn fainter from 60 years on, and 5 % of the labels are wrong. In the other nothing
is planted: findings are independent of age, sex and how the film was taken, so that what is named is a false alarm
(or something that the drawing itself makes harder in a group, as hearts in children).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from hilum.config import read_config
from hilum.evaluate import judge_part
from hilum.metrics import Subgroups, subgroups
from hilum.runs import Run
from hilum.train import train
from hilum_phantom import Faults, make_phantom

SHORTCUT, AGE_GAP = "Pneumothorax", "Cardiomegaly"
FINDINGS = {"Pneumothorax": "pneumothorax", "Cardiomegaly": "cardiomegaly"}
"""Finding -> the class folder that holds it."""
SHOWN_BY = ("path", "leads", "age", "sex", "projection")
KEPT = ("roc_auc", "recall", "specificity")
OLD = ("60+", "60-79", "80+")


def faults_of(planted: bool) -> Faults:
    """What is planted."""
    if not planted:
        return Faults()
    return Faults(
        flip_labels=0.05,
        shortcut=SHORTCUT,
        shortcut_strength=0.6,
        age_gap=AGE_GAP,
        age_gap_strength=1.0,
    )


def trained(folder: Path, seed: int, planted: bool, patients: int, epochs: int, size: int) -> Run:
    """Draw a study, train on it and score its test part."""
    study = folder / f"study-{seed}-{planted}"
    make_phantom(study, patients, "folder", seed, size, faults=faults_of(planted), workers=1)
    attributes = folder / f"{study.name}.csv"
    pl.read_csv(study / "truth.csv").select(SHOWN_BY).write_csv(attributes)
    config = read_config(
        "phantom-resnet18",
        [
            f"name={study.name}",
            f"seed={seed}",
            f"data.path=folder:{study}",
            f"data.attributes={attributes}",
            f"data.findings={list(FINDINGS.values())}",
            "data.options.patient_pattern=^(patient\\d+)_",
            "clean.views=[]",
            f"prepare.size={size}",
            "split.valid=0.15",
            "split.test=0.4",
            f"train.epochs={epochs}",
        ],
    )
    run = train(config, folder=folder / "runs", quiet=True)
    judge_part(run, "test")
    return run


def judged(run: Run) -> Subgroups:
    """What the run's report says of its test part."""
    return subgroups(run.judged("test"), run.thresholds, run.images, level=run.config.scores.level)


def outcome(folder: Path, seed: int, planted: bool, patients: int, epochs: int, size: int) -> dict[str, Any]:
    """One study from drawing to what is named in it."""
    start = time.perf_counter()
    run = trained(folder, seed, planted, patients, epochs, size)
    found = judged(run)
    scores = run.scores("test")
    assert scores is not None
    return {
        "seed": seed,
        "planted": planted,
        "images": scores.images,
        "roc_auc": dict(zip(scores.findings, scores["roc_auc"].round(3).tolist(), strict=True)),
        "tests": found.tests,
        "shortcut": any(gap.attribute == "leads" for gap in found.gaps),
        "age": any(gap.attribute == "age" and gap.value in OLD for gap in found.gaps),
        "named": [gap.sentence for gap in found.gaps],
        "cells": [
            (cell.value, cell.finding, cell.positives, *(round(cell.scores[name], 2) for name in KEPT))
            for cell in found.cells
            if cell.attribute in ("age", "leads")
        ],
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--patients", type=int, default=1200)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--only", choices=["planted", "sound"])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = []
    for seed in range(asked.first, asked.first + asked.seeds):
        for planted in (True, False):
            if asked.only and planted != (asked.only == "planted"):
                continue
            folder = Path(tempfile.mkdtemp(prefix="planted-"))
            os.environ["HILUM_CACHE"] = str(folder / "cache")
            try:
                found.append(outcome(folder, seed, planted, asked.patients, asked.epochs, asked.size))
            finally:
                shutil.rmtree(folder)
            print(json.dumps(found[-1]), flush=True)
            if asked.out:
                asked.out.write_text(json.dumps(found, indent=1))
    faulty = [one for one in found if one["planted"]]
    sound = [one for one in found if not one["planted"]]
    print(
        f"planted: shortcut named in {sum(one['shortcut'] for one in faulty)} and age gap in "
        f"{sum(one['age'] for one in faulty)} of {len(faulty)} studies; not planted: anything named in "
        f"{sum(bool(one['named']) for one in sound)} of {len(sound)}"
    )


if __name__ == "__main__":
    main()
