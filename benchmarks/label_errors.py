"""How many planted label errors are found, and what retraining without them gives.

    python -m benchmarks.label_errors features/ --finding Pneumonia --out label-errors.json

Labels of a feature store are taken as right, and a share of them is turned over: studies where the store names
them, as `hilum phantom --flip-labels` does, else images. A test part, official or of a quarter of the patients,
is never touched. Then `hilum noise` ranks the labels, and heads trained in five ways are compared on that part:

- wrong: on the labels with the errors;
- reviewed: a reader who is always right looks at the first 1.5 x as many suspects as there are errors;
- accepted: nobody looks; the labels of the first 1 x are turned over;
- dropped: nobody looks; the labels of the first 1 x are left out;
- clean: on the labels before.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LabelsConfig, NoiseConfig
from hilum.features import Features, FeatureStore
from hilum.heads import folds_of
from hilum.heads.solvers.fit import fit_heads
from hilum.metrics import Predictions, Thresholds, compare_predictions
from hilum.noise import REASONS
from hilum.noise.confident import CANDIDATES, out_of_sample
from hilum.noise.find import suspects_among
from hilum.noise.reviewed import Reviewed
from hilum.table import targets_of

WAYS = ("wrong", "reviewed", "accepted", "dropped", "clean")
SCORES = ("roc_auc", "average_precision", "accuracy", "brier")
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """Images whose label of a finding is known, and which of them are never touched."""

    finding: str
    features: Features
    given: Codes
    test: npt.NDArray[np.bool_]


def data_of(features: Features, finding: str) -> Data:
    """Known labels; without an official test part, the first of four folds by patient is one."""
    targets = targets_of(features.codes(finding)[:, None], LabelsConfig(), scoring=True)[:, 0]
    known = np.flatnonzero(np.isfinite(targets))
    some, given = features.take(known), targets[known]
    test = some.frame["official_split"].eq_missing("test").to_numpy()
    if not test.any():
        patients = some.frame["patient_id"].to_numpy()
        test = folds_of(patients, given[:, None].astype(np.float32), 4, seed=12345) == 0
    return Data(finding, some, given.astype(np.int64), test)


def planted(data: Data, rate: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which labels are turned over: a share of the studies, or of the images, outside the test part."""
    frame = data.features.frame
    units = frame.select(pl.coalesce("study_id", "image_id")).to_series().to_numpy().astype(str)
    names = np.unique(units[~data.test])
    random = np.random.default_rng([seed, round(1000 * rate)])
    chosen = random.choice(names, round(rate * len(names)), replace=False)
    return np.isin(units, chosen) & ~data.test


def ranked(data: Data, wrong: npt.NDArray[np.bool_], seed: int, repeats: int) -> tuple[dict[str, Any], Codes]:
    """Rows, the worst first, and what was found."""
    codes = np.where(wrong, 1 - data.given, data.given)
    rows = np.flatnonzero(~data.test)
    changed = pl.Series(data.finding, codes, pl.Int8)
    there = replace(data.features, frame=data.features.frame.with_columns(changed)).take(rows)
    count = int(wrong.sum())
    settings = NoiseConfig(
        findings=(data.finding,),
        top=len(rows),
        neighbours=1,
        repeats=repeats,
        seed=seed,
        device="cpu",
        test=True,
    )
    found = suspects_among(Reviewed(there), settings)
    place = {name: row for row, name in enumerate(data.features.image_ids)}
    order = np.array([place[one.image_id] for one in found.suspects])
    with_reason = [place[one.image_id] for one in found.suspects if one.reasons]
    rate = found.rates[0]
    given = codes[rows]
    shares = {code: float(wrong[rows][given == code].mean()) for code in (1, 0)}
    return {
        "images": len(rows),
        "planted": count,
        "found_first_1x": float(wrong[order[:count]].sum() / count),
        "found_first_1.5x": float(wrong[order[: round(1.5 * count)]].sum() / count),
        "with_a_reason": len(with_reason),
        "found_with_a_reason": float(wrong[with_reason].sum() / count),
        "by_reason": {
            reason: _hits([place[s.image_id] for s in found.suspects if reason in s.reasons], wrong)
            for reason in REASONS
        },
        "wrong_positive": {"planted": shares[1], "estimated": rate.wrong_positive},
        "wrong_negative": {"planted": shares[0], "estimated": rate.wrong_negative},
        "candidate": found.candidate,
    }, order


def _hits(rows: list[int], wrong: npt.NDArray[np.bool_]) -> dict[str, int]:
    return {"suspects": len(rows), "planted": int(wrong[rows].sum())}


def labels_of(way: str, data: Data, wrong: npt.NDArray[np.bool_], order: Codes) -> npt.NDArray[np.float32]:
    """Training labels of a way, float32 [n]; NaN is not learned."""
    given = np.where(wrong, 1 - data.given, data.given).astype(np.float32)
    count = int(wrong.sum())
    if way == "clean":
        return data.given.astype(np.float32)
    if way == "reviewed":
        read = order[: round(1.5 * count)]
        given[read] = data.given[read]
    elif way == "accepted":
        given[order[:count]] = 1 - given[order[:count]]
    elif way == "dropped":
        given[order[:count]] = np.nan
    return given


def head_of(data: Data, labels: npt.NDArray[np.float32], seed: int) -> Predictions:
    """Predictions of the test part by the head that cross-validation prefers."""
    rows = np.flatnonzero(~data.test & np.isfinite(labels))
    vectors = {pooling: data.features.vectors(pooling) for pooling in ("avg", "both")}
    inside = {pooling: matrix[rows] for pooling, matrix in vectors.items()}
    patients = data.features.frame["patient_id"].to_numpy()
    settings = NoiseConfig(repeats=1, seed=seed, device="cpu")
    given = labels[rows].astype(np.int64)
    _, chosen = out_of_sample(inside, given, patients[rows], CANDIDATES, settings)
    (head,) = fit_heads([chosen], vectors, labels[:, None], rows=rows, device="cpu", seed=seed)
    logits = head.logits(vectors[chosen.pooling][data.test])
    ids, truth = data.features.image_ids[data.test], data.given[data.test, None].astype(np.float32)
    return Predictions(ids, (data.finding,), logits, truth, "test", patients[data.test])


def compared(heads: dict[str, list[Predictions]]) -> list[dict[str, Any]]:
    """Every way against training on the wrong labels; seeds are runs of a group."""
    half = {
        way: [(one, Thresholds(np.array([0.5]), one.findings)) for one in group]
        for way, group in heads.items()
    }
    rows = []
    for score in SCORES:
        for way in WAYS[1:]:
            effect = compare_predictions(half["wrong"], half[way], score, replicates=0).overall
            rows.append(
                {
                    "way": way,
                    "score": score,
                    "wrong": effect.first,
                    "value": effect.second,
                    "low": effect.low,
                    "high": effect.high,
                    "verdict": effect.verdict,
                }
            )
    return rows


def measured(
    data: Data, rates: Sequence[float], seeds: int, repeats: int, train: bool
) -> list[dict[str, Any]]:
    """All rates of one finding."""
    results = []
    for rate in rates:
        runs, heads = [], {way: [] for way in WAYS}
        for seed in range(seeds):
            wrong = planted(data, rate, seed)
            found, order = ranked(data, wrong, seed, repeats)
            runs.append(found)
            print(json.dumps({"finding": data.finding, "rate": rate, "seed": seed, **found}), flush=True)
            for way in WAYS if train else ():
                heads[way].append(head_of(data, labels_of(way, data, wrong, order), seed))
        retrained = compared(heads) if train else []
        for row in retrained:
            print(json.dumps(row), flush=True)
        results.append({"finding": data.finding, "rate": rate, "runs": runs, "retrained": retrained})
    return results


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store")
    parser.add_argument("--finding", action="append", required=True)
    parser.add_argument("--encoder", default="")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.02, 0.05, 0.1])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    features = FeatureStore(given.store).features(given.encoder)
    results = [
        row
        for finding in given.finding
        for row in measured(
            data_of(features, finding), given.rates, given.seeds, given.repeats, not given.no_training
        )
    ]
    if given.out:
        given.out.write_text(json.dumps({"store": given.store, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
