"""Training, and what runs there are."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hilum.api.opened import formerly, with_report
from hilum.config import Config as Config
from hilum.config import find_settings
from hilum.config import make_config as make_config
from hilum.config import read_config as read_config
from hilum.config import recipes as recipes
from hilum.errors import ConfigError, HilumError, did_you_mean
from hilum.locks import sweep
from hilum.metrics import SCORES, per_finding
from hilum.models import MODELS as MODELS
from hilum.models import describe_model as describe_model
from hilum.progress import say
from hilum.runs import Run, ScoredTest, list_runs, scored_tests
from hilum.train import reproduce as _reproduce
from hilum.train import resume as _resume
from hilum.train import train as _train

settings = find_settings


@formerly(folder="out")
def train(
    recipe: Config | str | Path,
    *,
    data: str | Path = "",
    change: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    labels: str | Path = "",
    out: str | Path = "runs",
    name: str = "",
    command: str = "",
    quiet: bool = False,
) -> Run:
    """Train a model, score its validation part and write the report.

    Args:
        recipe: a `Config`, or a TOML file.
        data: a pack's folder or `SOURCE:FOLDER`; the recipe's own by default.
        change: settings over the recipe's, as `section.key=value`.
        options: options of the source for `SOURCE:FOLDER`.
        labels: a CSV of verdicts on labels, as `noise` writes it.
        out: the folder where the run is made.
        name: what it is called; the recipe's name by default.
        command: what the user typed, kept in run.json.
        quiet: say nothing while training.

    Returns:
        The finished run.

    Raises:
        InputError: settings, data or weights cannot be used.
        Stopped: the user stopped it; `resume` goes on.
    """
    config = _settled(recipe, change, _options(options, labels, data, name))
    return with_report(_train(config, folder=out, command=command, quiet=quiet))


@formerly(folder="out")
def repeat(
    recipe: Config | str | Path,
    repeats: int = 5,
    *,
    data: str | Path = "",
    change: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    labels: str | Path = "",
    out: str | Path = "runs",
    name: str = "",
    command: str = "",
    quiet: bool = False,
) -> list[Run]:
    """Train a recipe several times, one run after another, with the seeds `seed`, `seed + 1`, ...

    The split follows from `split.seed`: all share it. When one fails or is stopped, those before it are whole.

    Args:
        recipe: as all further arguments but `repeats`, see `train`.
        repeats: how many runs.

    Returns:
        The finished runs, which `hilum compare` takes as one group.

    Raises:
        ConfigError: fewer than one run is asked for, or several processes train together (torchrun).
        InputError, Stopped: as of `train`; `resume` goes on with the run that was stopped.
    """
    runs, config = list[Run](), _settled(recipe, change, _options(options, labels, data, name))
    _check_repeats(repeats)
    for seed in range(config.seed, config.seed + repeats):
        if repeats > 1 and not quiet:
            say(f"run {len(runs) + 1} of {repeats}, seed {seed}")
        try:
            one = make_config({**config.model_dump(), "seed": seed})
            runs.append(with_report(_train(one, folder=out, command=command, quiet=quiet)))
        except BaseException:
            _tell_finished(runs, repeats, seed)
            raise
    return runs


def _check_repeats(repeats: int) -> None:
    if repeats < 1:
        raise ConfigError(f"repeats = {repeats}: at least one run is needed.")
    if repeats > 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "under torchrun runs are trained one at a time: give each --set seed=N, not repeats."
        )


def _tell_finished(runs: list[Run], repeats: int, seed: int) -> None:
    """What is there where the run with this seed failed or was stopped."""
    if runs:
        rest = f" The seeds left begin with seed = {seed + 1}." if len(runs) + 1 < repeats else ""
        say(f"{len(runs)} of {repeats} runs are finished: {', '.join(str(run.path) for run in runs)}.{rest}")


def resume(run: str | Path, *, quiet: bool = False) -> Run:
    """Go on with a run that was stopped or killed; see `hilum.train.session.resume`."""
    return with_report(_resume(run, quiet=quiet))


@formerly(folder="out")
def reproduce(
    run: str | Path, *, out: str | Path | None = None, quiet: bool = False
) -> tuple[Run, list[dict[str, Any]]]:
    """Train a run again and say where its numbers differ; see `hilum.train.session.reproduce`."""
    again, differences = _reproduce(run, folder=out, quiet=quiet)
    return with_report(again), differences


def leaderboard(
    folder: str | Path = "runs", *, by: str = "roc_auc", part: str = "valid"
) -> list[dict[str, Any]]:
    """The runs of a folder, best first; those without scores of the part come last.

    A run whose folder is damaged is left out, and said so; what killed commands left there is removed.

    Args:
        folder: with runs in it.
        by: the score to sort by, of one finding; of several findings their mean.
        part: `valid` or `test`.

    Returns:
        A row a run: `run`, `status`, `model`, ..., scores, and the ends of the interval of the one sorted by, as
        `roc_auc_low` and `roc_auc_high` for `roc_auc`. None is a score or an interval that there is not.
        `warnings` is what the run knows against its scores; `test_part` says of a run that was scored on its test
        part how many of the folder were.

    Raises:
        RunError: the folder does not exist.
        ConfigError: no score is called `by`, or no part `part`.
    """
    if part not in ("valid", "test"):
        raise ConfigError(f"runs are listed by their scores of valid or test, not of {part!r}.")
    if by not in per_finding():
        raise ConfigError(f"there is no score {by!r} to sort by; {did_you_mean(by, per_finding())}")
    sweep(folder)
    rows, runs = [], list_runs(folder)
    scored = scored_tests(runs)
    for run in runs:
        try:
            rows.append(_row(run, part, by, scored.get(run.path)))
        except HilumError as error:
            say(f"left out: {error}")
    sign = 1 if SCORES[by].better == "lower" else -1
    return sorted(rows, key=lambda row: (row[by] is None, sign * (row[by] or 0)))


def _row(run: Run, part: str, by: str, scored: ScoredTest | None) -> dict[str, Any]:
    scores = run.scores(part)
    ends = f"{by}_low", f"{by}_high"
    names = list(dict.fromkeys([by, "roc_auc", "average_precision", "recall", "precision", "f1", "accuracy"]))
    values = {name: scores.mean(name)[0] for name in names} if scores else {}
    if scores:
        values |= dict(zip(ends, scores.interval(by), strict=True))
    config, history = run.config, run.history
    return {
        "run": run.name,
        "status": run.info["status"],
        "model": config.model.name,
        "size": config.prepare.size,
        "epochs": run.extent if run.members or run.head else f"{len(history)}/{config.train.epochs}",
        **{name: _known(values.get(name)) for name in (by, *ends, *names)},
        "images": run.data["split"]["counts"].get("train", {}).get("images", 0),
        "split": "BY IMAGE" if config.split.by == "image" else config.split.by,
        "seconds": round(run.info["seconds"]),
        "warnings": list(run.warnings),
        "test_part": scored and scored.to_json(),
    }


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _options(
    of_source: Mapping[str, Any] | None, labels: str | Path, data: str | Path, name: str
) -> list[str]:
    """What stands for settings, as these."""
    given = {f"data.options.{key}": value for key, value in (of_source or {}).items()}
    named = {"labels.overlay": labels, "data.path": data, "name": name}
    given |= {key: str(value) for key, value in named.items() if value}
    return [f"{key}={json.dumps(value, ensure_ascii=False, default=str)}" for key, value in given.items()]


def _settled(recipe: Config | str | Path, change: Iterable[str], options: Iterable[str]) -> Config:
    """The whole configuration of a run, under what it is called."""
    if isinstance(recipe, Config):
        config = make_config(recipe.model_dump(), change, options=options)
    else:
        config = read_config(recipe, change, options)
    default = "run" if isinstance(recipe, Config) else Path(recipe).stem
    return config.model_copy(update={"name": config.name or default})
