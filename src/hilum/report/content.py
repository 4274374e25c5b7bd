"""What the report says, taken from a run: sentences, settings, data, scores of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from hilum.config import ABOUT, Config
from hilum.metrics import Predictions, Scores
from hilum.report.values import value_of
from hilum.runs import Run
from hilum.text import many, shown

PARTS = {"train": "Training", "valid": "Validation", "test": "Test"}
PROGRESSION = {
    "loss": "Loss",
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "recall": "Recall",
    "precision": "Precision",
    "f1": "F1",
    "accuracy": "Accuracy",
}
"""Scores drawn over epochs: means over findings, but for the loss."""


@dataclass(frozen=True)
class Part:
    """A scored part of the data.

    Attributes:
        name, title: `test`, Test.
        predictions: what is judged: per image, study or patient, and calibrated where the run is.
        scores: of those.
        raw: per image, as the model gave them.
        combine: how images become units.
    """

    name: str
    title: str
    predictions: Predictions
    scores: Scores
    raw: Predictions
    combine: str = "max"

    @property
    def units_raw(self) -> Predictions:
        """What is judged, before it is calibrated."""
        return self.raw.per(self.predictions.unit, self.combine)

    @property
    def units(self) -> str:
        """`624 images`, `312 studies`."""
        return many(self.scores.images, self.predictions.unit)


@dataclass(frozen=True)
class Setting:
    """One knob: its value, the default, and the sentence under it."""

    key: str
    value: str
    default: str
    help: str

    @property
    def differs(self) -> bool:
        """Whether it was set to something else than the default."""
        return self.value != self.default


def scored_parts(run: Run) -> list[Part]:
    """The reported part first: test where it was scored, then validation.

    A run that is not finished has the validation scores of its best epoch so far, or none.
    """
    found = []
    for name in ("test", "valid"):
        scores = run.scores(name)
        if scores is not None:
            raw = run.predictions(name)
            found.append(_part(run, name, run.judged(name), raw, scores))
    history = run.history
    if not found and history:
        entry = next((e for e in history if e["best"]), history[-1])
        raw = run.predictions("valid", entry["epoch"])
        found.append(_part(run, "valid", raw, raw, Scores.from_json(entry["valid"]["scores"])))
    return found


def _part(run: Run, name: str, judged: Predictions, raw: Predictions, scores: Scores) -> Part:
    """A part with the findings alone that the settings show."""
    include = run.config.scores.include
    shown = tuple(finding for finding in include if finding in scores.findings) or scores.findings
    if shown != scores.findings:
        scores = scores.select(shown)
    return Part(
        name,
        PARTS[name],
        judged.select(scores.findings),
        scores,
        raw.select(scores.findings),
        run.config.scores.combine,
    )


def best_epoch(run: Run) -> int | None:
    """The best epoch, or None before the first is finished and where none beats the head that a run began with."""
    return next((int(entry["epoch"]) for entry in run.history if entry["best"]), None)


def summary(run: Run, parts: list[Part]) -> str:
    """The run in two sentences."""
    data, config, members, head = run.data, run.config, run.members, run.head
    findings = data["findings"]
    count = data["split"]["counts"]["train"]
    what = findings[0] if len(findings) == 1 else f"{len(findings)} findings"
    if members:
        made = f"The average of {many(len(members), 'model')} ({config.model.name}), trained"
    elif head:
        made = (
            f"{config.model.name} at {data['prepare']['size']} px as {head['encoder']['name']} left it, under a "
            f"head ({head['told']}) that was the {run.extent} out of fold, fitted"
        )
    else:
        epochs = many(len(run.history), "epoch")
        made = f"{config.model.name} at {data['prepare']['size']} px, trained for {epochs}"
    told = (
        f"{made} on {many(count['images'], 'image')} of {many(count['patients'], 'patient')} ({data['source']}) "
        f"to recognise {what}."
    )
    if not parts:
        return f"{told} No epoch is finished yet."
    scores = ", and ".join(_auc_sentence(part) for part in parts)
    if members or head:
        return f"{told} {scores[0].upper()}{scores[1:]}."
    best = best_epoch(run)
    weights = "the weights that it began with" if best is None else f"the weights of epoch {best}"
    return f"{told} With {weights}, {scores}."


def _auc_sentence(part: Part) -> str:
    over = part.scores.mean("roc_auc")[1]
    count, unit = part.units.split(" ", 1)
    where = f"the {count} {part.title.lower()} {unit}"
    if not over:
        return f"no finding of {where} has both classes, so there is no ROC AUC"
    several = len(part.scores.findings) > 1
    return f"the {'mean ' if several else ''}ROC AUC on {where} is {value_of(part.scores, 'roc_auc').both}"


def all_settings(config: Config) -> list[Setting]:
    """Every knob but those that change nothing."""
    return [s for s in _settings(config, Config(), "") if s.key not in ABOUT]


def _settings(config: BaseModel, default: BaseModel, prefix: str) -> Iterator[Setting]:
    for key, field in type(config).model_fields.items():
        value, usual = getattr(config, key), getattr(default, key)
        if isinstance(value, BaseModel):
            yield from _settings(value, usual, f"{prefix}{key}.")
        else:
            yield Setting(prefix + key, shown(value), shown(usual), field.description or "")


def prevalence(run: Run) -> tuple[list[str], list[dict[str, Any]]]:
    """Parts, and a row a finding: `finding`, `unknown` labels, and `cells`, one a part.

    A cell has `positive`, `scored` and `share`, the positives among the scored (None without any).
    """
    rows = run.data["prevalence"]
    parts = list(dict.fromkeys(row["part"] for row in rows))

    def cell(row: dict[str, Any]) -> dict[str, Any]:
        scored = row["positive"] + row["negative"]
        return {
            "positive": row["positive"],
            "scored": scored,
            "share": row["positive"] / scored if scored else None,
        }

    shown = []
    for finding in run.data["findings"]:
        own = [row for part in parts for row in rows if row["part"] == part and row["finding"] == finding]
        unknown = sum(row["unscored"] for row in own)
        shown.append({"finding": finding, "cells": [cell(row) for row in own], "unknown": unknown})
    return parts, shown


def progression(run: Run) -> tuple[list[int], dict[str, dict[str, list[float]]]]:
    """Epochs, and score -> part -> its value after each of them."""
    history = run.history

    def value(entry: dict[str, Any], part: str, name: str) -> float:
        side = entry[part]
        number = side["loss"] if name == "loss" else side["scores"]["mean"][name]["value"]
        return float("nan") if number is None else float(number)

    return [int(entry["epoch"]) for entry in history], {
        name: {part: [value(entry, part, name) for entry in history] for part in ("train", "valid")}
        for name in PROGRESSION
    }


def duration(seconds: float) -> str:
    """`47 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
