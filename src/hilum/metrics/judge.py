"""`Judge`: what turns a model's raw predictions into what is judged, fitted on the validation part alone.

Three steps, in this order: images become the unit that is judged (study, patient), its logits are calibrated, and
thresholds make decisions of them. Both fitted steps refuse every part but `valid` where they are made, so a judge
cannot come from the part that it scores.
"""

from __future__ import annotations

from dataclasses import dataclass

from hilum.config import ScoresConfig
from hilum.metrics.calibrate import Calibration, fit_calibration
from hilum.metrics.predictions import Predictions
from hilum.metrics.results import Scores, score
from hilum.metrics.thresholds import Thresholds, fit_thresholds


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

    def predictions(self, raw: Predictions) -> Predictions:
        """What is judged: one row a unit, with calibrated logits.

        Args:
            raw: a model's predictions, one row an image, of any part.

        Raises:
            DataError: other findings, or no ids of the unit.
        """
        return self.calibration.apply(raw.per(self.config.unit, self.config.combine))

    def score(self, raw: Predictions) -> Scores:
        """Every score of raw predictions of any part; errors as `predictions`."""
        return score(self.predictions(raw), self.thresholds)


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
