"""What a reader must know before believing a run's scores, in plain words; nothing of a healthy run."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from hilum.metrics import Reliability
from hilum.pixels import Pack
from hilum.report.content import Part, best_epoch, value_of
from hilum.report.numbers import Numbers
from hilum.runs import Run
from hilum.text import listed

_OVERFIT = 0.05
"""Training ROC AUC this far above validation's interval is memory, not noise."""
_UNCERTAIN = 0.10
"""From this share of uncertain labels on, the policy for them shapes the scores."""
_MISCALIBRATED = 0.05
"""ECE beyond what chance alone gives, from which probabilities mislead."""
_GAPS = 5
"""How many subgroup gaps are told at the top."""


def warnings(run: Run, numbers: Numbers, pack: Pack | None) -> list[str]:
    """Everything a reader must know first, each once.

    Args:
        run: the run.
        numbers: what its report draws.
        pack: what it was trained on, where it still is; the labels as the source gave them come from it.
    """
    parts = numbers.parts
    told = [*run.warnings, *_subgroups(numbers)]
    told += _overfit(run, parts)
    told += [warning for part in parts[:1] for warning in part.scores.warnings]
    told += _fallbacks(parts)
    told += _calibration(numbers)
    told += _uncertain(run, pack)
    return list(dict.fromkeys(told))


def _subgroups(numbers: Numbers) -> list[str]:
    gaps = numbers.subgroups.gaps if numbers.subgroups else ()
    told = [gap.sentence for gap in gaps[:_GAPS]]
    if len(gaps) > _GAPS:
        told.append(f"{len(gaps) - _GAPS} more gaps between subgroups are listed below.")
    return told


def _overfit(run: Run, parts: list[Part]) -> list[str]:
    """Training far above validation after the epoch whose weights are scored."""
    valid = next((part for part in parts if part.name == "valid"), None)
    epoch = best_epoch(run)
    if valid is None or epoch is None:
        return []
    trained = run.history[epoch - 1]["train"]["scores"]["mean"]["roc_auc"]["value"]
    value = value_of(valid.scores, "roc_auc")
    if trained is None or math.isnan(value.value):
        return []
    beyond_noise = value.value if math.isnan(value.high) else value.high
    if trained < value.value + _OVERFIT or trained < beyond_noise:
        return []
    return [
        f"The model knows its training images better than new ones: ROC AUC {trained:.3f} in training against "
        f"{value.both} on validation, after epoch {epoch}. More data, augmentation or weight decay would help."
    ]


def _fallbacks(parts: list[Part]) -> list[str]:
    fallbacks = parts[0].scores.thresholds.fallbacks if parts else {}
    by_reason: dict[str, list[str]] = {}
    for finding, why in fallbacks.items():
        by_reason.setdefault(why, []).append(finding)
    return [
        f"The threshold of {listed(findings, 14)} is 0.5, because {why}."
        for why, findings in by_reason.items()
    ]


def _calibration(numbers: Numbers) -> list[str]:
    bad = []
    for diagram in numbers.diagrams:
        error, chance = _calibration_error(diagram.after)
        if error > chance + _MISCALIBRATED:
            bad.append((error, diagram))
    if not bad:
        return []
    each = [
        f"{diagram.finding} ({_direction(diagram.after)} by {error:.2f} on average)"
        for error, diagram in sorted(bad, key=lambda pair: -pair[0])
    ]
    calibrated = any(diagram.before is not None for _, diagram in bad)
    advice = (
        "they were calibrated on validation, which this part is unlike"
        if calibrated
        else 'scores.calibrate = "platt" fits them on validation'
    )
    return [
        f"The probabilities are not the shares that they claim to be: {listed(each, 6)}. Rank images by them, but "
        f"do not read them as chances; {advice}."
    ]


def _calibration_error(found: Reliability) -> tuple[float, float]:
    """Expected calibration error over the bins, and what perfect probabilities would give nearly always.

    A bin of n images with mean probability p is off by sqrt(2 p (1 - p) / (pi n)) on average by chance alone.
    The sum over bins varies by the spread of half-normal numbers, of which two are added.
    """
    filled = found.count > 0
    p, share, n = found.mean_probability[filled], found.share_positive[filled], found.count[filled]
    if not n.sum():
        return 0.0, 0.0
    weight, spread = n / n.sum(), np.sqrt(p * (1 - p) / n)
    error = float((weight * np.abs(p - share)).sum())
    mean = np.sqrt(2 / np.pi) * (weight * spread).sum()
    deviation = np.sqrt((1 - 2 / np.pi) * ((weight * spread) ** 2).sum())
    return error, float(mean + 2 * deviation)


def _direction(found: Reliability) -> str:
    filled = found.count > 0
    excess = ((found.mean_probability - found.share_positive) * found.count)[filled].sum()
    return "too high" if excess > 0 else "too low"


def _uncertain(run: Run, pack: Pack | None) -> list[str]:
    """Findings of which many labels are uncertain, and what became of those."""
    if pack is None:
        return []
    findings = [finding for finding in run.data["findings"] if finding in pack.table.frame.columns]
    codes = pack.table.frame.join(run.images.select("image_id"), on="image_id", how="semi").select(findings)
    if not findings or not codes.height:
        return []
    shares = codes.select((pl.col(name) == -1).sum() / codes.height for name in findings).row(0)
    positive = codes.select((pl.col(name) == 1).sum() for name in findings).row(0)
    uncertain = codes.select((pl.col(name) == -1).sum() for name in findings).row(0)
    many = sorted(
        (
            (share, f"{name} ({100 * share:.0f} %, {unsure:,} against {yes:,} positive)")
            for name, share, unsure, yes in zip(findings, shares, uncertain, positive, strict=True)
            if share >= _UNCERTAIN
        ),
        reverse=True,
    )
    if not many:
        return []
    became = {
        "zeros": "count as negative, in training and in scores",
        "ones": "count as positive, in training and in scores",
        "ignore": "take no part in training or scores",
        "smooth": f"were soft positives of {run.config.labels.smooth_value:g} in training, and are not scored",
        "multiclass": "were a class of their own in training, and are not scored",
    }[run.config.labels.uncertain]
    return [f"Many labels are uncertain: {listed([text for _, text in many], 6)}. They {became}."]
