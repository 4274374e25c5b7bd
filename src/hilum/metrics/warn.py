"""What a reader of scores must be told, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hilum.metrics.decisions import Confusion
from hilum.metrics.inputs import Bools

FEW = 10
"""Below this many positives or negatives a score says little: one image moves recall by over 10 points."""

PARTS = {"train": "training part", "valid": "validation part", "test": "test part", "new": "new images"}


def missing_reasons(findings: Sequence[str], counts: Confusion, part: str) -> dict[str, str]:
    """Finding -> why some of its scores cannot be measured."""
    reasons = {}
    where = PARTS.get(part, part)
    for finding, positives, negatives in zip(findings, counts.positives, counts.negatives, strict=True):
        if not positives and not negatives:
            reasons[finding] = f"no image of the {where} has a known label"
        elif not positives:
            reasons[finding] = f"the {where} has no positive image: no AUC, AP, recall, precision, F1, F2"
        elif not negatives:
            reasons[finding] = f"the {where} has no negative image: no AUC, AP, specificity, NPV"
    return reasons


def warnings_of(findings: Sequence[str], counts: Confusion, part: str) -> tuple[str, ...]:
    """Sentences about one class only, few images, and decisions worse than always giving one answer."""
    where = PARTS.get(part, part)
    positives, negatives = counts.positives, counts.negatives
    rarer = np.minimum(positives, negatives)
    share = np.maximum(positives, negatives) / np.maximum(positives + negatives, 1)
    told = []
    one_class = rarer == 0
    if one_class.any():
        told.append(
            f"Without both classes in the {where}, and so without an AUC and left out of the means: "
            f"{_names(findings, one_class)}."
        )
    few = (rarer > 0) & (rarer < FEW)
    if few.any():
        each = [
            f"{finding} ({int(count)} {'positive' if count == positive else 'negative'})"
            for finding, count, positive, is_few in zip(findings, rarer, positives, few, strict=True)
            if is_few
        ]
        told.append(f"Too few images in the {where} for a firm score: {_listed(each)}.")
    worse = ~one_class & (np.nan_to_num(counts.accuracy) < share - 1e-12)
    if worse.any():
        each = [
            f"{finding} ({accuracy:.3f} against {majority:.3f})"
            for finding, accuracy, majority, is_worse in zip(
                findings, counts.accuracy, share, worse, strict=True
            )
            if is_worse
        ]
        told.append(
            f"On the {where}, always giving the commoner answer would be right more often than the decisions "
            f"at the threshold: {_listed(each)}. Accuracy says little there; recall and precision say more."
        )
    return tuple(told)


def _names(findings: Sequence[str], mask: Bools) -> str:
    return _listed([finding for finding, chosen in zip(findings, mask, strict=True) if chosen])


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
