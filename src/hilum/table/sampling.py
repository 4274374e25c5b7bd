"""Which training images one epoch shows. Everything drawn follows from (seed, epoch)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.config import SamplingConfig
from hilum.errors import DataError, did_you_mean

_Rows = npt.NDArray[np.int64]
_FloatArray = npt.NDArray[np.float32]


def sample_rows(
    targets: _FloatArray, findings: tuple[str, ...], config: SamplingConfig, seed: int, epoch: int
) -> _Rows:
    """The images of one epoch, as positions into the training part, unshuffled.

    - `all`: every image once.
    - `oversample`: every image once; images are grouped by their whole target vector (unknown is a value of
      its own), and a group of fewer than `min_count` images is drawn from, with replacement, up to that count.
    - `finding`: images without a positive finding keep the share that they have in the part; the rest of
      the epoch is divided equally among the findings, each filled with its own positives.
    - `class`: half positives and half negatives of one finding; images where it is unknown are not shown.

    Under `finding` and `class` every image of a finding is shown equally often, give or take once.
    An epoch is as long as the part, and under `oversample` longer by what is added: the same in every epoch.

    Args:
        targets: float32 [n, k]; 1 positive, 0 negative, between: soft, 2: the uncertain class, NaN unknown.
        findings: names of the k columns.
        config: what to show.
        seed: of the run.
        epoch: from 0.

    Returns:
        int64 [m].

    Raises:
        DataError: there is no image to draw from: no positive at all, or only one class of the finding.
    """
    everything = np.arange(len(targets), dtype=np.int64)
    if config.kind == "all" or not len(targets):
        return everything
    generator = np.random.default_rng([seed, epoch, 0x5A3])
    if config.kind == "oversample":
        return _oversample(targets, config.min_count, generator)
    if config.kind == "class":
        return _one_class_as_often_as_the_other(targets, findings, config.finding, generator)
    return _every_finding_equally(targets, findings, generator)


def _positive(targets: _FloatArray) -> npt.NDArray[np.bool_]:
    return (targets > 0.5) & (targets <= 1)


def _oversample(targets: _FloatArray, min_count: int, generator: np.random.Generator) -> _Rows:
    vectors = np.where(np.isnan(targets), np.float32(-1), targets)
    _, group_of, sizes = np.unique(vectors, axis=0, return_inverse=True, return_counts=True)
    by_group = np.argsort(group_of.ravel(), kind="stable").astype(np.int64)
    groups = np.split(by_group, np.cumsum(sizes)[:-1])
    added = [
        generator.choice(group, min_count - len(group), replace=True)
        for group in groups
        if len(group) < min_count
    ]
    return np.concatenate([np.arange(len(targets), dtype=np.int64), *added])


def _one_class_as_often_as_the_other(
    targets: _FloatArray, findings: tuple[str, ...], finding: str, generator: np.random.Generator
) -> _Rows:
    if finding not in findings:
        raise DataError(
            f"sampling.finding: the data has no finding {finding!r}; {did_you_mean(finding, findings)}"
        )
    column = targets[:, findings.index(finding)]
    positives, negatives = np.flatnonzero(_positive(column)), np.flatnonzero(column <= 0.5)
    if not len(positives) or not len(negatives):
        raise DataError(
            f'sampling.kind = "class" needs both classes of {finding}; the training part has '
            f"{len(positives):,} positives and {len(negatives):,} negatives. Use another kind or finding."
        )
    half = len(targets) // 2
    return np.concatenate(
        [_evenly(positives, half, generator), _evenly(negatives, len(targets) - half, generator)]
    )


def _every_finding_equally(
    targets: _FloatArray, findings: tuple[str, ...], generator: np.random.Generator
) -> _Rows:
    positive = _positive(targets)
    with_positives = [np.flatnonzero(column) for column in positive.T if column.any()]
    if not with_positives:
        raise DataError(
            f'sampling.kind = "finding" needs positives; the training part has none of {", ".join(findings)}.'
        )
    without = np.flatnonzero(~positive.any(axis=1))
    left = len(targets) - len(without)
    edges = np.linspace(0, left, len(with_positives) + 1).astype(np.int64)
    drawn = [
        _evenly(rows, int(count), generator)
        for rows, count in zip(with_positives, np.diff(edges), strict=True)
    ]
    return np.concatenate([without.astype(np.int64), *drawn])


def _evenly(rows: npt.NDArray[np.intp], count: int, generator: np.random.Generator) -> _Rows:
    """`count` draws from `rows`: all of them as often as fits, the remainder without replacement."""
    whole, rest = divmod(count, len(rows))
    return np.concatenate([np.tile(rows, whole), generator.permutation(rows)[:rest]]).astype(np.int64)
