"""One side of a comparison: a score of one model, or of several seeds, and how it moves with each patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hilum.errors import ConfigError, DataError, did_you_mean
from hilum.metrics.inputs import Floats
from hilum.metrics.judging.thresholds import Thresholds
from hilum.metrics.predictions import Predictions, many_units
from hilum.metrics.results import COMBINED, RATES
from hilum.metrics.uncertainty.bootstrap import clusters, replicate
from hilum.metrics.uncertainty.influence import influence, standard_error
from hilum.text import listed

Model = tuple[Predictions, Thresholds]
"""What a run says of a part, and from where on it says yes."""


@dataclass(frozen=True)
class Measured:
    """A score of one model, or the mean over several seeds.

    Columns are the findings that can be scored and, where there are several, their mean.

    Attributes:
        score: a name of `RATES` or `COMBINED`.
        columns: c findings; None is the mean, or a score over all findings.
        values: float64 [runs, c].
        influence: of each patient on the mean over the runs, float64 [patients, c].
        replicates: bootstrap replicates of that mean, float64 [replicates, c]; none where none were asked for.
        alone: the part of a run's variance over patients that other seeds do not share, float64 [c].
        positives: positive rows, int64 [c]; of all findings for the mean.
        fewest: patients with the rarer class, int64 [c].
        unscored: finding -> why it is not among the columns.
        rows: how many images (studies, patients) there are.
        unit: what a row is.
    """

    score: str
    columns: tuple[str | None, ...]
    values: Floats
    influence: Floats
    replicates: Floats
    alone: Floats
    positives: npt.NDArray[np.int64]
    fewest: npt.NDArray[np.int64]
    unscored: Mapping[str, str]
    rows: int
    unit: str

    @property
    def runs(self) -> int:
        """How many seeds."""
        return len(self.values)

    @property
    def patients(self) -> int:
        """How many patients."""
        return len(self.influence)

    @property
    def mean(self) -> Floats:
        """Score over the runs, float64 [c]."""
        return np.asarray(self.values.mean(axis=0))

    @property
    def spread(self) -> Floats:
        """Variance of the score over the runs, float64 [c]; NaN for a single one."""
        if self.runs < 2:
            return np.full(len(self.columns), np.nan)
        return np.asarray(self.values.var(axis=0, ddof=1))


def check_score(score: str) -> None:
    """Raise a ConfigError unless there is a score of that name."""
    if score not in RATES and score not in COMBINED:
        raise ConfigError(f"there is no score {score!r}; {did_you_mean(score, [*RATES, *COMBINED])}")


def measure(
    models: Sequence[Model],
    score: str,
    *,
    replicates: int = 1000,
    seed: int = 0,
    max_fpr: float = 0.1,
) -> Measured:
    """Measure one side: runs whose predictions are of the same rows in the same order (see `aligned`).

    Args:
        models: predictions and thresholds of each run.
        score: a name of `RATES` or `COMBINED`.
        replicates: of the bootstrap; 0 leaves it out.
        seed: of its draws.
        max_fpr: for the partial AUC.

    Raises:
        ConfigError: no score is called so.
        DataError: no finding can be scored.
    """
    check_score(score)
    like = models[0][0]
    findings, unscored = scorable(like)
    if score in COMBINED:
        findings, unscored = like.findings, {}
    if not findings:
        reasons = "; ".join(f"{name}: {why}" for name, why in unscored.items())
        raise DataError(f"no finding of the {like.part} part can be compared ({reasons}).")
    models = [(p.select(findings), thresholds.select(findings)) for p, thresholds in models]
    values, influences, drawn = [], [], []
    for predictions, thresholds in models:
        decisions = thresholds.decide(predictions)
        value, each = influence(predictions, decisions, score, max_fpr=max_fpr)
        values.append(value)
        influences.append(each)
        if replicates:
            samples = replicate(
                predictions, decisions, [score], replicates=replicates, seed=seed, max_fpr=max_fpr
            )[score]
            drawn.append(samples.reshape(replicates, -1))
    names: list[str | None] = [None] if score in COMBINED else list(findings)
    mean = len(names) > 1
    influences = [_with_mean(each, mean) for each in influences]
    together = np.mean(influences, axis=0)
    positives, fewest = _counts(models[0][0], mean, len(names))
    return Measured(
        score,
        (*names, None) if mean else tuple(names),
        np.stack([_with_mean(value[None], mean)[0] for value in values]),
        together,
        _with_mean(np.mean(drawn, axis=0), mean) if replicates else np.empty((0, together.shape[1])),
        _alone(influences, together),
        positives,
        fewest,
        unscored,
        len(like),
        like.unit,
    )


def scorable(predictions: Predictions) -> tuple[tuple[str, ...], dict[str, str]]:
    """Findings with positives and negatives of two patients at least, and why the others are none of them."""
    code = clusters(predictions).code
    kept, unscored = [], {}
    for j, finding in enumerate(predictions.findings):
        for kind, value in (("positive", 1), ("negative", 0)):
            patients = len(np.unique(code[predictions.targets[:, j] == value]))
            if patients < 2:
                rows = many_units(0, predictions.unit).removeprefix("0 ")
                unscored[finding] = (
                    f"there are no {kind} {rows}" if not patients else f"its {kind} {rows} are of one patient"
                )
                break
        else:
            kept.append(finding)
    return tuple(kept), unscored


def aligned(
    predictions: Predictions, like: Predictions, who: str = "the second", whose: str = "the first"
) -> Predictions:
    """The same predictions in the order of others, which must be of the same images and targets.

    Args:
        predictions: of run `who`.
        like: of run `whose`.
        who: name for messages.
        whose: name for messages.

    Raises:
        DataError: other rows, targets, patients, units or findings; the message says which.
    """
    if predictions.unit != like.unit:
        raise DataError(f"{whose} is scored per {like.unit} and {who} per {predictions.unit}.")
    if predictions.findings != like.findings:
        raise DataError(
            f"{whose} has the findings {', '.join(like.findings)}; {who} has {', '.join(predictions.findings)}."
        )
    ids, wanted = predictions.image_ids.astype(str), like.image_ids.astype(str)
    order, place = np.argsort(ids, kind="stable"), np.argsort(wanted, kind="stable")
    if len(ids) != len(wanted) or (ids[order] != wanted[place]).any():
        only = [len(set(a) - set(b)) for a, b in ((wanted, ids), (ids, wanted))]
        raise DataError(
            f"{whose} and {who} were scored on other images: {many_units(only[0], like.unit)} of the one "
            f"and {only[1]:,} of the other are not shared ({len(wanted):,} and {len(ids):,} in all)."
        )
    rows = np.empty(len(ids), dtype=np.int64)
    rows[place] = order
    moved = predictions.take(rows)
    _same_truth(moved, like, who, whose)
    if moved.patient_ids is None or like.patient_ids is None:
        return replace(moved, patient_ids=like.patient_ids)
    if (moved.patient_ids != like.patient_ids).any():
        raise DataError(f"{whose} and {who} name other patients for the same images.")
    return moved


def _same_truth(predictions: Predictions, like: Predictions, who: str, whose: str) -> None:
    one, two = predictions.targets, like.targets
    differ = (one != two) & ~(np.isnan(one) & np.isnan(two))
    if differ.any():
        names = [name for name, any_row in zip(like.findings, differ.any(axis=0), strict=True) if any_row]
        count = many_units(int(differ.any(axis=1).sum()), like.unit)
        raise DataError(f"{whose} and {who} have other labels for {count} ({listed(names)}).")


def _with_mean(columns: Floats, wanted: bool) -> Floats:
    """[n, k] with the mean over findings as a further column."""
    if not wanted:
        return columns
    known = np.maximum((~np.isnan(columns)).sum(axis=1), 1)
    mean = np.nansum(columns, axis=1) / known
    return np.column_stack([columns, mean])


def _alone(influences: Sequence[Floats], together: Floats) -> Floats:
    """Variance over patients of one run's score, less what the runs share, [c].

    The variance of the mean of n runs is shared + alone / n, that of one run shared + alone.
    """
    runs = len(influences)
    if runs < 2:
        return np.full(together.shape[1], np.nan)
    each = sum(standard_error(one) ** 2 for one in influences)
    return np.asarray(np.maximum(each - runs * standard_error(together) ** 2, 0.0) / (runs - 1))


def _counts(
    predictions: Predictions, mean: bool, columns: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positive rows of each column, and patients with its rarer class."""
    code, targets = clusters(predictions).code, predictions.targets
    positives = [int((targets[:, j] == 1).sum()) for j in range(targets.shape[1])]
    fewest = [
        min(_patients(code, targets[:, j] == value) for value in (1, 0)) for j in range(targets.shape[1])
    ]
    if mean or columns < targets.shape[1]:
        anywhere = min(_patients(code, (targets == value).any(axis=1)) for value in (1, 0))
        positives, fewest = [*positives, sum(positives)], [*fewest, anywhere]
    if columns == 1:
        positives, fewest = positives[-1:], fewest[-1:]
    return np.array(positives), np.array(fewest)


def _patients(code: npt.NDArray[np.int64], rows: Iterable[bool]) -> int:
    return len(np.unique(code[np.asarray(rows)]))
