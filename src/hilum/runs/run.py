"""`Run`: everything one training was and gave, in one folder.

::

    runs/NAME-1/
      run.json            format, hilum's version, status, command, warnings, seconds
      config.toml         every setting, resolved: the run repeats from it alone
      data.json           pack and its fingerprint, findings, preparation, mean and sd, split id, counts
      split.parquet       image_id, patient_id, part
      images.parquet      image_id, part and what scores can be shown by: view, projection, age, sex, ...
      overlay.csv         verdicts on labels, where the run was given some
      plugins/            the text of plugins that it was made with; run.json has what they give, and checksums
      environment.json    Python, packages, processor, device, threads
      epochs/0001/        summary.json, train.parquet and valid.parquet (logits and targets by image id);
                          0000: what a head that was trained before gave of valid
      checkpoints/        last.safetensors (all that a resume needs), best.safetensors (weights),
                          0001.safetensors, ... where train.keep_epochs asks for them
      predictions/        valid.parquet and, once evaluated, test.parquet, of the best epoch: raw, per image
      scores/             valid.json, test.json; calibration.json and thresholds.json, fitted on the validation
                          part; test.per-study-max.json where scores per study were asked for
      report.html
      tensorboard/        events, where track.tensorboard asks for them; mlflow.json, the run's id in MLflow

An ensemble's folder is the same without epochs and checkpoints: run.json names its members, and
scores/members.json keeps the calibration of each. A head's folder (`hilum heads`) has no epochs either, and
checkpoints/best.safetensors alone: run.json says which head it is, search.json which others were tried, and
predictions/out-of-fold.parquet what it said of the training images while it had not seen them.

No pickle anywhere, and no torch needed to read it, but for the checkpoints.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from hilum.config import Config, read_config, write_config
from hilum.errors import RunError
from hilum.files import read_parquet, write_json
from hilum.locks import writing
from hilum.metrics import Calibration, Judge, Mixture, Predictions, Scores, Thresholds
from hilum.plugins import in_use
from hilum.runs.epochs import read_history
from hilum.runs.folders import as_folder, move_numbered, other_runs
from hilum.runs.info import Data, Epoch, damaged, parsed, read_info, read_object
from hilum.runs.member import Member
from hilum.runs.plugins import keep_plugins, kept_plugin
from hilum.runs.predictions import read_predictions
from hilum.runs.warnings import own_warnings
from hilum.table import Overlay
from hilum.text import escaped, many
from hilum.version import __version__

FORMAT = 1
"""Raised when a folder of the former format can no longer be read."""
_IMAGES = dict.fromkeys(("image_id", "part"), pl.String)


@dataclass(frozen=True, init=False)
class Run:
    """A run's folder, opened by its path: `Run("runs/name-1")`. Attributes are read from its files when asked for.

    Attributes:
        path: the folder.
    """

    path: Path

    def __init__(self, path: str | Path) -> None:
        """Open a run's folder.

        Raises:
            RunError: there is no run there, it is damaged, or it was written by another, incompatible version.
        """
        path = Path(path)
        object.__setattr__(self, "path", path)
        if not (path / "run.json").is_file():
            raise RunError(f"{path} is not a run's folder (it has no run.json). {other_runs(path)}")
        info = read_object(path / "run.json")
        if (found := info.get("format")) != FORMAT:
            raise RunError(
                f"{path} has run format {found}, written by hilum {info.get('version', '?')}; "
                f"hilum {__version__} reads format {FORMAT}. Use that version, or train again from config.toml."
            )
        if self.info["status"] == "done" or (path / "data.json").is_file():
            _ = self.data  # else a damaged one is noticed in the middle of something

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """The same as `Run(path)`."""
        return cls(path)

    @classmethod
    def create(cls, folder: str | Path, config: Config, info: dict[str, Any]) -> Run:
        """Make a new, numbered folder `folder/NAME-N` and write its settings.

        Args:
            folder: where runs are kept.
            config: the whole configuration.
            info: further fields of run.json (`command`, `warnings`).

        Raises:
            DiskError: the folder cannot be written.
        """
        name = as_folder(config.name)
        folder = Path(folder)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        first = {"format": FORMAT, "version": __version__, "status": "running", "created": created}
        partial = folder / f".{name}.{os.getpid()}.partial"
        try:
            with writing(folder / name, wait=True):
                made = partial / f"{name}-1"
                plugins = tuple(plugin.given for plugin in in_use())
                write_config(config.model_copy(update={"plugins": plugins}), made / "config.toml")
                about = {**first, "seconds": 0.0, "warnings": [], **keep_plugins(made), **info}
                write_json(made / "run.json", about)
                return cls._made(made).move_into(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def move_into(self, folder: Path) -> Run:
        """Move a whole run `NAME-1` into another folder under the first free number, in one step.

        Raises:
            DiskError: the file system refused.
        """
        return Run._made(move_numbered(self.path, folder))

    @classmethod
    def _made(cls, path: Path) -> Run:
        """A run that is being made: not yet whole, so it is not checked."""
        run = cls.__new__(cls)
        object.__setattr__(run, "path", path)
        return run

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @cached_property
    def config(self) -> Config:
        """The run's settings.

        Raises:
            RunError: there are none.
            ConfigError: they cannot be used.
        """
        path = self.path / "config.toml"
        if not path.is_file():
            raise RunError(f"{path} is missing: the run's folder is not whole.")
        return read_config(path)

    @property
    def info(self) -> dict[str, Any]:
        """run.json: `status` (`done`, `running`, `stopped`, `killed`), `version`, `command`, `warnings`, ...

        Raises:
            RunError: it is missing or damaged.
        """
        return read_info(self.path)

    def write_info(self, info: dict[str, Any]) -> None:
        """Replace run.json."""
        write_json(self.path / "run.json", info)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the run knows against its own scores, in plain words; `scores` has them among its own."""
        return own_warnings(self.info, self.data if (self.path / "data.json").is_file() else {})

    @property
    def data(self) -> dict[str, Any]:
        """data.json: what the run was trained on, and how images are prepared for it.

        Raises:
            RunError: it is missing or damaged.
        """
        return read_object(self.path / "data.json", Data)

    @property
    def measured(self) -> str:
        """What the run's recipe was measured to score, where that was on the very table that the run has."""
        return self.config.measured if self.config.measured_on == self.data.get("table_fingerprint") else ""

    @property
    def images(self) -> pl.DataFrame:
        """One row an image: `image_id`, `part`, `patient_id`, `study_id`, `view`, `projection`, `age`, `sex`, ...

        A run of an earlier version has `image_id`, `patient_id` and `part` alone.

        Raises:
            RunError: there is neither of the two files, or it is damaged.
        """
        path = self._listing
        try:
            return read_parquet(path, _IMAGES)
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing: the run's folder is not whole.") from error
        except (OSError, pl.exceptions.PolarsError) as error:
            raise damaged(path, str(error).splitlines()[0]) from error

    @property
    def _listing(self) -> Path:
        """The file that lists images, which a run of an earlier version has not."""
        path = self.path / "images.parquet"
        return path if path.is_file() else self.path / "split.parquet"

    @property
    def environment(self) -> dict[str, Any]:
        """environment.json."""
        return read_object(self.path / "environment.json")

    @property
    def history(self) -> list[dict[str, Any]]:
        """One entry per finished epoch: `epoch`, `lr`, `loss` and scores of train and valid, `best`.

        Raises:
            RunError: an epoch is missing before a later one.
        """
        return read_history(self.path)

    @property
    def start(self) -> dict[str, Any]:
        """Epoch 0 of a run that began with a trained head: loss and scores of valid alone; else empty."""
        path = self.epoch_folder(0) / "summary.json"
        return read_object(path, Epoch) if path.is_file() else {}

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are `checkpoints/best.safetensors`, from 1; 0 where none beats `start`.

        Raises:
            RunError: no epoch is finished.
        """
        for entry in self.history:
            if entry["best"]:
                return int(entry["epoch"])
        if self.start.get("improved"):
            return 0
        if self.members:
            raise RunError(f"{self.path} is an ensemble: it has no epochs of its own.")
        if self.head:
            raise RunError(
                f"{self.path} is a backbone with a head that was fitted at once: it has no epochs."
            )
        raise RunError(f"{self.path} has no finished epoch yet. Go on with: hilum train --resume {self.path}")

    @property
    def extent(self) -> str:
        """`8 epochs`, `5 models` of an ensemble, or `best of 240 heads`."""
        members, head = self.members, self.head
        if head:
            return f"best of {many(int(head['tried']), 'head')}"
        return many(len(members), "model") if members else many(len(self.history), "epoch")

    def epoch_folder(self, epoch: int) -> Path:
        """Where an epoch's predictions lie; epochs count from 1."""
        return self.path / "epochs" / f"{epoch:04d}"

    @property
    def members(self) -> tuple[Member, ...]:
        """The models of an ensemble; empty for a run that was trained."""
        return tuple(
            Member((self.path / entry["run"]).resolve(), entry["epoch"], entry["weight"])
            for entry in self.info.get("members", ())
        )

    @property
    def head(self) -> dict[str, Any]:
        """How the head of a run of `hilum heads` came about: `told`, `tried`, `store`, ...; else empty."""
        return dict(self.info.get("head") or {})

    @cached_property
    def mixture(self) -> Mixture | None:
        """How an ensemble's members become one; None for a run that was trained."""
        path = self.path / "scores" / "members.json"
        return parsed(path, Mixture.from_json) if self.info.get("members") else None

    def predictions(self, part: str, epoch: int | None = None) -> Predictions:
        """Predictions of a part by the best weights, or those that an epoch gave (`train` and `valid`).

        They are raw: one row an image, not calibrated. `judged` gives what scores are counted on.

        Raises:
            RunError: the run does not have them.
            DataError: those by the best weights are of other images or findings than the run's.
        """
        path = self.path / "predictions" / f"{part}.parquet"
        if epoch is None and path.is_file() and self._listing.is_file():
            return read_predictions(path, self.data["findings"], self.images)
        if epoch is not None or part == "train":
            path = self.epoch_folder(self.best_epoch if epoch is None else epoch) / f"{part}.parquet"
        if path.is_file():
            return Predictions.load(path, part)
        make = f". Make them with: hilum evaluate {self.path} --part {part}"
        which = make if epoch is None else f" for epoch {epoch}."
        raise RunError(f"{self.path} has no predictions of '{part}'{which}")

    def judged(self, part: str, epoch: int | None = None) -> Predictions:
        """What scores are counted on: `predictions` per unit and calibrated, as the run's settings ask.

        Raises:
            RunError: the run does not have them, or has not come as far as `judge`.
        """
        return self.judge.predictions(self.predictions(part, epoch))

    def has(self, part: str) -> bool:
        """Whether the part was scored with the best weights."""
        return (self.path / "scores" / f"{part}.json").is_file()

    def scores(self, part: str) -> Scores | None:
        """Scores of a part by the best weights, warned of by the run, or None where it was not scored."""
        if not self.has(part):
            return None
        found = parsed(self.path / "scores" / f"{part}.json", Scores.from_json)
        return found.warned(self.warnings)

    def write_scores(self, predictions: Predictions, scores: Scores) -> None:
        """Keep a part's raw predictions, one row an image, and its scores."""
        self.write_predictions(predictions)
        write_json(self.path / "scores" / f"{predictions.part}.json", scores.to_json())

    def write_predictions(self, predictions: Predictions) -> None:
        """Keep a part's raw predictions, one row an image."""
        predictions.save(self.path / "predictions" / f"{predictions.part}.parquet")

    @property
    def thresholds(self) -> Thresholds:
        """The operating points, chosen on the validation part.

        Raises:
            RunError: the run has not come that far.
        """
        path = self.path / "scores" / "thresholds.json"
        if not path.is_file():
            raise RunError(f"{self.path} has no thresholds yet. Go on with: hilum train --resume {self.path}")
        return parsed(path, Thresholds.from_json)

    @property
    def calibration(self) -> Calibration:
        """How raw logits become calibrated, fitted on the validation part; `none` for an old run."""
        path = self.path / "scores" / "calibration.json"
        if not path.is_file():
            return Calibration("none", tuple(self.data["findings"]))
        return parsed(path, Calibration.from_json)

    @property
    def judge(self) -> Judge:
        """What turns raw predictions into scores, fitted on the validation part.

        Raises:
            RunError: the run has not come that far.
        """
        return Judge(self.config.scores, self.calibration, self.thresholds)

    def write_judge(self, judge: Judge) -> None:
        """Keep calibration and operating points."""
        write_json(self.path / "scores" / "calibration.json", judge.calibration.to_json())
        self.write_thresholds(judge.thresholds)

    def write_thresholds(self, thresholds: Thresholds) -> None:
        """Keep the operating points."""
        write_json(self.path / "scores" / "thresholds.json", thresholds.to_json())

    @property
    def verdicts(self) -> Path:
        """Where the verdicts on labels are that the run began with: its own copy."""
        return self.path / "overlay.csv"

    def write_verdicts(self, verdicts: Overlay | None) -> None:
        """Keep the verdicts on labels that the run begins with, if there are any."""
        if verdicts is not None:
            verdicts.write(self.verdicts)

    def plugin(self, name: str) -> Path:
        """Where the run keeps the text of a plugin."""
        return kept_plugin(self.path, name)

    def __repr__(self) -> str:
        return f"Run({self.path}: {self.info['status']}, {self.extent}, {self.config.model.name})"

    def _repr_html_(self) -> str:
        scores = self.scores("test") or self.scores("valid")
        about = (escaped(value) for value in (self.config.model.name, self.info["status"]))
        head = f"<p><b>{escaped(self.name)}</b> · {' · '.join(about)}</p>"
        return head + (scores._repr_html_() if scores else "")
