"""Which differences between groups are named, and how they are said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from hilum.metrics.by_group.attributes import DEVICE, PATIENT, Attribute, Contrast, in_words
from hilum.metrics.by_group.differences import Area, Share, area_p, difference_interval, share_p
from hilum.metrics.inputs import Bools
from hilum.metrics.uncertainty.patients import FEW
from hilum.metrics.uncertainty.significance import POWER, holm
from hilum.text import many

LEAST = 5
"""Patients with positives (negatives) from which recall (specificity) is tested.

The test is exact, and where a device goes with the label few have one without the other: just those show the
shortcut. Areas need `FEW`."""
FLOOR = 0.05
"""A gap is named where it is certain that the difference is larger than this: with enough images, or a little
anatomy, every group differs from every other by something."""
LABELS = {"roc_auc": "ROC AUC", "recall": "recall", "specificity": "specificity"}
"""What is tested, and how it is said."""


@dataclass(frozen=True)
class Measured:
    """A finding's scores among some rows.

    Attributes:
        scores: name -> value; NaN where there is none.
        intervals: name -> low and high end.
        shares: name -> what a share's test takes.
        area: what the test of the ROC AUC takes.
    """

    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    shares: Mapping[str, Share]
    area: Area

    @property
    def positives(self) -> int:
        """Rows that are positive."""
        return int(self.shares["recall"].rows)

    @property
    def negatives(self) -> int:
        """Rows that are negative."""
        return int(self.shares["specificity"].rows)

    def error(self, score: str, level: float) -> float:
        """Standard error of a score that its interval stands for."""
        low, high = self.intervals[score]
        return (high - low) / (2 * NormalDist().inv_cdf((1 + level) / 2))

    def enough(self, score: str) -> bool:
        """Whether there are enough rows of enough patients to test this score."""
        if score == "roc_auc":
            return self.area.patients >= FEW
        return self.shares[score].patients >= LEAST


Measure = Callable[[Bools], Mapping[str, Measured]]


@dataclass(frozen=True)
class Gap:
    """A score that really differs between a group and the rest of its attribute.

    Attributes:
        attribute: `age`.
        value: `60-79`, or `60+` where a cut through the ages says more.
        finding: name of the finding.
        score: of `LABELS`.
        inside: the score in the group.
        outside: in the rest.
        difference: inside - outside.
        low, high: its interval.
        p_adjusted: that the difference is at most `FLOOR`, by Holm over all tests of the part.
        sentence: all this for a reader.
        shortcut: recall and specificity differ in opposite directions, and what the group has or has not is no
            trait of the patient: the model may read it.
        also: gaps of other scores of the same finding in the same group.
    """

    attribute: str
    value: str
    finding: str
    score: str
    inside: float
    outside: float
    difference: float
    low: float
    high: float
    p_adjusted: float
    sentence: str = ""
    shortcut: bool = False
    also: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class _Test:
    """One score of one finding in two groups."""

    contrast: Contrast
    finding: str
    score: str
    p: float
    difference: float
    error: float = math.nan


def named_gaps(
    attributes: Sequence[Attribute], measure: Measure, unit: str, level: float
) -> tuple[tuple[Gap, ...], int, dict[str, float]]:
    """The gaps, largest first; how many tests were made; and score -> the gap that half of them could have shown.

    A gap stays only while it is seen among those, or among others than those, that are named already: where
    patients from 60 years on are missed, that others are missed less is no second gap.

    Args:
        attributes: what groups there are.
        measure: rows -> finding -> what is measured there.
        unit: what a row is, for sentences.
        level: 1 - level is the chance that any gap is named where there is none.
    """
    tests = _tests(attributes, measure, level)
    if not tests:
        return (), 0, {}
    adjusted = holm(np.array([test.p for test in tests]))
    real = [replace(test, p=float(p)) for test, p in zip(tests, adjusted, strict=True) if p <= 1 - level]
    together: dict[tuple[str, str], list[_Test]] = {}
    for test in real:
        together.setdefault((test.contrast.attribute.name, test.finding), []).append(test)
    gaps = [
        _gap(group, measure, unit)
        for own in together.values()
        for group in _not_said_yet(own, measure, (1 - level) / len(tests))
    ]
    shown = {
        score: _could_show([test.error for test in tests if test.score == score], (1 - level) / len(tests))
        for score in dict.fromkeys(test.score for test in tests)
    }
    return tuple(sorted(gaps, key=lambda gap: -abs(gap.difference))), len(tests), shown


def _could_show(errors: Sequence[float], alpha: float) -> float:
    """The difference that half of the tests would find in `POWER` of all tries (Bonferroni)."""
    reach = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(POWER)
    return float(FLOOR + reach * np.median(errors))


def _tests(attributes: Sequence[Attribute], measure: Measure, level: float) -> list[_Test]:
    """Every test for which both sides have enough; the same rows under two names are tested once."""
    tests: list[_Test] = []
    seen: set[bytes] = set()
    for contrast in (one for attribute in attributes for one in attribute.contrasts()):
        keys = {
            contrast.rows.tobytes() + contrast.rest.tobytes(),
            contrast.rest.tobytes() + contrast.rows.tobytes(),
        }
        if seen & keys:
            continue
        seen |= keys
        inside, outside = measure(contrast.rows), measure(contrast.rest)
        tests += [
            _Test(
                contrast,
                finding,
                score,
                *_compared(inside[finding], outside[finding], score),
                math.hypot(inside[finding].error(score, level), outside[finding].error(score, level)),
            )
            for finding in inside
            if finding != contrast.attribute.name
            for score in LABELS
            if inside[finding].enough(score) and outside[finding].enough(score)
        ]
    return tests


def _compared(inside: Measured, outside: Measured, score: str) -> tuple[float, float]:
    """p and difference."""
    if score == "roc_auc":
        p = area_p(inside.area, outside.area, FLOOR)
    else:
        p = share_p(inside.shares[score], outside.shares[score], FLOOR)
    return p, inside.scores[score] - outside.scores[score]


def _not_said_yet(tests: list[_Test], measure: Measure, p_at_most: float) -> list[list[_Test]]:
    """One attribute's tests of one finding, by contrast, without those that follow from ones named before."""
    by_value: dict[str, list[_Test]] = {}
    for test in tests:
        by_value.setdefault(test.contrast.value, []).append(test)
    groups = [_worse_side(sorted(group, key=lambda test: test.p)) for group in by_value.values()]
    kept: list[list[_Test]] = []
    # What is worse first: it is patients in whom the model fails who must be named.
    for group in sorted(groups, key=lambda group: (group[0].difference > 0, group[0].p)):
        named = [before[0].contrast for before in kept]
        still = [test for test in group if _still_differs(test, named, measure, p_at_most)]
        if still:
            kept.append(sorted(still, key=lambda test: -abs(test.difference)))
    return kept


def _worse_side(group: list[_Test]) -> list[_Test]:
    """Where both groups have a name, that in which the first test is lower; of yes and no, yes."""
    contrast = group[0].contrast
    if not contrast.other or contrast.attribute.kind == DEVICE or group[0].difference < 0:
        return group
    return [replace(test, contrast=contrast.turned, difference=-test.difference) for test in group]


def _still_differs(test: _Test, named: list[Contrast], measure: Measure, p_at_most: float) -> bool:
    contrast = test.contrast
    for before in named:
        contrast = contrast.within(before)
    if contrast is test.contrast:
        return True
    inside, outside = measure(contrast.rows)[test.finding], measure(contrast.rest)[test.finding]
    if not (inside.enough(test.score) and outside.enough(test.score)):
        return False
    p, difference = _compared(inside, outside, test.score)
    return p <= p_at_most and difference * test.difference > 0


def _gap(group: list[_Test], measure: Measure, unit: str) -> Gap:
    contrast, finding = group[0].contrast, group[0].finding
    attribute, value = contrast.attribute, contrast.value
    inside, outside = measure(contrast.rows)[finding], measure(contrast.rest)[finding]
    gaps = []
    for test in group:
        a, b = inside.scores[test.score], outside.scores[test.score]
        limits = inside.intervals[test.score], outside.intervals[test.score]
        low, high = difference_interval(a, limits[0], b, limits[1])
        gaps.append(Gap(attribute.name, value, finding, test.score, a, b, a - b, low, high, test.p))
    shifted = _shifted(inside, outside)
    sentence = _sentence(gaps, inside, unit) + _meaning(attribute, value, shifted)
    shortcut = shifted != 0 and attribute.kind != PATIENT
    return replace(gaps[0], sentence=sentence, shortcut=shortcut, also=tuple(gaps[1:]))


def _shifted(inside: Measured, outside: Measured) -> int:
    """1 where the group is decided positive more readily, ill or not; -1 where less; 0 where it is neither."""
    if not all(side.enough(score) for side in (inside, outside) for score in ("recall", "specificity")):
        return 0
    recall, specificity = (inside.scores[s] - outside.scores[s] for s in ("recall", "specificity"))
    if recall >= FLOOR and specificity <= -FLOOR:
        return 1
    return -1 if recall <= -FLOOR and specificity >= FLOOR else 0


def _sentence(gaps: Sequence[Gap], inside: Measured, unit: str) -> str:
    first = gaps[0]
    each = "; ".join(_compared_in_words(gap, " in the others" if gap is first else "") for gap in gaps)
    counts = f"{inside.positives:,} positive, {many(inside.negatives, unit).replace(' ', ' negative ', 1)}"
    return f"{first.finding} in {in_words(first.attribute, first.value)} ({counts}): {each}."


def _compared_in_words(gap: Gap, others: str) -> str:
    both = f"{LABELS[gap.score]} {gap.inside:.2f} against {gap.outside:.2f}{others}"
    way = "lower" if gap.difference < 0 else "higher"
    return f"{both}, {abs(gap.difference):.2f} {way} [{_limits(gap)}]"


def _limits(gap: Gap) -> str:
    """The interval of how much lower or higher it is."""
    ends = sorted((gap.low, gap.high) if gap.difference > 0 else (-gap.low, -gap.high))
    return f"{ends[0]:.2f} to {ends[1]:.2f}"


def _meaning(attribute: Attribute, value: str, shifted: int) -> str:
    if not shifted:
        return ""
    group = in_words(attribute.name, value)
    more = "more" if shifted > 0 else "less"
    readily = f" The model says positive {more} readily in {group}, ill or not:"
    if attribute.kind == PATIENT:
        return f"{readily} one threshold does not suit all, or it reads {attribute.name} from the image."
    return (
        f"{readily} it may read {attribute.name}, or what goes with it, instead of the disease (a shortcut)."
    )
