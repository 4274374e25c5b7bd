"""Where first weights come from: files, runs, heads; and what is said where they cannot be had."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from hilum.config import ModelConfig
from hilum.errors import ConfigError, RunError, WeightsError
from hilum.models import Normalisation, Preparation
from hilum.pixels import Pack
from hilum.predict import Origin, load
from hilum.runs import Run

Command = Callable[..., Any]
SMALL = "densenet-small"
IMAGENET = Preparation.imagenet().normalisation


def test_from_scratch_nothing_is_known_of_pixels() -> None:
    origin = Origin.of(ModelConfig(name="resnet18"))
    assert (origin.normalisation, origin.prepare, origin.run, origin.backbone) == (None, None, None, None)
    assert origin.build(2, 32).notes == ()


def test_published_weights_bring_their_normalisation_also_from_a_file() -> None:
    assert Origin.of(ModelConfig(name="resnet18", weights="pretrained")).normalisation == IMAGENET
    assert Origin.of(ModelConfig(name="resnet18", weights="w.pt")).normalisation == IMAGENET
    xrv = Origin.of(ModelConfig(name="xrv-resnet50-all", weights="w.pt")).normalisation
    assert xrv is not None
    assert xrv.gray == (0.5, 0.5 / 1024)
    clip = Origin.of(ModelConfig(name="timm:vit_base_patch16_clip_224.openai", weights="w.pt")).normalisation
    assert clip is not None
    assert clip.mean[0] == pytest.approx(0.4815, abs=1e-4)
    assert Origin.of(ModelConfig(name=SMALL, weights="w.pt")).normalisation is None


def test_a_folder_that_says_its_own_normalisation_is_believed(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.4], "image_std": [0.3]}')
    origin = Origin.of(ModelConfig(name="rad-dino", weights=str(tmp_path)))
    assert origin.normalisation == Normalisation((0.4,), (0.3,))


def test_weights_of_a_run_are_its_backbone_and_its_pixels(run: Run) -> None:
    origin = Origin.of(ModelConfig(name=SMALL, weights=str(run.path)))
    assert origin.normalisation == Normalisation.from_json(run.data)
    assert (origin.prepare, origin.run) == (None, None)
    model = origin.build(5, 32)
    for key, value in load(run, device="cpu").model.backbone.state_dict().items():
        assert torch.equal(value, model.backbone.state_dict()[key])
    (note,) = model.notes
    assert note.startswith(f"run {run.name}: classifier.weight, classifier.bias start at random (left out: ")
    assert "safetensors" not in note


def test_the_head_of_other_findings_is_left_out_though_it_would_fit(run: Run) -> None:
    learned = tuple(run.data["findings"])
    origin = Origin.of(run.config.model.model_copy(update={"weights": str(run.path)}))
    weight = next(iter(load(run, device="cpu").model.classifier.parameters()))
    kept = origin.build(len(learned), 32, learned)
    assert torch.equal(next(iter(kept.classifier.parameters())), weight)
    others = tuple(f"not {name}" for name in learned)
    fresh = origin.build(len(learned), 32, others)
    assert not torch.equal(next(iter(fresh.classifier.parameters())), weight)
    assert f"run {run.name} learned {learned[0]}" in fresh.notes[0]
    assert "its head is left out" in fresh.notes[0]


def test_a_run_of_other_images_is_said(run: Run) -> None:
    notes = Origin.of(ModelConfig(name=SMALL, weights=str(run.path))).build(2, 64).notes
    assert notes[-1] == f"run {run.name} was trained on images of 32 px; these have 64 px"


def test_published_weights_for_images_of_another_size_are_said(tmp_path: Path) -> None:
    net = torchvision.models.densenet121(num_classes=1)
    net.features.conv0 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    config = ModelConfig(name="xrv-densenet121-all", weights=str(tmp_path / "w.safetensors"))
    assert Origin.of(config).build(1, 224).notes == ()
    (note,) = Origin.of(config).build(1, 96).notes
    assert note == "xrv-densenet121-all was trained on images of 224 px; these have 96 px"


def test_a_head_brings_all_of_its_run(run: Run) -> None:
    config = ModelConfig(name=SMALL, head=str(run.path))
    origin = Origin.of(config)
    assert origin.model.model_dump(include={"pooling", "classifier", "hidden", "head"}) == {
        "pooling": "both",
        "classifier": "mlp",
        "hidden": 8,
        "head": "",
    }
    assert origin.prepare is not None
    assert origin.prepare.size == 32
    expected = load(run, device="cpu").model.state_dict()
    built = origin.build(2, 32).state_dict()
    assert all(torch.equal(value, built[key]) for key, value in expected.items())
    settled = Origin.settle(config)
    assert (settled.classifier, settled.head) == ("mlp", str(run.path))
    assert Origin.settle(ModelConfig()) == ModelConfig()


def test_a_head_for_another_number_of_findings_is_refused(run: Run) -> None:
    with pytest.raises(WeightsError, match=r"classifier.out.weight \[2, 8\] where the model has \[3, 8\]"):
        Origin.of(ModelConfig(name=SMALL, head=str(run.path))).build(3, 32)


@pytest.mark.parametrize("setting", ["weights", "head"])
def test_runs_without_weights_of_their_own_are_refused(
    setting: str, unfinished: Path, ensemble: Path
) -> None:
    with pytest.raises(RunError, match=f"model.{setting} = .* has no weights yet.*hilum train --resume"):
        Origin.of(ModelConfig.model_validate({"name": SMALL, setting: str(unfinished)}))
    with pytest.raises(RunError, match=f"model.{setting} = .* is an ensemble.*Name one of its members"):
        Origin.of(ModelConfig.model_validate({"name": SMALL, setting: str(ensemble)}))


def test_another_network_is_refused_with_the_name_of_the_right_one(run: Run) -> None:
    with pytest.raises(ConfigError, match=f"is the head of a {SMALL}; the run asks for resnet18"):
        Origin.of(ModelConfig(name="resnet18", head=str(run.path)))
    origin = Origin.of(ModelConfig(name="resnet18", weights=str(run.path)))
    with pytest.raises(ConfigError, match=f"is a run of a {SMALL}; this is to be a resnet18.*= {SMALL}"):
        origin.build(2, 32)


def test_a_damaged_run_is_no_matter_of_another_network(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    (copy / "checkpoints" / "best.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        Origin.of(ModelConfig(name=SMALL, weights=str(copy))).build(2, 32)


def test_what_a_user_reads(
    hilum: Command, pack: Pack, run: Run, unfinished: Path, ensemble: Path, tmp_path: Path
) -> None:
    recipe, folder = tmp_path / "recipe.toml", tmp_path / "runs"
    recipe.write_text('[prepare]\nsize = 32\n[model]\nname = "resnet18"\n[train]\nepochs = 1\n')
    wrong = {
        f"model.weights={unfinished}": "has no weights yet",
        f"model.weights={ensemble}": "is an ensemble",
        f"model.weights={run.path}": "is a run of a densenet-small",
        f"model.head={run.path}": "is the head of a densenet-small",
        f"model.head={pack.path}": "is not a run's folder",
        f"model.weights={pack.path}": "is a folder without run.json or model.safetensors",
        "model.weights=nowhere.safetensors": "does not exist",
    }
    for setting, said in wrong.items():
        done = hilum("train", recipe, "--data", pack.path, "--set", setting, "--out", folder)
        assert done.code == 2, setting
        assert said in done.err, setting
        assert "Traceback" not in done.err
        assert not list(folder.glob("*")), setting


def test_one_finding_may_be_a_string(run: Run) -> None:
    """The findings are Left and Top: one of them alone is another head, and is left out."""
    (note,) = Origin.of(ModelConfig(name=SMALL, weights=str(run.path))).build(1, 32, "Left").notes
    assert "its head is left out" in note
