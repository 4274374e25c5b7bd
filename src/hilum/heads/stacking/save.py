"""The run that a searched head and its backbone become: a folder like that of any other run, without epochs."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from hilum.batches import count as copies_of
from hilum.device import describe_environment
from hilum.files import disk_error, write_json, write_parquet
from hilum.heads.judging.search import Search
from hilum.heads.record import SearchRecord
from hilum.heads.stacking.data import TrainingData
from hilum.heads.stacking.network import stack
from hilum.locks import writing
from hilum.metrics import PartName, Predictions, fit_judge
from hilum.models import Classifier
from hilum.predict import Encoder, raw_predictions
from hilum.progress import say
from hilum.runs import Run
from hilum.train import save_weights

BEST = "best"
"""The link to the head that was made last."""
BLOCK = 4096
"""Vectors that a network is given at a time."""


def save_run(
    folder: Path, data: TrainingData, record: SearchRecord, found: Search, encoder: Encoder, command: str
) -> Run:
    """Keep a head with its backbone as a run of the next free number, and link `best` to it.

    Calibration and thresholds are fitted on the validation part, which the search has not seen.

    Args:
        folder: where heads are kept.
        data: what the head was fitted on.
        record: what was tried.
        found: the head, and what it said of training images that it had not seen.
        encoder: the backbone.
        command: what the user typed, kept in run.json.

    Raises:
        DiskError: the folder cannot be written; nothing is left behind then.
    """
    config = data.job.config
    model = config.model.model_copy(update=found.winner.candidate.model_settings)
    config = config.model_copy(update={"model": model})
    partial = folder / f".{config.name}.{os.getpid()}.partial"
    unscored = [f"{finding}: {why.rstrip('.')}." for finding, why in found.reasons.items()]
    info = {"command": command, "warnings": [*data.warnings, *unscored], "head": record.brief()}
    try:
        with writing(folder / config.name, wait=True):
            run = Run.create(partial, config, info)
            _fill(run, replace(data, job=replace(data.job, config=config)), found, encoder)
            record.save(run)
            run.write_info({**run.info, "status": "done", "seconds": record.seconds})
            kept = run.move_into(folder)
        _link(folder, kept)
    except OSError as error:
        raise disk_error(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return kept


def _fill(run: Run, data: TrainingData, found: Search, encoder: Encoder) -> None:
    """Write what a run starts from, as a training does, then its network, predictions and scores."""
    job = data.job
    job.split.save(job.table, run.path / "split.parquet")
    write_parquet(run.path / "images.parquet", job.images())
    write_json(run.path / "environment.json", describe_environment(encoder.device, encoder.precision))
    write_json(run.path / "data.json", job.describe())
    run.write_verdicts(job.verdicts)
    found.out_of_fold.save(run.path / "predictions" / "out-of-fold.parquet")
    model = stack(encoder, job.config.model, found.winner.parameters, len(job.findings))
    weights = run.path / "checkpoints" / "best.safetensors"
    save_weights(model.state_dict(), weights, {"findings": list(job.findings)})
    valid = _validated(run, data, model)
    judge = fit_judge(valid, job.config.scores)
    run.write_judge(judge)
    run.write_scores(valid, judge.score(valid))


def _validated(run: Run, data: TrainingData, model: Classifier) -> Predictions:
    """Raw predictions of the validation part: from stored vectors, or over the copies that settings ask for."""
    config, part = run.config, data.job.part("valid")
    ids, findings = part.table.image_ids, data.job.findings
    if copies_of(config.predict) > 1:
        device, batch = config.train.device, config.train.batch
        return raw_predictions(run, "valid", device=device, batch=batch, again=True, pack=data.job.pack)
    vectors = data.vectors(part, [config.model.pooling])[config.model.pooling]
    logits = _logits(model, vectors)
    return Predictions(
        ids, findings, logits, part.truth, cast(PartName, part.name), part.patient_ids, part.study_ids
    )


@torch.inference_mode()
def _logits(model: Classifier, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What a network says of images by their vectors alone: float32 [n, width] -> float32 [n, outputs]."""
    device = next(model.backbone.parameters()).device
    parts = torch.split(torch.from_numpy(np.ascontiguousarray(vectors)), BLOCK)
    logits: npt.NDArray[np.float32] = torch.cat(
        [model.classifier(part.to(device)).cpu() for part in parts]
    ).numpy()
    return logits


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
