"""What a comparison says, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from hilum.compare.groups import Group
from hilum.metrics import FEW, SCORES, Comparison, Effect, Side, of_part
from hilum.runs import warnings_of
from hilum.text import listed, many, signed, span, spell_p


def verdict(comparison: Comparison, group: str, reference: str) -> str:
    """One sentence on the mean over findings (or the only one), and on the findings that stand out."""
    effect = comparison.overall
    digits = comparison.digits
    numbers = (
        f"{SCORES[effect.score].heading} {effect.second:.{digits}f} against {effect.first:.{digits}f}, "
        f"{signed(effect.difference, digits)} {span(effect.low, effect.high, digits)}, p {_p_text(effect)}"
    )
    mean = "mean " if effect.finding is None and not SCORES[effect.score].over_all else ""
    if effect.verdict == "not distinguishable":
        text = f"{group} is not distinguishable from {reference}: {mean}{numbers}. {effect.would_take}"
    else:
        than = "different from" if effect.verdict == "different" else f"{effect.verdict} than"
        text = f"{group} is {than} {reference}: {mean}{numbers}."
    for kind in ("better", "worse", "different"):
        names = [e.finding for e in comparison.per_finding if e.verdict == kind]
        if names:
            text += f" {kind.capitalize()} on {listed(names, 12)}."
    return text


def one_recipe(runs: int) -> str:
    """Where there is nothing to compare with."""
    return (
        f"All {runs} runs are of one recipe with other seeds, so there is nothing to compare; the table shows how "
        "far its seeds are apart."
    )


def warnings(groups: Sequence[Group], reference: Side, part: str, patients_known: bool) -> list[str]:
    """What a reader must know before believing a verdict."""
    runs = [run for group in groups for run in group.runs]
    found = [*of_part(part), *warnings_of(runs), *_of_seeds(groups)]
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
        f"{name} ({count})" for name, count in zip(findings, reference.fewest, strict=False) if count < FEW
    ]
    if not few:
        return []
    where = f"Few patients with a finding, or without it: {listed(few, 12)}."
    return [f"{where} Only a large difference can be seen there."]


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
