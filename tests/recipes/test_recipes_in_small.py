"""Every recipe is run in small on a phantom of its data set's layout; two of them on the real thing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from hilum import api
from hilum.config import ModelConfig, read_config
from hilum.models import build_model
from hilum_phantom import make_phantom

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
LAYOUTS = ("chexpert", "nih", "pneumonia", "containers")
FOLDERS = "data.options={patient_pattern='^(container[0-9]+)_'}"
"""Containers are read by the source for any class folders, which is told how files are named."""
SMALL = ("prepare.size=64", "train.epochs=1", "train.batch=16")
FEWER = "sampling.min_count=12"
"""Of a recipe that oversamples: 150 rows of each of its groups would make of 60 images an epoch of 122 steps."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network as it is before training: what a recipe of fine-tuning can start from."""
    path = tmp_path_factory.mktemp("weights") / "backbone.safetensors"
    save_file(build_model(ModelConfig(name="densenet121"), 13, 64).state_dict(), path)
    return path


LARGE = ("phantom-densenet121-backbone", "chexpert-resnet34-5-targets")
"""Their networks take longer than all other recipes together."""


@pytest.mark.parametrize(
    "recipe",
    [pytest.param(one, marks=[pytest.mark.slow] * (one.stem in LARGE), id=one.stem) for one in RECIPES],
)
def test_recipe_in_small(recipe: Path, tmp_path: Path, weights: Path) -> None:
    layout = next((name for name in LAYOUTS if recipe.stem.startswith(name)), "chexpert")
    make_phantom(tmp_path / "study", 60, layout, size=96, workers=1)
    source, options = ("folder", (FOLDERS,)) if layout == "containers" else (layout, ())
    if "finetune" in recipe.stem:
        options = (f"model.weights={weights}", "train.epochs=2")
    if read_config(recipe).sampling.kind == "oversample":
        options = (*options, FEWER)
    run = api.train(
        recipe,
        data=f"{source}:{tmp_path / 'study'}",
        change=(*SMALL, *options),
        out=tmp_path / "runs",
        quiet=True,
    )
    assert run.info["status"] == "done"
    assert tuple(run.data["findings"]) == read_config(recipe).data.findings
    assert np.isfinite(run.predictions("valid").logits).all()
    assert run.info["warnings"] == [] or layout == "pneumonia" or "differ" in " ".join(run.info["warnings"])
    assert (run.path / "report.html").stat().st_size > 10_000
    if "test" in run.data["split"]["counts"]:
        assert api.evaluate(run, "test").part == "test"


@pytest.mark.real
def test_nih_14_findings_on_the_official_lists(real: Path, tmp_path: Path) -> None:
    run = api.train(
        "nih-resnet18-14-findings",
        data=f"nih:{real / 'nih-320'}",
        change=(*SMALL, "train.batch=64"),
        out=tmp_path,
        quiet=True,
    )
    counts = run.data["split"]["counts"]
    assert counts["test"]["images"] == 75
    assert counts["train"]["images"] + counts["valid"]["images"] == 546
    scores = api.evaluate(run, "test")
    assert len(scores.findings) == 14
    assert "Hernia (2)" in " ".join(scores.warnings)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_pneumonia_reaches_what_the_recipe_says(real: Path, tmp_path: Path) -> None:
    run = api.train(
        "pneumonia-resnet18", data=f"pneumonia:{real / 'pneumonia-224'}", out=tmp_path, quiet=True
    )
    assert not run.has("test")
    scores = api.evaluate(run, "test")
    assert scores.value("roc_auc") >= 0.96
    assert scores["accuracy"][0] >= 0.90
