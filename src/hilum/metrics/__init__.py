"""Scores over columns: [n, k] targets and scores in, [k] numbers out. numpy only.

Targets are 1 (positive), 0 (negative) and NaN (unknown: not scored). Every score is of the positive class.
`roc_auc` and its like are plain functions; `score` gives all of them for `Predictions` at `Thresholds`.
"""

from hilum.metrics.calibrate import Calibration, Reliability, fit_calibration, reliability
from hilum.metrics.combined import (
    exact_match,
    hamming_loss,
    macro,
    macro_f1,
    macro_precision,
    macro_recall,
    micro_f1,
    micro_precision,
    micro_recall,
    sample_f1,
    sample_precision,
    sample_recall,
)
from hilum.metrics.curves import PrecisionRecallCurve, RocCurve, precision_recall_curves, roc_curves
from hilum.metrics.decisions import (
    Confusion,
    accuracy,
    balanced_accuracy,
    confusion,
    f1,
    f2,
    f_beta,
    npv,
    precision,
    recall,
    specificity,
)
from hilum.metrics.judge import Judge, fit_judge
from hilum.metrics.predictions import Predictions
from hilum.metrics.probabilities import brier, log_loss
from hilum.metrics.ranking import Ranking, average_precision, rank, roc_auc
from hilum.metrics.results import COMBINED, COUNTS, LOWER_IS_BETTER, RATES, Scores, score
from hilum.metrics.thresholds import Thresholds, fit_thresholds

__all__ = [
    "COMBINED",
    "COUNTS",
    "LOWER_IS_BETTER",
    "RATES",
    "Calibration",
    "Confusion",
    "Judge",
    "PrecisionRecallCurve",
    "Predictions",
    "Ranking",
    "Reliability",
    "RocCurve",
    "Scores",
    "Thresholds",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "confusion",
    "exact_match",
    "f1",
    "f2",
    "f_beta",
    "fit_calibration",
    "fit_judge",
    "fit_thresholds",
    "hamming_loss",
    "log_loss",
    "macro",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "micro_f1",
    "micro_precision",
    "micro_recall",
    "npv",
    "precision",
    "precision_recall_curves",
    "rank",
    "recall",
    "reliability",
    "roc_auc",
    "roc_curves",
    "sample_f1",
    "sample_precision",
    "sample_recall",
    "score",
    "specificity",
]
