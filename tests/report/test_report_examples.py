"""Which images are shown, and their pictures."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
import polars as pl
import pytest
from report_runs import CHEXPERT, draw

from hilum.config import ScoresConfig
from hilum.metrics import Predictions, Thresholds, fit_thresholds, score
from hilum.pixels import Pack
from hilum.report import write_report
from hilum.report.content import Part
from hilum.report.examples import _SIDE, _choose, make_examples, open_pack
from hilum.runs import Run


def part(count: int, findings: int) -> tuple[Predictions, Thresholds]:
    ids = [f"test-{row:03d}" for row in range(count)]
    names = CHEXPERT[:findings]
    return draw("test", ids, names, 1.4), fit_thresholds(draw("valid", ids, names, 1.4), ScoresConfig())


def reported(count: int, findings: int) -> Part:
    predictions, thresholds = part(count, findings)
    return Part("test", "Test", predictions, score(predictions, thresholds), predictions)


@pytest.mark.parametrize("findings", [1, 5, 14])
def test_a_quarter_of_each_kind_every_image_once(findings: int) -> None:
    predictions, thresholds = part(200, findings)
    chosen = _choose(predictions, thresholds)
    assert Counter(choice.kind for choice in chosen) == {
        "true positive": 4,
        "false positive": 4,
        "false negative": 4,
        "true negative": 4,
    }
    assert len({choice.row for choice in chosen}) == 16
    yes = thresholds.decide(predictions)
    for choice in chosen:
        right, kind = choice.kind.split()
        assert yes[choice.row, choice.column] == (kind == "positive")
        truth = predictions.targets[choice.row, choice.column]
        assert (truth == yes[choice.row, choice.column]) == (right == "true")
    columns = Counter(choice.column for choice in chosen)
    assert len(columns) >= min(findings, 4)


def test_the_most_certain_come_first() -> None:
    predictions, thresholds = part(200, 1)
    p = predictions.probabilities[:, 0]
    wrong = np.sort(p[(predictions.targets[:, 0] == 0) & (p >= 0.5)])[::-1]
    shown = [p[c.row] for c in _choose(predictions, thresholds) if c.kind == "false positive"]
    np.testing.assert_array_equal(shown, wrong[:4])


def test_a_perfect_model_is_shown_with_what_there_is() -> None:
    ids = np.array([str(row) for row in range(10)], dtype=object)
    truth = (np.arange(10) < 3).astype(np.float32)[:, None]
    predictions = Predictions(ids, ("Edema",), 6 * truth - 3, truth, "test")
    thresholds = Thresholds(np.array([0.5]), ("Edema",))
    kinds = Counter(choice.kind for choice in _choose(predictions, thresholds))
    assert kinds == {"true positive": 3, "true negative": 7}


def test_nothing_known_nothing_shown() -> None:
    unknown = np.full((3, 1), np.nan, np.float32)
    ids = np.array(["a", "b", "c"], dtype=object)
    predictions = Predictions(ids, ("A",), np.ones((3, 1), np.float32), unknown, "test")
    assert _choose(predictions, Thresholds(np.array([0.5]), ("A",))) == []


def test_a_picture_is_the_packs(small_pack: Pack) -> None:
    examples = make_examples(reported(200, 3), small_pack)
    assert len(examples) == 16
    for example in examples:
        assert example.picture.startswith("data:image/jpeg;base64,")
        content = np.frombuffer(base64.b64decode(example.picture.split(",")[1]), np.uint8)
        shown = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE).astype(int)
        row = list(small_pack.table.image_ids).index(example.image_id)
        stored = small_pack.images(small_pack.slots[[row]])[0].astype(int)
        others = small_pack.images(small_pack.slots[[row - 1]])[0].astype(int)
        assert np.abs(shown - stored).mean() < 15 < np.abs(shown - others).mean()
        assert (example.finding in example.truth + example.predicted) != (example.kind == "true negative")
        assert example.alt.endswith(f"a {example.kind} for {example.finding}")


def test_pictures_of_a_large_pack_are_made_smaller(small_pack: Pack) -> None:
    blank = small_pack.stats.with_columns(sum=pl.lit(0, pl.Int64), squares=pl.lit(0, pl.Int64))
    large = small_pack._replaced(pixels=np.zeros((200, 400, 400), np.uint8), stats=blank)
    content = base64.b64decode(make_examples(reported(200, 1), large)[0].picture.split(",")[1])
    assert cv2.imdecode(np.frombuffer(content, np.uint8), 0).shape == (_SIDE, _SIDE)


def test_a_missing_or_changed_pack_is_said(make_run: Callable[..., Run], small_pack: Pack) -> None:
    run = make_run(CHEXPERT[:2], pack=small_pack)
    html = write_report(run).read_text()
    assert html.count("data:image/jpeg") == 16
    assert open_pack({**run.data, "pack_fingerprint": "other"})[1].startswith("The pack has changed")
    gone = make_run(CHEXPERT[:2])
    assert "no longer where it was" in write_report(gone).read_text()
