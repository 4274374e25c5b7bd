"""The run that a searched head and its backbone become: a folder like that of any other run, without epochs."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

from hilum.batches import count as copies_of
from hilum.device import describe_environment
from hilum.files import disk_error, write_json, write_parquet
from hilum.heads.material import Material
from hilum.heads.record import SearchRecord
from hilum.heads.search import Search
from hilum.heads.settings import with_head
from hilum.heads.stack import head_logits, stack
from hilum.locks import writing
from hilum.metrics import PartName, Predictions, fit_judge
from hilum.models import Classifier
from hilum.predict import Encoder, raw_predictions
from hilum.progress import say
from hilum.runs import Run
from hilum.train import Job, save_weights

BEST = "best"
"""The link to the head that was made last."""


def write_run(
    folder: str | Path,
    material: Material,
    record: SearchRecord,
    found: Search,
    encoder: Encoder,
    *,
    command: str = "",
) -> Run:
    """Keep a head with its backbone as a run of the next free number, and link `best` to it.

    Calibration and thresholds are fitted on the validation part, which the search has not seen.

    Args:
        folder: where heads are kept.
        material: what the head was fitted on.
        record: what was tried.
        found: the head, and what it said of training images that it had not seen.
        encoder: the backbone.
        command: what the user typed, kept in run.json.

    Raises:
        DiskError: the folder cannot be written; nothing is left behind then.
    """
    folder = Path(folder)
    config = with_head(material.job.config, found.winner.candidate)
    job = replace(material.job, config=config)
    model = stack(encoder, config.model, found.winner.parameters, len(job.findings))
    partial = folder / f".{config.name}.{os.getpid()}.partial"
    info = {"command": command, "warnings": _warnings(material, found), "head": record.brief()}
    try:
        with writing(folder / config.name, wait=True):
            run = Run.create(partial, config, info)
            _describe(run, job, encoder)
            record.save(run)
            found.out_of_fold.save(run.path / "predictions" / "out-of-fold.parquet")
            weights = run.path / "checkpoints" / "best.safetensors"
            save_weights(model.state_dict(), weights, {"findings": list(job.findings)})
            valid = _validated(run, material, model)
            judge = fit_judge(valid, config.scores)
            run.write_judge(judge)
            run.write_scores(valid, judge.score(valid))
            run.write_info({**run.info, "status": "done", "seconds": record.seconds})
            kept = run.move_into(folder)
        _link(folder, kept)
    except OSError as error:
        raise disk_error(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return kept


def _warnings(material: Material, found: Search) -> list[str]:
    unscored = [f"{finding}: {why.rstrip('.')}." for finding, why in found.reasons.items()]
    return [*material.warnings, *unscored]


def _describe(run: Run, job: Job, encoder: Encoder) -> None:
    """Write what the run starts from, as a training does."""
    job.split.save(job.table, run.path / "split.parquet")
    write_parquet(run.path / "images.parquet", job.images())
    write_json(run.path / "environment.json", describe_environment(encoder.device, encoder.precision))
    write_json(run.path / "data.json", job.describe())
    run.write_verdicts(job.verdicts)


def _validated(run: Run, material: Material, model: Classifier) -> Predictions:
    """Raw predictions of the validation part: from stored vectors, or over the copies that settings ask for."""
    config, part = run.config, material.job.part("valid")
    if copies_of(config.predict) > 1:
        device, batch = config.train.device, config.train.batch
        return raw_predictions(run, "valid", device=device, batch=batch, again=True, pack=material.job.pack)
    pooling = config.model.pooling
    logits = head_logits(model, material.vectors(part, [pooling])[pooling])
    return Predictions(
        part.table.image_ids,
        material.job.findings,
        logits,
        part.truth,
        cast(PartName, part.name),
        part.patient_ids,
        part.study_ids,
    )


def _link(folder: Path, run: Run) -> None:
    """Have `folder/best` be this run, in one step."""
    link = folder / BEST
    if link.exists() and not link.is_symlink():
        say(f"note: {link} is there already and is no link, so it stays; the new head is {run.path}")
        return
    temporary = folder / f".{run.name}.{os.getpid()}.partial"
    with writing(run.path):
        temporary.symlink_to(run.path.name, target_is_directory=True)
        temporary.replace(link)
