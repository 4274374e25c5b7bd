"""Scores over columns: [n, k] targets and scores in, [k] numbers out. numpy only.

Targets are 1 (positive), 0 (negative) and NaN (unknown: not scored). Every score is of the positive class.
`roc_auc` and its like are plain functions; `score` gives all of them for `Predictions` at `Thresholds`.
"""

from hilum.metrics.bootstrap import Clusters, clusters, replicate
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
    mcc,
    npv,
    precision,
    recall,
    specificity,
)
from hilum.metrics.influences import influence, standard_error
from hilum.metrics.intervals import Interval, Intervals, delong, intervals_of, wilson
from hilum.metrics.judge import Judge, fit_judge
from hilum.metrics.mixture import Mixture
from hilum.metrics.predictions import Predictions
from hilum.metrics.probabilities import brier, ece, log_loss
from hilum.metrics.ranking import Ranking, average_precision, partial_auc, rank, roc_auc
from hilum.metrics.results import COMBINED, COUNTS, LOWER_IS_BETTER, RATES, Scores, score
from hilum.metrics.thresholds import Thresholds, fit_thresholds

__all__ = [
    "COMBINED",
    "COUNTS",
    "LOWER_IS_BETTER",
    "RATES",
    "Calibration",
    "Clusters",
    "Confusion",
    "Interval",
    "Intervals",
    "Judge",
    "Mixture",
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
    "clusters",
    "confusion",
    "delong",
    "ece",
    "exact_match",
    "f1",
    "f2",
    "f_beta",
    "fit_calibration",
    "fit_judge",
    "fit_thresholds",
    "hamming_loss",
    "influence",
    "intervals_of",
    "log_loss",
    "macro",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "mcc",
    "micro_f1",
    "micro_precision",
    "micro_recall",
    "npv",
    "partial_auc",
    "precision",
    "precision_recall_curves",
    "rank",
    "recall",
    "reliability",
    "replicate",
    "roc_auc",
    "roc_curves",
    "sample_f1",
    "sample_precision",
    "sample_recall",
    "score",
    "specificity",
    "standard_error",
    "wilson",
]
