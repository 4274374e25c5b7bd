"""Several models averaged: a run like any other, and refused where they do not belong together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hilum import api
from hilum.config import Config, write_config
from hilum.device import other_conditions
from hilum.ensemble import ensemble
from hilum.errors import ConfigError, DataError, RunError
from hilum.files import write_json
from hilum.metrics import SCORES, Calibration, Mixture, Predictions, fit_calibration, fit_judge, sigmoid
from hilum.pixels import Pack
from hilum.predict import load
from hilum.report import write_report
from hilum.runs import Run
from hilum.train import reproduce

Command = Callable[..., tuple[int, str, str]]
Copied = Callable[[int], Run]


def drawn(rows: int, members: int, noise: float, part: str = "valid", seed: int = 0) -> list[Predictions]:
    """Members that see the same truth through noise of their own."""
    rng = np.random.default_rng(seed)
    truth = rng.random((rows, 2)) < 0.3
    ids = np.array([f"i{row}" for row in range(rows)], dtype=object)
    made = []
    for _ in range(members):
        logits = (2.0 * truth - 1 + rng.normal(0, noise, truth.shape)).astype(np.float32)
        made.append(Predictions(ids, ("A", "B"), logits, truth.astype(np.float32), part))
    return made


def plain(members: int, of: str = "probabilities", weights: tuple[float, ...] = ()) -> Mixture:
    return Mixture(of, (Calibration("none", ("A", "B")),) * members, weights or (1.0,) * members)


@pytest.mark.parametrize("of", ["probabilities", "logits"])
def test_an_average_of_noisy_members_ranks_better_than_each(of: str) -> None:
    members = drawn(600, 5, noise=2.0)
    average = plain(5, of).predictions(members)
    best = np.max([SCORES["roc_auc"](member.targets, member.logits) for member in members], axis=0)
    assert (SCORES["roc_auc"](average.targets, average.logits) > best + 0.02).all()


@given(
    hnp.arrays(np.float64, (3, 4, 2), elements=st.floats(-30, 30)),
    st.tuples(*[st.floats(0.1, 10)] * 3),
)
def test_averages_are_those_of_numpy(logits: np.ndarray, weights: tuple[float, float, float]) -> None:
    first = drawn(4, 1, 1.0)[0]
    members = [replace(first, logits=each) for each in logits]
    shares = np.array(weights) / sum(weights)
    of_logits = plain(3, "logits", weights).predictions(members).logits
    np.testing.assert_allclose(of_logits, np.einsum("m,mnk->nk", shares, logits), atol=1e-9)
    found = plain(3, "probabilities", weights).predictions(members)
    np.testing.assert_allclose(
        found.probabilities, np.einsum("m,mnk->nk", shares, sigmoid(logits)), atol=1e-12
    )


def test_sure_members_do_not_round_to_certainty() -> None:
    first = drawn(1, 1, 1.0)[0]
    members = [replace(first, logits=np.array([[value, -value]])) for value in (300.0, 310.0)]
    np.testing.assert_allclose(plain(2).predictions(members).logits, [[300.693, -300.693]], atol=0.01)


def test_members_are_aligned_by_image() -> None:
    one, two = drawn(50, 2, 1.0)
    turned = two.take(np.arange(50)[::-1])
    np.testing.assert_array_equal(
        plain(2).predictions([one, turned]).logits, plain(2).predictions([one, two]).logits
    )
    with pytest.raises(DataError, match=r"50 and 49 images of the valid part, 1 of the first not among"):
        plain(2).predictions([one, two.take(np.arange(49))])
    with pytest.raises(DataError, match="they must predict the same"):
        plain(2).predictions([one, two.select(["B", "A"])])


def test_members_are_calibrated_first() -> None:
    one, two = drawn(300, 2, 1.5)
    calibrations = tuple(fit_calibration(member, "platt") for member in (one, two))
    mixture = Mixture("probabilities", calibrations, (1.0, 1.0))
    by_hand = np.mean(
        [c.apply(m).probabilities for c, m in zip(calibrations, (one, two), strict=True)], axis=0
    )
    np.testing.assert_allclose(mixture.predictions([one, two]).probabilities, by_hand, atol=1e-12)
    again = Mixture.from_json(json.loads(json.dumps(mixture.to_json())))
    assert again == mixture
    with pytest.raises(DataError, match="this is no ensemble"):
        Mixture.from_json({"of": "logits"})


def test_an_ensemble_is_a_run_like_any_other(
    trained: tuple[Run, Run], studies: Pack, tmp_path: Path, hilum: Command
) -> None:
    told = hilum("ensemble", *(run.path for run in trained), "--out", tmp_path / "both")
    assert told.code == 0, told.err
    assert "Scores of the mean of 2 models on valid" in told.out
    run = Run(tmp_path / "both")
    assert [member.path for member in run.members] == [one.path.resolve() for one in trained]
    assert repr(run).count("2 models") == 1
    assert run.history == []
    by_hand = np.mean(
        [one.judge.calibration.apply(one.predictions("valid")).probabilities for one in trained], 0
    )
    np.testing.assert_allclose(run.predictions("valid").probabilities, by_hand, atol=1e-9)
    # Its judge is its own.
    assert run.judge.to_json() == fit_judge(run.predictions("valid"), run.config.scores).to_json()
    scores = api.evaluate(run, "test", device="cpu")
    mixed = np.mean(
        [one.judge.calibration.apply(one.predictions("test")).probabilities for one in trained], 0
    )
    np.testing.assert_allclose(run.predictions("test").probabilities, mixed, atol=1e-9)
    assert scores.images == len(mixed)
    # What the members keep is what they say anew.
    anew = api.evaluate(run, "test", again=True, device="cpu")
    np.testing.assert_allclose(anew["roc_auc"], scores["roc_auc"])
    # Files, and arrays.
    judged = run.judged("test")
    rows = [studies.table.image_ids.tolist().index(image) for image in judged.image_ids]
    paths = [studies.table.root / studies.table.frame["path"][row] for row in rows]
    predictor = load(run, device="cpu")
    results = predictor.predict(paths).images
    np.testing.assert_allclose([r.probabilities for r in results], judged.probabilities, atol=1e-4)
    images = torch.from_numpy(studies.images(studies.slots[rows])).unsqueeze(1) / 255
    np.testing.assert_allclose(predictor.probabilities(images), judged.probabilities, atol=1e-4)
    with pytest.raises(RunError, match="has no single network"):
        _ = predictor.model
    # Commands that expect epochs.
    assert "2 models" in hilum("runs", "--folder", tmp_path).out
    shown = hilum("runs", "show", run.path).out
    assert "The mean of these models" in shown
    assert "No epoch is finished" not in write_report(run).read_text()
    assert hilum("predict", run.path, paths[0]).code == 0
    with pytest.raises(RunError, match="is an ensemble: it has no epochs"):
        _ = run.best_epoch
    for command in (
        ("reproduce", run.path),
        ("ensemble", run.path, trained[0].path, "--out", tmp_path / "no"),
    ):
        told = hilum(*command)
        assert told.code == 2
        assert "is an ensemble" in told.err
    assert hilum("compare", trained[0].path, run.path).code == 0


def test_members_can_be_epochs_weighted_and_raw(
    trained: tuple[Run, Run], tmp_path: Path, hilum: Command
) -> None:
    first = trained[0].path
    told = hilum(
        *("ensemble", f"{first}@1", f"{first}@2", "--out", tmp_path / "epochs", "--of", "logits", "--raw"),
        *("--weights", "3,1", "--json"),
    )
    assert told.code == 0, told.err
    run = Run(tmp_path / "epochs")
    assert json.loads(told.out)["run"] == str(tmp_path / "epochs")
    assert [member.weights for member in run.members] == ["0001", "0002"]
    assert [str(member) for member in run.members] == [f"{first.resolve()}@1", f"{first.resolve()}@2"]
    networks = load(run, device="cpu").networks
    ids = run.predictions("valid").image_ids
    pack = Pack(run.data["pack"])
    each = [network.part(pack, ids_of(ids), "valid").logits for network in networks]
    np.testing.assert_allclose(run.predictions("valid").logits, (3 * each[0] + each[1]) / 4, atol=1e-5)
    assert run.mixture is not None
    assert {c.method for c in run.mixture.calibrations} == {"none"}
    # Not raw, an epoch is calibrated on its own validation predictions.
    own = ensemble([f"{first}@1", f"{first}@2"], tmp_path / "own", device="cpu")
    assert own.mixture is not None
    assert own.mixture.calibrations[0] != own.mixture.calibrations[1]
    assert {c.method for c in own.mixture.calibrations} == {"platt"}


def ids_of(ids: np.ndarray):  # type: ignore[no-untyped-def]
    import polars as pl

    return pl.Series(ids.astype(str))


def test_a_folder_of_runs_can_be_moved(trained: tuple[Run, Run], tmp_path: Path) -> None:
    folder = tmp_path / "here"
    for run in trained:
        shutil.copytree(run.path, folder / run.name)
    ensemble([folder / run.name for run in trained], folder / "both", device="cpu")
    moved = folder.rename(tmp_path / "there")
    run = Run(moved / "both")
    assert [member.path for member in run.members] == [(moved / one.name).resolve() for one in trained]
    assert api.evaluate(run, "test", device="cpu").images > 0
    shutil.rmtree(moved / trained[1].name)
    # What it has kept it can be scored on; further images need all members.
    assert api.evaluate(run, "test").images > 0
    with pytest.raises(RunError, match="is not a run's folder"):
        load(run, device="cpu")


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        (("{0}",), (), "needs two members or more"),
        (("{0}", "{0}"), (), "are the same model"),
        (("{0}", "{0}@{best}"), (), "are the same model"),
        (("{0}", "{1}@9"), (), "not kept the weights of epoch 9"),
        (("{0}", "{1}@x"), (), "expected RUN or RUN@EPOCH"),
        (("{0}", "{1}@0"), (), "an epoch from 1"),
        (("{0}", "nowhere"), (), "is not a run's folder"),
        (("{0}", "{1}"), ("--of", "votes"), "--of: expected word (probabilities, logits); came: 'votes'"),
        (("{0}", "{1}"), ("--weights", "1"), "2 members needs as many weights; there are 1"),
        (("{0}", "{1}"), ("--weights", "1,0"), "--weights: expected list of numbers (above 0); came: '0'"),
        (("{0}", "{1}"), ("--weights", "1,x"), "--weights: expected list of numbers (above 0); came: 'x'"),
    ],
)
def test_wrong_members_are_refused(
    trained: tuple[Run, Run],
    tmp_path: Path,
    hilum: Command,
    members: tuple[str, ...],
    options: tuple[str, ...],
    message: str,
) -> None:
    named = [text.format(trained[0].path, trained[1].path, best=trained[0].best_epoch) for text in members]
    told = hilum("ensemble", *named, "--out", tmp_path / "new" / "both", *options)
    assert (told.code, told.err.count("\n")) == (2, 1), told
    assert message in told.err
    assert not (tmp_path / "new").exists()


def test_unlike_members_are_refused_with_what_differs(
    trained: tuple[Run, Run], copied: Copied, tmp_path: Path
) -> None:
    other = copied(1)
    data = other.data
    write_json(
        other.path / "data.json", {**data, "split": {**data["split"], "id": "abc"}, "findings": ["Left"]}
    )
    config: Config = other.config
    labels = config.labels.model_copy(update={"uncertain": "ones"})
    write_config(config.model_copy(update={"labels": labels}), other.path / "config.toml")
    with pytest.raises(RunError) as raised:
        ensemble([trained[0].path, Run(other.path).path], tmp_path / "both")
    told = str(raised.value)
    assert f"split ({data['split']['id']} and abc)" in told
    assert "findings (Left, Top and Left)" in told
    assert "label policy (uncertain ignore, blank zeros and uncertain ones, blank zeros)" in told
    write_json(other.path / "data.json", data)
    other.write_info({**other.info, "status": "stopped"})
    with pytest.raises(RunError, match="is not finished"):
        ensemble([trained[0].path, other.path], tmp_path / "both")
    with pytest.raises(RunError, match="exists already"):
        ensemble([trained[0].path, trained[1].path], tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_members_have_the_same_verdicts_and_the_ensemble_keeps_them(copied: Copied, tmp_path: Path) -> None:
    one, two = copied(0), copied(1)
    overlay = {"fingerprint": "f" * 64, "verdicts": "correct"}
    write_json(one.path / "data.json", {**one.data, "overlay": overlay})
    (one.path / "overlay.csv").write_text("image_id,finding,verdict,by,when\nimage0,Left,positive,,\n")
    with pytest.raises(RunError, match="verdicts on labels"):
        ensemble([one.path, two.path], tmp_path / "ensemble", device="cpu")
    write_json(two.path / "data.json", {**two.data, "overlay": overlay})
    run = ensemble([one.path, two.path], tmp_path / "ensemble", device="cpu")
    assert (run.path / "overlay.csv").read_text() == (one.path / "overlay.csv").read_text()


def test_a_repetition_says_in_what_machines_differ(copied: Copied) -> None:
    first, again = copied(0), copied(1)
    assert other_conditions(first.environment, again.environment) == []
    environment = first.environment
    packages = {**environment["packages"], "torch": "1.0"}
    write_json(first.path / "environment.json", {**environment, "threads": 99, "packages": packages})
    told = other_conditions(first.environment, again.environment)
    assert told[0].startswith("threads 99, now ")
    assert told[1].startswith("torch 1.0, now ")


def test_a_run_is_reproduced_with_its_judge(trained: tuple[Run, Run], tmp_path: Path) -> None:
    again, differences = reproduce(trained[0].path, folder=tmp_path, quiet=True)
    assert differences == []
    assert again.judge.to_json() == trained[0].judge.to_json()


def test_averages_are_named() -> None:
    with pytest.raises(ConfigError, match="not 'votes'"):
        plain(2, "votes")
