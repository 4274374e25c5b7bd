"""`ensemble`: several trained models, averaged, as a run like any other."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hilum.device import describe_environment, pick_device
from hilum.errors import ConfigError, RunError
from hilum.files import disk_error, write_json
from hilum.locks import writing
from hilum.metrics import Calibration, Mixture, Predictions, fit_calibration, fit_judge
from hilum.predict import raw_predictions
from hilum.runs import Member, Run, warnings_of
from hilum.text import items


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
    """Average runs, or epochs of runs, and score the average on the validation part that they share.

    The average gets a calibration and thresholds of its own, fitted on its validation predictions; its settings
    are the first member's. The folder names its members by where they lie from it, and needs them to look at
    further images. For arguments and errors see `hilum.api.ensemble`.
    """
    started, out, texts = time.monotonic(), Path(out), items(members)
    _refuse_former(out)
    shares = tuple(weights) or (1.0,) * len(texts)
    # Checks the weights before anything is looked at.
    Mixture(of, tuple(Calibration("none", ()) for _ in texts), shares)
    named = [_member(str(text), share) for text, share in zip(texts, shares, strict=True)]
    runs = [Run(member.path) for member in named]
    _check_members(named, runs)
    valid = [raw_predictions(member, "valid", device=device) for member in named]
    mixture = Mixture(of, tuple(map(_calibration, named, runs, valid, [raw] * len(runs))), shares)
    config = runs[0].config.model_copy(update={"name": out.name, "notes": _notes(named, of, raw)})
    with _beside(out) as partial:
        run = Run.create(partial, config, _info(out, runs, named, command))
        _describe(run, runs[0], pick_device(device))
        _judge(run, mixture, valid)
        run.write_info({**run.info, "status": "done", "seconds": time.monotonic() - started})
        run.path.rename(out)
    return Run(out)


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Within the block nobody else writes `out`; gives a folder beside it, of which nothing is left afterwards."""
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        with writing(out):
            _refuse_former(out)
            yield partial
    except OSError as error:
        raise disk_error(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_former(out: Path) -> None:
    if out.exists():
        raise RunError(f"{out} exists already. Name a folder for the ensemble that is not there yet.")


def _judge(run: Run, mixture: Mixture, valid: Sequence[Predictions]) -> None:
    """Average what members say of the validation part, and write it with thresholds and scores of its own."""
    average = mixture.predictions(valid)
    judge = fit_judge(average, run.config.scores)
    write_json(run.path / "scores" / "members.json", mixture.to_json())
    run.write_judge(judge)
    run.write_scores(average, judge.score(average))


def _member(text: str, weight: float) -> Member:
    """`RUN` or `RUN@EPOCH`; a folder may have an @ in its name."""
    folder, at, epoch = text.rpartition("@")
    if not at or Path(text).is_dir():
        return Member(Path(text), None, weight)
    if not epoch.isdigit() or not int(epoch):
        raise ConfigError(f"{text}: expected RUN or RUN@EPOCH, with an epoch from 1, for example {folder}@3.")
    return Member(Path(folder), int(epoch), weight)


def _check_members(members: Sequence[Member], runs: Sequence[Run]) -> None:
    """Say why these models cannot be averaged, if anything is in the way."""
    if len(members) < 2:
        raise ConfigError("an ensemble needs two members or more: hilum ensemble RUN RUN ... --out FOLDER")
    seen: dict[tuple[Path, int], str] = {}
    for member, run in zip(members, runs, strict=True):
        if run.members:
            raise RunError(f"{member.path} is an ensemble; name its members instead: {_listed(run.members)}.")
        if run.info["status"] != "done":
            raise RunError(f"{member.path} is not finished; go on with: hilum train --resume {member.path}")
        key = run.path.resolve(), member.epoch or (0 if run.head else run.best_epoch)
        if key in seen:
            which = f"epoch {key[1]} of {run.path}" if key[1] else str(run.path)
            raise ConfigError(
                f"{member} and {seen[key]} are the same model ({which}): averaging it with itself changes "
                "nothing. Use --weights to let a member count more."
            )
        seen[key] = str(member)
    first = _alike(runs[0])
    for member, run in zip(members[1:], runs[1:], strict=True):
        other = _alike(run)
        different = [
            f"{name} ({first[name]} and {other[name]})" for name in first if first[name] != other[name]
        ]
        if different:
            raise RunError(
                f"{members[0]} and {member} cannot be averaged: they differ in {'; '.join(different)}. Members "
                "need the same split, findings and labels."
            )


def _alike(run: Run) -> dict[str, str]:
    """What all members of an ensemble must have in common, in words."""
    data, labels = run.data, run.config.labels
    overlay = data.get("overlay")
    smooth = f" to {labels.smooth_value:g}" if labels.uncertain == "smooth" else ""
    return {
        "split": data["split"]["id"],
        "findings": ", ".join(data["findings"]),
        "label policy": f"uncertain {labels.uncertain}{smooth}, blank {labels.blank}",
        "verdicts on labels": f"{overlay['verdicts']}, {overlay['fingerprint'][:12]}" if overlay else "none",
    }


def _calibration(member: Member, run: Run, valid: Predictions, raw: bool) -> Calibration:
    """What makes a member's logits calibrated; of an epoch, fitted on that epoch's validation predictions."""
    if raw:
        return Calibration("none", valid.findings)
    if member.epoch is None:
        return run.calibration
    scores = run.config.scores
    return fit_calibration(valid.per(scores.unit, scores.combine), scores.calibrate)


def _info(out: Path, members: Sequence[Run], named: Sequence[Member], command: str) -> dict[str, Any]:
    """What run.json says of the members; they are named by where they lie from `out`."""
    told = [
        {
            "run": os.path.relpath(member.path.resolve(), out.resolve()),
            "epoch": member.epoch,
            "weight": member.weight,
        }
        for member in named
    ]
    return {"command": command, "warnings": warnings_of(members), "members": told}


def _describe(run: Run, first: Run, device: Any) -> None:
    """Write what the ensemble shares with its members: the first one's."""
    write_json(run.path / "data.json", first.data)
    write_json(run.path / "environment.json", describe_environment(device, run.config.train.precision))
    for name in ("split.parquet", "images.parquet", run.verdicts.name):
        if (first.path / name).is_file():
            shutil.copyfile(first.path / name, run.path / name)


def _notes(members: Sequence[Member], of: str, raw: bool) -> str:
    names = ", ".join(Member(Path(m.path.resolve().name), m.epoch).__str__() for m in members)
    return f"Mean of the {'raw ' if raw else ''}{of} of {names}."


def _listed(members: Sequence[Member]) -> str:
    return " ".join(map(str, members))
