"""Every score, once: an entry here is in tables, intervals, comparisons, reports and TensorBoard."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from hilum.errors import ConfigError, did_you_mean
from hilum.metrics.inputs import Floats, ratio
from hilum.metrics.values.counts import Confusion, all_right, cells, cells_at, row_means
from hilum.metrics.values.engine import Gapped, Plain, Ranked, Score, Summed, mean_over_findings
from hilum.metrics.values.gaps import binned
from hilum.metrics.values.logistic import intercepts, slopes
from hilum.metrics.values.probabilities import (
    log_losses,
    mean_cost,
    skill,
    squared_errors,
)
from hilum.metrics.values.ranks import (
    area,
    area_derivatives,
    mean_precision,
    mean_precision_derivatives,
    partial_area,
    partial_area_derivatives,
)
from hilum.metrics.values.smooth import smoothed
from hilum.plugins import parts

COUNTS: dict[str, str] = {
    "images": "Images",
    "positives": "Positive",
    "predicted_positives": "Predicted",
    "true_positives": "Found",
    "false_positives": "False alarms",
    "false_negatives": "Missed",
    "true_negatives": "Left alone",
}
"""Counts of one finding, and their headings. `images` are those on which the finding is scored."""


def _counted(value: Callable[[Confusion], Floats]) -> Summed:
    """Of each finding's counts."""
    return Summed(cells, lambda *sums: value(Confusion(*sums)))


def _pooled(value: Callable[[Confusion], Floats]) -> Summed:
    """Of the counts of all findings together."""
    return Summed(cells, lambda *sums: value(Confusion(*sums).pooled))


def _macro(value: Callable[[Confusion], Floats]) -> Summed:
    """The mean over findings that have it."""
    return Summed(cells, lambda *sums: mean_over_findings(value(Confusion(*sums)))[..., None])


def _by_row(value: Callable[[Confusion], Floats]) -> Summed:
    """The mean over rows of what each row's findings give, of the rows that have it."""
    return Summed(row_means(value), ratio)


_OWN: dict[str, Score] = {
    "recall": Score(
        "Recall",
        "rec.",
        _counted(lambda c: c.recall),
        about="Share of the positives that is found (sensitivity).",
        trials=lambda rows: rows.positive > 0,
    ),
    "specificity": Score(
        "Specificity",
        "spec.",
        _counted(lambda c: c.specificity),
        about="Share of the negatives that is left alone.",
        trials=lambda rows: rows.negative > 0,
    ),
    "precision": Score(
        "Precision",
        "prec.",
        _counted(lambda c: c.precision),
        about="Share of the decided positives that is right (PPV).",
        trials=lambda rows: rows.scored & rows.decisions,
    ),
    "npv": Score(
        "NPV",
        "NPV",
        _counted(lambda c: c.npv),
        about="Share of the decided negatives that is right.",
        trials=lambda rows: rows.scored & ~rows.decisions,
    ),
    "f1": Score("F1", "F1", _counted(lambda c: c.f_beta(1)), about="Harmonic mean of precision and recall."),
    "f2": Score(
        "F2", "F2", _counted(lambda c: c.f_beta(2)), about="F score that prefers recall: 5PR / (4P + R)."
    ),
    "accuracy": Score(
        "Accuracy",
        "acc.",
        _counted(lambda c: c.accuracy),
        about="Share of right decisions.",
        trials=lambda rows: rows.scored,
    ),
    "balanced_accuracy": Score(
        "Balanced accuracy",
        "b.acc",
        _counted(lambda c: c.balanced_accuracy),
        about="Mean of recall and specificity.",
    ),
    "mcc": Score(
        "MCC",
        "MCC",
        _counted(lambda c: c.mcc),
        about="Matthews correlation of decision and truth.",
        limits=(-1.0, 1.0),
    ),
    "roc_auc": Score(
        "ROC AUC",
        "AUC",
        Ranked(area, area_derivatives),
        "scores",
        "Share of positive-negative pairs in the right order; ties count half (Hanley & McNeil 1982).",
    ),
    "partial_auc": Score(
        "Partial AUC",
        "pAUC",
        Ranked(partial_area, partial_area_derivatives),
        "scores",
        "Area up to a false positive rate, standardised to 0.5 for a coin and 1 for perfect (McClish 1989).",
    ),
    "average_precision": Score(
        "AP",
        "AP",
        Ranked(mean_precision, mean_precision_derivatives, two_samples=False),
        "scores",
        "Precision times step in recall, over all thresholds (average precision, as scikit-learn's).",
    ),
    "brier": Score(
        "Brier",
        "Brier",
        Summed(squared_errors, mean_cost),
        "probabilities",
        "Mean squared difference of probability and truth (Brier 1950).",
        better="lower",
        trials=lambda rows: rows.scored,
    ),
    "brier_skill": Score(
        "Brier skill",
        "skill",
        Summed(squared_errors, skill),
        "probabilities",
        "1 - Brier score / that of saying the prevalence of everybody: 0 knows no more than that, 1 is perfect.",
        limits=(-np.inf, 1.0),
        usual=False,
    ),
    "log_loss": Score(
        "Log loss",
        "logl.",
        Summed(log_losses, mean_cost),
        "probabilities",
        "Mean negative log likelihood in nats; probabilities are kept float64's epsilon away from 0 and 1.",
        better="lower",
        limits=(0.0, np.inf),
    ),
    "ece": Score(
        "ECE",
        "ECE",
        Gapped(binned),
        "probabilities",
        "Expected calibration error: mean |probability - share of positives| over 15 bins of equal width, of "
        "the positive class (Guo et al. 2017, whose bins these are), less what noise adds: about 0 on average "
        "where there is none, and so at times below.",
        better="lower",
        limits=(-np.inf, 1.0),
    ),
    "ici": Score(
        "ICI",
        "ICI",
        Gapped(smoothed),
        "probabilities",
        "Integrated calibration index: mean |probability - smoothed calibration curve| (Austin & Steyerberg "
        "2019), less what noise adds.",
        better="lower",
        limits=(-np.inf, 1.0),
        usual=False,
    ),
    "calibration_slope": Score(
        "Calibration slope",
        "slope",
        Plain(slopes, derived=True),
        "probabilities",
        "Slope of the logistic line of truth on the logit; 1 is right, below it probabilities are too extreme.",
        better="neither",
        limits=(-np.inf, np.inf),
        usual=False,
    ),
    "calibration_intercept": Score(
        "Calibration intercept",
        "i.cpt",
        Plain(intercepts, derived=True),
        "probabilities",
        "What is missing from the logits for the mean probability to be right: 0 is right, above it they are low.",
        better="neither",
        limits=(-np.inf, np.inf),
        usual=False,
    ),
    "net_benefit": Score(
        "Net benefit at 0.1",
        "benef",
        Summed(cells_at(0.1), lambda *sums: Confusion(*sums).net_benefit(0.1)),
        "probabilities",
        "Share found from a probability of 0.1 on, less false alarms at its odds (Vickers & Elkin 2006).",
        limits=(-1 / 9, 1.0),
        trials=lambda rows: rows.scored,
        usual=False,
    ),
    "exact_match": Score(
        "Exact match",
        "exact",
        _by_row(all_right),
        about="Share of images decided rightly on every finding that is scored on them (subset accuracy).",
        trials=lambda rows: rows.scored,
        over_all=True,
    ),
    "hamming_accuracy": Score(
        "Hamming accuracy",
        "h.acc",
        _pooled(lambda c: c.accuracy),
        trials=lambda rows: rows.scored,
        over_all=True,
    ),
    "hamming_loss": Score(
        "Hamming loss",
        "h.los",
        _pooled(lambda c: 1.0 - c.accuracy),
        better="lower",
        trials=lambda rows: rows.scored,
        over_all=True,
    ),
    "macro_recall": Score("Recall, mean over findings", "ma.r.", _macro(lambda c: c.recall), over_all=True),
    "macro_precision": Score(
        "Precision, mean over findings", "ma.p.", _macro(lambda c: c.precision), over_all=True
    ),
    "macro_f1": Score("F1, mean over findings", "ma.F1", _macro(lambda c: c.f_beta(1)), over_all=True),
    "micro_recall": Score("Recall, over all labels", "mi.r.", _pooled(lambda c: c.recall), over_all=True),
    "micro_precision": Score(
        "Precision, over all labels", "mi.p.", _pooled(lambda c: c.precision), over_all=True
    ),
    "micro_f1": Score("F1, over all labels", "mi.F1", _pooled(lambda c: c.f_beta(1)), over_all=True),
    "sample_recall": Score(
        "Recall, mean over images with a finding",
        "im.r.",
        _by_row(lambda c: c.recall),
        over_all=True,
    ),
    "sample_precision": Score(
        "Precision, mean over images with a finding",
        "im.p.",
        _by_row(lambda c: c.precision),
        over_all=True,
    ),
    "sample_f1": Score(
        "F1, mean over images with a finding", "im.F1", _by_row(lambda c: c.f_beta(1)), over_all=True
    ),
}
"""Name -> score. `macro_` is the mean over findings, `micro_` counts all cells as one finding, `sample_` is the
mean over images; a finding, or an image, without a positive stays out (scikit-learn counts it as 0, so that a
perfect model scores below 1)."""


class _Scores(Mapping[str, Score]):
    """`_OWN`, and scores of plugins in use."""

    def __getitem__(self, name: str) -> Score:
        return _OWN[name] if name in _OWN else _plugged()[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*_OWN, *_plugged()])

    def __len__(self) -> int:
        return len(_OWN) + len(_plugged())


SCORES: Mapping[str, Score] = _Scores()
"""Name -> score: hilum's own, and those of plugins in use."""


def _plugged() -> dict[str, Score]:
    return {
        name: Score(
            *(name, name[:5], Plain(partial(_each_finding, name, value)), "probabilities"),
            inspect.getdoc(value) or "A plugin's.",
            better,
            (-np.inf, np.inf),
        )
        for name, (value, better) in parts("SCORES", _OWN).items()
    }


def _each_finding(
    name: str, value: Callable[[Floats, Floats], float], targets: Floats, probabilities: Floats
) -> Floats:
    """A plugin's score of each finding, of what is scored; NaN of a finding without both classes."""
    found = np.full(targets.shape[1], np.nan)
    for j, (truth, p) in enumerate(zip(targets.T, probabilities.T, strict=True)):
        known = ~np.isnan(truth)
        if len(np.unique(truth[known])) == 2:
            try:
                found[j] = float(value(truth[known], p[known]))
            except Exception as error:  # the code is the user's
                said = f"{type(error).__name__}: {error}"
                raise ConfigError(
                    f"the plugin's score {name} failed on {known.sum()} images: {said}"
                ) from error
    return found


def per_finding() -> list[str]:
    """Names of the scores of one finding."""
    return [name for name, score in SCORES.items() if not score.over_all]


def over_all() -> list[str]:
    """Names of the scores over all findings."""
    return [name for name, score in SCORES.items() if score.over_all]


def check_score(name: str) -> None:
    """Raise a ConfigError unless there is a score of that name."""
    if name not in SCORES:
        near = did_you_mean(name, SCORES)
        raise ConfigError(f"there is no score {name!r}; {near} A plugin's is known with --plugin FILE.")
