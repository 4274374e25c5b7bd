"""The commands around a run, as a user types them, on a small phantom study."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.cli import main
from hilum_phantom import make_phantom

Hilum = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom study of 30 patients, and a run trained on it for two epochs."""
    folder = tmp_path_factory.mktemp("lab")
    make_phantom(folder / "phantom", 30, size=96, workers=1)
    assert (
        main(["pack", "chexpert", str(folder / "phantom"), "--out", str(folder / "pack"), "--size", "32"])
        == 0
    )
    recipe = folder / "small.toml"
    recipe.write_text(
        'data.findings = ["Support Devices", "Pleural Effusion"]\n'
        'model.name = "densenet-small"\nprepare.size = 32\nsplit.keep_official = false\n'
        "split.valid = 0.3\nsplit.test = 0.2\ntrain.epochs = 2\ntrain.batch = 16\n"
    )
    command = ["train", str(recipe), "--data", str(folder / "pack"), "--out", str(folder / "runs"), "--quiet"]
    assert main(command) == 0
    return folder


def test_train_prints_scores_and_the_report(study: Path, hilum: Hilum, tmp_path: Path) -> None:
    code, out, err = hilum(
        "train",
        study / "small.toml",
        "--data",
        study / "pack",
        "--out",
        tmp_path,
        "--set",
        "train.epochs=1",
        "--name",
        "my run",
    )
    assert code == 0
    assert "Validation scores of my-run-1, epoch 1" in out
    assert "Support Devices" in out
    assert str(tmp_path / "my-run-1" / "report.html") in out
    assert "1/1" in err


def test_evaluate_predict_report(study: Path, hilum: Hilum, tmp_path: Path) -> None:
    run = study / "runs" / "small-1"
    code, out, _ = hilum("evaluate", run, "--part", "test")
    assert code == 0
    assert "Scores on test" in out
    code, out, _ = hilum("evaluate", run, "--part", "test", "--json")
    assert json.loads(out)["part"] == "test"
    code, out, _ = hilum("report", run)
    assert (code, out.strip()) == (0, str(run / "report.html"))
    images = sorted((study / "phantom").rglob("*.jpg"))[:2]
    code, out, _ = hilum("predict", run, *images)
    assert code == 0
    assert "not a medical device" in out
    code, out, _ = hilum("predict", run, *images, "--json")
    first = json.loads(out)[0]
    assert 0 <= first["findings"]["Support Devices"]["probability"] <= 1
    (tmp_path / "empty.jpg").write_bytes(b"")
    code, out, err = hilum("predict", run, images[0], tmp_path / "empty.jpg")
    assert code == 2
    assert "1 of 2 files could not be read" in err
    assert "not read" in err
    assert str(images[0]) in out
    code, _, err = hilum("predict", run, tmp_path / "nowhere.jpg")
    assert code == 2
    assert "there is no file" in err


def test_runs_and_show(study: Path, hilum: Hilum, tmp_path: Path) -> None:
    code, out, _ = hilum("runs", "--folder", study / "runs")
    assert code == 0
    assert "small-1" in out
    code, shown, _ = hilum("runs", "--folder", study / "runs")
    code, out, _ = hilum("runs", "--folder", study / "runs", "--json")
    row = json.loads(out)[0]
    assert row["model"] == "densenet-small"
    assert row["roc_auc_low"] <= row["roc_auc"] <= row["roc_auc_high"]
    assert f"{row['roc_auc']:.3f} [{row['roc_auc_low']:.3f}, {row['roc_auc_high']:.3f}]" in shown
    # Another test may have scored the test part already.
    unscored = shutil.copytree(study / "runs" / "small-1", tmp_path / "runs" / "small-1")
    (unscored / "scores" / "test.json").unlink(missing_ok=True)
    code, out, _ = hilum("runs", "--folder", tmp_path / "runs", "--part", "test", "--by", "brier", "--json")
    assert json.loads(out)[0]["brier_low"] is None
    code, out, _ = hilum("runs", "show", study / "runs" / "small-1")
    assert "train.epochs" in out
    assert "Scores on valid" in out
    code, out, _ = hilum("runs", "show", study / "runs" / "small-1", "--json")
    assert json.loads(out)["settings"]["train.epochs"] == 2
    code, out, _ = hilum("runs", "--folder", study)
    assert "no runs" in out
    assert hilum("runs", "--folder", tmp_path / "nowhere")[0] == 2
    assert hilum("runs", "--folder", study / "runs", "--by", "roc_uac")[0] == 2


def test_a_run_that_is_not_whole_is_left_out_of_the_leaderboard(
    study: Path, hilum: Hilum, tmp_path: Path
) -> None:
    for name in ("whole", "torn", "wrong"):
        shutil.copytree(study / "runs" / "small-1", tmp_path / name)
    (tmp_path / "torn" / "epochs" / "0001" / "summary.json").unlink()
    (tmp_path / "wrong" / "config.toml").write_text("[optimiser]\nlr = 1\n")
    code, out, err = hilum("runs", "--folder", tmp_path)
    assert code == 0
    assert "whole" in out
    assert "torn" not in out
    assert "wrong" not in out
    assert err.count("left out: ") == 2
    assert "no epoch 1" in err


def test_reproduce_agrees(study: Path, hilum: Hilum, tmp_path: Path) -> None:
    code, out, _ = hilum("reproduce", study / "runs" / "small-1", "--out", tmp_path, "--quiet")
    assert code == 0
    assert "every loss and score of 2 epochs agrees" in out


def test_reproduce_says_what_differs(study: Path, hilum: Hilum, tmp_path: Path) -> None:
    copy = shutil.copytree(study / "runs" / "small-1", tmp_path / "runs" / "copy")
    summary = copy / "epochs" / "0002" / "summary.json"
    entry = json.loads(summary.read_text())
    entry["valid"]["loss"] += 0.25
    summary.write_text(json.dumps(entry))
    code, out, err = hilum("reproduce", copy, "--quiet")
    assert code == 1
    assert "valid.loss" in out
    assert "differ in 1 number." in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "needs a recipe"),
        (["nowhere.toml"], "is not a file"),
        (["{study}/small.toml", "--resume", "{study}/runs/small-1"], "not both"),
        (["--resume", "{study}/runs/small-1", "--set", "seed=1"], "do not go with it"),
        (["--resume", "{study}/runs/smal-1"], "Did you mean"),
        (["{study}/small.toml", "--data", "{study}/pack", "--set", "optimiser.lr=1"], "did you mean 'optimizer'?"),
        (["{study}/small.toml", "--data", "{study}/pack", "--set", "optimizer.lr=fast"], "optimizer.lr"),
        (["{study}/small.toml", "--data", "{study}/pack", "--set", "prepare.size=64"], "made with size = 32"),
        (["{study}/small.toml", "--data", "{study}/nowhere"], "nowhere"),
        (["{study}/small.toml", "--data", "{study}/pack", "--option", "salt=x"], "is a pack"),
        (["{study}/small.toml", "--data", "dicom:{study}/phantom", "--option", "salt"], "NAME=VALUE"),
        (["{study}/small.toml", "--data", "nih:{study}/x", "--option", "name=x"], "name: unknown option"),
        (["{study}/small.toml", "--data", "nih:{study}/x", "--option", "only_present=2"], "only_present"),
        (["{study}/small.toml", "--data", "nih:{study}/phantom"], "chexpert"),
        (["{study}/small.toml", "--data", "{study}/pack", "--set", 'data.findings=["Edemaa"]'], "'Edema'"),
        (["{study}/small.toml", "--data", "{study}/pack", "--set", "clean.min_age=130"], "min_age"),
        (["{study}/small.toml", "--data", "{study}/pack", "--set", "sampling.kind=class",
          "--set", "sampling.finding=Suport Devices"], "did you mean 'Support Devices'?"),
    ],
)  # fmt: skip
def test_bad_input_is_one_message_and_exit_2(
    study: Path, hilum: Hilum, arguments: list[str], said: str
) -> None:
    before = sorted(p.name for p in (study / "runs").iterdir())
    given = [argument.format(study=study) for argument in arguments]
    code, out, err = hilum("train", *given, *(() if "--resume" in given else ("--out", study / "runs")))
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err
    assert sorted(p.name for p in (study / "runs").iterdir()) == before


def test_a_full_disk_stops_training_with_one_message(study: Path, tmp_path: Path) -> None:
    import resource
    import signal
    import subprocess
    import sys

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    command = [
        sys.executable,
        "-m",
        "hilum",
        "train",
        study / "small.toml",
        "--data",
        study / "pack",
        "--out",
        tmp_path,
    ]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "could not write" in done.stderr
    assert "Free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.partial"))


def test_the_demo_does_the_whole_job(hilum: Hilum, tmp_path: Path) -> None:
    code, out, _ = hilum("demo", "--out", tmp_path / "a demo", "--patients", 40, "--epochs", 1)
    assert code == 0
    assert "$ hilum train phantom-resnet18" in out
    report = Path(out.strip().splitlines()[-1].split(": ", 1)[1])
    assert report.is_file()


def test_options_of_the_source_reach_it_and_the_run(hilum: Hilum, tmp_path: Path, study: Path) -> None:
    from hilum.runs import Run

    make_phantom(tmp_path / "films", 25, layout="folder", size=64, workers=1)
    code, _, err = hilum(
        "train",
        study / "small.toml",
        *("--data", f"folder:{tmp_path / 'films'}", "--option", "positive=pleural_effusion"),
        *("--set", "data.findings=[]", "--set", "train.epochs=1", "--out", tmp_path / "runs", "--quiet"),
    )
    assert code == 0, err
    run = Run(tmp_path / "runs" / "small-1")
    assert run.config.data.options == {"positive": "pleural_effusion"}
    assert run.data["findings"] == ["pleural_effusion"]


def test_files_of_which_none_is_an_image_are_bad_input(hilum: Hilum, tmp_path: Path, study: Path) -> None:
    for name in ("empty.png", "text.jpg"):
        (tmp_path / name).write_text("" if name == "empty.png" else "hello")
    code, out, err = hilum("predict", study / "runs" / "small-1", tmp_path)
    assert (code, out) == (2, "")
    assert "empty.png is empty" in err
    assert "2 of 2 files could not be read as an image" in err


def test_a_recipes_source_options_hold_for_doctor_and_pack(hilum: Hilum, tmp_path: Path) -> None:
    study = tmp_path / "study"
    make_phantom(study, 20, "folder", size=64, workers=1)
    recipe = tmp_path / "folder.toml"
    recipe.write_text("prepare.size = 32\ndata.options.patient_pattern = '^(patient[0-9]+)_'\n")
    code, out, _ = hilum("doctor", "folder", study, "--recipe", recipe, "--json")
    assert code == 0
    assert json.loads(out)["patients"] == 20
    code, out, _ = hilum("pack", "folder", study, "--out", tmp_path / "pack", "--recipe", recipe)
    assert code == 0
    assert "of 20 patients, 32 x 32" in out
