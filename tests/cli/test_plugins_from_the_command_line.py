"""The parts of docs/extending.md used as the page says: in a recipe, by `--plugin`, from training to comparing."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hilum.cli import main
from hilum.runs import Run

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
EXAMPLES = {
    re.match(r"# (\w+\.py)", text)[1]: text
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
}
RECIPE = """
plugins = ["my_network.py", "my_loss.py", "my_source.py", "my_augmentation.py", "my_callback.py", "my_score.py"]
prepare.size = 32
model.name = "tiny"
loss.kind = "squared"
split = {valid = 0.3, test = 0.3}
augment.extra = ["gamma"]
train = {epochs = 1, batch = 8, precision = "fp32", select = "kappa"}
track = {tensorboard = "off", callbacks = ["diary"], columns = ["roc_auc", "kappa"]}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with films of a ward, the page's files, a recipe, and two runs of it."""
    folder, generator = tmp_path_factory.mktemp("desk"), np.random.default_rng(0)
    (folder / "ward").mkdir()
    for number in range(40):
        film = generator.normal(80 + 60 * (number % 2), 20, (40, 40)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "ward" / f"p{number:02d}_1_{['clear', 'effusion'][number % 2]}.png"), film)
    for name, text in EXAMPLES.items():
        (folder / name).write_text(text)
    (folder / "mine.toml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        data = ("--data", f"ward:{folder / 'ward'}", "--out", str(folder / "runs"))
        assert main(["train", "mine.toml", *data, "--repeats", "2", "--quiet"]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)


def needed(message: str) -> list[str]:
    """The options that a message says to give."""
    return shlex.split(message.partition("with:")[2])


def test_the_examples_are_short_and_of_every_kind() -> None:
    from hilum.plugins import KINDS

    assert len(EXAMPLES) >= 5
    for name, text in EXAMPLES.items():
        assert len(text.splitlines()) < 30, name
    missing = [kind for kind in KINDS if not any(f"\n{kind} = " in text for text in EXAMPLES.values())]
    assert missing == []


def test_a_run_keeps_its_plugins_and_what_they_gave(desk: Path) -> None:
    run = Run(desk / "runs" / "mine-1")
    assert run.config.plugins == (
        "my_network.py",
        "my_loss.py",
        "my_source.py",
        "my_augmentation.py",
        "my_callback.py",
        "my_score.py",
    )
    for kept in run.info["plugins"]:
        assert (run.path / "plugins" / f"{kept['name']}.py").read_text() == EXAMPLES[f"{kept['name']}.py"]
    assert run.info["plugins"][0]["parts"] == {"MODELS": ["mobile", "tiny"]}
    diary = (desk / "diary.txt").read_text().splitlines()
    assert re.fullmatch(r"epoch 1 step 1: loss 0\.\d{3}", diary[0])
    assert re.fullmatch(r"epoch 1: AUC [01]\.\d+", diary[-1])


@pytest.mark.parametrize("command", ["predict", "evaluate", "reproduce"])
def test_a_runs_code_runs_where_it_is_named_alone(hilum: Callable[..., Any], command: str) -> None:
    more = {
        "predict": ["ward/p01_1_effusion.png", "--force"],
        "evaluate": ["--again"],
        "reproduce": ["--quiet"],
    }[command]
    said = hilum(command, "runs/mine-1", *more)
    assert said.code == 2
    options = needed(said.err)
    assert options[1] == str(Path("runs/mine-1/plugins/my_network.py"))
    assert len(options) == {"predict": 2, "evaluate": 4, "reproduce": 12}[command]
    done = hilum(command, "runs/mine-1", *more, *options)
    assert done.code == 0, done.err
    assert {"predict": "Effusion", "evaluate": "ROC AUC", "reproduce": "agrees with"}[command] in done.out
    assert "note: plugin" not in done.err


def test_stored_predictions_need_no_plugin(hilum: Callable[..., Any]) -> None:
    for command in (
        ("compare", "runs/mine-1", "runs/mine-2", "--part", "valid"),
        ("runs", "--folder", "runs"),
        ("runs", "show", "runs/mine-1"),
        ("runs", "show", "runs/mine-1", "--epochs"),
        ("report", "runs/mine-1"),
        ("check", "runs/mine-1"),
    ):
        assert (done := hilum(*command)).code == 0, done.err


def test_a_score_is_computed_where_its_plugin_is_named(hilum: Callable[..., Any], desk: Path) -> None:
    kept = json.loads((desk / "runs" / "mine-1" / "scores" / "valid.json").read_text())
    assert -1 <= kept["per_finding"]["Effusion"]["kappa"] <= 1
    assert '"kappa"' in json.dumps(kept["intervals"])
    plain = ("compare", "runs/mine-1", "runs/mine-2", "--part", "valid", "--by", "kappa")
    refused = hilum(*plain)
    assert refused.code == 2
    assert "kappa" in refused.err
    done = hilum(*plain, "--plugin", "my_score.py")
    assert done.code == 0, done.err
    assert "kappa" in done.out


def test_an_average_of_runs_looks_with_their_plugins(hilum: Callable[..., Any]) -> None:
    assert hilum("ensemble", "runs/mine-1", "runs/mine-2", "--out", "runs/both").code == 0
    refused = hilum("predict", "runs/both", "ward/p01_1_effusion.png", "--force")
    assert refused.code == 2
    assert hilum("predict", "runs/both", "ward/p01_1_effusion.png", "--force", *needed(refused.err)).code == 0


def test_python_is_told_how_to_name_it() -> None:
    import hilum
    from hilum.errors import RunError
    from hilum.plugins import using

    film = "ward/p01_1_effusion.png"
    for look in (hilum.load, lambda run: hilum.api.predict(run, film)):
        with pytest.raises(RunError, match=r"the same call within `hilum\.plugins\.using`") as caught:
            look("runs/mine-1")
    with using(needed(str(caught.value))[1]):
        assert hilum.load("runs/mine-1", device="cpu").findings == ("Effusion",)
        assert len(hilum.api.predict("runs/mine-1", film, force=True, device="cpu").read) == 1


@pytest.mark.parametrize("command", ["resume", "reproduce", "predict"])
def test_another_text_of_the_same_names_is_told_whatever_goes_on(
    hilum: Callable[..., Any], desk: Path, tmp_path: Path, command: str
) -> None:
    shutil.copytree(desk / "runs" / "mine-1", tmp_path / "mine-1")
    info = tmp_path / "mine-1" / "run.json"
    if command == "resume":
        info.write_text(info.read_text().replace('"status": "done"', '"status": "stopped"'))
    options = list[str]()
    for name, text in EXAMPLES.items():
        kept = desk / "runs" / "mine-1" / "plugins" / name
        if kept.exists():
            (tmp_path / name).write_text(text.replace("nn.ReLU()", "nn.Tanh()"))
            options += ["--plugin", str(tmp_path / name)]
    words = {
        "resume": ("train", "--resume", str(info.parent)),
        "reproduce": ("reproduce", str(info.parent), "--quiet"),
        "predict": ("predict", str(info.parent), "ward/p01_1_effusion.png", "--force"),
    }[command]
    said = hilum(*words, *options).err
    assert said.count("is not the text that") == 1
    assert "note: plugin my_network" in said


def test_another_text_is_told(hilum: Callable[..., Any], desk: Path) -> None:
    (desk / "other").mkdir()
    (desk / "other" / "my_network.py").write_text(EXAMPLES["my_network.py"] + "# changed\n")
    done = hilum(
        "predict", "runs/mine-1", "ward/p01_1_effusion.png", "--force", "--plugin", "other/my_network.py"
    )
    assert done.code == 0
    assert "note: plugin my_network is not the text that runs/mine-1 was made with" in done.err
    kept = desk / "runs" / "mine-2" / "plugins" / "my_loss.py"
    kept.write_text("LOSSES = {}")
    found = hilum("check", "runs/mine-2")
    kept.write_text(EXAMPLES["my_loss.py"])
    assert found.code == 1
    assert "my_loss.py: its checksum is not that of what was written" in found.out + found.err


def test_a_backbone_embeds_and_begins_a_training(hilum: Callable[..., Any]) -> None:
    pytest.importorskip("lancedb")
    options = ("--plugin", "my_source.py", "--plugin", "my_backbone.py")
    assert hilum("pack", "ward", "ward", "--out", "packed", "--size", "32", *options).code == 0
    made = hilum("embed", "edges", "--data", "packed", "--out", "store", "--json", *options)
    assert made.code == 0, made.err
    assert json.loads(made.out)["images"] == 40
    changes = ("model.name=edges", "model.weights=pretrained", "loss.kind=bce", "finetune.learn=head")
    sets = [word for change in changes for word in ("--set", change)]
    trained = hilum(
        "train", "mine.toml", "--data", "packed", "--out", "runs", "--name", "edges", *sets, *options
    )
    assert trained.code == 0, trained.err
    assert "weights of its plugin; the classifier starts at random" in trained.err


def test_networks_sources_and_layers_are_listed(hilum: Callable[..., Any]) -> None:
    assert "tiny" not in hilum("models").out
    assert "tiny" in hilum("models", "--plugin", "my_network.py").out
    shown = hilum("models", "mobile", "--size", "64", "--plugin=my_network.py")
    assert shown.code == 0, shown.err
    assert "a network of a plugin" in shown.out
    assert "features.12" in shown.out
    assert "ward" in hilum("sources", "--plugin", "my_source.py").out
