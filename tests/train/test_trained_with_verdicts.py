"""Training with an overlay of verdicts: what changes, what must not, and that the run says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_runs import with_settings

from hilum import api
from hilum.config import Config
from hilum.errors import RunError
from hilum.metrics import Predictions
from hilum.pixels import Pack
from hilum.predict import raw_predictions
from hilum.runs import Run
from hilum.table import Table
from hilum.train.data import make_job
from hilum.train.session import reproduce, resume, train

QUICK = ("train.epochs=1", "split.valid=0.25", "split.test=0.25")


def others(table: Table) -> str:
    """An overlay that says of every image of a table the other thing about `Left`."""
    rows = [
        f"{image},Left,{'negative' if code == 1 else 'positive'},reader,2025-11-21"
        for image, code in zip(table.frame["image_id"], table.frame["Left"], strict=True)
        if code in (0, 1)
    ]
    return "\n".join(["image_id,finding,verdict,by,when", *rows]) + "\n"


@pytest.fixture(scope="module")
def overlay(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("overlay") / "verdicts.csv"
    path.write_text(others(pack.table))
    return path


def left(table: Table) -> list[int | None]:
    return table.frame["Left"].to_list()


def test_labels_change_in_train_and_valid_and_the_split_does_not(config: Config, overlay: Path) -> None:
    """Both runs of a comparison must learn and be judged on the same images."""
    before = make_job(with_settings(config, *QUICK))
    after = make_job(with_settings(config, *QUICK, f"labels.overlay='{overlay}'"))
    assert after.split.id == before.split.id
    for part in ("train", "valid"):
        given, now = left(before.part(part).table), left(after.part(part).table)
        assert now == [1 - code if code in (0, 1) else code for code in given]
        assert now != given
    assert left(after.part("test").table) == left(before.part("test").table)
    assert before.applied is None
    assert "overlay" not in before.describe()


def test_dropped_labels_are_never_scored(config: Config, overlay: Path) -> None:
    job = make_job(with_settings(config, *QUICK, f"labels.overlay='{overlay}'", "labels.verdicts=drop"))
    given = make_job(with_settings(config, *QUICK)).part("train").table
    # A blank label, of which the overlay says nothing, counts as negative.
    expected = [0.0 if code is None else np.nan for code in left(given)]
    np.testing.assert_array_equal(job.part("train").truth[:, 0], np.array(expected, np.float32))
    assert np.isfinite(job.part("test").truth[:, 0]).mean() > 0.8


def test_a_run_says_what_was_done_and_keeps_the_verdicts(
    config: Config, overlay: Path, tmp_path: Path
) -> None:
    run = train(with_settings(config, *QUICK, f"labels.overlay='{overlay}'"), folder=tmp_path, quiet=True)
    told = " ".join(run.info["warnings"])
    assert "overlay of verdicts was applied (train: " in told
    assert "on test images not applied" in told
    assert (run.path / "overlay.csv").read_text().count("\n") == overlay.read_text().count("\n")
    assert run.data["overlay"]["counts"]["train"]["corrected"] > 0
    # Looked at again, the parts have the labels that the run was trained and judged with.
    kept = Predictions.load(run.path / "predictions" / "valid.parquet", "valid")
    again = raw_predictions(run, "valid", again=True)
    np.testing.assert_array_equal(kept.targets, again.targets)
    test = raw_predictions(run, "test")
    np.testing.assert_array_equal(test.targets, make_job(run.config).part("test").truth)


@pytest.mark.parametrize("fate", ["changed", "deleted"])
def test_a_resume_and_a_repetition_have_the_verdicts_of_the_run(
    config: Config, overlay: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], fate: str
) -> None:
    path = tmp_path / "verdicts.csv"
    path.write_text(overlay.read_text())
    settings = with_settings(config, *QUICK, f"labels.overlay='{path}'")
    run = train(settings, folder=tmp_path, quiet=True)
    run.write_info({**run.info, "status": "stopped"})
    if fate == "deleted":
        path.unlink()
    else:
        path.write_text("image_id,finding,verdict,by,when\nimage0,Left,unusable,,\n")
    own = (run.path / "overlay.csv").read_text()
    assert resume(run.path).info["status"] == "done"
    assert (
        f"verdicts on labels are those that it began with, in {run.path / 'overlay.csv'}"
        in capfd.readouterr().err
    )
    again, differences = reproduce(run.path, quiet=True)
    assert differences == []
    assert again.data["overlay"] == run.data["overlay"]
    assert (run.path / "overlay.csv").read_text() == (again.path / "overlay.csv").read_text() == own


def test_a_resume_notices_that_the_runs_verdicts_were_changed(
    config: Config, overlay: Path, tmp_path: Path
) -> None:
    run = train(with_settings(config, *QUICK, f"labels.overlay='{overlay}'"), folder=tmp_path, quiet=True)
    run.write_info({**run.info, "status": "stopped"})
    own = run.path / "overlay.csv"
    whole = own.read_text()
    own.write_text("\n".join(whole.splitlines()[:-1]) + "\n")
    with pytest.raises(RunError, match="other verdicts on labels"):
        resume(run.path, quiet=True)
    own.write_text(whole)
    assert resume(run.path, quiet=True).info["status"] == "done"


def test_the_command_takes_verdicts(hilum, pack: Pack, overlay: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        "[prepare]\nsize = 32\n[model]\nname = 'densenet-small'\n"
        "[train]\nepochs = 1\nbatch = 32\n[split]\nvalid = 0.25\n"
    )
    base = ("train", recipe, "--data", pack.path, "--out", tmp_path / "runs", "--quiet")
    done = hilum(*base, "--labels", overlay, "--json")
    assert done.code == 0, done.err
    run = Run(json.loads(done.out)["run"])
    assert run.config.labels.overlay == str(overlay)

    wrong = tmp_path / "wrong.csv"
    wrong.write_text(overlay.read_text().replace("image1,Left", "imago1,Lefft"))
    refused = hilum(*base, "--name", "refused", "--labels", wrong)
    assert refused.code == 2
    assert "1 image of" in refused.err
    assert "imago1" in refused.err
    assert "did you mean 'Left'" in refused.err
    assert not (tmp_path / "runs" / "refused-1").exists()
    assert hilum("train", "--resume", run.path, "--labels", overlay).code == 2


def test_verdicts_on_images_that_are_cleaned_away_are_no_mistake(tmp_path: Path) -> None:
    """The file may be of the whole data set, the run of a part of it."""
    study = api.phantom(tmp_path / "study", 12, "nih", size=32, workers=1)
    table = api.table("nih", study.path)
    one = table.frame["image_id"][0]
    projection = "AP" if table.frame["projection"][0] == "PA" else "PA"
    path = tmp_path / "verdicts.csv"
    path.write_text(f"image_id,finding,verdict,by,when\n{one},Edema,positive,,\n")
    config = api.make_config(
        {
            "data": {"path": f"nih:{study.path}", "findings": ["Edema"]},
            "prepare": {"size": 32},
            "clean": {"projections": [projection]},
            "split": {"valid": 0.4},
            "labels": {"overlay": str(path)},
        }
    )
    job = make_job(config)
    assert job.applied is not None
    assert job.applied.elsewhere == 1
