"""`Judge`: what turns a model's raw predictions into what is judged, fitted on the validation part alone.

Three steps, in this order: images become the unit that is judged (study, patient), its logits are calibrated, and
thresholds make decisions of them. Both fitted steps refuse every part but `valid` where they are made, so a judge
cannot come from the part that it scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hilum.config import ScoresConfig
from hilum.errors import ConfigError, did_you_mean
from hilum.metrics.judging.calibration import Calibration, fit_calibration
from hilum.metrics.judging.thresholds import Thresholds, fit_thresholds, fixed_values
from hilum.metrics.predictions import Predictions
from hilum.metrics.results import Scores, score
from hilum.text import items

_COMBINES = {"max": "largest", "mean": "mean"}
"""How a unit's logit comes of those of its images, in words."""


@dataclass(frozen=True)
class Judge:
    """Made by `fit_judge`, or read from a run.

    Attributes:
        config: unit, method and rule, and how scores are given.
        calibration: from raw logits to calibrated ones.
        thresholds: on calibrated probabilities.
    """

    config: ScoresConfig
    calibration: Calibration
    thresholds: Thresholds

    @property
    def text(self) -> str:
        """What is judged, and how its probabilities came about, in a sentence."""
        unit = "Every image is judged alone."
        if self.config.unit != "image":
            how = _COMBINES[self.config.combine]
            unit = f"Each {self.config.unit} is judged as one, by the {how} logit of its images."
        return f"{unit} Calibration: {self.calibration.text}. Thresholds: {self.thresholds.rule_text}."

    def to_json(self) -> dict[str, Any]:
        """Unit, calibration and thresholds, as JSON holds them."""
        return {
            "unit": self.config.unit,
            "combine": self.config.combine,
            "calibration": self.calibration.to_json(),
            "thresholds": self.thresholds.to_json(),
        }

    def predictions(self, raw: Predictions) -> Predictions:
        """What is judged: one row a unit, with calibrated logits.

        Args:
            raw: a model's predictions, one row an image, of any part.

        Raises:
            DataError: other findings, or no ids of the unit.
        """
        return self.calibration.apply(raw.per(self.config.unit, self.config.combine))

    def select(self, findings: Sequence[str]) -> Judge:
        """The same for some findings only, in this order.

        Raises:
            DataError: one of them is not among the findings.
        """
        chosen = items(findings)
        config = self.config.model_copy(update={"include": chosen})
        return Judge(config, self.calibration.select(chosen), self.thresholds.select(chosen))

    def score(self, raw: Predictions) -> Scores:
        """Every score of raw predictions of any part; errors as `predictions`."""
        return score(self.predictions(raw), self.thresholds, self.config)


def fit_judge(valid: Predictions, config: ScoresConfig) -> Judge:
    """Fit calibration and thresholds on raw predictions of the validation part.

    Args:
        valid: one row an image; any other part is refused.
        config: the settings of section `scores`.

    Raises:
        DataError: the predictions are not of the validation part, or have no ids of the unit.
        ConfigError: `scores.value` does not fit the findings.
    """
    units = valid.per(config.unit, config.combine)
    calibration = fit_calibration(units, config.calibrate)
    return Judge(config, calibration, fit_thresholds(calibration.apply(units), config))


def check_scores(config: ScoresConfig, findings: tuple[str, ...], *, studies: bool = True) -> None:
    """Say before a training what its scores could not be made with.

    Args:
        config: the settings of section `scores`.
        findings: what is learned.
        studies: whether every image's study is known.

    Raises:
        ConfigError: `scores.value` or `scores.include` does not fit the findings, or there are no studies.
    """
    fixed_values(config, findings)
    for name in config.include:
        if name not in findings:
            raise ConfigError(f"scores.include names {name!r}; {did_you_mean(name, findings)}")
    if config.unit == "study" and not studies:
        raise ConfigError(
            'scores.unit = "study", but the data do not say which study every image belongs to. '
            'Score per image or per patient: --set scores.unit="image".'
        )
