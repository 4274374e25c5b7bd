"""Which runs are seeds of one recipe, in what recipes differ, and which runs cannot be compared."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.config import ABOUT, settings
from hilum.errors import RunError
from hilum.metrics import SCORES, per_finding
from hilum.runs import Run
from hilum.text import items, listed, shown

NO_RECIPE = ABOUT | {"seed", "train.device"}
"""Settings in which runs of one recipe may differ, beside those of the section `track`."""
PACK = "data.path"
"""The pack itself is compared in its place: one pack can be named in several ways."""
TRAINING = ("sampling", "augment", "finetune", "loss", "optimizer", "schedule", "train")
"""Sections that only a training reads; a head that was fitted on vectors has nothing of them but the precision."""
DIVIDING = (PACK, "data.options", "data.findings", "data.subset")
"""Settings that decide, with those of `clean` and `split`, which images are in which part."""


@dataclass(frozen=True)
class Group:
    """Runs of one recipe, which differ in the seed.

    Attributes:
        name: of the only run, or what its runs are called without their numbers.
        runs: in the order in which they were named.
        recipe: the settings that make it; None for those that have no part in its runs.
    """

    name: str
    runs: tuple[Run, ...]
    recipe: dict[str, Any]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each run."""
        return tuple(run.config.seed for run in self.runs)


@dataclass(frozen=True)
class SettingRow:
    """A setting in which groups differ, and its value in each; None where it has no part in a group's runs."""

    key: str
    values: tuple[Any, ...]


def group_runs(paths: Sequence[str | Path | Run]) -> tuple[Group, ...]:
    """Sort runs into groups that differ in the seed alone; the first run's group comes first.

    Raises:
        RunError: fewer than two runs, one named twice, or one that repeats another with the same seed.
    """
    runs = [path if isinstance(path, Run) else Run(path) for path in items(paths)]
    if len(runs) < 2:
        raise RunError(
            "hilum compare needs two runs at least; the first named is what others are compared with."
        )
    places = [run.path.resolve() for run in runs]
    for place in places:
        if places.count(place) > 1:
            raise RunError(f"{place} is named twice; a run is not compared with itself.")
    found: list[tuple[Any, list[Run]]] = []
    recipes: list[dict[str, Any]] = []
    for run in runs:
        recipe = _recipe(run)
        key = {**recipe, PACK: _pack(run)}, tuple(str(member) for member in run.members)
        members = next((group for other, group in found if other == key), None)
        if members is None:
            found.append((key, [run]))
            recipes.append(recipe)
        else:
            _refuse_repetition(run, members)
            members.append(run)
    sorted_runs = [tuple(group) for _, group in found]
    return tuple(map(Group, _names(sorted_runs), sorted_runs, recipes))


def differing_settings(groups: Sequence[Group]) -> list[SettingRow]:
    """The settings in which groups differ."""
    rows = []
    for key in groups[0].recipe:
        values = tuple(group.recipe[key] for group in groups)
        compared = tuple(_pack(group.runs[0]) for group in groups) if key == PACK else values
        known = [value for value in compared if value is not None]
        if any(value != known[0] for value in known[1:]):
            rows.append(SettingRow(key, values))
    members = [len(group.runs[0].members) for group in groups]
    if any(members):
        rows.append(SettingRow("models averaged", tuple(count or 1 for count in members)))
    return rows


def refuse_unlike(groups: Sequence[Group], findings: Sequence[str]) -> None:
    """Refuse runs whose scores do not stand beside each other.

    Args:
        groups: the runs.
        findings: those to compare; empty means that all runs must have the same.

    Raises:
        RunError: other splits, label policies, units or findings; the message lists all that differs.
    """
    runs = [run for group in groups for run in group.runs]
    first, faults = runs[0], []
    for run in runs[1:]:
        one, two = first.data["split"], run.data["split"]
        if one["id"] != two["id"]:
            faults.append(
                f"split: {first.name} has {one['id']} (by {one['by']}), {run.name} {two['id']} (by {two['by']})"
                + _why_other_split(first, run)
            )
        for section, key in (("labels", "uncertain"), ("labels", "blank"), ("scores", "unit")):
            a, b = (getattr(getattr(r.config, section), key) for r in (first, run))
            if a != b:
                faults.append(f"{section}.{key}: {first.name} has {a!r}, {run.name} {b!r}")
        faults += _other_findings(first, run, findings)
    if faults:
        raise RunError(
            "these runs cannot be compared, because they were not judged on the same thing:\n"
            + "\n".join(f"  - {fault}" for fault in faults)
        )


def over_seeds(runs: Sequence[Run], part: str = "valid") -> list[dict[str, Any]]:
    """Each score's mean over findings, over runs of one recipe: `score`, `mean`, `sd`, `min`, `max`, `runs`.

    Args:
        runs: of one recipe.
        part: runs without scores of it are left out.
    """
    scored = [scores for run in runs if (scores := run.scores(part))]
    rows = []
    for name in per_finding():
        values = [s.mean(name)[0] for s in scored if name in s.columns]
        values = [value for value in values if value == value]
        if values:
            rows.append(
                {
                    "score": SCORES[name].heading,
                    "mean": statistics.fmean(values),
                    "sd": statistics.stdev(values) if len(values) > 1 else None,
                    "min": min(values),
                    "max": max(values),
                    "runs": len(values),
                }
            )
    return rows


def _recipe(run: Run) -> dict[str, Any]:
    flat = settings(run.config)
    recipe = {key: flat[key] for key in flat if key not in NO_RECIPE and not key.startswith("track.")}
    if run.head:
        unused = [key for key in recipe if key.split(".")[0] in TRAINING and key != "train.precision"]
        recipe |= dict.fromkeys(unused)
    # Settings do not tell two heads of one kind apart: their penalties were found by a search.
    return {**recipe, "head": run.head.get("told", "")}


def _pack(run: Run) -> str:
    """The fingerprint of the pack that a run's images came from, or how it was named where none is known."""
    known = run.data.get("pack_fingerprint") if (run.path / "data.json").is_file() else None
    return str(known or run.config.data.path)


def _why_other_split(first: Run, run: Run) -> str:
    """The settings that may make two splits differ, and how a head takes over those of a recipe."""
    one, two = ({**settings(r.config), PACK: _pack(r)} for r in (first, run))
    differ = [
        "the pack" if key == PACK else f"{key} ({shown(one[key])} against {shown(two[key])})"
        for key in one
        if (key in DIVIDING or key.startswith(("clean.", "split."))) and one[key] != two[key]
    ]
    text = f"; other settings: {listed(differ)}" if differ else ""
    if first.head or run.head:
        text += "; hilum heads --recipe RECIPE divides as that recipe does"
    return text


def _refuse_repetition(run: Run, others: Sequence[Run]) -> None:
    for other in others:
        if other.config.seed == run.config.seed:
            raise RunError(
                f"{other.name} and {run.name} have the same settings and the same seed, {run.config.seed}: one "
                "repeats the other and says nothing new. Name one of them."
            )


def _names(groups: Sequence[Sequence[Run]]) -> list[str]:
    """What to call each group: its runs' common name where it has several, and no two the same."""
    names = [group[0].config.name if len(group) > 1 else group[0].name for group in groups]
    names = [
        name if name and names.count(name) == 1 else group[0].name
        for name, group in zip(names, groups, strict=True)
    ]
    return [
        name if names.count(name) == 1 else str(group[0].path)
        for name, group in zip(names, groups, strict=True)
    ]


def _other_findings(first: Run, run: Run, findings: Sequence[str]) -> list[str]:
    one, two = (list(r.data["findings"]) for r in (first, run))
    if findings:
        missing = [name for name in findings if name not in two]
        return [f"findings: {run.name} has no {listed(missing)}"] if missing else []
    if set(one) == set(two):
        return []
    shared = [name for name in one if name in two]
    hint = (
        f"compare those that both have with: {' '.join(f'--finding {n!r}' for n in shared)}" if shared else ""
    )
    only = [
        f"only {r.name} has {listed([name for name in names if name not in shared])}"
        for r, names in ((first, one), (run, two))
        if set(names) - set(shared)
    ]
    return [f"findings: {', '.join(only)}" + (f"; {hint}" if hint else "; they share none")]
