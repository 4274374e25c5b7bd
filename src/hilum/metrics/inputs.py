"""What all scores share: checked columns, and how NaN targets and weights are counted."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def sides(targets: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
    """How much each cell counts as a positive and as a negative: an unscored one counts as neither.

    Args:
        targets: [n, k] (or [n], one column) of 0, 1 and NaN (unknown: not scored); bool and integers will do.
        weights: how often each row counts, [n], at least 0; None means once.

    Returns:
        Weight as a positive and weight as a negative, float64 [n, k] each.

    Raises:
        DataError: another value than 0, 1 or NaN, or weights that do not fit.
    """
    values = _two_dimensional(targets, "targets")
    positive, negative = values == 1, values == 0
    strange = ~(positive | negative | np.isnan(values))
    if strange.any():
        raise DataError(
            f"targets hold {values[strange][0]:g}; expected 1 (positive), 0 (negative) or NaN (not scored). "
            "Label codes such as -1 (uncertain) become targets through Table.targets(policy, scoring=True)."
        )
    each = row_weights(weights, len(values))[:, None]
    return positive * each, negative * each


def score_columns(scores: npt.ArrayLike, scored: Bools) -> Floats:
    """Scores as float64 [n, k], with 0 in cells that are not scored.

    Raises:
        DataError: the shape differs from that of the targets, or a scored cell is NaN.
    """
    values = _two_dimensional(scores, "scores")
    _same_shape(values, scored, "scores")
    values = np.where(scored, values, 0.0)
    if np.isnan(values).any():
        column = int(np.isnan(values).any(axis=0).argmax())
        raise DataError(
            f"scores of column {column} hold NaN where the target is known: the model gave no number. "
            "A training that diverged does this: try a lower optimizer.lr or set train.clip. So does the logit of "
            "a value outside 0..1, which Predictions.from_probabilities names."
        )
    return values


def _probability_columns(probabilities: npt.ArrayLike, scored: Bools) -> Floats:
    """Like `score_columns`, for scores that must lie in 0..1."""
    values = score_columns(probabilities, scored)
    if values.size and (values.min() < 0 or values.max() > 1):
        raise DataError(
            f"expected probabilities within 0..1; they range from {values.min():g} to {values.max():g}. "
            "Logits become probabilities through Predictions.probabilities."
        )
    return values


def _decision_columns(decisions: npt.ArrayLike, scored: Bools) -> Bools:
    """Decisions as bool [n, k].

    Raises:
        DataError: they are probabilities rather than decisions, or of another shape than the targets.
    """
    values = np.asarray(decisions)
    values = values[:, None] if values.ndim == 1 else values
    _same_shape(values, scored, "decisions")
    if values.dtype != np.bool_:
        if not np.isin(values, (0, 1)).all():
            raise DataError("decisions must be true or false; compare probabilities with thresholds first.")
        values = values.astype(np.bool_)
    return values


def row_weights(weights: npt.ArrayLike | None, rows: int) -> Floats:
    """How often each row counts, float64 [rows]."""
    if weights is None:
        return np.ones(rows)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (rows,):
        raise DataError(f"weights must have shape ({rows},), one number a row; they have {values.shape}.")
    if not np.isfinite(values).all() or (values < 0).any():
        raise DataError("weights must be finite and at least 0.")
    return values


def _two_dimensional(values: npt.ArrayLike, what: str) -> Floats:
    """`values` as float64 [n, k]; one column may come as [n]."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise DataError(f"{what} must have shape [n, k], rows by findings; they have {array.shape}.")
    return array


def _same_shape(values: npt.NDArray[np.generic], scored: Bools, what: str) -> None:
    """Raise a DataError unless `values` and `scored` are of one shape."""
    if values.shape != scored.shape:
        raise DataError(
            f"targets have shape {scored.shape} and {what} {values.shape}: they must be the same."
        )


def ratio(above: Floats, below: Floats) -> Floats:
    """`above / below`, and NaN where `below` is 0."""
    quotient = np.full(np.shape(below), np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient


class Rows:
    """What scores are made of: n rows and k findings, each part checked when a score first asks for it.

    Attributes:
        positive: 1 where a row is a scored positive, float64 [n, k].
        negative: 1 where it is a scored negative; an unscored cell is neither.
        max_fpr: false positive rate up to which the partial AUC counts.
    """

    def __init__(
        self,
        targets: npt.ArrayLike,
        *,
        scores: npt.ArrayLike | None = None,
        probabilities: npt.ArrayLike | None = None,
        decisions: npt.ArrayLike | None = None,
        max_fpr: float = 0.1,
    ) -> None:
        if not 0 < max_fpr <= 1:
            raise DataError(f"max_fpr is a false positive rate above 0 and at most 1; it is {max_fpr:g}.")
        self.positive, self.negative = sides(targets)
        self.max_fpr = max_fpr
        self._scores, self._probabilities, self._decisions = scores, probabilities, decisions

    @cached_property
    def scored(self) -> Bools:
        """Whether a cell counts, [n, k]."""
        return np.asarray(self.positive + self.negative > 0)

    @cached_property
    def scores(self) -> Floats:
        """What rows are ordered by, [n, k]: logits, or probabilities."""
        return score_columns(_asked(self._scores, "scores"), self.scored)

    @cached_property
    def probabilities(self) -> Floats:
        """Of the positive class, [n, k]."""
        return _probability_columns(_asked(self._probabilities, "probabilities"), self.scored)

    @cached_property
    def decisions(self) -> Bools:
        """Whether it is decided positive, [n, k]."""
        return _decision_columns(_asked(self._decisions, "decisions"), self.scored)


def _asked(values: npt.ArrayLike | None, what: str) -> npt.ArrayLike:
    if values is None:
        raise DataError(f"this score is of {what}, and there are none.")
    return values
