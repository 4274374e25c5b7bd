"""Wrong `[track]` settings are said before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hilum.config import TrackConfig
from hilum.errors import ConfigError, MissingExtra
from hilum.track import check_track


def test_every_kind_of_score_can_be_a_column() -> None:
    check_track(TrackConfig(columns=("recall", "micro_f1", "true_positives"), tensorboard="off"))


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"track.columns: 'rocauc' is no score; did you mean 'roc_auc'\?"):
        check_track(TrackConfig(columns=("recall", "rocauc")))


def test_some_part_must_be_shown() -> None:
    with pytest.raises(ConfigError, match=r"track.parts is empty"):
        check_track(TrackConfig(parts=()))


@pytest.mark.parametrize(
    ("settings", "package"),
    [({"tensorboard": "on"}, "tensorboard"), ({"mlflow": "sqlite:///mlflow.db"}, "mlflow")],
)
def test_a_missing_package_is_said_with_how_to_install_it(
    settings: dict[str, Any], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hilum.track.trackers._installed", lambda name: name != package)
    with pytest.raises(MissingExtra, match=rf"pip install 'hilum\[{package}\]'"):
        check_track(TrackConfig(**settings))
    check_track(TrackConfig(tensorboard="auto"))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mlflow.db", "Give a file as sqlite:///mlflow.db"),
        ("results/mlruns", "Give a file as sqlite:///results/mlruns.db"),
        ("sqlite://", "names no file"),
        ("sqlite:////", "names no file"),
        ("sqlite:///nowhere/mlflow.db", "names no file in a folder that is there"),
        ("sqlight:///mlflow.db", "no address that MLflow knows"),
        ("http://", "names no server; write http://host:port"),
        ("postgresql:///x", "names no server"),
        ("file:///tmp/mlruns", "no address that MLflow knows"),
    ],
)
def test_an_address_that_cannot_be_one(
    address: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hilum.track.trackers._installed", lambda _: True)
    with pytest.raises(ConfigError, match=r"track\.mlflow") as caught:
        check_track(TrackConfig(mlflow=address))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["sqlite:///mlflow.db", "http://localhost:5000", "https://track.example.org", "databricks",
     "databricks://profile", "postgresql+psycopg2://user:word@host/base"],
)  # fmt: skip
def test_an_address_that_may_be_one(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hilum.track.trackers._installed", lambda _: True)
    check_track(TrackConfig(mlflow=address))


def test_a_user_is_told_before_the_data_are_read(hilum: Callable[..., Any], tmp_path: Path) -> None:
    found = hilum("train", "phantom-resnet18", "--data", "nowhere", "--out", tmp_path / "runs",
                  "--set", 'track.columns=["roc_acu"]')  # fmt: skip
    assert found.code == 2
    assert "did you mean 'roc_auc'?" in found.err
    assert "nowhere" not in found.err
    assert not (tmp_path / "runs").exists()
