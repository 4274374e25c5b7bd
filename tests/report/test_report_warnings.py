"""What a report warns of, and what it does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from report_runs import CHEXPERT

from hilum.files import read_json, write_json, write_parquet
from hilum.metrics import Predictions, Reliability, reliability
from hilum.pixels import Pack
from hilum.report.numbers import Numbers
from hilum.report.warnings import _calibration_error, warnings
from hilum.runs import Run

MakeRun = Callable[..., Run]


def told(run: Run, pack: Pack | None = None) -> str:
    return "\n".join(warnings(run, Numbers.of(run), pack))


@pytest.mark.parametrize("rows", [200, 2000])
def test_a_healthy_run_has_no_warnings(make_run: MakeRun, small_pack: Pack, rows: int) -> None:
    ids = {part: [f"{part}-{row:03d}" for row in range(rows)] for part in ("train", "valid", "test")}
    assert told(make_run(CHEXPERT[:1], ids=ids), small_pack) == ""


def test_training_far_above_validation_is_said_with_numbers(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:3])
    path = run.epoch_folder(4) / "summary.json"
    entry = read_json(path)
    validation = run.scores("valid")
    assert validation is not None
    entry["train"]["scores"]["mean"]["roc_auc"]["value"] = 0.9991
    write_json(path, entry)
    sentence = told(run)
    assert "ROC AUC 0.999 in training against" in sentence
    assert f"{validation.value('roc_auc'):.3f} (" in sentence
    assert "after epoch 4" in sentence


def test_a_small_lead_of_training_is_no_warning(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:3])
    path = run.epoch_folder(4) / "summary.json"
    entry = read_json(path)
    validation = run.scores("valid")
    assert validation is not None
    entry["train"]["scores"]["mean"]["roc_auc"]["value"] = validation.value("roc_auc") + 0.04
    write_json(path, entry)
    assert "training images" not in told(run)


def test_fallbacks_of_one_reason_are_one_sentence(make_run: MakeRun) -> None:
    ids = {"train": ["a", "b"], "valid": ["c", "d"], "test": [f"t{row}" for row in range(300)]}
    run = make_run(
        CHEXPERT[:4], ids=ids, unknown=0.0, epochs=1, best=1, config={"scores": {"threshold": "f1"}}
    )
    sentence = [line for line in told(run).split("\n") if line.startswith("The threshold of")]
    fallbacks = run.thresholds.fallbacks
    assert len(sentence) == len(set(fallbacks.values())) >= 1
    assert all(finding in " ".join(sentence) for finding in fallbacks)


def test_probabilities_that_mislead_are_named(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:2])
    predictions = run.predictions("test")
    logits = predictions.logits.copy()
    logits[:, 1] += 1.5
    run.write_predictions(Predictions(**{**vars(predictions), "logits": logits}))
    sentence = told(run)
    assert "The probabilities are not the shares that they claim to be: Cardiomegaly (too high by" in sentence
    assert "Enlarged Cardiomediastinum (too" not in sentence
    assert 'scores.calibrate = "platt" fits them' in sentence


def test_a_calibrated_run_is_not_told_to_calibrate(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:2], config={"scores": {"calibrate": "platt"}})
    predictions = run.predictions("test")
    run.write_predictions(Predictions(**{**vars(predictions), "logits": predictions.logits + 3}))
    sentence = told(run)
    assert "they were calibrated on validation, which this part is unlike" in sentence
    assert "scores.calibrate" not in sentence


@pytest.mark.parametrize("count", [40, 400, 4000])
def test_true_probabilities_are_hardly_ever_blamed(count: int) -> None:
    rng = np.random.default_rng(count)
    blamed = 0
    for _ in range(200):
        logits = rng.normal(-1, 1.5, (count, 1))
        targets = (rng.random((count, 1)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
        ids = np.array([str(row) for row in range(count)], dtype=object)
        found = reliability(Predictions(ids, ("A",), logits, targets, "test"))["A"]
        error, chance = _calibration_error(found)
        blamed += error > chance + 0.05
    assert blamed <= 2


def test_the_error_is_that_of_the_bins() -> None:
    found = Reliability(
        np.array([0.2, 0.8, np.nan]),
        np.array([0.3, 0.5, np.nan]),
        np.array([10, 30, 0]),
        np.linspace(0, 1, 4),
    )
    error, chance = _calibration_error(found)
    assert error == pytest.approx((10 * 0.1 + 30 * 0.3) / 40)
    assert 0 < chance < 0.2


@pytest.mark.parametrize(
    ("policy", "became"),
    [
        ("ignore", "take no part in training or scores"),
        ("ones", "count as positive, in training and in scores"),
    ],
)
def test_many_uncertain_labels_are_counted(
    make_run: MakeRun, small_pack: Pack, policy: str, became: str
) -> None:
    run = make_run(("Edema",), config={"labels": {"uncertain": policy}})
    codes = np.array(([-1] * 5 + [1] * 2 + [0] * 13) * 10)
    frame = small_pack.table.frame.with_columns(pl.Series("Edema", codes, dtype=pl.Int8))
    table = type(small_pack.table).make(frame, ["Edema"], small_pack.table.root)
    pack = small_pack._replaced(table=table)
    sentence = told(run, pack)
    assert f"Edema (25 %, 50 against 20 positive). They {became}" in sentence


def test_a_planted_gap_is_the_first_thing_said_of_the_model(make_run: MakeRun) -> None:
    run = make_run(
        ("Edema",), ids={p: [f"{p}-{row}" for row in range(1200)] for p in ("train", "valid", "test")}
    )
    predictions = run.predictions("test")
    rng = np.random.default_rng(0)
    sex = rng.choice(["F", "M"], 600).repeat(2)
    logits = predictions.logits.copy()
    logits[(sex == "F") & (predictions.targets[:, 0] == 1)] -= 3.0
    run.write_scores(Predictions(**{**vars(predictions), "logits": logits}), run.scores("test"))  # type: ignore[arg-type]
    images = run.images.filter(pl.col("part") != "test")
    own = run.images.filter(pl.col("part") == "test").with_columns(pl.Series("sex", sex))
    write_parquet(run.path / "images.parquet", pl.concat([images, own]))
    sentences = warnings(run, Numbers.of(run), None)
    assert sentences[0].startswith("Edema in female patients")
    assert "recall" in sentences[0]
