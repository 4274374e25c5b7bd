"""`Scores` with intervals: how they are asked for, said, kept and shown for some findings alone."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from clustered import made, simulated

from hilum.config import ScoresConfig
from hilum.errors import ConfigError
from hilum.metrics import Predictions, Scores, Thresholds, confusion, over_all, per_finding, score

QUICK = ScoresConfig(replicates=100)


def halves(predictions: Predictions) -> Thresholds:
    return Thresholds(np.full(len(predictions.findings), 0.5), predictions.findings)


def test_intervals_are_made_where_they_are_asked_for() -> None:
    part = simulated(300, 3, 100)
    assert score(part, halves(part)).intervals is None
    assert score(part, halves(part), ScoresConfig(intervals="none")).intervals is None
    scores = score(part, halves(part), QUICK)
    assert scores.intervals is not None
    assert (scores.intervals.patients, scores.intervals.replicates) == (len(set(part.patient_ids)), 100)
    assert scores.intervals.columns["roc_auc"].method == "patients' influence"
    percentile = score(part, halves(part), ScoresConfig(replicates=100, intervals="percentile"))
    assert percentile.intervals is not None
    assert percentile.intervals.columns["roc_auc"].method == "bootstrap percentile"
    wide = score(part, halves(part), ScoresConfig(replicates=100, level=0.99))
    assert wide.interval("roc_auc", 0)[0] < scores.interval("roc_auc", 0)[0]


def test_a_score_is_said_with_its_interval() -> None:
    part = simulated(300, 2, 100)
    plain, scores = score(part, halves(part)), score(part, halves(part), QUICK)
    for name, j in (("roc_auc", 0), ("recall", 1), ("average_precision", None), ("exact_match", None)):
        said = scores.text(name, j)
        assert re.fullmatch(r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]", said)
        assert said.startswith(plain.text(name, j))
        value, low, high = (float(number) for number in re.findall(r"[\d.]+", said))
        assert low < value < high
    empty = made([[0], [0]], [[1], [2]])
    assert score(empty, halves(empty), QUICK).text("roc_auc", 0) == "–"
    with pytest.raises(ConfigError, match="did you mean"):
        scores.text("roc_acu")


def test_the_table_fits_200_characters_and_shows_intervals_of_the_main_scores() -> None:
    part = simulated(300, 2, 100)
    part = Predictions(
        part.image_ids,
        ("Enlarged Cardiomediastinum", "Edema"),
        part.logits,
        part.targets,
        "test",
        part.patient_ids,
    )
    scores = score(part, halves(part), QUICK)
    columns, rows = scores.table()
    for name in ("ROC AUC", "AP", "Recall", "Precision"):
        place = columns.index(name)
        assert all("[" in row[place] for row in rows)
    widths = [
        max(len(str(row[j])) if isinstance(row[j], str) else 5 for row in rows) for j in range(len(columns))
    ]
    assert (
        sum(max(len(name), width) for name, width in zip(columns, widths, strict=True)) + 3 * len(columns)
        <= 200
    )
    assert scores.table(intervals=False) == score(part, halves(part)).table()
    assert rows[-1][0] == "mean"
    assert rows[-1][columns.index("ROC AUC")] == scores.text("roc_auc")


def test_intervals_survive_json_and_old_files_are_still_read() -> None:
    part = simulated(200, 2, 80)
    config = ScoresConfig(replicates=100, include=("Finding 1",))
    scores = score(part, halves(part), config)
    text = json.dumps(scores.to_json(), allow_nan=False)
    again = Scores.from_json(json.loads(text))
    assert json.dumps(again.to_json()) == text
    assert again.text("roc_auc", 0) == scores.text("roc_auc", 0)
    old = score(part, halves(part)).to_json()
    for key in ("unit", "intervals", "shown"):
        del old[key]
    for row in old["per_finding"].values():
        del row["mcc"], row["ece"], row["partial_auc"]
    read = Scores.from_json(old)
    assert (read.unit, read.intervals) == ("image", None)
    assert np.isnan(read["mcc"]).all()
    assert read.value("roc_auc") == scores.value("roc_auc")
    assert len(read.table()[1]) == 3


def test_scores_per_study_say_so() -> None:
    part = made([[1, 0], [0, 0], [0, 0]], [[1, 1], [-1, 1], [0, 1]], unit="study")
    scores = score(part, halves(part))
    assert scores.heading == "test, 3 studies"
    assert "3 studies" in repr(scores)
    assert "<caption>test, 3 studies</caption>" in scores._repr_html_()
    assert scores.table()[0][1] == "Studies"
    assert scores.reasons["Finding 1"].startswith("the test part has no positive study")
    assert any("Too few patients" in warning for warning in scores.warnings)
    assert Scores.from_json(scores.to_json()).unit == "study"


def test_included_findings_are_scored_alone_with_intervals() -> None:
    part = simulated(300, 3, 100)
    chosen = ("Finding 2", "Finding 0")
    scores = score(part, halves(part), ScoresConfig(replicates=100, include=chosen))
    assert scores.findings == part.findings
    alone = score(part.select(chosen), halves(part).select(chosen), QUICK)
    shown = scores.select(chosen)
    assert json.dumps(shown.to_json()) == json.dumps(alone.to_json())
    assert scores.select(part.findings) is scores


def test_any_selection_keeps_what_follows_from_counts() -> None:
    part = simulated(300, 3, 100)
    scores = score(part, halves(part), QUICK)
    chosen = ("Finding 2", "Finding 0")
    some = scores.select(chosen)
    alone = score(part.select(chosen), halves(part).select(chosen), QUICK)
    for name in per_finding():
        np.testing.assert_allclose(some[name], alone[name], atol=1e-12)
        assert some.text(name, 1) == alone.text(name, 1)
        assert "[" not in some.text(name)
    for name in over_all():
        if name.startswith(("sample_", "exact")):
            assert np.isnan(some.combined[name])
        else:
            assert some.combined[name] == pytest.approx(alone.combined[name], abs=1e-12)
    assert some.warnings == alone.warnings
    with pytest.raises(ConfigError, match="did you mean 'Finding 0'"):
        scores.select(["Finding 00"])


def test_the_reach_of_the_partial_auc_is_a_setting() -> None:
    part = simulated(300, 1, 100)
    near = score(part, halves(part), ScoresConfig(max_fpr=0.1, intervals="none"))
    whole = score(part, halves(part), ScoresConfig(max_fpr=1.0, intervals="none"))
    assert whole.value("partial_auc") == pytest.approx(whole.value("roc_auc"))
    assert near.value("partial_auc") != pytest.approx(near.value("roc_auc"))


def test_mcc_of_scores_is_that_of_their_counts() -> None:
    part = simulated(300, 2, 100)
    counts = confusion(part.targets, part.probabilities >= 0.5)
    np.testing.assert_array_equal(score(part, halves(part))["mcc"], counts.mcc)
