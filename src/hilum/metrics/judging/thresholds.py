"""`Thresholds`: from which probability on a finding is decided positive, chosen on validation alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hilum.config import ScoresConfig
from hilum.errors import ConfigError, DataError, did_you_mean
from hilum.metrics.inputs import Bools, Floats
from hilum.metrics.predictions import Predictions
from hilum.metrics.values.counts import Confusion
from hilum.metrics.values.curves import counts_by_threshold
from hilum.text import items

_FALLBACK = 0.5
RULES: dict[str, str] = {
    "fixed": "given in the settings",
    "youden": "best Youden index (recall + specificity - 1)",
    "accuracy": "best accuracy",
    "f1": "best F1",
    "f_beta": "best F{}",
    "recall": "highest with a recall of at least {}",
    "precision": "most found at a precision of at least {}",
}
"""How a threshold is chosen, and how to say so; `{}` is what was asked for."""


@dataclass(frozen=True)
class Thresholds:
    """One probability a finding; at or above it the decision is positive.

    Attributes:
        values: float64 [k] within 0..1.
        findings: names of the k findings.
        rule: one of `RULES`.
        part: the part that they were chosen on: always `valid`.
        fallbacks: finding -> why the rule could not be applied and 0.5 is used.
        asked: beta of `f_beta`, the share that `recall` and `precision` have to reach; None for other rules.
    """

    values: Floats
    findings: tuple[str, ...]
    rule: str = "fixed"
    part: str = "valid"
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    asked: float | None = None

    def __post_init__(self) -> None:
        if self.part != "valid":
            raise DataError(_wrong_part(self.part))
        if self.rule not in RULES:
            raise DataError(f"unknown threshold rule {self.rule!r}; {did_you_mean(self.rule, RULES)}")
        if self.values.shape != (len(self.findings),):
            raise DataError(
                f"{len(self.findings)} findings need {len(self.findings)} thresholds; "
                f"there are {self.values.size}."
            )
        if not ((self.values >= 0) & (self.values <= 1)).all():
            wrong = ", ".join(
                f"{finding} {value:g}"
                for finding, value in zip(self.findings, self.values, strict=True)
                if not 0 <= value <= 1
            )
            raise DataError(f"thresholds are probabilities and must lie within 0..1; these do not: {wrong}.")

    def decide(self, predictions: Predictions) -> Bools:
        """Decisions, bool [n, k]: probability >= threshold.

        Raises:
            DataError: the predictions are of other findings.
        """
        if predictions.findings != self.findings:
            raise DataError(
                f"thresholds are for {', '.join(self.findings)}; "
                f"the predictions are of {', '.join(predictions.findings)}."
            )
        return predictions.probabilities >= self.values

    def select(self, findings: Sequence[str]) -> Thresholds:
        """Only these findings, in this order.

        Raises:
            DataError: one of them has no threshold.
        """
        findings = items(findings)
        for name in findings:
            if name not in self.findings:
                raise DataError(f"no threshold for {name!r}; {did_you_mean(name, self.findings)}")
        return Thresholds(
            self.values[[self.findings.index(name) for name in findings]],
            tuple(findings),
            self.rule,
            self.part,
            {name: why for name, why in self.fallbacks.items() if name in findings},
            self.asked,
        )

    def origin(self, finding: str) -> str:
        """Where a finding's threshold came from, in words."""
        if finding in self.fallbacks:
            return f"{_FALLBACK}, because {self.fallbacks[finding]}"
        return self.rule_text

    @property
    def rule_text(self) -> str:
        """The rule in words."""
        if self.rule == "fixed":
            return RULES[self.rule]
        rule = RULES[self.rule].format("the one asked for" if self.asked is None else f"{self.asked:g}")
        return f"{rule} on the validation part"

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it; `from_json` reads it."""
        return {
            "rule": self.rule,
            "part": self.part,
            "values": dict(zip(self.findings, self.values.tolist(), strict=True)),
            "fallbacks": dict(self.fallbacks),
            "asked": self.asked,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Thresholds:
        """Read what `to_json` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            values = np.array(list(value["values"].values()), dtype=np.float64)
            asked = None if value.get("asked") is None else float(value["asked"])
            fallbacks = dict(value["fallbacks"])
            return cls(values, tuple(value["values"]), value["rule"], value["part"], fallbacks, asked)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"these are not thresholds: {error!r} in {str(value)[:80]}") from error


def fit_thresholds(valid: Predictions, config: ScoresConfig) -> Thresholds:
    """Choose one threshold a finding on the validation part.

    Candidates lie midway between neighbouring probabilities of the scored images, and beyond both ends.
    Among equally good ones the nearest to 0.5 is taken. A finding with one class only cannot be fitted: it
    gets 0.5, and `fallbacks` says why.

    Args:
        valid: predictions of the validation part; any other part is refused, whatever the rule.
        config: `threshold` is the rule; `value` is the probability, or one a finding, for `fixed`; `beta` is that
            of `f_beta`; `at_least` is what `recall` and `precision` have to reach.

    Raises:
        DataError: the predictions are not of the validation part.
        ConfigError: `scores.value` does not have one number a finding, or names one that is not there.
    """
    if valid.part != "valid":
        raise DataError(_wrong_part(valid.part))
    if config.threshold == "fixed":
        return Thresholds(fixed_values(config, valid.findings), valid.findings)
    values, fallbacks, asked = [], {}, _asked(config)
    probabilities = valid.probabilities
    for j, finding in enumerate(valid.findings):
        scores, true, false = counts_by_threshold(valid.targets[:, j].astype(np.float64), probabilities[:, j])
        positives, negatives = (true[-1], false[-1]) if len(true) else (0, 0)
        if not positives or not negatives:
            missing = "positive" if not positives else "negative"
            fallbacks[finding] = f"the validation part has no {missing} image"
            values.append(_FALLBACK)
        else:
            values.append(_best(scores, true, false, config.threshold, asked or 0.0))
    return Thresholds(np.array(values), valid.findings, config.threshold, "valid", fallbacks, asked)


def _asked(config: ScoresConfig) -> float | None:
    """The number that the rule needs, if it needs one."""
    asked = {"f_beta": config.beta, "recall": config.at_least, "precision": config.at_least}
    return asked.get(config.threshold)


def fixed_values(config: ScoresConfig, findings: tuple[str, ...]) -> Floats:
    """The thresholds that the settings give, float64 [k].

    Raises:
        ConfigError: `scores.value` does not have one number a finding, or names one that is not there.
    """
    if isinstance(config.value, float):
        return np.full(len(findings), config.value)
    if isinstance(config.value, dict):
        for name in config.value:
            if name not in findings:
                raise ConfigError(f"scores.value names {name!r}; {did_you_mean(name, findings)}")
        return np.array([config.value.get(name, _FALLBACK) for name in findings])
    if len(config.value) != len(findings):
        raise ConfigError(
            f"scores.value has {len(config.value)} thresholds for {len(findings)} findings "
            f"({', '.join(findings)}); give one number, or one a finding."
        )
    return np.array(config.value, dtype=np.float64)


def _best(scores: Floats, true: Floats, false: Floats, rule: str, asked: float) -> float:
    """The best candidate; `scores` fall, `true` and `false` count the positives decided at each."""
    candidates = _candidates(scores)
    true, false = np.concatenate([[0.0], true]), np.concatenate([[0.0], false])
    value = _GOODNESS[rule](Confusion(true, false, true[-1] - true, false[-1] - false), asked)
    value = np.where(candidates <= 1, value, -np.inf)
    # Equal quotients of counts can differ in the last bit.
    best = np.flatnonzero(value >= value.max() - 1e-12)
    return float(candidates[best[np.abs(candidates[best] - _FALLBACK).argmin()]])


def _candidates(scores: Floats) -> Floats:
    """Thresholds that decide the 0, 1, ... m highest of m falling distinct scores positive, [m + 1]."""
    above = np.concatenate([[1.0 if scores[0] < 1 else np.inf], scores])
    below = np.concatenate([scores, [0.0]])
    middle = (above + below) / 2
    # Between two neighbouring floats there is none: the upper one divides them as well.
    return np.where(middle > below, middle, above)


def _enough_found(counts: Confusion, asked: float) -> Floats:
    """Fewest positives decided among the candidates that find enough; all find enough in the end."""
    return np.where(counts.recall >= asked, -counts.predicted_positives / counts.images, -2.0)


def _enough_right(counts: Confusion, asked: float) -> Floats:
    """Most found among the candidates that are precise enough; the most precise one where none is."""
    return np.where(counts.precision >= asked, 1.0 + counts.recall, counts.precision)


_GOODNESS: dict[str, Callable[[Confusion, float], Floats]] = {
    "youden": lambda counts, _: 2 * counts.balanced_accuracy,
    "accuracy": lambda counts, _: counts.accuracy,
    "f1": lambda counts, _: counts.f_beta(1),
    "f_beta": lambda counts, beta: counts.f_beta(beta),
    "recall": _enough_found,
    "precision": _enough_right,
}
"""Rule -> what it makes largest among the candidates, of their counts and the number that the rule asks for."""


def _wrong_part(part: str) -> str:
    return (
        f"thresholds are chosen on the validation part, never on the part that is reported; this is {part!r}."
    )
