"""A run in MLflow, on a server or in an SQLite file. The one module that imports mlflow.

MLflow is brought up to what the run's folder holds, each time anew: whatever was missed while a server was away
follows the next time, and nothing is logged twice.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from hilum.config import ABOUT, settings
from hilum.files import read_json, write_json
from hilum.runs import Run
from hilum.track.events import Epoch, Start, keys
from hilum.version import __version__

EXPERIMENT = "hilum"
"""Where runs are kept, unless the environment names another in MLFLOW_EXPERIMENT_NAME."""
KNOWN = "mlflow.json"
"""File of the run's folder that holds the run's id in MLflow."""
FIRST_METRIC = "valid_loss"
"""Every epoch has it: its last step tells how far MLflow has come."""
LONGEST = 500
"""Characters of a parameter, by MLflow's oldest limit."""
LONGEST_TAG = 5000
"""Characters of a tag, likewise."""
BATCH = 1000
"""Metrics in one request, by MLflow's limit."""


class MLflow:
    """Logs a run while it trains; see `hilum.track.events.Tracker`."""

    def __init__(self, run: Run) -> None:
        """Nothing is sent yet."""
        self._run = run
        self._link: Link | None = None

    def start(self, start: Start) -> None:  # noqa: ARG002
        """Begin the run in MLflow, or go on with it."""
        self._linked().catch_up()

    def epoch(self, epoch: Epoch) -> None:  # noqa: ARG002
        """Log the epoch, and those before it that MLflow does not have."""
        self._linked().catch_up()

    def close(self) -> None:
        """Leave it as it is: scores of the best weights are still to come."""

    def _linked(self) -> Link:
        if self._link is None:
            self._link = Link(self._run)
        return self._link


class Link:
    """A run's folder and its run in MLflow."""

    def __init__(self, run: Run) -> None:
        """Find the run in MLflow, or make it.

        Raises:
            Exception: whatever mlflow, its database or the network raises.
        """
        self._run = run
        self._client = _client(run.config.track.mlflow)
        self.run_id = self._known() or self._made()
        history = self._client.get_metric_history(self.run_id, FIRST_METRIC)
        self._logged = max((metric.step for metric in history), default=0)

    def catch_up(self) -> None:
        """Log the metrics of every epoch that MLflow does not have yet."""
        from mlflow.entities import Metric

        for entry in self._run.history[self._logged :]:
            now, step = int(1000 * time.time()), int(entry["epoch"])
            values = _epoch_values(entry)
            metrics = [Metric(name, value, now, step) for name, value in values.items()]
            for start in range(0, len(metrics), BATCH):
                self._client.log_batch(self.run_id, metrics=metrics[start : start + BATCH])
            self._logged = step

    def result(self) -> None:
        """Log scores by the best weights, and the files that tell of them."""
        for part in ("valid", "test"):
            if (scores := self._run.scores(part)) is not None:
                means = scores.to_json()
                values = {name: found["value"] for name, found in means["mean"].items()} | means["combined"]
                self._log_final(part, values)
        path = self._run.path
        for file in (path / "config.toml", path / "report.html", *sorted((path / "scores").glob("*.json"))):
            if file.is_file():
                self._client.log_artifact(
                    self.run_id, str(file), "scores" if file.parent.name == "scores" else None
                )
        if warnings := " ".join(self._run.warnings):
            self._client.set_tag(self.run_id, "hilum.warnings", warnings[:LONGEST_TAG])
        done = self._run.info["status"] == "done"
        self._client.set_terminated(self.run_id, "FINISHED" if done else "KILLED")

    def _log_final(self, part: str, values: dict[str, float | None]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        step = self._run.best_epoch if self._run.history else 0
        metrics = [
            Metric(f"best_{part}_{name}", value, now, step)
            for name, value in values.items()
            if value is not None
        ]
        self._client.log_batch(self.run_id, metrics=metrics)

    def _known(self) -> str | None:
        """The run's id in MLflow, where this store has it."""
        path = self._run.path / KNOWN
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
            Param(name, str(value)[:LONGEST])
            for name, value in settings(run.config).items()
            if name not in ABOUT
        ]
        for start in range(0, len(params), 100):
            self._client.log_batch(run_id, params=params[start : start + 100])
        write_json(run.path / KNOWN, {"run_id": run_id})
        return run_id

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            experiment_id: str = found.experiment_id
        else:
            experiment_id = self._client.create_experiment(name, _artifacts(self._run.config.track.mlflow))
        return experiment_id


def log_result(run: Run) -> None:
    """Log what a finished training or an evaluation gave; see `hilum.track.trackers.record_result`."""
    link = Link(run)
    link.catch_up()
    link.result()


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
