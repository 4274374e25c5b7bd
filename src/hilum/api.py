"""The commands as functions: the same names, the same work, objects in place of print-outs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hilum.compare import RunsCompared, compare_runs
from hilum.config import CleanConfig, Config, PrepareConfig, make_config, read_config
from hilum.doctor import doctor
from hilum.ensemble import ensemble as _ensemble
from hilum.errors import ConfigError, RunError, did_you_mean
from hilum.evaluate import Evaluation
from hilum.evaluate import judge_part as _judge_part
from hilum.metrics.results import LOWER_IS_BETTER, RATES, Scores
from hilum.models import MODELS, describe_model
from hilum.phantom import make_phantom as phantom
from hilum.pixels.build import build_pack
from hilum.pixels.pack import Pack
from hilum.predict import FileResult, Predictor, expand
from hilum.progress import say
from hilum.report import write_report
from hilum.report.compare_page import write_comparison
from hilum.report.dataset import open_pack, write_data_report
from hilum.runs import Run, list_runs
from hilum.table.arrange import Arranged
from hilum.table.arrange import arrange as _arrange
from hilum.table.clean import clean
from hilum.table.sources import SOURCES, read_source
from hilum.table.table import Table
from hilum.track import record_result
from hilum.train.session import Difference
from hilum.train.session import reproduce as _reproduce
from hilum.train.session import resume as _resume
from hilum.train.session import train as _train
from hilum.train.world import leads

__all__ = [
    "MODELS",
    "SOURCES",
    "CleanConfig",
    "Config",
    "PrepareConfig",
    "arrange",
    "compare",
    "data_report",
    "describe_model",
    "doctor",
    "ensemble",
    "evaluate",
    "judge",
    "leaderboard",
    "make_config",
    "pack",
    "phantom",
    "predict",
    "read_config",
    "repeat",
    "report",
    "reproduce",
    "resume",
    "table",
    "train",
]


def table(
    source: str,
    root: str | Path,
    *,
    filters: CleanConfig | None = None,
    options: Mapping[str, Any] | None = None,
) -> Table:
    """Read a data set: one row per image.

    Args:
        source: one of `SOURCES`.
        root: its folder.
        filters: rows to keep; all by default.
        options: options of the source; see `hilum sources NAME`.

    Raises:
        DataError: no such source or folder, a folder of another source, or no row left.
    """
    return clean(read_source(source, root, **(options or {})), filters or CleanConfig())[0]


def pack(
    source: str,
    root: str | Path,
    out: str | Path,
    *,
    prepare: PrepareConfig | None = None,
    filters: CleanConfig | None = None,
    options: Mapping[str, Any] | None = None,
) -> Pack:
    """Decode and resize all images of a data set once; see `hilum.pixels.build.build_pack`."""
    return build_pack(table(source, root, filters=filters, options=options), out, prepare or PrepareConfig())


def arrange(
    source: str,
    root: str | Path,
    out: str | Path,
    *,
    filters: CleanConfig | None = None,
    options: Mapping[str, Any] | None = None,
) -> Arranged:
    """Copy images into d{ImageID%50}/d{PatientID%50}/i{ImageID}.jpg; see `hilum.table.arrange.arrange`."""
    return _arrange(table(source, root, filters=filters, options=options), out)


def train(
    recipe: Config | str | Path,
    *,
    data: str | Path = "",
    change: Iterable[str] = (),
    folder: str | Path = "runs",
    name: str = "",
    command: str = "",
    quiet: bool = False,
) -> Run:
    """Train a model, score its validation part and write the report.

    Args:
        recipe: a `Config`, or a TOML file.
        data: a pack's folder or `SOURCE:FOLDER`; the recipe's own by default.
        change: settings over the recipe's, as `section.key=value`.
        folder: where the run is made.
        name: what it is called; the recipe's name by default.
        command: what the user typed, kept in run.json.
        quiet: say nothing while training.

    Returns:
        The finished run.

    Raises:
        InputError: settings, data or weights cannot be used.
        Stopped: the user stopped it; `resume` goes on.
    """
    config = _settled(recipe, data, change, name)
    return _with_report(_train(config, folder=folder, command=command, quiet=quiet))


def repeat(
    recipe: Config | str | Path,
    repeats: int = 5,
    *,
    data: str | Path = "",
    change: Iterable[str] = (),
    folder: str | Path = "runs",
    name: str = "",
    command: str = "",
    quiet: bool = False,
) -> list[Run]:
    """Train a recipe several times, one run after another, with the seeds `seed`, `seed + 1`, ...

    The split follows from `split.seed`, so that all runs share it. When one fails or is stopped, those before it
    are whole runs.

    Args:
        recipe: a `Config`, or a TOML file.
        repeats: how many runs.
        data: as all further arguments, see `train`.
        change: settings over the recipe's.
        folder: where the runs are made.
        name: what they are called.
        command: what the user typed.
        quiet: say nothing while training.

    Returns:
        The finished runs, which `hilum compare` takes as one group.

    Raises:
        ConfigError: fewer than one run is asked for, or several processes train together (torchrun).
        InputError: settings, data or weights cannot be used.
        Stopped: the user stopped it; `resume` goes on with the run that was stopped.
    """
    if repeats < 1:
        raise ConfigError(f"repeats = {repeats}: at least one run is needed.")
    if repeats > 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "under torchrun runs are trained one at a time: give each --set seed=N, not repeats."
        )
    config = _settled(recipe, data, change, name)
    runs: list[Run] = []
    for seed in range(config.seed, config.seed + repeats):
        if repeats > 1 and not quiet:
            say(f"run {len(runs) + 1} of {repeats}, seed {seed}")
        try:
            one = make_config({**config.model_dump(), "seed": seed})
            runs.append(_with_report(_train(one, folder=folder, command=command, quiet=quiet)))
        except BaseException:
            if runs:
                left = config.seed + repeats - 1 - seed
                rest = f" The seeds left begin with seed = {seed + 1}." if left else ""
                done = ", ".join(str(run.path) for run in runs)
                say(f"{len(runs)} of {repeats} runs are finished: {done}.{rest}")
            raise
    return runs


def resume(run: str | Path, *, quiet: bool = False) -> Run:
    """Go on with a run that was stopped or killed; see `hilum.train.session.resume`."""
    return _with_report(_resume(run, quiet=quiet))


def reproduce(
    run: str | Path, *, folder: str | Path | None = None, quiet: bool = False
) -> tuple[Run, list[Difference]]:
    """Train a run again and say where its numbers differ; see `hilum.train.session.reproduce`."""
    again, differences = _reproduce(run, folder=folder, quiet=quiet)
    return _with_report(again), differences


def evaluate(
    run: Run | str | Path,
    part: str = "test",
    *,
    per: str | None = None,
    combine: str | None = None,
    findings: Sequence[str] = (),
    again: bool = False,
    device: str = "auto",
) -> Scores:
    """Score a part, keep the scores in the run, and write its report again; see `hilum.evaluate.judge_part`."""
    return judge(run, part, per=per, combine=combine, findings=findings, again=again, device=device).scores


def judge(
    run: Run | str | Path,
    part: str = "test",
    *,
    per: str | None = None,
    combine: str | None = None,
    findings: Sequence[str] = (),
    again: bool = False,
    device: str = "auto",
) -> Evaluation:
    """The same as `evaluate`, and gives with the scores what judged, and the scores before calibration."""
    found = _opened(run)
    judged = _judge_part(found, part, per=per, combine=combine, findings=findings, again=again, device=device)
    write_report(found)
    record_result(found, say)
    return judged


def ensemble(
    members: Sequence[str | Path],
    out: str | Path,
    *,
    of: str = "probabilities",
    raw: bool = False,
    weights: Sequence[float] = (),
    command: str = "",
    device: str = "auto",
) -> Run:
    """Average runs, or epochs of runs (`RUN@3`), into a new run, and write its report; see `hilum.ensemble`."""
    run = _ensemble(members, out, of=of, raw=raw, weights=weights, command=command, device=device)
    return _with_report(run)


def report(run: Run | str | Path, *, figures: bool = False) -> Path:
    """Write a run's report: one self-contained HTML file in its folder, and the numbers of its figures.

    Args:
        run: finished or not.
        figures: also write each figure into `figures/` as SVG and as PNG at 300 dpi.
    """
    return write_report(_opened(run), figures=figures)


def data_report(pack: Pack | str | Path, out: str | Path | None = None) -> Path:
    """Tell of a pack before any training: one HTML file, and its numbers as JSON beside it.

    Args:
        pack: a pack, or its folder.
        out: the HTML file, or a folder for it; `data-report.html` in the pack by default.

    Returns:
        Path of the HTML file.

    Raises:
        PackError: there is no pack.
        ConfigError: `out` is not an HTML file's name.
        DiskError: it cannot be written.
    """
    found = pack if isinstance(pack, Pack) else open_pack(pack)
    return write_data_report(found, Path(out) if out is not None else None)


def predict(
    run: Run | str | Path, images: Sequence[str | Path], *, device: str = "auto"
) -> tuple[Predictor, list[FileResult]]:
    """Look at image files with a run's best weights.

    Args:
        run: a finished run.
        images: files (PNG, JPEG, DICOM), or folders of them.
        device: where the model runs.

    Returns:
        The predictor, for more images, and a result per file.
    """
    paths = expand(images)
    predictor = Predictor(_opened(run), device=device)
    return predictor, predictor.files(paths)


def leaderboard(
    folder: str | Path = "runs", *, by: str = "roc_auc", part: str = "valid"
) -> list[dict[str, Any]]:
    """The runs of a folder, best first; those without scores of the part come last.

    A run whose folder is not whole is left out, and said so.

    Raises:
        RunError: the folder does not exist.
        ConfigError: no score is called `by`.
    """
    if by not in RATES:
        raise ConfigError(f"there is no score {by!r} to sort by; {did_you_mean(by, RATES)}")
    rows = []
    for run in list_runs(folder):
        try:
            rows.append(_row(run, part, by))
        except RunError as error:
            say(f"left out: {error}")
    sign = 1 if by in LOWER_IS_BETTER else -1
    return sorted(rows, key=lambda row: (row[by] is None, sign * (row[by] or 0)))


def compare(
    runs: Sequence[Run | str | Path],
    part: str = "test",
    *,
    by: str = "roc_auc",
    findings: Sequence[str] = (),
    out: str | Path | None = None,
) -> RunsCompared:
    """Say which runs are better and whether it is real; see `hilum.compare.compare_runs`.

    Args:
        runs: two at least; the group of the first is what others are compared with.
        part: whose images they are judged on.
        by: the score.
        findings: to compare; all by default.
        out: a folder for the page, its figure and its numbers; none are written by default.
    """
    compared = compare_runs(runs, part=part, by=by, include=findings)
    if out is not None:
        write_comparison(compared, out)
    return compared


def _row(run: Run, part: str, by: str) -> dict[str, Any]:
    scores = run.scores(part)
    names = list(dict.fromkeys([by, "roc_auc", "average_precision", "recall", "precision", "f1", "accuracy"]))
    means = scores.to_json()["mean"] if scores else {}
    config, history = run.config, run.history
    return {
        "run": run.name,
        "status": run.info["status"],
        "model": config.model.name,
        "size": config.prepare.size,
        "epochs": run.extent if run.members else f"{len(history)}/{config.train.epochs}",
        **{name: means[name]["value"] if means else None for name in names},
        "images": run.data["split"]["counts"]["train"]["images"],
        "split": "BY IMAGE" if config.split.by == "image" else config.split.by,
        "seconds": round(run.info["seconds"]),
    }


def _settled(recipe: Config | str | Path, data: str | Path, change: Iterable[str], name: str) -> Config:
    """The whole configuration of a run, under what it is called."""
    if isinstance(recipe, Config):
        config = make_config(recipe.model_dump(), change)
    else:
        config = read_config(recipe, change)
    if data:
        config = config.model_copy(update={"data": config.data.model_copy(update={"path": str(data)})})
    default = "run" if isinstance(recipe, Config) else Path(recipe).stem
    return config.model_copy(update={"name": name or config.name or default})


def _opened(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else Run.open(run)


def _with_report(run: Run) -> Run:
    if leads():
        write_report(run)
        record_result(run, say)
    return run
