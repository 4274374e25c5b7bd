"""Where a function takes several, one text or path is one item, never its letters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum import api
from hilum.compare import compare_runs, group_runs
from hilum.config import CleanConfig, Config, DataConfig, HeadsConfig, make_config
from hilum.errors import ConfigError, HilumError
from hilum.metrics import Predictions, fit_judge, intervals_of, score
from hilum.table import parse_options
from hilum.text import items

NAMES = st.text(min_size=1)


@given(NAMES)
def test_a_text_is_one_item(name: str) -> None:
    assert items(name) == (name,)
    assert items([name, name]) == items((name, name)) == (name, name)
    assert items(name for _ in range(2)) == (name, name)
    assert items(Path(name.replace("\0", ""))) == (Path(name.replace("\0", "")),)


@given(NAMES)
def test_a_knob_for_several_takes_one(name: str) -> None:
    assert DataConfig.model_validate({"findings": name}).findings == (name,)
    assert make_config({"data": {"findings": name}}).data.findings == (name,)


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ("data.findings=Edema", "findings", ("Edema",)),
        ('data.findings="Edema, Mass"', "findings", ("Edema, Mass",)),
        ('data.findings=["Edema", "Mass"]', "findings", ("Edema", "Mass")),
    ],
)
def test_a_change_with_one_finding(change: str, key: str, value: tuple[str, ...]) -> None:
    assert getattr(make_config({}, change).data, key) == value
    assert make_config({}, change) == make_config({}, [change])


def test_what_is_wrong_with_one_is_told_of_that_one() -> None:
    assert CleanConfig.model_validate({"views": "frontal"}).views == ("frontal",)
    with pytest.raises(ConfigError, match="came: 'sideways'"):
        make_config({}, "clean.views=sideways")
    assert make_config({}, "loss.positive_weight=balanced").loss.positive_weight == "balanced"


@pytest.fixture
def predictions() -> Predictions:
    rng = np.random.default_rng(0)
    targets = (rng.random((60, 2)) < 0.4).astype(np.float32)
    ids = np.array([f"i{row}" for row in range(60)], dtype=object)
    logits = (targets + rng.normal(size=targets.shape)).astype(np.float32)
    return Predictions(ids, ("Edema", "Mass"), logits, targets, "valid", ids)


def test_scores_of_one_finding(predictions: Predictions) -> None:
    judge = fit_judge(predictions, Config().scores)
    scores = score(predictions, judge.thresholds, Config().scores)
    for one in (predictions, judge.thresholds, judge.calibration, scores):
        assert one.select("Edema").findings == ("Edema",)
    assert judge.select("Edema").thresholds.findings == ("Edema",)
    decisions = predictions.probabilities > 0.5
    assert set(intervals_of(predictions, decisions, names="roc_auc", replicates=50).means) == {"roc_auc"}


def test_candidates_of_one_kind() -> None:
    assert HeadsConfig.model_validate({"kinds": "knn", "poolings": "avg"}).kinds == ("knn",)


def test_one_option() -> None:
    assert parse_options("patient=p") == {"patient": "p"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: api.compare("runs/none"), "runs/none is not a run's folder"),
        (lambda: compare_runs(Path("runs/none")), "runs/none is not a run's folder"),
        (lambda: group_runs("runs/none"), "runs/none is not a run's folder"),
        (lambda: api.ensemble("runs/none", "out"), "two different members|runs/none"),
        (lambda: api.train(Config(), change="trian.epochs=1"), "trian"),
        (lambda: api.predict("runs/none", "no/film.png"), "no file no/film.png"),
        (lambda: api.read_config("phantom-resnet18", "trian.epochs=1"), "trian"),
        (lambda: api.read_config("phantom-resnet18", options="trian.epochs=1"), "trian"),
        (lambda: make_config({}, options="trian.epochs=1"), "trian"),
    ],
)
def test_what_is_told_names_the_whole(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(HilumError, match=words):
        call()


def test_every_function_of_the_api_is_known_here() -> None:
    """A new parameter that takes several is added above, and goes through `items`, as fields of sections do."""
    several = {
        f"{name}.{parameter.name}"
        for name in api.__all__
        if inspect.isfunction(function := getattr(api, name))
        for parameter in inspect.signature(function).parameters.values()
        if any(kind in str(parameter.annotation) for kind in ("Sequence[", "Iterable["))
    }
    assert several == {
        "augment.change", "compare.runs", "ensemble.members", "heads.change", "make_config.options",
        "make_config.overrides", "predict.images", "read_config.options", "read_config.overrides",
        "repeat.change", "train.change",
    }  # fmt: skip
