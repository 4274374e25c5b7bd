"""A run in MLflow, on a server or in an SQLite file. The one module that imports mlflow.

MLflow is brought up to what the run's folder holds, each time anew: whatever was missed while a server was away
follows the next time, and nothing is logged twice.
"""

from __future__ import annotations

import os
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from hilum.config import ABOUT, settings
from hilum.files import read_json, write_json
from hilum.runs import Run
from hilum.track.events import keys
from hilum.version import __version__

_EXPERIMENT = "hilum"
"""Where runs are kept, unless the environment names another in MLFLOW_EXPERIMENT_NAME."""
_KNOWN = "mlflow.json"
"""File of the run's folder that holds the run's id in MLflow."""
_FIRST_METRIC = "valid_loss"
"""Every epoch has it: its last step tells how far MLflow has come."""
_LONGEST = 500
"""Characters of a parameter, by MLflow's oldest limit."""
_LONGEST_TAG = 5000
"""Characters of a tag, likewise."""
_BATCH = 1000
"""Metrics in one request, by MLflow's limit."""


class MLflow:
    """A run's folder and its run in MLflow; see `hilum.track.trackers.Trackers`.

    Nothing is sent before the first call. Whatever mlflow, its database or the network raises is raised.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._logged: int | None = None

    def start(self, *_: object) -> None:
        """Begin the run in MLflow or go on with it, and log every epoch that it does not have."""
        self._catch_up()

    epoch = start

    @cached_property
    def _client(self) -> Any:
        return _client(self._run.config.track.mlflow)

    @cached_property
    def _id(self) -> str:
        """The run's id in MLflow, where it is found or made."""
        return self._known() or self._made()

    def _catch_up(self) -> None:
        from mlflow.entities import Metric

        if self._logged is None:
            history = self._client.get_metric_history(self._id, _FIRST_METRIC)
            self._logged = max((metric.step for metric in history), default=0)
        for entry in self._run.history[self._logged :]:
            now, step = int(1000 * time.time()), int(entry["epoch"])
            metrics = [Metric(name, value, now, step) for name, value in _epoch_values(entry).items()]
            for start in range(0, len(metrics), _BATCH):
                self._client.log_batch(self._id, metrics=metrics[start : start + _BATCH])
            self._logged = step

    def result(self) -> None:
        """Log what a finished training or an evaluation gave: scores by the best weights, and files with them."""
        self._catch_up()
        for part in ("valid", "test"):
            if (scores := self._run.scores(part)) is not None:
                means = scores.to_json()
                values = {name: found["value"] for name, found in means["mean"].items()} | means["combined"]
                self._log_final(part, values)
        path = self._run.path
        for file in (path / "config.toml", path / "report.html", *sorted((path / "scores").glob("*.json"))):
            if file.is_file():
                self._client.log_artifact(
                    self._id, str(file), "scores" if file.parent.name == "scores" else None
                )
        if warnings := " ".join(self._run.warnings):
            self._client.set_tag(self._id, "hilum.warnings", warnings[:_LONGEST_TAG])
        done = self._run.info["status"] == "done"
        self._client.set_terminated(self._id, "FINISHED" if done else "KILLED")

    def _log_final(self, part: str, values: dict[str, float | None]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        step = self._run.best_epoch if self._run.history else 0
        metrics = [
            Metric(f"best_{part}_{name}", value, now, step)
            for name, value in values.items()
            if value is not None
        ]
        self._client.log_batch(self._id, metrics=metrics)

    def _known(self) -> str | None:
        """The run's id in MLflow, where this store has it."""
        path = self._run.path / _KNOWN
        if not path.is_file():
            return None
        from mlflow.exceptions import MlflowException

        known: str = read_json(path)["run_id"]
        try:
            self._client.get_run(known)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None  # another store than before: the whole run is logged into it
        self._client.update_run(known, "RUNNING")
        return known

    def _made(self) -> str:
        from mlflow.entities import Param

        run, data = self._run, self._run.data
        tags = {
            "hilum.version": __version__,
            "hilum.run": str(run.path.resolve()),
            "hilum.pack_fingerprint": data.get("pack_fingerprint"),
            "hilum.table_fingerprint": data.get("table_fingerprint"),
            "hilum.split": data["split"]["id"],
            "hilum.source": data.get("source"),
            "mlflow.note.content": run.config.notes,
        }
        tags = {name: value for name, value in tags.items() if value}
        made = self._client.create_run(self._experiment(), run_name=run.name, tags=tags)
        run_id: str = made.info.run_id
        params = [
            Param(name, str(value)[:_LONGEST])
            for name, value in settings(run.config).items()
            if name not in ABOUT
        ]
        for start in range(0, len(params), 100):
            self._client.log_batch(run_id, params=params[start : start + 100])
        write_json(run.path / _KNOWN, {"run_id": run_id})
        return run_id

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            experiment_id: str = found.experiment_id
        else:
            experiment_id = self._client.create_experiment(name, _artifacts(self._run.config.track.mlflow))
        return experiment_id


def _client(address: str) -> Any:
    """A client of the store, which waits seconds, not minutes, for a server that is away."""
    for name, value in {
        # MLflow reports its use to its makers; of this bench nothing leaves the house unasked.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    }.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=address)


def _artifacts(address: str) -> str | None:
    """Where files go: beside an SQLite file, else where the server keeps them."""
    if not address.startswith("sqlite:"):
        return None
    file = Path(address.partition(":///")[2])
    return (file.resolve().parent / f"{file.stem}-artifacts").as_uri()


def _epoch_values(entry: dict[str, Any]) -> dict[str, float]:
    """Losses, speed, and per part the means, the combined scores and every finding's ROC AUC and AP."""
    values: dict[str, Any] = {"lr": entry["lr"], "images_per_second": entry["images_per_second"]}
    for part in ("train", "valid"):
        scores = entry[part]["scores"]
        values |= {f"{part}_{name}": found["value"] for name, found in scores["mean"].items()}
        values |= {f"{part}_{name}": value for name, value in scores["combined"].items()}
        if len(scores["per_finding"]) > 1:
            values |= {
                f"{part}_{name}/{key}": scores["per_finding"][finding].get(name)
                for name in ("roc_auc", "average_precision")
                for finding, key in keys(scores["per_finding"]).items()
            }
    # Last, because it says that all of the epoch is there.
    values |= {f"{part}_loss": entry[part]["loss"] for part in ("train", "valid")}
    return {name: float(value) for name, value in values.items() if value is not None}
