"""One inference path: test-time augmentation, calibration and units are the same in evaluation and for files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hilum.batches import copies, count
from hilum.config import Config, PredictConfig, make_config
from hilum.errors import ConfigError, DataError, PackError, RunError, WeightsError
from hilum.evaluate import judge_part
from hilum.files import write_json
from hilum.metrics import SCORES, Predictions, check_scores, fit_judge
from hilum.pixels import Pack
from hilum.predict import load, raw_predictions
from hilum.runs import Run
from hilum.train import train

Copied = Callable[[int], Run]


def files_of(pack: Pack, predictions: Predictions) -> list[Path]:
    paths = dict(zip(pack.table.image_ids, pack.table.frame["path"], strict=True))
    return [pack.table.root / paths[image] for image in predictions.image_ids]


def logits_of(model: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """Of prepared images [n, size, size] of 0 to 255."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1).float()
    return model(pixels / 255).detach().numpy()  # type: ignore[no-any-return]


def without_copies(run: Run, tmp_path: Path) -> Run:
    """The same run without test-time augmentation."""
    folder = Path(shutil.copytree(run.path, tmp_path / "plain"))
    text = (folder / "config.toml").read_text().replace("flip = true", "flip = false")
    (folder / "config.toml").write_text(text.replace("shift = 0.1", "shift = 0.0"))
    return Run(folder)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.001, 0.2))
def test_copies_are_the_image_moved(height: int, width: int, share: float) -> None:
    image = torch.arange(1.0, height * width + 1).reshape(1, 1, height, width)
    config = PredictConfig(flip=True, shift=share)
    same, mirrored, down, up, right, left = (copy[0, 0].numpy() for copy in copies(image, config))
    whole = image[0, 0].numpy()
    rows, columns = max(1, round(share * height)), max(1, round(share * width))
    np.testing.assert_array_equal(same, whole)
    np.testing.assert_array_equal(mirrored, whole[:, ::-1])
    padded = np.pad(whole, ((height, height), (width, width)))

    def window(y: int, x: int) -> np.ndarray:
        return padded[height + y : 2 * height + y, width + x : 2 * width + x]

    np.testing.assert_array_equal(down, window(-rows, 0))
    np.testing.assert_array_equal(up, window(rows, 0))
    np.testing.assert_array_equal(right, window(0, -columns))
    np.testing.assert_array_equal(left, window(0, columns))
    assert count(config) == 6
    assert count(PredictConfig()) == len(list(copies(image, PredictConfig()))) == 1


def test_augmented_logits_are_the_mean_over_hand_made_copies(
    trained: tuple[Run, Run], studies: Pack, tmp_path: Path
) -> None:
    run = trained[0]
    plain = load(without_copies(run, tmp_path), device="cpu")
    images = studies.images(studies.slots[:9])
    mean = run.data["mean"] * 255
    moved = [images, images[:, :, ::-1]]
    for axis, step in ((1, 3), (1, -3), (2, 3), (2, -3)):
        shifted = np.roll(images, step, axis).astype(np.float32)
        gone = [slice(None)] * 3
        gone[axis] = slice(0, step) if step > 0 else slice(step, None)
        shifted[tuple(gone)] = mean
        moved.append(shifted)
    by_hand = np.mean([logits_of(plain, copy) for copy in moved], axis=0)
    np.testing.assert_allclose(logits_of(load(run, device="cpu"), images), by_hand, atol=1e-4)


def test_files_give_what_evaluation_gives(trained: tuple[Run, Run], studies: Pack) -> None:
    run = trained[0]
    judged = run.judged("test")
    results = load(run, device="cpu").predict(files_of(studies, judged), batch=7).images
    np.testing.assert_allclose([r.probabilities for r in results], judged.probabilities, atol=1e-4)
    decided = run.thresholds.decide(judged)
    clear = np.abs(judged.probabilities - run.thresholds.values) > 1e-3
    assert (np.array([r.positive for r in results]) == decided)[clear].all()
    assert run.judge.calibration.parameters
    assert np.abs(judged.probabilities - run.predictions("test").probabilities).max() > 0.01


def test_the_judge_is_fitted_on_augmented_validation_predictions(
    trained: tuple[Run, Run], recipe: Config
) -> None:
    run = trained[0]
    valid = run.predictions("valid")
    assert np.abs(valid.logits - run.predictions("valid", run.best_epoch).logits).max() > 1e-3
    assert fit_judge(valid, recipe.scores).to_json() == run.judge.to_json()


@pytest.mark.parametrize("unit", ["study", "patient"])
@pytest.mark.parametrize("combine", ["max", "mean"])
def test_scores_per_unit_are_those_of_a_hand_made_grouping(copied: Copied, unit: str, combine: str) -> None:
    run = copied(0)
    before = {path: path.read_bytes() for path in (run.path / "scores").iterdir()}
    judged = judge_part(run, "test", per=unit, combine=combine)
    raw = run.predictions("test")
    logits = {f"logit{j}": raw.logits[:, j].astype(float) for j in range(2)}
    truth = {f"truth{j}": raw.targets[:, j].astype(float) for j in range(2)}
    ids = raw.study_ids if unit == "study" else raw.patient_ids
    grouped = (
        pl.DataFrame({"unit": ids, **logits, **truth})
        .fill_nan(None)
        .group_by("unit", maintain_order=True)
        .agg(
            getattr(pl.col(*logits), combine)(),
            pl.col(*truth).max(),
        )
    )
    for j in range(2):
        known = grouped.filter(pl.col(f"truth{j}").is_not_null())
        columns = known[f"truth{j}"].to_numpy(), known[f"logit{j}"].to_numpy()
        assert judged.scores["roc_auc"][j] == pytest.approx(SCORES["roc_auc"](*columns)[0], abs=1e-9)
        assert judged.scores["average_precision"][j] == pytest.approx(
            SCORES["average_precision"](*columns)[0], abs=1e-9
        )
    assert judged.scores.unit == unit
    assert judged.scores.images == len(grouped)
    kept = json.loads((run.path / "scores" / f"test.per-{unit}-{combine}.json").read_text())
    assert kept["judge"]["unit"] == unit
    assert kept["judge"]["thresholds"]["part"] == "valid"
    # The run's own scores and judge stay what they were.
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_run_judged_per_study(
    recipe: Config, tmp_path: Path, hilum: Callable[..., tuple[int, str, str]]
) -> None:
    config = make_config(recipe.model_dump(), ["scores.unit=study", "scores.combine=mean", "train.epochs=1"])
    run = train(config, folder=tmp_path, quiet=False)
    valid = run.scores("valid")
    assert valid is not None
    assert valid.unit == "study"
    assert valid.images == len(set(run.predictions("valid").study_ids))
    # The unit that a unit is asked back to.
    assert judge_part(run, "valid", per="image").scores.images == len(run.predictions("valid"))
    code, out, _ = hilum("predict", run.path, files_of(Pack(run.data["pack"]), run.predictions("valid"))[0])
    assert code == 0
    assert "here each image counts as a study of its own" in out
    assert "Calibrated probability" in out
    told = hilum("evaluate", run.path)
    assert "Scores on test, " in told.out
    assert "Each study is judged as one, by the mean logit of its images." in told.out


def test_evaluate_says_all_of_it(copied: Copied, hilum: Callable[..., tuple[int, str, str]]) -> None:
    run = copied(0)
    told = hilum("evaluate", run.path, "--finding", "Top", "--all")
    assert told.code == 0
    assert "Calibration: Platt scaling, fitted on the validation part." in told.out
    assert "Brier before" in told.out
    assert "Partial AUC" in told.out
    assert "x logit" in told.out
    shown = [line for line in told.out.splitlines() if not line.startswith("note: ")]
    assert "Left" not in " ".join(shown).replace("Left alone", "")
    found = json.loads(hilum("evaluate", run.path, "--per", "study", "--json").out)
    assert found["judge"]["unit"] == "study"
    assert set(found["before_calibration"]) == {"Left", "Top"}
    assert found["judge"]["calibration"]["part"] == "valid"


def test_a_run_of_a_former_version_has_no_calibration(copied: Copied) -> None:
    run = copied(0)
    (run.path / "scores" / "calibration.json").unlink()
    old = pl.read_parquet(run.path / "predictions" / "test.parquet").drop("study_id")
    old.write_parquet(run.path / "predictions" / "test.parquet")
    assert run.calibration.method == "none"
    np.testing.assert_array_equal(run.judged("test").logits, run.predictions("test").logits)
    # Study ids are found among the run's images.
    assert judge_part(run, "test", per="study").scores.unit == "study"


def test_every_epochs_weights_are_kept_and_used(trained: tuple[Run, Run], studies: Pack) -> None:
    run = trained[0]
    kept = sorted(path.stem for path in (run.path / "checkpoints").iterdir())
    assert kept == ["0001", "0002", "best", "last"]
    ids = run.predictions("valid").image_ids
    best = load(run, device="cpu", weights=f"{run.best_epoch:04d}").networks[0]
    best = best.part(studies, pl.Series(ids), "valid")
    np.testing.assert_allclose(best.logits, run.predictions("valid").logits, atol=1e-5)
    other = load(run, device="cpu", weights=f"{3 - run.best_epoch:04d}")
    images = studies.images(studies.slots[:4])
    assert np.abs(logits_of(other, images) - logits_of(load(run, device="cpu"), images)).max() > 1e-3
    with pytest.raises(RunError, match=r"not kept the weights of epoch 7. It kept those of 1, 2"):
        load(run, weights="0007")


def test_bad_input_is_one_message(copied: Copied, hilum: Callable[..., tuple[int, str, str]]) -> None:
    run = copied(0)
    kept = run.path / "predictions" / "test.parquet"
    frame = pl.read_parquet(kept)
    frame.with_columns(image_id=pl.col("image_id").replace("image0", "other")).write_parquet(kept)
    frame.with_columns(image_id=pl.format("x{}", "image_id")).write_parquet(kept)
    told = hilum("evaluate", run.path)
    assert told.code == 2
    assert "does not fit the run's split" in told.err
    assert "--again" in told.err
    assert hilum("evaluate", run.path, "--again").code == 0
    np.testing.assert_allclose(
        run.predictions("test").logits, frame.select("^logit.*$").to_numpy(), atol=1e-5
    )
    frame[:-2].write_parquet(kept)
    assert "2 of the part's" in hilum("evaluate", run.path).err
    frame.with_columns(pl.lit(float("nan"), pl.Float32).alias("logit:Top")).write_parquet(kept)
    assert "logits of Top that are not numbers" in hilum("evaluate", run.path).err
    frame.drop("logit:Top", "target:Top").write_parquet(kept)
    assert "predicts Left; the run learned Left, Top" in hilum("evaluate", run.path).err
    frame.write_parquet(kept)
    for arguments, message in {
        ("--per", "lung"): "--per: expected word (image, study, patient); came: 'lung'",
        ("--per", "study", "--combine", "median"): "--combine: expected word (max, mean); came: 'median'",
        ("--finding", "Topp"): "did you mean 'Top'?",
        ("--part", "tset"): "--part: expected word (test, valid, train); came: 'tset'; did you mean 'test'?",
    }.items():
        told = hilum("evaluate", run.path, *arguments)
        assert (told.code, told.err.count("\n")) == (2, 1), told
        assert message in told.err


def test_a_finding_without_a_label_has_a_reason(
    copied: Copied, hilum: Callable[..., tuple[int, str, str]]
) -> None:
    run = copied(0)
    for part in ("valid", "test"):
        path = run.path / "predictions" / f"{part}.parquet"
        frame = pl.read_parquet(path)
        frame.with_columns(pl.lit(float("nan"), pl.Float32).alias("target:Top")).write_parquet(path)
    told = hilum("evaluate", run.path, "--per", "study")
    assert told.code == 0
    assert "no image of the test part has a known label" in told.out or "no study" in told.out
    assert "as it is: the validation part has no positive image" in told.out
    assert "threshold of Top: 0.5, because" in told.out


def test_no_study_ids(copied: Copied, hilum: Callable[..., tuple[int, str, str]]) -> None:
    run = copied(0)
    images = pl.read_parquet(run.path / "images.parquet").drop("study_id")
    images.write_parquet(run.path / "images.parquet")
    for part in ("valid", "test"):
        path = run.path / "predictions" / f"{part}.parquet"
        pl.read_parquet(path).drop("study_id").write_parquet(path)
    told = hilum("evaluate", run.path, "--per", "study")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "no study ids for every row" in told.err
    assert hilum("evaluate", run.path, "--per", "patient").code == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("scores.value=1.5", "within 0..1, a list of them or a table by finding; came: 1.5"),
        ("scores.value=-0.1", "scores.value"),
        ("scores.value={Top=2}", "came: 2"),
        ("scores.value={Topp=0.2}", "scores.value names 'Topp'; did you mean 'Top'?"),
        ("scores.value=[0.1, 0.2, 0.3]", "3 thresholds for 2 findings"),
        ('scores.include=["Topp"]', "scores.include names 'Topp'; did you mean 'Top'?"),
        ("scores.calibrate=plat", "scores.calibrate"),
        ("scores.beta=0", "scores.beta"),
        ("predict.shift=0.5", "predict.shift"),
    ],
)
def test_settings_out_of_range_leave_no_run(
    recipe: Config, tmp_path: Path, change: str, message: str, hilum: Callable[..., tuple[int, str, str]]
) -> None:
    from hilum.config import write_config

    write_config(recipe, tmp_path / "recipe.toml")
    folder = tmp_path / "runs"
    told = hilum(
        *(
            "train",
            tmp_path / "recipe.toml",
            "--out",
            folder,
            "--set",
            "scores.threshold=fixed",
            "--set",
            change,
        )
    )
    assert told.code == 2
    assert message in told.err
    assert "Traceback" not in told.err
    assert not folder.exists()


def test_units_need_ids_before_a_training(recipe: Config) -> None:
    with pytest.raises(ConfigError, match="do not say which study"):
        check_scores(recipe.scores.model_copy(update={"unit": "study"}), ("Left", "Top"), studies=False)


def test_packs_and_weights_that_are_gone(copied: Copied) -> None:
    run = copied(0)
    data = run.data
    write_json(run.path / "data.json", {**data, "pack_fingerprint": "0" * 64})
    assert judge_part(run, "test").scores.images == len(run.predictions("test"))
    with pytest.raises(PackError, match="no longer the pack that it was"):
        judge_part(run, "test", again=True)
    write_json(run.path / "data.json", data)
    (run.path / "checkpoints" / "best.safetensors").unlink()
    with pytest.raises(WeightsError):
        raw_predictions(run, "test", again=True)
    (run.path / "split.parquet").unlink()
    (run.path / "images.parquet").unlink()
    with pytest.raises(RunError, match="not whole"):
        judge_part(run, "test")


def test_nothing_is_fitted_on_the_part_that_is_scored(trained: tuple[Run, Run], recipe: Config) -> None:
    for part in ("test", "train"):
        with pytest.raises(DataError, match="validation part"):
            fit_judge(trained[0].predictions(part), recipe.scores)
