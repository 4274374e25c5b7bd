"""What TensorBoard holds of a run is what the run's folder holds, and following a run changes none of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_runs import weights_of, with_settings

from hilum import api
from hilum.config import Config
from hilum.errors import ConfigError, Stopped
from hilum.metrics import per_finding
from hilum.runs import Run, list_runs
from hilum.train.session import resume, train

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ALL = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0}


def _events(run: Run, part: str = "") -> EventAccumulator:
    """All events of a folder, read back as TensorBoard reads them."""
    return EventAccumulator(str(run.path / "tensorboard" / part), size_guidance=ALL).Reload()


def _steps(events: EventAccumulator, tag: str) -> list[int]:
    return [event.step for event in events.Scalars(tag)]


@pytest.fixture(scope="module")
def tracked(pack: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run with events, that tests only read."""
    config = {
        "name": "tracked",
        "data": {"path": str(pack.path)},
        "prepare": {"size": 32},
        "model": {"name": "densenet-small"},
        "augment": {"share": 0.5},
        "split": {"valid": 0.25, "test": 0.25},
        "train": {"epochs": 2, "batch": 12, "precision": "fp32"},
        "track": {"tensorboard": "on"},
    }
    return api.train(api.make_config(config), out=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.mark.parametrize("part", ["train", "valid"])
def test_scalars_are_the_runs_history(tracked: Run, part: str) -> None:
    events, seen = _events(tracked, part), 0
    for entry in tracked.history:
        found = entry[part]
        wanted = {"Mean/loss": found["loss"]}
        wanted |= {f"Mean/{name}": found["scores"]["mean"][name]["value"] for name in per_finding()}
        wanted |= {f"combined/{name}": value for name, value in found["scores"]["combined"].items()}
        for finding, row in found["scores"]["per_finding"].items():
            wanted |= {f"{name}/{finding}": row[name] for name in per_finding()}
        for tag, value in wanted.items():
            if value is not None:
                at = [event.value for event in events.Scalars(tag) if event.step == entry["epoch"]]
                assert at == [pytest.approx(value, rel=1e-6)], tag
                seen += 1
    assert seen > 60
    assert seen == sum(len(events.Scalars(tag)) for tag in events.Tags()["scalars"])


def test_speed_rate_and_gradients_are_of_the_run_as_a_whole(tracked: Run) -> None:
    events = _events(tracked)
    history = tracked.history
    for name, key in (("learning_rate", "lr"), ("images_per_second",) * 2, ("seconds",) * 2):
        values = [event.value for event in events.Scalars(f"training/{name}")]
        assert values == pytest.approx([entry[key] for entry in history], rel=1e-6)
    median, largest = (
        [event.value for event in events.Scalars(f"training/gradient_norm_{kind}")]
        for kind in ("median", "largest")
    )
    assert all(0 < one <= two < 1e4 for one, two in zip(median, largest, strict=True))
    updates = events.Histograms("gradient norm/of updates")
    assert [event.histogram_value.num for event in updates] == [4, 4]  # 48 images in batches of 12


def test_pictures_can_be_looked_at(tracked: Run) -> None:
    own, valid = _events(tracked), _events(tracked, "valid")
    (inputs,) = own.Images("inputs/training")
    assert inputs.step == 0
    assert [image.step for image in own.Images("filters/first_layer")] == [0, 1, 2]
    assert {image.step for image in valid.Images("errors/most_wrong")} <= {1, 2}
    for image in (inputs, *own.Images("filters/first_layer"), *valid.Images("errors/most_wrong")):
        pixels = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert pixels.std() > 10


def test_the_inputs_are_the_first_batch_as_the_network_sees_it(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hilum.train.callbacks as callbacks
    import hilum.train.learner as learner

    shown, seen = [], []
    tell, step = callbacks.Trackers.tell, learner.Learner.step

    def tell_and_keep(self: Any, what: str, *about: Any) -> None:
        shown.extend(about[:1] if what == "start" else ())
        tell(self, what, *about)

    def step_and_keep(self: Any, batch: Any, steps: int) -> Any:
        seen.append(batch.images.clone())
        return step(self, batch, steps)

    monkeypatch.setattr(callbacks.Trackers, "tell", tell_and_keep)
    monkeypatch.setattr(learner.Learner, "step", step_and_keep)
    run = train(with_settings(config, "train.epochs=1"), folder=tmp_path, quiet=True)
    network = seen[0][: len(shown[0]), 0].numpy()
    assert np.allclose(shown[0], network * run.data["sd"] + run.data["mean"], atol=1e-6)
    assert 0 <= shown[0].min() < 0.3 < shown[0].max() <= 1


def test_curves_histograms_and_settings_are_there(tracked: Run) -> None:
    own, valid = _events(tracked), _events(tracked, "valid")
    assert {"Left", "Top"} <= set(valid.Tags()["tensors"])
    for event in valid.Tensors("Left"):
        precision, recall = np.array(event.tensor_proto.float_val or []), None
        table = (
            np.frombuffer(event.tensor_proto.tensor_content, np.float32) if not len(precision) else precision
        )
        *_, precision, recall = table.reshape(6, -1)
        assert recall[0] == 1
        assert ((precision >= 0) & (precision <= 1)).all()
    positives = tracked.history[0]["valid"]["scores"]["per_finding"]["Left"]["positives"]
    counted = valid.Histograms("probability with the finding/Left")[0].histogram_value
    assert counted.num == sum(counted.bucket) == positives
    weights = [tag for tag in own.Tags()["histograms"] if tag.startswith("weights/")]
    assert "weights/classifier" in weights
    (text,) = own.Tensors("configuration/text_summary")
    assert b'name = "densenet-small"' in text.tensor_proto.string_val[0]


def test_final_scores_stand_beside_the_settings_that_were_changed(tracked: Run) -> None:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    api.evaluate(tracked, "test")
    api.evaluate(tracked, "test")
    events = _events(tracked, "result")
    for part in ("valid", "test"):
        (event,) = events.Scalars(f"{part}/roc_auc")
        assert event.value == pytest.approx(tracked.scores(part).value("roc_auc"), rel=1e-6)
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info.hparams
    assert found["model.name"].string_value == "densenet-small"
    assert found["train.batch"].number_value == 12
    assert found["optimizer.lr"].number_value == tracked.config.optimizer.lr
    assert "optimizer.weight_decay" not in found
    assert "_hparams_/experiment" not in events.summary_metadata


def _stopped(config: Config, folder: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that is stopped in its step number `at`."""
    import hilum.train.loop as loop

    real_step, taken = loop.Learner.step, 0

    def interrupted(self: Any, *arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == at:
            signal.raise_signal(signal.SIGINT)
        return real_step(self, *arguments)

    monkeypatch.setattr(loop.Learner, "step", interrupted)
    with pytest.raises(Stopped):
        train(config, folder=folder, quiet=True)
    monkeypatch.undo()
    return list_runs(folder)[0]


@pytest.mark.parametrize("at", [2, 7])
def test_a_resume_doubles_no_step_and_loses_none(
    config: Config, tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = _stopped(config, tmp_path, at, monkeypatch)
    # What a kill after the events and before the checkpoint leaves behind.
    from torch.utils.tensorboard import SummaryWriter

    folder = cut.path / "tensorboard" / "valid"
    stale = SummaryWriter(str(folder), filename_suffix=".stale")
    stale.add_scalar("Mean/loss", 99.0, len(cut.history) + 1)
    stale.close()
    # Files are read by name, which begins with the second of their making; a test is faster than that.
    for file in list(folder.glob("events.*")):
        file.rename(folder / f"events.out.tfevents.{2 if file.suffix == '.stale' else 1:010}")
    resume(cut.path, quiet=True)
    for part in ("train", "valid"):
        events = _events(cut, part)
        assert _steps(events, "Mean/loss") == [1, 2, 3]
        values = [event.value for event in events.Scalars("Mean/loss")]
        assert values == pytest.approx([entry[part]["loss"] for entry in cut.history], rel=1e-6)
    own = _events(cut)
    assert _steps(own, "training/learning_rate") == [1, 2, 3]
    assert len(own.Images("inputs/training")) == 1


def test_a_file_cut_in_the_middle_can_still_be_read(tracked: Run, tmp_path: Path) -> None:
    (whole,) = (tracked.path / "tensorboard" / "valid").glob("events.*")
    content = whole.read_bytes()
    (tmp_path / whole.name).write_bytes(content[: len(content) * 6 // 10])
    events = EventAccumulator(str(tmp_path), size_guidance=ALL).Reload()
    assert _steps(events, "Mean/loss")[:1] == [1]


@pytest.mark.parametrize(
    "changes", [[], ["train.accumulate=2", "train.clip=0.1", "train.ema=0.9", "sampling.kind=finding"]]
)
def test_following_a_run_changes_no_number(config: Config, tmp_path: Path, changes: list[str]) -> None:
    runs = [
        train(
            with_settings(config, *changes, f"track.tensorboard={kind}"), folder=tmp_path / kind, quiet=True
        )
        for kind in ("on", "off")
    ]
    histories = [
        [{k: v for k, v in e.items() if k not in ("seconds", "images_per_second")} for e in run.history]
        for run in runs
    ]
    assert histories[0] == histories[1]
    one, two = (weights_of(run.path / "checkpoints" / "last.safetensors") for run in runs)
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert [(run.path / "tensorboard").is_dir() for run in runs] == [True, False]


def test_off_imports_nothing_of_tensorboard(config: Config, tmp_path: Path) -> None:
    from hilum.config import write_config

    write_config(with_settings(config, "train.epochs=1", "track.tensorboard=off"), tmp_path / "off.toml")
    code = (
        "import sys; from hilum.cli import main; "
        f"code = main(['train', {str(tmp_path / 'off.toml')!r}, '--in', {str(tmp_path / 'runs')!r}, '--quiet']); "
        "print(code, [name for name in sys.modules if 'tensorboard' in name or name == 'mlflow'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_auto_without_the_package_is_off(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hilum.track.trackers._installed", lambda _: False)
    run = api.train(with_settings(config, "train.epochs=1"), out=tmp_path, quiet=True)
    assert not (run.path / "tensorboard").exists()


def test_a_tracker_that_fails_is_told_once_and_training_goes_on(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device\nand a second line")

    monkeypatch.setattr("hilum.track.tensorboard.TensorBoard.epoch", full)
    run = train(config, folder=tmp_path)
    assert run.info["status"] == "done"
    said = [line for line in capfd.readouterr().err.splitlines() if "TensorBoard" in line]
    assert len(said) == 1
    assert said[0].startswith("warning: TensorBoard: [Errno 28] No space left on device")
    assert said[0].endswith("Training goes on; the run's folder has all.")


def test_a_tracker_that_cannot_begin_is_told(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise TypeError("Descriptors cannot be created directly")

    monkeypatch.setattr("hilum.track.trackers._tensorboard", broken)
    monkeypatch.setattr("hilum.track.tensorboard.SummaryWriter", broken)
    run = api.train(with_settings(config, "train.epochs=1"), out=tmp_path)
    said = capfd.readouterr().err
    assert (
        "warning: TensorBoard: Descriptors cannot be created directly. Training goes on without it." in said
    )
    (run.path / "tensorboard").mkdir()
    api.evaluate(run, "valid")
    assert "hilum: warning: TensorBoard: Descriptors cannot be created directly." in capfd.readouterr().err


def test_wrong_settings_are_said_before_there_is_a_run(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'recall'"):
        train(with_settings(config, 'track.columns=["recal"]'), folder=tmp_path / "runs", quiet=True)
    assert not (tmp_path / "runs").exists()
