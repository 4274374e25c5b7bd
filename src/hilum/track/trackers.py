"""What follows a training: TensorBoard, MLflow, and callbacks of plugins; none of them can end it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hilum.config import TrackConfig
from hilum.errors import ConfigError, MissingExtra, did_you_mean
from hilum.metrics import COUNTS, SCORES
from hilum.plugins import chosen
from hilum.runs import Run

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SERVERS = ("http", "https", "databricks")
_Say = Callable[[str], None]
_GOES_ON = "Training goes on; the run's folder has all."


def check_track(config: TrackConfig) -> None:
    """Fail where the table's columns, the packages, the address or the callbacks cannot be used.

    Raises:
        ConfigError: a column that is no score, an address that MLflow cannot have, or a callback of no plugin.
        MissingExtra: the package that a tracker needs is not installed.
    """
    known = [*SCORES, *COUNTS]
    for name in config.columns:
        if name not in known:
            raise ConfigError(f"track.columns: {name!r} is no score; {did_you_mean(name, known)}")
    if not config.parts:
        raise ConfigError("track.parts is empty; name valid, train or both.")
    if config.tensorboard == "on" and not _installed("tensorboard"):
        raise MissingExtra("tensorboard", "tensorboard", 'track.tensorboard = "on"')
    if config.mlflow:
        _check_address(config.mlflow)
        if not _installed("mlflow"):
            raise MissingExtra("mlflow", "mlflow", "track.mlflow")
    chosen("CALLBACKS", config.callbacks, "track.callbacks")


class Trackers:
    """All that follows a run's training: objects with some of these methods.

    ==========================  ========================================================================
    start(inputs, model)        before the first step: images of the first batch as the network sees them, back in
                                shares of white, float32 [b, s, s] (None where the run is resumed); the network
    step(epoch, step, loss)     after each step: both count from 1; the loss is a number
    epoch(epoch: Epoch)         after an epoch's files are written; after a kill it may come twice
    close()                     no more comes
    ==========================  ========================================================================

    What one raises is told once, and does not end the training.
    """

    def __init__(self, run: Run, epochs_done: int, say: _Say, *, leads: bool = True) -> None:
        """Make those that the run's settings ask for.

        Args:
            run: whose training is followed.
            epochs_done: whole epochs behind it; later ones are written anew.
            say: tells the user a line.
            leads: whether this process writes; the others have no trackers.
        """
        self._say, self._failed, self._trackers = say, set[str](), dict[str, Any]()
        for name, make in _makers(run, epochs_done).items() if leads else ():
            with self._outliving(name, "Training goes on without it."):
                self._trackers[name] = make()

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._trackers)

    def hears(self, what: str) -> bool:
        """Whether one of them has a method of this name."""
        return any(hasattr(tracker, what) for tracker in self._trackers.values())

    def tell(self, what: str, *about: object) -> None:
        """Call a method of all that have it."""
        for name, tracker in self._trackers.items():
            if (method := getattr(tracker, what, None)) is not None:
                with self._outliving(name, _GOES_ON):
                    method(*about)

    @contextmanager
    def _outliving(self, name: str, then: str) -> Iterator[None]:
        """A server that is gone, a full disk, a mistake in a callback: hours of training must outlive it."""
        try:
            yield
        except Exception as error:
            if name not in self._failed:
                self._failed.add(name)
                self._say(f"warning: {name}: {_first_line(error)} {then}")


def record_result(run: Run, say: _Say) -> None:
    """Tell TensorBoard and MLflow the scores of the best weights, after a training and every later evaluation.

    Args:
        run: with scores of a part or several, and its report.
        say: tells the user a line where a tracker fails.
    """
    config = run.config.track
    steps: dict[str, Callable[[], None]] = {}
    # A run that has no events, because tensorboard came later or was off, is left so.
    if config.tensorboard != "off" and _installed("tensorboard") and (run.path / "tensorboard").is_dir():
        from hilum.track.tensorboard import TensorBoard

        steps["TensorBoard"] = lambda: TensorBoard.result(run)
    if config.mlflow and _installed("mlflow"):
        from hilum.track.mlflow import MLflow

        steps["MLflow"] = lambda: MLflow(run).result()
    for name, step in steps.items():
        try:
            step()
        except Exception as error:  # The scores are in the run already.
            say(f"warning: {name}: {_first_line(error)} The run's folder has all.")


def _makers(run: Run, epochs_done: int) -> dict[str, Callable[[], Any]]:
    """What makes each tracker, by the name that a warning calls it."""
    config = run.config.track
    makers: dict[str, Callable[[], Any]] = {}
    if config.tensorboard == "on" or (config.tensorboard == "auto" and _installed("tensorboard")):
        makers["TensorBoard"] = lambda: _tensorboard(run, epochs_done)
    if config.mlflow:
        makers["MLflow"] = lambda: _mlflow(run)
    callbacks = chosen("CALLBACKS", config.callbacks, "track.callbacks")
    return makers | {f"callback {name}": make for name, make in callbacks.items()}


def _tensorboard(run: Run, epochs_done: int) -> object:
    from hilum.track.tensorboard import TensorBoard

    return TensorBoard(run, epochs_done)


def _mlflow(run: Run) -> object:
    from hilum.track.mlflow import MLflow

    return MLflow(run)


def _installed(package: str) -> bool:
    """Whether a package is there, without importing it."""
    return importlib.util.find_spec(package) is not None


def _check_address(address: str) -> None:
    """Fail on what can never become a store. Whether a server answers shows when it is used."""
    scheme = address.partition(":")[0].partition("+")[0]
    if address in _SERVERS[2:] or scheme in _SERVERS[2:]:
        return
    if "://" not in address or scheme not in (*_DATABASES, *_SERVERS):
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


def _first_line(error: Exception) -> str:
    """What went wrong in one line of 200 characters at most, ended by a full stop."""
    text = " ".join((str(error).strip().splitlines() or [type(error).__name__])[0].split())
    return f"{text if len(text) <= 200 else text[:199] + '…'}{'' if text.endswith('.') else '.'}"
