"""What a reader of scores must be told, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hilum.metrics.inputs import Bools, Floats, ratio
from hilum.metrics.uncertainty.patients import FEW
from hilum.metrics.values.counts import Confusion

PARTS = {"train": "training part", "valid": "validation part", "test": "test part", "new": "new images"}

CHOSEN = {
    "valid": (
        "These are scores of the validation part, which also chose epoch, thresholds and calibration: they "
        "flatter. hilum evaluate gives those of the test part, where there is one."
    ),
    "train": (
        "These are scores of the training part, whose images the model has learned: they say little of new ones."
    ),
}
"""What scores of a part that the model was made with must say."""


def of_part(part: str) -> tuple[str, ...]:
    """The sentence of `CHOSEN` for a part, if it has one."""
    return (CHOSEN[part],) if part in CHOSEN else ()


def missing_reasons(
    findings: Sequence[str], counts: Confusion, part: str, unit: str = "image"
) -> dict[str, str]:
    """Finding -> why some of its scores cannot be measured."""
    reasons = {}
    where = PARTS.get(part, part)
    for finding, positives, negatives in zip(findings, counts.positives, counts.negatives, strict=True):
        if not positives and not negatives:
            reasons[finding] = f"no {unit} of the {where} has a known label"
        elif not positives:
            reasons[finding] = f"the {where} has no positive {unit}: no AUC, AP, recall, precision, F1, F2"
        elif not negatives:
            reasons[finding] = f"the {where} has no negative {unit}: no AUC, AP, specificity, NPV"
    return reasons


def warnings_of(
    findings: Sequence[str], counts: Confusion, fewest: Floats, part: str, unit: str = "image"
) -> tuple[str, ...]:
    """Sentences for a reader: which part, one class only, few patients, never predicted, worse than one answer.

    Args:
        findings: the k names.
        counts: of rows, [k].
        fewest: patients with the finding, or without it, whichever are fewer, [k]; NaN where nobody counted.
        part: what is scored.
        unit: what a row is.
    """
    where = PARTS.get(part, part)
    told = (
        *of_part(part),
        _one_class(findings, counts, where),
        _few(findings, fewest, where),
        _silent(findings, counts, where, unit),
        _below_majority(findings, counts, where),
    )
    return tuple(sentence for sentence in told if sentence)


def _one_class(findings: Sequence[str], counts: Confusion, where: str) -> str:
    missing = np.minimum(counts.positives, counts.negatives) == 0
    if not missing.any():
        return ""
    return (
        f"Without both classes in the {where}, and so without an AUC and left out of the means: "
        f"{_names(findings, missing)}."
    )


def _few(findings: Sequence[str], fewest: Floats, where: str) -> str:
    each = [
        f"{finding} ({int(patients)})"
        for finding, patients in zip(findings, fewest, strict=True)
        if 0 < patients < FEW
    ]
    if not each:
        return ""
    return (
        f"Too few patients in the {where} with a finding, or without it, for a firm score: {_listed(each)}."
    )


def _silent(findings: Sequence[str], counts: Confusion, where: str, unit: str) -> str:
    silent = (counts.positives > 0) & (counts.predicted_positives == 0)
    if not silent.any():
        return ""
    return (
        f"No {unit} of the {where} reaches the threshold of {_names(findings, silent)}: recall is 0 there. "
        'Choose thresholds on validation with scores.threshold = "youden" or "f1".'
    )


def _below_majority(findings: Sequence[str], counts: Confusion, where: str) -> str:
    larger = np.maximum(counts.positives, counts.negatives)
    share = ratio(larger, counts.positives + counts.negatives)
    each = [
        f"{finding} ({accuracy:.3f} against {majority:.3f})"
        for finding, accuracy, majority in zip(findings, counts.accuracy, share, strict=True)
        if accuracy < majority - 1e-12 and majority < 1
    ]
    if not each:
        return ""
    return (
        f"On the {where}, always giving the commoner answer would be right more often than the decisions "
        f"at the threshold: {_listed(each)}. Accuracy says little there; recall and precision say more."
    )


def _names(findings: Sequence[str], mask: Bools) -> str:
    return _listed([finding for finding, chosen in zip(findings, mask, strict=True) if chosen])


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
