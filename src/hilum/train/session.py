"""Starting, resuming and repeating a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from hilum.batches import count as copies_of
from hilum.config import Config, FinetuneConfig
from hilum.device import describe_environment, leads, pick_device
from hilum.errors import ConfigError, RunError, did_you_mean
from hilum.files import remove_leftovers, write_json, write_parquet
from hilum.locks import writing
from hilum.metrics import SCORES, Predictions, check_scores, fit_judge
from hilum.models import find_model
from hilum.plugins import chosen, using
from hilum.predict import Origin, raw_predictions
from hilum.runs import Run, check_plugins
from hilum.track import check_track
from hilum.train.console import Console
from hilum.train.data import Job, make_job
from hilum.train.finetune import check_finetune
from hilum.train.learner import Learner
from hilum.train.loop import fit
from hilum.train.losses import Loss
from hilum.train.overlap import known_against


def train(config: Config, *, folder: str | Path = "runs", command: str = "", quiet: bool = False) -> Run:
    """Train a model as `config` says.

    Args:
        config: the whole run; `config.data.path` names the data.
        folder: where the run's folder is made.
        command: what the user typed, kept in run.json.
        quiet: say nothing while training.

    Returns:
        The finished run, with scores of its validation part.

    Raises:
        HilumError: the data, settings or weights cannot be used; nothing is left behind then.
        Stopped: the user stopped it; the run can be resumed.
    """
    with using(config.plugins):
        return _train(config, folder, command, quiet)


def _train(config: Config, folder: str | Path, command: str, quiet: bool) -> Run:
    _check_names(config)
    config = config.model_copy(update={"model": Origin.settle(config.model)})
    check_finetune(config)
    job = make_job(config)
    check_scores(config.scores, job.findings, studies=job.part("valid").study_ids is not None)
    console = Console(quiet or not leads())
    learner = Learner(job)
    warnings = [*known_against(job), *learner.notes]
    made = ""
    if learner.processes.leads:
        made = str(Run.create(folder, config, {"command": command, "warnings": warnings}).path)
    run = Run(Path(learner.processes.share(made)))
    with _alone(run):
        _describe(run, job, learner)
        for note in job.table.notes:
            console.say(note)
        for warning in warnings:
            console.say(f"warning: {warning}")
        console.say(_headline(run, job))
        if config.finetune != FinetuneConfig() or job.origin.run is not None:
            console.say(_beginning(config, learner))
        if config.scores.unit != "image":
            console.say(f"scores of an epoch are per image; the final ones are per {config.scores.unit}")
        return _finish(job, run, learner, console)


def _alone(run: Run) -> AbstractContextManager[None]:
    """Keep other writers of the run away; of several processes that train it, one holds the lock."""
    return writing(run.path) if leads() else nullcontext()


def resume(path: str | Path, *, quiet: bool = False) -> Run:
    """Go on with a run that was stopped or killed; a finished one is returned as it is.

    Raises:
        RunError: there is no run, or its data are no longer the ones that it began with.
        InUse: another process writes it.
    """
    run = Run(path)
    if run.info["status"] == "done":
        Console(quiet or not leads()).say(f"{run.path} is finished already: {run.extent}")
        return run
    with _alone(run):
        # Whoever had the lock a moment ago may have finished it.
        return run if run.info["status"] == "done" else _resume(run, quiet)


def _resume(run: Run, quiet: bool) -> Run:
    check_plugins(run)
    check_track(run.config.track)
    job = make_job(_own_verdicts(run))
    if (run.path / "data.json").is_file():
        _same_data(run, job)
    learner = Learner(job)
    if learner.processes.leads:
        remove_leftovers(run.path)
    _describe(run, job, learner)
    learner.restore(run)
    console = Console(quiet or not leads())
    console.say(
        f"resuming {run.path} in epoch {learner.progress.epoch + 1}, step {learner.progress.step + 1}"
    )
    if job.verdicts is not None:
        console.say(f"verdicts on labels are those that it began with, in {run.verdicts}")
    if learner.processes.leads:
        run.write_info({**run.info, "status": "running"})
    return _finish(job, run, learner, console)


def reproduce(
    path: str | Path, *, folder: str | Path | None = None, quiet: bool = False
) -> tuple[Run, list[dict[str, Any]]]:
    """Train a run again from its own files, and say where the numbers differ.

    Args:
        path: the run.
        folder: where the repetition is made; beside the run by default.
        quiet: say nothing while training.

    Returns:
        The new run, and every loss and score of every epoch that is not exactly the same: `epoch`, `what`,
        `before` and `after`.

    Raises:
        RunError: the run is not finished, or its data are no longer the same.
    """
    first = Run(path)
    if why := _cannot_repeat(first):
        raise RunError(f"{path} {why}")
    check_plugins(first)
    config = _own_verdicts(first).model_copy(update={"name": f"{first.name}-again", "plugins": ()})
    _same_data(first, make_job(config))
    again = train(config, folder=folder or first.path.parent, command=f"reproduce {first.name}", quiet=quiet)
    return again, list(_differences(first, again))


def _cannot_repeat(run: Run) -> str:
    """Why a run is not to be trained again, and what to do; empty where it is."""
    if run.info["status"] != "done":
        return f"is not finished; go on with: hilum train --resume {run.path}"
    if run.members:
        members = ", ".join(map(str, run.members))
        return f"is an ensemble: reproduce its members ({members}), then average them again."
    if run.head:
        return f"is of hilum heads: give its command again: {run.info.get('command') or 'hilum heads STORE'}"
    return ""


def _differences(first: Run, again: Run) -> Iterator[dict[str, Any]]:
    epochs = [[*([run.start] if run.start else []), *run.history] for run in (first, again)]
    for one, two in zip(*epochs, strict=False):
        before, after = _numbers(one), _numbers(two)
        for key, was in before.items():
            if was != after.get(key):
                yield {"epoch": one["epoch"], "what": key, "before": was, "after": after.get(key)}
    had, has = len(first.history), len(again.history)
    if had != has:
        yield {"epoch": min(had, has), "what": "epochs", "before": float(had), "after": float(has)}


def _describe(run: Run, job: Job, learner: Learner) -> None:
    """Write what the run starts from."""
    if learner.processes.leads:
        job.split.save(job.table, run.path / "split.parquet")
        write_parquet(run.path / "images.parquet", job.images())
        precision = job.config.train.precision
        write_json(run.path / "environment.json", describe_environment(learner.device, precision))
        run.write_verdicts(job.verdicts)
        write_json(run.path / "data.json", job.describe())


def _own_verdicts(run: Run) -> Config:
    """The run's settings, with its own copy of its verdicts on labels: the file that it was given may change."""
    config, own = run.config, run.verdicts
    if not config.labels.overlay or not own.is_file():
        return config
    return config.model_copy(update={"labels": config.labels.model_copy(update={"overlay": str(own)})})


def _beginning(config: Config, learner: Learner) -> str:
    """Where a fine-tuning starts and what learns when, a line each."""
    return "\n".join([f"starts from {config.model.head or config.model.weights}", *learner.stages])


def _finish(job: Job, run: Run, learner: Learner, console: Console) -> Run:
    """Train to the end, then score the validation part with the best weights."""
    started = run.info
    try:
        fit(job, run, learner, console)
        if learner.processes.leads:
            if not run.best_epoch:
                started["warnings"] = [*started["warnings"], said := _none_better(run)]
                console.say(f"warning: {said}")
            valid = _validated(job, run, learner)
            judge = fit_judge(valid, job.config.scores)
            run.write_judge(judge)
            run.write_scores(valid, judge.score(valid))
            run.write_info({**started, "status": "done", "seconds": learner.progress.seconds})
        learner.processes.wait()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            go_on = f"hilum train --resume {shlex.quote(str(run.path))}"
            error.add_note(f"{run.path} keeps all finished epochs. Go on with:  {go_on}")
        if learner.processes.leads:
            run.write_info({**started, "status": "stopped", "seconds": learner.progress.seconds})
        raise
    finally:
        learner.processes.leave()
    return run


def _none_better(run: Run) -> str:
    select = run.config.train.select
    return (
        f"no epoch has a better validation {select} than the head that the run began with: its weights are kept. "
        "Lower optimizer.lr or finetune.backbone_lr, or train for longer."
    )


def _validated(job: Job, run: Run, learner: Learner) -> Predictions:
    """Raw predictions of the validation part by the best weights, over the copies that the settings ask for."""
    if copies_of(job.config.predict) == 1:
        return run.predictions("valid", run.best_epoch)
    batch = job.config.train.batch
    return raw_predictions(run, "valid", device=str(learner.device), batch=batch, again=True, pack=job.pack)


def _same_data(run: Run, job: Job) -> None:
    """Check that the job is made of what the run began with.

    Raises:
        RunError: the pack or the split is another one.
    """
    known = run.data
    before, now = known["pack_fingerprint"], job.pack.fingerprint
    if before != now:
        raise RunError(
            f"{run.path} was trained on a pack with fingerprint {before[:12]}, but {job.pack.path} now has "
            f"{now[:12]}. Pack the same data with the same settings again."
        )
    if job.split.id != known["split"]["id"]:
        raise RunError(
            f"{run.path} has split {known['split']['id']}, but its settings now give {job.split.id}. "
            "The split file, or hilum's way of splitting, has changed. A run from before split.seed was a setting "
            f"needs it in its config.toml: seed = {run.config.seed} under [split]."
        )
    _same_labels(run, job)


def _same_labels(run: Run, job: Job) -> None:
    """Check that the verdicts on labels are the ones that the run began with."""
    before = run.data.get("overlay", {}).get("fingerprint")
    if before != (job.applied.fingerprint if job.applied else None):
        raise RunError(
            f"{run.path} began with other verdicts on labels than {job.config.labels.overlay} has now. "
            "Undo what was changed there, or train anew."
        )


def _check_names(config: Config) -> None:
    """Fail on a wrong network, device or score before the data are read and packed, which may take an hour."""
    find_model(config.model.name)
    Loss.check(config.loss)
    chosen("AUGMENTATIONS", config.augment.extra, "augment.extra")
    pick_device(config.train.device)
    check_track(config.track)
    known = ["loss", *(name for name, score in SCORES.items() if score.better != "neither")]
    if config.train.select not in known:
        hint = did_you_mean(config.train.select, known)
        raise ConfigError(f"train.select = {config.train.select!r} is no score; {hint}")


def _numbers(value: Any, prefix: str = "") -> dict[str, float | None]:
    """All numbers of an epoch's entry, flat, but for times."""
    if isinstance(value, dict):
        flat: dict[str, float | None] = {}
        for key, inner in value.items():
            if key not in {"seconds", "images_per_second", "best"}:
                flat |= _numbers(inner, f"{prefix}{key}.")
        return flat
    if isinstance(value, list):
        return {k: v for i, inner in enumerate(value) for k, v in _numbers(inner, f"{prefix}{i}.").items()}
    return {prefix.rstrip("."): value} if value is None or isinstance(value, int | float) else {}


def _headline(run: Run, job: Job) -> str:
    parts = ", ".join(f"{name} {len(rows):,}" for name, rows in job.split.parts.items() if len(rows))
    if len(job.copies):
        parts += f" images and {len(job.copies):,} copies of those of train"
    else:
        parts += " images"
    findings = ", ".join(job.findings) if len(job.findings) <= 5 else f"{len(job.findings)} findings"
    return f"{run.path}: {job.config.model.name} at {job.pack.prepare.size} px on {findings}; {parts}"
