"""The scores' names and their headings."""

from __future__ import annotations

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

RATES: dict[str, str] = {
    "recall": "Recall",
    "specificity": "Specificity",
    "precision": "Precision",
    "npv": "NPV",
    "f1": "F1",
    "f2": "F2",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "MCC",
    "roc_auc": "ROC AUC",
    "partial_auc": "Partial AUC",
    "average_precision": "AP",
    "brier": "Brier",
    "log_loss": "Log loss",
    "ece": "ECE",
}
"""Scores of one finding, and their headings."""

COMBINED: dict[str, str] = {
    "exact_match": "Exact match",
    "hamming_accuracy": "Hamming accuracy",
    "hamming_loss": "Hamming loss",
    "macro_recall": "Recall, mean over findings",
    "macro_precision": "Precision, mean over findings",
    "macro_f1": "F1, mean over findings",
    "micro_recall": "Recall, over all labels",
    "micro_precision": "Precision, over all labels",
    "micro_f1": "F1, over all labels",
    "sample_recall": "Recall, mean over images with a finding",
    "sample_precision": "Precision, mean over images with a finding",
    "sample_f1": "F1, mean over images with a finding",
}
"""Scores over all findings, and their headings."""

LOWER_IS_BETTER = frozenset({"loss", "brier", "log_loss", "ece", "hamming_loss"})
"""Of all other scores, higher is better."""


def plural(unit: str) -> str:
    """`images`, `studies` or `patients`."""
    return "studies" if unit == "study" else f"{unit}s"
