"""`write_data_report`: a pack as one HTML file that tells of the data before any training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hilum.doctor import PackReport
from hilum.drawing import image
from hilum.errors import ConfigError, PackError
from hilum.files import write_json, write_text
from hilum.locks import writing
from hilum.pixels import Pack
from hilum.report.dataset.plots import MARKERS, SERIES, SEXES, counts_plot, groups_plot, histogram_plot
from hilum.report.dataset.samples import Odd, Sample, make_samples, odd_ones, picture
from hilum.report.html import render
from hilum.table import all_sources, explain
from hilum.text import many

_NAME = "data-report.html"
_NAMED = 50
"""How many of the images that were left out are named."""
_HEAT_MOST = 30
"""Findings in the heat map, the most frequent ones."""
_LEAST_DRAWN = 20
"""Images; smaller groups are in the table, not in the figure, where their intervals would hide the others."""
_STRONGEST = 8
"""Pairs in each of the two lists."""
_FULL = 3.0
"""log2 of the lift at which a colour is full: 8 times, or an eighth."""
_NAMES_OF_SEXES = {"F": "female", "M": "male"}
_MORE, _LESS = "194, 65, 12", "11, 114, 133"


def write_data_report(pack: Pack | str | Path, out: str | Path | None = None) -> Path:
    """Write the data report of a pack, and its numbers as JSON beside it; each whole or not at all.

    Only the pack's table, its statistics, the sample images and some headers of the original files are read.
    The HTML file holds its style, figures and pictures; a reader's browser asks nobody for anything.

    Args:
        pack: what to tell of, or its folder; of an augmented one its originals alone.
        out: the HTML file, or a folder to put `data-report.html` into; the pack's folder by default.

    Returns:
        Path of the HTML file; the JSON file has the same name and ends in `.json`.

    Raises:
        PackError: it is no pack: a run, a data set that is not packed yet, or nothing.
        ConfigError: `out` is neither a folder nor ends in `.html`.
        DiskError: it cannot be written.
    """
    pack = pack if isinstance(pack, Pack) else _opened(pack)
    path = _target(pack, out)
    found = PackReport.of(pack.originals())
    samples, odd = make_samples(found.pack), odd_ones(found.pack)
    text = render("dataset/page.html", _page(found, samples, odd))
    shown = {finding: [sample.to_json() for sample in own] for finding, own in samples.items()}
    with writing(path):
        write_json(
            path.with_suffix(".json"), found.to_json() | {"samples": shown, "odd": [o.to_json() for o in odd]}
        )
        write_text(path, text)
    return path


def _opened(path: str | Path) -> Pack:
    source, colon, folder = str(path).partition(":")
    path = Path(path).expanduser()
    if colon and source in all_sources() and not path.exists():
        raise PackError(
            f"a data report is of a pack. Pack the data first:  hilum pack {source} {folder} --out PACK"
        )
    if (path / "run.json").is_file():
        raise PackError(f"{path} is a run, not a pack. Its report:  hilum report {path}")
    return Pack(path)


def _target(pack: Pack, out: str | Path | None) -> Path:
    path = pack.path if out is None else Path(out).expanduser()
    if path.is_dir():
        return path / _NAME
    if path.suffix.lower() not in {".html", ".htm"}:
        raise ConfigError(
            f"the report is an HTML file; {path} should end in .html, or be a folder that is there."
        )
    return path


def _page(found: PackReport, samples: dict[str, list[Sample]], odd: list[Odd]) -> dict[str, Any]:
    """Everything that the template shows."""
    pack, numbers = found.pack, found.numbers
    most, least = numbers.strongest(pack.table.diseases, _STRONGEST)
    return {
        "name": pack.path.resolve().name,
        "pack": pack,
        "numbers": numbers,
        "originals": found.originals,
        "summary": _summary(found),
        "warnings": [check for check in found.checks if check.level in {"fault", "warning"}],
        "notes": [check for check in found.checks if check.level == "note"],
        "part_rows": _part_rows(found),
        "heat": _heat_map(found),
        "strongest": [("More often together than chance", most), ("Less often together than chance", least)],
        "lift_text": _lift_text,
        "groups": _group_tables(found),
        "colours": SERIES,
        "marks": [_SHAPES[marker] for marker in MARKERS],
        "figures": _figures(found),
        "sexes": [
            item for at, item in enumerate(SEXES.items(), 1) if any(row[at] for row in numbers.ages["bins"])
        ],
        "samples": [
            {"finding": finding, "term": explain(finding, pack.info["source"]), "samples": own}
            for finding, own in samples.items()
        ],
        "odd": [(one, picture(pack, one.row)) for one in odd],
        "excluded": pack.excluded.select("image_id", "reason").head(_NAMED).rows(),
        "excluded_file": "excluded.parquet",
    }


_SHAPES = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "x": "✕"}
"""Marker -> the sign that stands for it in a legend."""


def _figures(found: PackReport) -> dict[str, dict[str, str]]:
    """Histograms by name, each with a title and its numbers in words; those without numbers are left out."""
    numbers = found.numbers
    per_image = {str(count): images for count, images in numbers.per_image.items()}
    shown = {
        "per_image": ("Findings per image", per_image, "Findings", "images"),
        "images": ("Images per patient", numbers.per_patient["images"], "Images", "patients"),
        "studies": ("Studies per patient", numbers.per_patient["studies"], "Studies", "patients"),
    }
    made = {
        name: _figure(title, counts_plot(counts, x, of.capitalize()), counts, of)
        for name, (title, counts, x, of) in shown.items()
        if len(counts) > 1
    }
    ages = numbers.ages["bins"]
    if ages:
        told = {f"{row[0]} to {row[0] + 4}": sum(row[1:]) for row in ages}
        made["ages"] = _figure(
            "Age by sex", histogram_plot(ages, "Age in years", tuple(SEXES)), told, "images"
        )
    gray = [row for row in numbers.gray["bins"] if row[1]]
    if gray:
        rows = numbers.gray["bins"]
        told = {f"from {row[0]}": row[1] for row in gray}
        plot = histogram_plot(rows, "Mean gray of an image, 0 to 255", ("",))
        made["gray"] = _figure("Brightness", plot, told, "images")
    return made


def _figure(title: str, figure: Figure, counts: dict[str, int], of: str) -> dict[str, str]:
    told = ", ".join(f"{name}: {number:,}" for name, number in counts.items())
    return {"title": title, "image": image(figure), "alt": f"{title}, {of}: {told}"}


def _summary(found: PackReport) -> str:
    """The data in two or three sentences."""
    numbers = found.numbers
    studies = f" in {many(numbers.studies, 'study').replace('studys', 'studies')}" if numbers.studies else ""
    told = (
        f"{many(numbers.images, 'image')} of {many(numbers.patients, 'patient')}{studies} "
        f"(source: {found.pack.info['source']}){_ages(found)}{_traits(found)}."
    )
    if not numbers.findings:
        return f"{told} No finding is labelled."
    ranked = sorted(numbers.findings, key=lambda row: -row.share)
    top, bottom = ranked[0], ranked[-1]
    if len(ranked) == 1:
        return f"{told} {top.finding} is positive in {many(top.positive, 'image')} ({top.share:.1%})."
    none = numbers.with_none
    return (
        f"{told} Of {len(ranked)} findings, {top.finding} is the most frequent ({top.positive:,} images, "
        f"{top.share:.1%}), {bottom.finding} the rarest ({bottom.positive:,}, {bottom.share:.1%}); "
        f"{many(none, 'image')} ({none / max(numbers.images, 1):.1%}) {'has' if none == 1 else 'have'} none."
    )


def _ages(found: PackReport) -> str:
    ages = found.numbers.ages
    if not ages["known"]:
        return ""
    return f", aged {ages['youngest']:.0f} to {ages['oldest']:.0f} years (median {ages['median']:.0f})"


def _traits(found: PackReport) -> str:
    """Shares of sex, view and projection among those that are known: `; 57% male, 43% female; all frontal`."""
    told = []
    for name in ("sex", "view", "projection"):
        values = {
            _NAMES_OF_SEXES.get(value, value): n for value, n in found.numbers.values[name].items() if value
        }
        known = sum(values.values())
        shares = [f"{n / known:.0%} {value}" for value, n in values.items()]
        told += [", ".join(shares) if len(shares) > 1 else f"all {value}" for value in list(values)[:1]]
    return f"; {'; '.join(told)}" if told else ""


def _part_rows(found: PackReport) -> list[tuple[Any, ...]]:
    """Each finding's rates in the official parts; none with fewer than two parts."""
    numbers = found.numbers
    parts = [one for one in numbers.by_attribute.get("official_split", ()) if one.value in numbers.parts]
    return list(zip(*(part.rates for part in parts), strict=True)) if len(numbers.parts) > 1 else []


def _heat_map(found: PackReport) -> dict[str, Any]:
    """The lifts as a square of cells, the most frequent findings first.

    Each cell is a dict: `kind` (`own`, `lift` below the diagonal, `count` above it), `text`, `style` and `real`.
    """
    numbers = found.numbers
    ranked = sorted(numbers.findings, key=lambda row: -row.positive)[:_HEAT_MOST]
    names = [row.finding for row in ranked if row.positive]
    if len(names) < 2:
        return {"names": [], "rows": [], "left_out": 0}
    pairs = {frozenset((pair.first, pair.second)): pair for pair in numbers.pairs}
    count = {row.finding: row.positive for row in ranked}

    def cell(i: int, j: int) -> dict[str, Any]:
        told = {"kind": "own", "text": f"{count[names[i]]:,}", "style": "", "real": False}
        if i == j:
            return told
        pair = pairs[frozenset((names[i], names[j]))]
        if i < j:
            return told | {"kind": "count", "text": f"{pair.both:,}"}
        return {"kind": "lift", "text": _lift_text(pair.lift), "style": _colour(pair.lift), "real": pair.real}

    size = range(len(names))
    rows = [{"finding": names[i], "cells": [cell(i, j) for j in size]} for i in size]
    return {"names": names, "rows": rows, "left_out": len(numbers.findings) - len(names)}


def _colour(lift: float) -> str:
    """A cell's background: symmetric in the logarithm, so that 4 times is as deep as a quarter."""
    if math.isnan(lift):
        return ""
    size = min(abs(math.log2(lift)) if lift > 0 else _FULL, _FULL) / _FULL
    return f"background: rgba({_MORE if lift > 1 else _LESS}, {0.6 * size:.2f})"


def _lift_text(lift: float) -> str:
    """`0.31`, `2.40`, `17`."""
    if math.isnan(lift):
        return "–"
    return f"{lift:.2f}" if lift < 10 else f"{lift:,.0f}"


def _group_tables(found: PackReport) -> list[dict[str, Any]]:
    """For each attribute: its title, its figure, its groups, and a row a finding with their rates."""
    made = []
    for attribute, groups in found.numbers.by_attribute.items():
        if attribute == "official_split" or not groups[0].rates:  # has a table of its own
            continue
        drawn = [group for group in groups if group.images >= _LEAST_DRAWN] or groups
        rows = list(zip(*(group.rates for group in groups), strict=True))
        told = {"title": groups[0].title, "groups": groups, "drawn": drawn, "rows": rows}
        made.append(told | {"image": image(groups_plot(drawn))})
    return made
