"""`Scores`: what is in them, what is missing and why, and whose recall it is."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hilum.errors import ConfigError, DataError
from hilum.metrics import COUNTS, Predictions, Scores, Thresholds, over_all, per_finding, score


def made(logits: object, targets: object, part: str = "test") -> Predictions:
    logits = np.asarray(logits, dtype=np.float32)
    names = tuple(f"Finding {j}" for j in range(logits.shape[1]))
    ids = np.array([f"i{row}" for row in range(len(logits))], dtype=object)
    return Predictions(ids, names, logits, np.asarray(targets, dtype=np.float32), part)


def halves(predictions: Predictions) -> Thresholds:
    return Thresholds(np.full(len(predictions.findings), 0.5), predictions.findings)


def scored(logits: object, targets: object, part: str = "test") -> Scores:
    predictions = made(logits, targets, part)
    return score(predictions, halves(predictions))


def test_the_published_counts_give_the_recall_of_the_positive_class() -> None:
    """3,681 predicted of 9,032 positives at accuracy 0.737: published as recall 0.954, precision 0.730."""
    true, missed, false, left = 2_884, 9_032 - 2_884, 3_681 - 2_884, 26_410 - 9_032 - (3_681 - 2_884)
    targets = np.repeat([1, 1, 0, 0], [true, missed, false, left])[:, None]
    logits = np.repeat([2, -2, 2, -2], [true, missed, false, left])[:, None]
    scores = scored(logits, targets)
    assert scores["positives"][0] == 9_032
    assert scores["predicted_positives"][0] == 3_681
    assert scores.value("accuracy") == pytest.approx(0.737, abs=5e-4)
    assert scores.value("recall") == pytest.approx(0.319, abs=5e-4)
    assert scores.value("precision") == pytest.approx(0.783, abs=5e-4)
    # What was published as recall and precision is the negative class's:
    assert scores.value("specificity") == pytest.approx(0.954, abs=5e-4)
    assert scores.value("npv") == pytest.approx(0.730, abs=5e-4)
    for average in ("macro", "micro", "sample"):
        assert scores.value(f"{average}_recall") == pytest.approx(0.319, abs=5e-4)


@st.composite
def parts(draw: st.DrawFn) -> Predictions:
    n, k = draw(st.integers(0, 12)), draw(st.integers(1, 3))
    logits = draw(hnp.arrays(np.float32, (n, k), elements=st.floats(-60, 60, width=32)))
    targets = draw(hnp.arrays(np.float32, (n, k), elements=st.sampled_from([0.0, 1.0, float("nan")])))
    return made(logits, targets)


@given(parts())
def test_scores_survive_json(predictions: Predictions) -> None:
    scores = score(predictions, halves(predictions))
    text = json.dumps(scores.to_json(), allow_nan=False)
    again = Scores.from_json(json.loads(text))
    assert json.dumps(again.to_json(), allow_nan=False) == text
    for name in (*COUNTS, *per_finding()):
        np.testing.assert_array_equal(again[name], scores[name])
    assert again.findings == scores.findings
    assert set(again.combined) == set(over_all())
    fewer = {**json.loads(text), "combined": {}}  # as of a version that knew fewer scores
    assert all(math.isnan(value) for value in Scores.from_json(fewer).combined.values())


@given(parts())
def test_counts_add_up_and_every_gap_has_a_reason(predictions: Predictions) -> None:
    scores = score(predictions, halves(predictions))
    cells = sum(
        scores[name] for name in ("true_positives", "false_positives", "false_negatives", "true_negatives")
    )
    np.testing.assert_array_equal(cells, scores["images"])
    np.testing.assert_array_equal(scores["images"], (~np.isnan(predictions.targets)).sum(axis=0))
    missing = {f for f, auc in zip(scores.findings, scores["roc_auc"], strict=True) if np.isnan(auc)}
    assert missing == set(scores.reasons)
    assert bool(missing) == any("Without both classes" in warning for warning in scores.warnings)
    columns, rows = scores.table()
    assert all(len(row) == len(columns) for row in rows)


def test_one_class_is_left_out_of_the_mean_and_said_so() -> None:
    scores = scored([[1, 1, 1], [-1, 1, 1]], [[1, 0, 1], [0, 0, 1]])
    assert scores.mean("roc_auc") == (1.0, 1)
    assert scores.value("roc_auc") == 1.0
    assert scores.reasons["Finding 1"].startswith("the test part has no positive image")
    assert scores.reasons["Finding 2"].startswith("the test part has no negative image")
    assert "Finding 1 and Finding 2" in scores.warnings[0]
    assert scores.table()[1][-1][0] == "mean of 1 with both classes"
    assert scores.to_json()["mean"]["roc_auc"] == {"value": 1.0, "findings": 1}
    assert scores.to_json()["per_finding"]["Finding 1"]["roc_auc"] is None


def test_accuracy_below_the_majoritys_share_is_told() -> None:
    targets = np.array([1] * 20 + [0] * 180)[:, None]
    eager = scored(np.where(np.arange(200) < 60, 1, -1)[:, None], targets)
    assert any("Finding 0 (0.800 against 0.900)" in warning for warning in eager.warnings)
    right = scored(np.where(np.arange(200) < 20, 1, -1)[:, None], targets)
    assert right.warnings == ()


def test_a_finding_that_is_never_predicted_is_told() -> None:
    targets = np.array([[1, 1]] * 20 + [[0, 0]] * 20)
    logits = np.where(targets == 1, 1, -1) * [1, 1] - [0, 9]
    scores = scored(logits, targets)
    assert [w for w in scores.warnings if w.startswith("No image of the test part reaches")] == [
        "No image of the test part reaches the threshold of Finding 1: recall is 0 there. "
        'Choose thresholds on validation with scores.threshold = "youden" or "f1".'
    ]


def test_few_images_are_told() -> None:
    scores = scored([[1], [1], [-1]], [[1], [1], [0]])
    assert any("Finding 0 (1)" in warning for warning in scores.warnings)


def test_extreme_logits_keep_their_order() -> None:
    assert scored([[50], [60], [70], [80]], [[0], [0], [1], [1]]).value("roc_auc") == 1.0


def test_names_are_checked() -> None:
    scores = scored([[1], [-1]], [[1], [0]])
    with pytest.raises(ConfigError, match="did you mean 'roc_auc'"):
        scores.value("rocauc")
    with pytest.raises(ConfigError, match="did you mean 'recall'"):
        scores["recal"]
    with pytest.raises(DataError, match="not scores"):
        Scores.from_json({"part": "test"})
    written = scores.to_json()
    for wrong in (
        {"per_finding": {f"{name}?": row for name, row in written["per_finding"].items()}},
        {"per_finding": {}},
        {"warnings": "none"},
        {"warnings": [1]},
        {"thresholds": {**written["thresholds"], "asked": "x"}},
    ):
        with pytest.raises(DataError, match=r"not (scores|thresholds)"):
            Scores.from_json({**written, **wrong})
    assert scores.value("exact_match") == 1


def test_scores_show_themselves() -> None:
    scores = scored([[1, 2], [-1, 1]], [[1, 0], [0, 0]])
    assert repr(scores) == "Scores(test: 2 images, 2 findings, mean ROC AUC 1.000 over 1)"
    shown = scores._repr_html_()
    assert "<caption>test, 2 images</caption>" in shown
    assert "<td>–</td>" in shown
    columns, rows = scores.table()
    assert columns[:4] == ["Finding", "Images", "Positive", "Predicted"]
    assert rows[0][:4] == ["Finding 0", 2, 1, 1]
    one = scored([[1], [-1]], [[1], [0]])
    assert len(one.table()[1]) == 1


def test_names_of_findings_are_escaped() -> None:
    predictions = Predictions(
        np.array(["a"], object), ("<b>x",), np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32), "test"
    )
    assert "<b>x" not in score(predictions, halves(predictions))._repr_html_()
