"""What a comparison says, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hilum.compare.groups import Group
from hilum.metrics import SCORES, Comparison, Effect, Side, of_part
from hilum.runs import told_by
from hilum.text import listed, many

FEW = 30
"""Under this many positives an interval says little, and is least to be trusted."""
ENDLESS = 100
"""Over this many times the positives at hand, the number that it would take is not spelled out."""


def heading(score: str) -> str:
    """A score's name as readers know it."""
    return SCORES[score].heading


def name_of(effect: Effect) -> str:
    """The finding, or what stands for all of them."""
    return effect.finding or ("all findings" if SCORES[effect.score].over_all else "mean over findings")


def decimals(comparison: Comparison) -> int:
    """Decimals that a comparison's differences are given with: four where three would show little of them."""
    overall = comparison.overall
    return 4 if overall.high - overall.low < 0.01 or 0 < abs(overall.difference) < 0.0005 else 3


def signed(value: float, digits: int) -> str:
    """A difference with its sign: `+0.012`."""
    return "–" if math.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")


def spell_p(p: float) -> str:
    """`0.032`, or `< 0.001`."""
    return "–" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def span(low: float, high: float, digits: int) -> str:
    """The interval of a difference: `[+0.004, +0.020]`."""
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def verdict(comparison: Comparison, group: str, reference: str) -> str:
    """One sentence on the mean over findings (or the only one), and on the findings that stand out."""
    effect = comparison.overall
    digits = decimals(comparison)
    numbers = (
        f"{heading(effect.score)} {effect.second:.{digits}f} against {effect.first:.{digits}f}, "
        f"{signed(effect.difference, digits)} {span(effect.low, effect.high, digits)}, p {_p_text(effect)}"
    )
    mean = "mean " if effect.finding is None and not SCORES[effect.score].over_all else ""
    if effect.verdict == "not distinguishable":
        text = f"{group} is not distinguishable from {reference}: {mean}{numbers}. {would_take(effect)}"
    else:
        than = "different from" if effect.verdict == "different" else f"{effect.verdict} than"
        text = f"{group} is {than} {reference}: {mean}{numbers}."
    for kind in ("better", "worse", "different"):
        names = [e.finding for e in comparison.per_finding if e.verdict == kind]
        if names:
            text += f" {kind.capitalize()} on {listed(names, 12)}."
    return text


def would_take(effect: Effect) -> str:
    """How many positives a clear verdict would take, as a sentence."""
    if math.isnan(effect.difference):
        return "It cannot be measured on all findings of both."
    if effect.difference == 0:
        return "There is no difference at all."
    if effect.positives_needed is None:
        return (
            "No number of images would tell them apart while seeds differ this much: "
            "train more seeds of both (hilum train RECIPE --repeats N)."
        )
    what = "positive labels" if effect.finding is None else "positives"
    if effect.positives_needed > ENDLESS * effect.positives:
        return (
            f"If that were the true difference, it would take over {ENDLESS} times the "
            f"{effect.positives:,} {what} that there are to see it."
        )
    return (
        f"If that were the true difference, about {_rounded(effect.positives_needed):,} {what} would be needed "
        f"to see it in 4 of 5 tries; there are {effect.positives:,}."
    )


def one_recipe(runs: int) -> str:
    """Where there is nothing to compare with."""
    return (
        f"All {runs} runs are of one recipe with other seeds, so there is nothing to compare; the table shows how "
        "far its seeds are apart."
    )


def warnings(groups: Sequence[Group], reference: Side, part: str, patients_known: bool) -> list[str]:
    """What a reader must know before believing a verdict."""
    runs = [run for group in groups for run in group.runs]
    found = [*of_part(part), *told_by(runs), *_of_seeds(groups)]
    found += _of_counts(reference)
    if not patients_known:
        found.append(
            "Patients are not known: every image is taken for a patient of its own, and verdicts may be hasty."
        )
    if len(groups) > 2:
        found.append(
            f"{many(len(groups) - 1, 'group')} are compared with {groups[0].name}; p values are corrected for "
            "that (Holm), so that one false alarm among all is as rare as in a single comparison."
        )
    found += _of_training(groups)
    for finding, why in reference.unscored.items():
        found.append(f"{finding} is left out: {why}.")
    return found


def _of_seeds(groups: Sequence[Group]) -> list[str]:
    if len(groups) < 2:
        return []
    single = [group.name for group in groups if len(group.runs) == 1]
    if len(single) == len(groups):
        return [
            "One run each: the verdict is about these trained models, not about their recipes, since other seeds "
            "could turn it. For the recipes, train several seeds (hilum train RECIPE --repeats 5) and compare all."
        ]
    if single:
        return [
            f"{listed(single)} {'has' if len(single) == 1 else 'have'} one run: seeds are taken to spread there "
            "as in the group compared with."
        ]
    return []


def _of_counts(reference: Side) -> list[str]:
    findings = [name for name in reference.columns if name is not None]
    few = [
        f"{name} ({count})" for name, count in zip(findings, reference.positives, strict=False) if count < FEW
    ]
    if not few:
        return []
    units = many(2, reference.unit).removeprefix("2 ")
    return [f"Few positive {units}: {listed(few, 12)}. Only a large difference can be seen there."]


def _of_training(groups: Sequence[Group]) -> list[str]:
    found = []
    # A head has no epochs, and an ensemble has those of its members.
    trained = [(g.name, g.runs[0]) for g in groups if not (g.runs[0].head or g.runs[0].members)]
    epochs = {name: run.config.train.epochs for name, run in trained}
    if len(set(epochs.values())) > 1:
        each = ", ".join(f"{name} {count}" for name, count in epochs.items())
        found.append(
            f"They were trained for different numbers of epochs ({each}), which may be the difference."
        )
    runs = [run for group in groups for run in group.runs]
    versions = sorted({str(run.info.get("version", "?")) for run in runs})
    if len(versions) > 1:
        found.append(f"They were made with different versions of hilum ({', '.join(versions)}).")
    return found


def _p_text(effect: Effect) -> str:
    text = spell_p(effect.p_adjusted)
    return text if effect.p_adjusted == effect.p or text.startswith("<") else f"{text} after correction"


def _rounded(count: int) -> int:
    """Two digits are more than enough for such a number."""
    digits = max(len(str(count)) - 2, 0)
    step = int(10**digits)
    return -(-count // step) * step
