"""What MLflow holds of a run, in an SQLite file without a server."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_runs import with_settings

from hilum import api
from hilum.config import ABOUT, Config, settings
from hilum.errors import Stopped
from hilum.files import read_json
from hilum.runs import Run, list_runs
from hilum.table import BY_IMAGE
from hilum.train.session import resume, train

pytest.importorskip("mlflow")
# mlflow's own calls of sqlalchemy, alembic and pydantic.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An SQLite file that all tests here share: making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def tracked(config: Config, address: str) -> Config:
    """Two epochs of the small network, logged."""
    return with_settings(config, "train.epochs=2", f"track.mlflow={address}", "track.tensorboard=off")


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    """Reads the file back."""
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=address)


def _of(run: Run) -> str:
    identity: str = read_json(run.path / "mlflow.json")["run_id"]
    return identity


def _history(client: Any, run: Run, name: str) -> list[tuple[int, float]]:
    return sorted((metric.step, metric.value) for metric in client.get_metric_history(_of(run), name))


def _assert_history(client: Any, run: Run) -> None:
    """Every epoch is there, once."""
    for part in ("train", "valid"):
        losses = [(entry["epoch"], pytest.approx(entry[part]["loss"])) for entry in run.history]
        assert _history(client, run, f"{part}_loss") == losses
        scores = [
            (e["epoch"], pytest.approx(e[part]["scores"]["mean"]["recall"]["value"])) for e in run.history
        ]
        assert _history(client, run, f"{part}_recall") == scores


def test_a_run_is_logged_with_settings_scores_and_files(
    tracked: Config, address: str, client: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tracked = with_settings(tracked, "split.valid=0.25", "split.test=0.25", "split.by=image")
    run = api.train(tracked, out=tmp_path)
    assert "warning: MLflow" not in capfd.readouterr().err
    _assert_history(client, run)
    api.evaluate(run, "test")
    found = client.get_run(_of(run))
    assert found.info.run_name == run.name
    assert found.info.status == "FINISHED"
    own = {name: value for name, value in settings(run.config).items() if name not in ABOUT}
    assert found.data.params == {name: str(value)[:500] for name, value in own.items()}
    assert BY_IMAGE in found.data.tags["hilum.warnings"]
    assert found.data.tags["hilum.pack_fingerprint"] == run.data["pack_fingerprint"]
    assert found.data.tags["hilum.split"] == run.data["split"]["id"]
    for part in ("valid", "test"):
        scores = run.scores(part)
        assert scores is not None
        value = scores.value("average_precision")
        assert found.data.metrics[f"best_{part}_average_precision"] == pytest.approx(value)
    per_finding = run.history[-1]["valid"]["scores"]["per_finding"]["Left"]["roc_auc"]
    assert found.data.metrics["valid_roc_auc/Left"] == pytest.approx(per_finding)
    names = {file.path for folder in (None, "scores") for file in client.list_artifacts(_of(run), folder)}
    assert {"config.toml", "report.html", "scores/valid.json", "scores/test.json"} <= names
    database = Path(address.removeprefix("sqlite:///"))
    assert found.info.artifact_uri.startswith((database.parent / "mlflow-artifacts").as_uri())
    _assert_history(client, run)


def test_a_resume_goes_on_with_the_same_run(
    tracked: Config, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hilum.train.loop as loop

    real_step, taken = loop.Learner.step, 0

    def interrupted(self: Any, *arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == 7:
            signal.raise_signal(signal.SIGINT)
        return real_step(self, *arguments)

    monkeypatch.setattr(loop.Learner, "step", interrupted)
    with pytest.raises(Stopped):
        train(tracked, folder=tmp_path, quiet=True)
    monkeypatch.undo()
    (cut,) = list_runs(tmp_path)
    before = _of(cut)
    # What a kill after the logging and before the checkpoint leaves behind: the epoch comes a second time.
    client.log_metric(before, "valid_loss", 99.0, step=2)
    done = resume(cut.path, quiet=True)
    assert _of(done) == before
    assert [step for step, _ in _history(client, done, "train_loss")] == [1]
    client.delete_run(before)


def test_what_was_missed_while_the_server_was_away_follows(
    tracked: Config,
    client: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def away(address: str) -> Any:
        raise ConnectionError(f"no answer from {address}")

    monkeypatch.setattr("hilum.track.mlflow._client", away)
    run = train(tracked, folder=tmp_path)
    said = [line for line in capfd.readouterr().err.splitlines() if "MLflow" in line]
    assert len(said) == 1
    assert said[0].startswith("warning: MLflow: no answer from sqlite")
    assert run.info["status"] == "done"
    assert not (run.path / "mlflow.json").exists()
    monkeypatch.undo()
    api.evaluate(run, "valid")
    _assert_history(client, run)


def test_a_run_that_the_store_does_not_know_is_logged_anew(
    tracked: Config, client: Any, tmp_path: Path
) -> None:
    from hilum.files import write_json

    run = train(tracked, folder=tmp_path, quiet=True)
    first = _of(run)
    write_json(run.path / "mlflow.json", {"run_id": "0" * 32})
    api.evaluate(run, "valid")
    assert _of(run) not in (first, "0" * 32)
    _assert_history(client, run)


def test_a_server_that_does_not_answer_ends_no_training(
    tracked: Config, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    config = with_settings(tracked, "track.mlflow=http://127.0.0.1:9", "train.epochs=1")
    run = api.train(config, out=tmp_path)
    said = [line for line in capfd.readouterr().err.splitlines() if "warning: MLflow" in line]
    assert len(said) == 2  # one of the training, one of its scores
    assert all(len(line) < 320 for line in said)
    assert run.info["status"] == "done"
