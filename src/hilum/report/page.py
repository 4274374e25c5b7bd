"""`write_report`: a run as one HTML file that needs nothing else, and the numbers of its figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hilum.config import ABOUT, Config
from hilum.drawing import COLOURS
from hilum.files import write_text
from hilum.heads import SearchRecord
from hilum.locks import writing
from hilum.report.content import PARTS, Part, best_epoch, value_of
from hilum.report.examples import make_examples, open_pack
from hilum.report.figures import write_figures
from hilum.report.html import render
from hilum.report.numbers import Numbers
from hilum.report.panels import panels
from hilum.report.search_figure import search_panel
from hilum.report.warnings import warnings
from hilum.runs import Run, scored_test
from hilum.text import many, shown

_SECTIONS = {
    "settings": "Settings",
    "data": "Data",
    "search": "Search of heads",
    "scores": "Scores",
    "curves": "Curves",
    "progression": "Progression",
    "confusion": "Confusion matrices",
    "calibration": "Calibration",
    "subgroups": "Subgroups",
    "thresholds": "Thresholds",
    "published": "Published figures",
    "examples": "Examples",
    "members": "Members",
    "environment": "Environment",
}
"""In the order of the page; each is a template of `sections/`."""

_EXCLUDED = 20
"""How many of the images that were left out are named."""


def write_report(run: Run, *, figures: bool = False) -> Path:
    """Write `report.html` into the run's folder, whole, and the numbers of its figures into `figures/`.

    The file holds its style, figures and pictures; a reader's browser asks nobody for anything.

    Args:
        run: finished or not.
        figures: also write each figure into `figures/` as SVG and as PNG at 300 dpi.

    Returns:
        The page's path.

    Raises:
        RunError: the run's folder is not whole.
        InUse: another process writes the run.
        DiskError: it cannot be written.
    """
    path = run.path / "report.html"
    numbers = Numbers.of(run)
    # Before the run is locked: who holds its lock cannot see that nobody trains it.
    content = _page(run, numbers)
    with writing(run.path):
        numbers.save(run.path / "figures")
        if figures:
            write_figures(numbers, run.path / "figures")
        write_text(path, render("run.html", content))
    return path


def _page(run: Run, numbers: Numbers) -> dict[str, Any]:
    """Everything that the template shows."""
    parts = numbers.parts
    settings = list(_settings(run.config, Config(), ""))
    prevalence_parts, prevalence = _prevalence(run)
    pack, why_none = open_pack(run.data)
    found = panels(run, numbers) | {"search": search_panel(SearchRecord.of(run))}
    without = {name for name in ("search", "published", "members") if not found[name]}
    if found["members"] or found["search"]:
        without.add("progression")
    return found | {
        "run": run,
        "sections": [(name, title) for name, title in _SECTIONS.items() if name not in without],
        "info": run.info,
        "data": run.data,
        "environment": run.environment,
        "duration": _duration(run.info.get("seconds", 0)),
        "part_titles": PARTS,
        "colours": COLOURS,
        "summary": _summary(run, parts),
        "warnings": warnings(run, numbers, pack),
        "parts": parts,
        "test_part": scored_test(run),
        "changed": [setting for setting in settings if setting["value"] != setting["default"]],
        "unchanged": [setting for setting in settings if setting["value"] == setting["default"]],
        "prevalence_parts": prevalence_parts,
        "prevalence": prevalence,
        "gaps": [gap.sentence for gap in numbers.subgroups.gaps] if numbers.subgroups else [],
        "tested": numbers.subgroups.tested if numbers.subgroups else "",
        "operating": numbers.operating,
        "examples": make_examples(parts[0], pack) if parts and pack else [],
        "no_examples": why_none or "No image of the reported part has a known label.",
        "excluded": pack.excluded.select("image_id", "reason").head(_EXCLUDED).rows() if pack else [],
    }


def _summary(run: Run, parts: list[Part]) -> str:
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


def _settings(config: BaseModel, default: BaseModel, prefix: str) -> Iterator[dict[str, str]]:
    """Every knob but those that change nothing: its key, its value, the default, and the sentence under it."""
    for key, field in type(config).model_fields.items():
        value, usual = getattr(config, key), getattr(default, key)
        if isinstance(value, BaseModel):
            yield from _settings(value, usual, f"{prefix}{key}.")
        elif prefix + key not in ABOUT:
            told = {"key": prefix + key, "value": shown(value), "default": shown(usual)}
            yield told | {"help": field.description or ""}


def _prevalence(run: Run) -> tuple[list[str], list[dict[str, Any]]]:
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


def _duration(seconds: float) -> str:
    """`47 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
