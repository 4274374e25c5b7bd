"""Figures of the data report, each a function of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from hilum.drawing import MUTED, RULE, fitted, new_figure

_WIDTH = 4.1
"""Inches: as wide as a phone shows without shrinking."""
_ACCENT = "#0b7285"
SEXES = {"F": "#c2410c", "M": "#0b7285", "not said": "#8795a4"}
SERIES = ("#0b7285", "#c2410c", "#6b4ea0", "#b7791f", "#3f6212", "#8795a4")
"""Colours of the groups of one attribute, in order; the shapes differ too, for gray and for the colour-blind."""
MARKERS = ("o", "s", "^", "D", "v", "x")


def counts_plot(counts: Mapping[str, int], x: str, y: str = "") -> Figure:
    """Bars of counts, each with its number above it."""
    figure, axes = new_figure((_WIDTH, 2.3), x, y)
    heights = list(counts.values())
    axes.bar(range(len(counts)), heights, width=0.72, color=_ACCENT)
    for place, height in enumerate(heights):
        axes.text(place, height, _short(height), ha="center", va="bottom", fontsize=7.5, color=MUTED)
    axes.set_xticks(range(len(counts)), list(counts))
    axes.set_xlim(-0.6, max(len(counts), 6) - 0.4)  # two bars are not to fill the width
    axes.set_ylim(0, max([1, *heights]) * 1.14)
    _no_numbers_at_the_side(axes)
    return figure


def histogram_plot(bins: Sequence[Sequence[int]], x: str, names: Sequence[str]) -> Figure:
    """Stacked bars over equally wide bins: rows of [from, count, ...], a count for each of `names`."""
    figure, axes = new_figure((_WIDTH, 2.3), x, "Images")
    starts = np.array([row[0] for row in bins])
    width = int(starts[1] - starts[0]) if len(starts) > 1 else 1
    below = np.zeros(len(starts))
    for column, name in enumerate(names, start=1):
        heights = np.array([row[column] for row in bins])
        axes.bar(starts, heights, width * 0.9, bottom=below, align="edge", color=SEXES.get(name, _ACCENT))
        below = below + heights
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: _short(value))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    return figure


def groups_plot(groups: Sequence[Any]) -> Figure:
    """Share of positives of each finding, a mark a group (of a `PackReport`) with its 95 % interval."""
    findings = [rate.finding for rate in groups[0].rates]
    step = 0.62 / max(len(groups) - 1, 1)
    figure, axes = new_figure(
        (_WIDTH, 0.75 + len(findings) * max(0.26, 0.085 * len(groups))), "Share of positives", ""
    )
    for place, group in enumerate(groups):
        y = np.arange(len(findings)) + (place * step - 0.31 if len(groups) > 1 else 0)
        share = np.array([rate.share for rate in group.rates])
        low, high = (np.array([getattr(rate, end) for rate in group.rates]) for end in ("low", "high"))
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
        axes.hlines(y, low, high, color=colour, linewidth=1.3)
        axes.plot(share, y, linestyle="none", marker=marker, markersize=4, color=colour)
    for line in range(1, len(findings)):
        axes.axhline(line - 0.5, color=RULE, linewidth=0.5)
    axes.set_yticks(range(len(findings)), [fitted(finding, 24) for finding in findings])
    axes.set_ylim(len(findings) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.spines["left"].set_visible(False)
    left, height = 1.72 / _WIDTH, figure.get_figheight()
    axes.set_position((left, 0.46 / height, 1 - left - 0.18 / _WIDTH, 1 - 0.52 / height))
    return figure


def _no_numbers_at_the_side(axes: Axes) -> None:
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    left = 0.2 if axes.get_ylabel() else 0.1
    box = axes.get_position()
    axes.set_position((left / _WIDTH, box.y0, 1 - 2 * left / _WIDTH, box.height))


def _short(number: float) -> str:
    """`950`, `12.4k`, `131k`."""
    if number < 10_000:
        return f"{number:,.0f}"
    return f"{number / 1000:.1f}k" if number < 100_000 else f"{number / 1000:,.0f}k"
