"""What a run's `[track]` settings ask for, checked before any data are read."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from urllib.parse import urlsplit

from hilum.config import TrackConfig
from hilum.errors import ConfigError, MissingExtra, did_you_mean
from hilum.metrics import COUNTS, SCORES

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
SERVERS = ("http", "https", "databricks")


def check_track(config: TrackConfig) -> None:
    """Fail where the table's columns, the packages or the address cannot be used.

    Raises:
        ConfigError: a column that is no score, or an address that MLflow cannot have.
        MissingExtra: the package that a tracker needs is not installed.
    """
    known = [*SCORES, *COUNTS]
    for name in config.columns:
        if name not in known:
            raise ConfigError(f"track.columns: {name!r} is no score; {did_you_mean(name, known)}")
    if not config.parts:
        raise ConfigError("track.parts is empty; name valid, train or both.")
    if config.tensorboard == "on" and not installed("tensorboard"):
        raise MissingExtra("tensorboard", "tensorboard", 'track.tensorboard = "on"')
    if config.mlflow:
        _check_address(config.mlflow)
        if not installed("mlflow"):
            raise MissingExtra("mlflow", "mlflow", "track.mlflow")


def installed(package: str) -> bool:
    """Whether a package is there, without importing it."""
    return importlib.util.find_spec(package) is not None


def _check_address(address: str) -> None:
    """Fail on what can never become a store. Whether a server answers shows when it is used."""
    scheme = address.partition(":")[0].partition("+")[0]
    if address in SERVERS[2:] or scheme in SERVERS[2:]:
        return
    if "://" not in address or scheme not in (*DATABASES, *SERVERS):
        near = (
            f"sqlite:///{Path(address).with_suffix('.db')}" if "://" not in address else "sqlite:///mlflow.db"
        )
        raise ConfigError(
            f"track.mlflow = {address!r} is no address that MLflow knows. Give a file as {near}, or a server as "
            "http://host:5000."
        )
    if scheme == "sqlite":
        file = Path(address.partition(":///")[2])
        if not file.name or file.is_dir() or not file.parent.is_dir():
            raise ConfigError(
                f"track.mlflow = {address!r} names no file in a folder that is there. "
                "Write sqlite:///mlflow.db, or sqlite:////full/path/mlflow.db."
            )
    elif not urlsplit(address).hostname:
        raise ConfigError(f"track.mlflow = {address!r} names no server; write {scheme}://host:port.")
