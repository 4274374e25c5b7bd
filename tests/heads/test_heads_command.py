"""`hilum heads` as a user meets it: from a store to a run that every other command takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from hilum import api
from hilum.config import HeadsConfig, make_config
from hilum.errors import PackError, RunError
from hilum.features import FeatureStore
from hilum.heads.candidates import Candidate
from hilum.heads.judging.search import Labelled, search
from hilum.heads.record import SearchRecord
from hilum.heads.stacking import save
from hilum.heads.stacking.data import TrainingData
from hilum.heads.stacking.network import check_backbone
from hilum.heads.stacking.settings import settings_of_run
from hilum.pixels import Pack
from hilum.predict import Encoder
from hilum.runs import Run, list_runs
from hilum.train import make_job

Command = Callable[..., Any]
FEW: tuple[object, ...] = (
    "--search",
    "random",
    "--candidates",
    3,
    "--kind",
    "logistic",
    "--folds",
    3,
    "--device",
    "cpu",
)
FEW += ("--set", "scores.replicates=100")


def test_the_best_of_a_search_is_a_run(
    hilum: Command, store: FeatureStore, heads_folder: Path, study: Pack
) -> None:
    code, out, err = hilum("heads", store.url, "--finding", "Left", *FEW, "--out", heads_folder)
    assert code == 0, err
    run = Run(heads_folder / "best")
    record = SearchRecord.of(run)
    assert record is not None

    assert run.name == "left-1"
    assert (heads_folder / "best").readlink() == Path("left-1")
    assert run.info["status"] == "done"
    assert run.data["findings"] == ["Left"]
    assert run.config.model.name == "resnet18"
    assert run.data["pack_fingerprint"] == study.fingerprint
    assert len(record.tried) == run.head["tried"] == 3
    assert record.winner.score == max(entry.score for entry in record.tried) > 0.8
    assert [entry.score for entry in record.tried] == sorted((e.score for e in record.tried), reverse=True)
    assert sorted(path.name for path in heads_folder.iterdir()) == ["best", "left-1"]  # nothing half-made
    for said in (
        "The best of 3 heads, out of 3 folds by patient: 128 training images of 64 patients",
        record.winner.candidate.describe(),
        f"{record.winner.score:.3f} [{record.winner.low:.3f}, {record.winner.high:.3f}]",
        "of the 2 others cannot be told from the best",
        "Scores of the best, fitted on all training images, on valid, 32 images",
        f"--set model.head={heads_folder / 'left-1'}",
    ):
        assert said in out
    assert f"hilum evaluate {run.path.parent}" not in out  # there is no test part
    page = (run.path / "report.html").read_text()
    assert "as backbone-1 left it, under a head (logistic" in page
    assert "Search of heads" in page
    assert "Progression" not in page


def test_the_same_command_again_gives_the_same_head_under_a_new_number(
    hilum: Command, store: FeatureStore, heads_folder: Path
) -> None:
    for _ in range(2):
        assert hilum("heads", store.url, *FEW, "--out", heads_folder, "--name", "both").code == 0
    first, second = (Run(heads_folder / f"both-{number}") for number in (1, 2))
    assert (heads_folder / "best").resolve() == second.path.resolve()
    assert [run.name for run in list_runs(heads_folder)] == ["both-1", "both-2"]
    one, two = (load_file(run.path / "checkpoints" / "best.safetensors") for run in (first, second))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert first.scores("valid").to_json() == second.scores("valid").to_json()  # type: ignore[union-attr]


def test_json_has_every_head_that_was_tried(hilum: Command, store: FeatureStore, heads_folder: Path) -> None:
    code, out, _ = hilum(
        "heads", store.url, *FEW, "--out", heads_folder, "--json", "--by", "average_precision"
    )
    found = json.loads(out)
    assert code == 0
    assert found["run"] == str(heads_folder / "left-top-1")
    assert found["head"]["by"] == "average_precision"
    assert [entry["candidate"]["kind"] for entry in found["tried"]] == ["logistic"] * 3
    assert set(found["tried"][0]["per_finding"]) == {"Left", "Top"}
    assert found["valid"]["mean"]["roc_auc"]["value"] > 0.7


def test_heads_on_a_backbone_that_saw_their_images_say_so(
    hilum: Command, store: FeatureStore, backbone: Run, heads_folder: Path
) -> None:
    """The backbone was trained on other patients than the heads, and so on those that they are judged on."""
    command = ["heads", store.url, *FEW, "--out", heads_folder, "--json"]
    code, out, _ = hilum(*command, "--set", "split.test=0.2", "--set", "split.seed=5")
    assert code == 0
    found = json.loads(out)
    said = next(told for told in found["warnings"] if told.startswith(f"{backbone.path} was trained on "))
    assert "images of the valid part and on " in said
    assert "images of the test part, so their scores are too good." in said
    assert said in found["valid"]["warnings"]
    assert json.loads(hilum(*command)[1])["warnings"] == []


def test_a_head_goes_through_every_command(
    hilum: Command, found: Callable[[str], Run], study: Pack, tmp_path: Path
) -> None:
    run, other = found("logistic"), found("mlp")
    folder = run.path.parent
    files = sorted(study.table.root.glob("*.png"))[:3]

    assert hilum("evaluate", run.path).code == 0
    assert hilum("evaluate", other.path, "--part", "test").code == 0
    assert hilum("report", run.path, "--figures").code == 0
    predicted = hilum("predict", folder / "best", *files, "--json")
    assert len(json.loads(predicted.out)) == 3
    compared = hilum("compare", run.path, other.path)
    assert compared.code == 0, compared.err
    assert "model.classifier" in compared.out
    together = hilum("ensemble", run.path, other.path, "--out", tmp_path / "both")
    assert together.code == 0, together.err
    shown = hilum("runs", "show", run.path)
    assert "done, best of 3 heads in" in shown.out
    assert f"head: {run.head['told']}; roc_auc {run.head['score']:.3f} [" in shown.out
    assert "out of 3 folds; on vectors of backbone-1" in shown.out
    listed = hilum("runs", "--folder", folder, "--json")
    rows = {row["run"]: row["epochs"] for row in json.loads(listed.out)}
    assert rows["logistic-1"] == "best of 3 heads"
    assert "best" not in rows
    assert hilum("runs", "show", run.path, "--epochs").code == 0
    assert Run(run.path).has("test")


def test_commands_that_need_epochs_say_that_there_are_none(
    hilum: Command, found: Callable[[str], Run], tmp_path: Path
) -> None:
    run = found("logistic")
    with pytest.raises(RunError, match="it has no epochs"):
        _ = run.best_epoch
    twice = hilum("ensemble", run.path, run.path, "--out", tmp_path / "twice")
    assert twice.code == 2
    assert "are the same model" in twice.err
    epoch = hilum("ensemble", run.path, f"{run.path}@3", "--out", tmp_path / "epoch")
    assert epoch.code == 2
    assert "is of hilum heads, and it has no epochs" in epoch.err
    bare = shutil.copytree(run.path, tmp_path / "bare")
    (bare / "checkpoints" / "best.safetensors").unlink()
    gone = hilum("evaluate", bare, "--again")
    assert gone.code == 2
    assert "its weights are gone. Search again with: hilum heads STORE" in gone.err
    again = hilum("reproduce", run.path)
    assert again.code == 2
    assert "hilum heads" in again.err


def test_heads_that_differ_in_their_penalty_alone_are_two_recipes(
    hilum: Command, store: FeatureStore, heads_folder: Path
) -> None:
    one = ("--search", "random", "--candidates", 1, "--kind", "svm", "--pooling", "avg", *FEW[-2:])
    for seed in (1, 2):
        where = ("--seed", seed, "--out", heads_folder, "--name", f"s{seed}")
        done = hilum("heads", store.url, *one, *where)
        assert done.code == 0, done.err
    compared = hilum("compare", heads_folder / "s1-1", heads_folder / "s2-1", "--part", "valid", "--settings")
    assert compared.code == 0, compared.err
    assert "linear SVM, C = " in compared.out


def test_a_fine_tuning_starts_from_the_best_head(
    hilum: Command, found: Callable[[str], Run], study: Pack, tmp_path: Path
) -> None:
    run = found("mlp")
    recipe = tmp_path / "tune.toml"
    recipe.write_text(
        '[prepare]\nsize = 48\n[model]\nname = "resnet18"\n[train]\nepochs = 1\nprecision = "fp32"\n'
        "[finetune]\nlearn = 'head'\n[scores]\nreplicates = 100\n[split]\ntest = 0.2\n"
    )
    shutil.copytree(run.path, tmp_path / "heads" / "mlp-1")
    (tmp_path / "heads" / "best").symlink_to("mlp-1")
    tuned = hilum("train", recipe, "--data", study.path, "--set", f"model.head={tmp_path / 'heads' / 'best'}",
                  "--out", tmp_path / "runs", "--quiet")  # fmt: skip
    assert tuned.code == 0, tuned.err
    model = Run(tmp_path / "runs" / "tune-1").config.model
    assert (model.classifier, model.pooling) == ("mlp", run.config.model.pooling)


def test_no_patient_is_on_two_sides(found: Callable[[str], Run]) -> None:
    run = found("logistic")
    patients = {part: set(run.images.filter(part=part)["patient_id"]) for part in ("train", "valid", "test")}
    assert all(patients.values())
    assert not patients["train"] & patients["valid"]
    assert not (patients["train"] | patients["valid"]) & patients["test"]
    seen = pl.read_parquet(run.path / "predictions" / "out-of-fold.parquet")
    assert set(seen["image_id"]) == set(run.images.filter(part="train")["image_id"])


@pytest.mark.parametrize("kind", ["knn", "logistic"])
def test_knowing_a_patient_is_of_no_use(kind: str) -> None:
    """Labels are the patients' own at random and vectors say who they are: folds by image would score near 1."""
    random = np.random.default_rng(3)
    patient = np.repeat(np.arange(150), 3)
    vectors = random.normal(size=(150, 24)).astype(np.float32)[patient]
    vectors += random.normal(scale=0.05, size=vectors.shape).astype(np.float32)
    targets = random.integers(0, 2, 150).astype(np.float32)[patient][:, None]
    candidate = Candidate(kind, neighbours=3, C=100.0)  # type: ignore[arg-type]
    ids = np.array([f"i{row}" for row in range(450)], dtype=object)

    def auc(patients: np.ndarray) -> float:
        rows = Labelled(ids, patients.astype(str).astype(object), ("x",), targets)
        return search({"avg": vectors}, rows, [candidate], folds=5, device="cpu").tried[0].score

    assert 0.35 < auc(patient) < 0.65
    if kind == "knn":
        assert auc(np.arange(450)) > 0.85


def test_test_rows_need_no_vectors(
    hilum: Command, store: FeatureStore, heads_folder: Path, study: Pack, tmp_path: Path
) -> None:
    """Rows that the split gives to test are not looked at: without them in the store all is the same."""
    change = ("--set", "split.test=0.2")
    assert hilum("heads", store.url, *FEW, *change, "--out", heads_folder, "--name", "a").code == 0
    whole = Run(heads_folder / "a-1")
    url = Path(shutil.copytree(store.url, tmp_path / "fewer"))
    opened = FeatureStore(url)
    table = opened._db.open_table(opened.encoder().table)
    ids = ", ".join(f"'{name}'" for name in whole.images.filter(part="test")["image_id"])
    table.delete(f"image_id in ({ids})")
    assert hilum("heads", url, *FEW, *change, "--out", heads_folder, "--name", "b").code == 0
    fewer = Run(heads_folder / "b-1")
    assert fewer.predictions("valid").logits.tolist() == whole.predictions("valid").logits.tolist()
    assert fewer.data["split"] == whole.data["split"]

    ids = ", ".join(f"'{name}'" for name in whole.images.filter(part="train")["image_id"][:2])
    table.delete(f"image_id in ({ids})")
    code, _, err = hilum("heads", url, *FEW, *change, "--out", heads_folder)
    assert code == 2
    assert "2 of 128 images to learn from have no vectors of backbone-1" in err
    assert f"hilum embed {opened.encoder().origin} --data {study.path} --out {url}" in err


def test_a_condition_leaves_patients_in_their_parts(
    hilum: Command, store: FeatureStore, heads_folder: Path
) -> None:
    left = ("--finding", "Left")
    assert hilum("heads", store.url, *FEW, "--out", heads_folder, "--name", "all", *left).code == 0
    code, _out, err = hilum("heads", store.url, *FEW, "--out", heads_folder, "--where", "`Top` = 1", *left)
    assert code == 0, err
    whole, some = Run(heads_folder / "all-1"), Run(heads_folder / "left-1")
    both = some.images.join(whole.images, on="image_id", suffix="_whole")
    assert 0 < some.images.height < whole.images.height
    assert (both["part"] == both["part_whole"]).all()
    assert some.data["split"]["id"] != whole.data["split"]["id"]
    assert some.data["clean"][-1] == {
        "name": "where `Top` = 1",
        "before": 160,
        "after": some.images.height,
    }
    assert some.head["where"] == "`Top` = 1"


def test_verdicts_change_what_is_learned(
    hilum: Command, store: FeatureStore, heads_folder: Path, study: Pack, tmp_path: Path
) -> None:
    job = make_job(
        make_config({"data": {"path": str(study.path), "findings": ["Left"]}, "prepare": {"size": 48}})
    )
    train = job.part("train")
    turned = [
        f"{name},Left,{'negative' if value == 1 else 'positive'},me,2024-05-01"
        for name, value in zip(train.table.image_ids, train.targets[:, 0], strict=True)
        if value == value
    ]
    overlay = tmp_path / "overlay.csv"
    overlay.write_text("image_id,finding,verdict,by,when\n" + "\n".join(turned) + "\n")
    for extra, name in (((), "right"), (("--labels", overlay), "turned")):
        done = hilum(
            "heads", store.url, *FEW, *extra, "--finding", "Left", "--out", heads_folder, "--name", name
        )
        assert done.code == 0, done.err
    right, wrong = (Run(heads_folder / f"{name}-1") for name in ("right", "turned"))
    auc = [run.scores("valid").mean("roc_auc")[0] for run in (right, wrong)]  # type: ignore[union-attr]
    assert auc[0] > 0.8
    assert auc[1] < 0.2  # learned the wrong way round; validation labels are as they were


def test_vectors_of_several_backbones_or_packs_ask_for_one(
    hilum: Command, store: FeatureStore, heads_folder: Path, study: Pack, tmp_path: Path
) -> None:
    url = Path(shutil.copytree(store.url, tmp_path / "several"))
    opened = FeatureStore(url)
    table = opened._db.open_table(opened.encoder().table)
    table.update(where="slot < 10", values={"pack": str(tmp_path / "elsewhere")})
    code, _, err = hilum("heads", url, *FEW, "--out", heads_folder)
    assert code == 2
    assert (
        f"the store has images of 2 packs; say which one heads should learn from: --data {study.path}" in err
    )
    assert hilum("heads", url, *FEW, "--out", heads_folder, "--data", study.path).code == 0

    table.update(where="slot < 10", values={"pack_fingerprint": "0" * 64})
    code, _, err = hilum("heads", url, *FEW, "--out", heads_folder, "--data", study.path)
    assert code == 2
    assert "fingerprint 000000000000" in err

    opened.writable(replace(opened.encoder(), name="another", fingerprint="f" * 64), ("Left",))
    code, _, err = hilum("heads", url, *FEW, "--out", heads_folder)
    assert code == 2
    assert "backbone-1" in err
    assert "another" in err


def test_a_backbone_that_changed_or_is_gone_is_refused(
    hilum: Command, store: FeatureStore, backbone: Run, heads_folder: Path, tmp_path: Path
) -> None:
    weights = backbone.path / "checkpoints" / "best.safetensors"
    kept = shutil.copyfile(weights, tmp_path / "kept.safetensors")
    try:
        _scale_first(weights)
        changed = hilum("heads", store.url, *FEW, "--out", heads_folder)
        weights.unlink()
        gone = hilum("heads", store.url, *FEW, "--out", heads_folder)
    finally:
        shutil.copyfile(kept, weights)
    assert (changed.code, gone.code) == (2, 2)
    assert "have changed since the store's vectors were made" in changed.err
    assert str(backbone.path) in gone.err
    assert not heads_folder.exists()


WRONG = {
    "no store": (["nowhere"], "there is no feature store at nowhere"),
    "finding": (["STORE", "--finding", "Lef"], "did you mean 'Left'?"),
    "condition": (["STORE", "--where", "age > 400"], "age > 400"),
    "syntax": (["STORE", "--where", "age >"], "is not SQL"),
    "kind": (["STORE", "--kind", "tree"], "--kind: expected list of words (logistic, svm, knn, mlp)"),
    "pooling": (["STORE", "--pooling", "lse"], "--pooling: expected list of words (avg, max, both)"),
    "search": (["STORE", "--search", "gird"], "did you mean 'grid'?"),
    "grid of some": (["STORE", "--candidates", "5"], "--candidates goes with --search random"),
    "score": (["STORE", "--by", "auc"], "heads are not searched by 'auc'"),
    "folds": (["STORE", "--folds", "200"], "200 folds take at least as many patients"),
    "encoder": (["STORE", "--encoder", "other"], "backbone-1"),
    "not a head's": (["STORE", "--set", "optimizer.lr=1"], "--set optimizer.lr=1"),
    "policy": (["STORE", "--set", "labels.uncertain=smooth"], "neither yes nor no"),
    "scores": (["STORE", "--set", "scores.include=['Up']"], "scores.include names 'Up'"),
    "recipe": (["STORE", "--recipe", "no.toml"], "no.toml is not a file"),
    "overlay": (["STORE", "--labels", "no.csv"], "no.csv"),
    "pack": (["STORE", "--data", "no-pack"], "no-pack"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_message(
    name: str, hilum: Command, store: FeatureStore, heads_folder: Path
) -> None:
    arguments, said = WRONG[name]
    words = [store.url if word == "STORE" else word for word in arguments]
    code, _out, err = hilum("heads", *words, "--out", heads_folder)
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    assert not heads_folder.exists()


def test_a_finding_of_one_class_is_left_out_or_refused(
    hilum: Command, store: FeatureStore, heads_folder: Path
) -> None:
    """Among images whose `Top` is negative, nothing is to be learned about `Top`."""
    where = ("--where", "`Top` = 0", "--out", heads_folder)
    code, out, err = hilum("heads", store.url, *FEW, *where)
    assert code == 0, err
    assert "note: Left out, since the training part has one class only: Top has no positive label." in out
    assert Run(heads_folder / "best").data["findings"] == ["Left"]

    code, _, err = hilum("heads", store.url, *FEW, *where, "--finding", "Top")
    assert code == 2
    assert "a head learns from both classes, but among the" in err


def test_what_fails_leaves_nothing_behind(
    store: FeatureStore, heads_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(save, "fit_judge", fail)
    with pytest.raises(Exception, match="No space left"):
        api.heads(
            store.url, kinds=["logistic"], search="random", candidates=1, out=heads_folder, device="cpu"
        )
    assert list(heads_folder.iterdir()) == []


def test_a_folder_called_best_is_not_touched(hilum: Command, store: FeatureStore, heads_folder: Path) -> None:
    (heads_folder / "best").mkdir(parents=True)
    (heads_folder / "best" / "mine.txt").write_text("mine")
    code, _, err = hilum("heads", store.url, *FEW, "--out", heads_folder)
    assert code == 0
    assert "is no link, so it stays" in err
    assert (heads_folder / "best" / "mine.txt").read_text() == "mine"


def _scale_first(path: Path) -> None:
    from safetensors.numpy import save_file

    tensors = load_file(path)
    name = next(key for key in tensors if key.startswith("backbone.") and key.endswith("weight"))
    save_file({**tensors, name: tensors[name] * 1.5}, path)


def test_vectors_that_the_backbone_does_not_give_are_refused(
    store: FeatureStore, study: Pack, backbone: Run
) -> None:
    features = store.features()
    asked = HeadsConfig(data=str(study.path), device="cpu")
    config = settings_of_run(asked, None, (), features.encoder)
    encoder = Encoder.open(backbone.path, device="cpu", precision="fp32")
    check_backbone(encoder, TrainingData.gather(config, features, store=store.url))
    shifted = replace(features, avg=np.roll(features.avg, 1, axis=0))
    with pytest.raises(PackError, match=r"is not what backbone-1 gives now \(off by \d+ %\)"):
        check_backbone(encoder, TrainingData.gather(config, shifted, store=store.url))


def test_a_recipe_gives_its_name_and_its_split(
    hilum: Command, store: FeatureStore, heads_folder: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'seed = 4\n[data]\nfindings = ["Top"]\n[model]\nname = "densenet121"\n[split]\nvalid = 0.4\nseed = 3\n'
    )
    code, _, err = hilum("heads", store.url, *FEW, "--recipe", recipe, "--out", heads_folder)
    assert code == 0, err
    config = Run(heads_folder / "mine-1").config
    assert (config.seed, config.split.seed, config.split.valid) == (4, 3, 0.4)
    assert config.data.findings == ("Top",)
    assert config.model.name == "resnet18"  # the vectors' own


def test_a_damaged_search_is_told(found: Callable[[str], Run], tmp_path: Path) -> None:
    folder = shutil.copytree(found("logistic").path, tmp_path / "torn")
    (folder / "search.json").write_text("{}")
    with pytest.raises(RunError, match=r"search[.]json is missing or damaged"):
        SearchRecord.of(Run(folder))
