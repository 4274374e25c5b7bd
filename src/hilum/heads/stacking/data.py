"""What heads learn from: parts of a pack as a run divides them, and the vectors of their images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hilum.config import Config
from hilum.errors import ConfigError, DataError, PackError
from hilum.features import Features
from hilum.metrics import check_scores
from hilum.models import Normalisation
from hilum.table import Step
from hilum.train import Job, Part, known_against, make_job

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrainingData:
    """Labels from the pack, vectors from the store.

    Attributes:
        job: the run's data: rows, split, label policy.
        features: vectors of the store.
        warnings: what a reader must know of the data.
    """

    job: Job
    features: Features
    warnings: tuple[str, ...]

    @classmethod
    def gather(cls, config: Config, features: Features, *, store: str, where: str = "") -> TrainingData:
        """Divide the rows of a pack as a training would, and find their vectors.

        Rows that the condition leaves out belong to no part; a patient of the others is where the whole split has
        him.

        Args:
            config: settings of the run; without `data.path` it is the pack that all vectors are of.
            features: of one encoder, after the condition.
            store: where they came from, for messages.
            where: the condition.

        Raises:
            ConfigError: vectors of several packs, and none is named.
            DataError: an image without vectors, an unknown finding, an empty part, or no finding of both classes.
            PackError: the pack is not the one that was embedded.
        """
        data = config.data.model_copy(update={"path": config.data.path or _only_pack(features)})
        job = _own_images(make_job(config.model_copy(update={"data": data})))
        job = replace(job, normalisation=Normalisation.from_json(features.encoder.normalisation))
        if where:
            job = _where(job, features, where)
        how = f"hilum embed {features.encoder.origin} --data {job.pack.path} --out {store}"
        _check_rows(job, features, how)
        job, warnings = _with_both_classes(job, named=bool(config.data.findings))
        named = job.config.model_copy(update={"name": config.name or _name_of(job.findings)})
        job = replace(job, config=named)
        check_scores(named.scores, job.findings, studies=job.part("valid").study_ids is not None)
        return cls(job, features, (*known_against(job), *warnings))

    def vectors(self, part: Part, poolings: Iterable[str]) -> dict[str, Floats]:
        """Vectors of a part's images, in its order: pooling -> float32 [n, d]."""
        some = self.features.take(self.features.rows(part.table.image_ids))
        return {pooling: some.vectors(pooling) for pooling in poolings}


def _only_pack(features: Features) -> str:
    packs = features.frame["pack"].unique().sort().to_list()
    if len(packs) > 1:
        raise ConfigError(
            f"the store has images of {len(packs)} packs; say which one heads should learn from: "
            + " or ".join(f"--data {pack}" for pack in packs)
        )
    if not Path(packs[0]).is_dir():
        raise PackError(
            f"the pack {packs[0]}, which the vectors are of, is no longer there. Where it was moved, name it with "
            "--data PACK and embed it again, which takes its new place without looking at the images."
        )
    return str(packs[0])


def _own_images(job: Job) -> Job:
    """Without copies of images (`hilum augment`): a score out of fold would count each image several times."""
    nothing = np.zeros(0, np.int64)
    left_out = job.copies_left_out + len(job.copies)
    return replace(job, table=job.table.originals(), copies=nothing, copies_left_out=left_out)


def _where(job: Job, features: Features, where: str) -> Job:
    """The job with the rows alone that the condition left."""
    kept = job.table.frame["image_id"].is_in(features.frame["image_id"].implode())
    step = Step(f"where {where}", len(job.table), int(kept.sum()))
    split = job.split.only(job.table, kept.arg_true().to_numpy().astype(np.int64))
    return replace(job, split=split, steps=[*job.steps, step])


def _check_rows(job: Job, features: Features, how: str) -> None:
    """Check that images to learn from have vectors, made of this very pack."""
    rows = np.concatenate([job.split.parts["train"], job.split.parts["valid"]])
    ids = job.table.frame["image_id"][rows]
    missing = ids.filter(~ids.is_in(features.frame["image_id"].implode()))
    if len(missing):
        raise DataError(
            f"{len(missing):,} of {len(ids):,} images to learn from have no vectors of {features.encoder.name}, "
            f"for example {missing[0]!r}. Embed them, which leaves the others as they are:\n  {how}"
        )
    packs = features.frame["pack_fingerprint"].gather(features.rows(ids)).unique().to_list()
    if strange := [found for found in packs if found != job.pack.fingerprint]:
        raise PackError(
            f"vectors in the store are of a pack with fingerprint {strange[0][:12]}; {job.pack.path} has "
            f"{job.pack.fingerprint[:12]}. Embed it, which looks only at images that have changed:\n  {how}"
        )


def _with_both_classes(job: Job, named: bool) -> tuple[Job, tuple[str, ...]]:
    """Leave out findings that nothing can be learned of, or refuse them where they were asked for."""
    part = job.part("train")
    lacking = {
        finding: "positive" if not (column == 1).any() else "negative"
        for finding, column in zip(job.findings, part.targets.T, strict=True)
        if not ((column == 1).any() and (column == 0).any())
    }
    if not lacking:
        return job, ()
    told = "; ".join(f"{finding} has no {which} label" for finding, which in lacking.items())
    left = [finding for finding in job.findings if finding not in lacking]
    if named or not left:
        raise DataError(
            f"a head learns from both classes, but among the {len(part):,} training images {told}. "
            "Take other findings, other rows, or another policy for blank labels (labels.blank)."
        )
    data = job.config.data.model_copy(update={"findings": tuple(left)})
    job = replace(
        job, config=job.config.model_copy(update={"data": data}), table=job.table.select(tuple(left))
    )
    return job, (f"Left out, since the training part has one class only: {told}.",)


def _name_of(findings: Sequence[str]) -> str:
    """What a run is called that nobody named: `pneumonia`, or `13-findings`."""
    if len(findings) > 2:
        return f"{len(findings)}-findings"
    return "-".join("-".join(finding.lower().split()) for finding in findings)
