"""The figures of a run's report, each a function of numbers; `draw_...` draws on axes that are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hilum.drawing import (
    COLOURS,
    INK,
    MUTED,
    PALETTE,
    RULE,
    SQUARE,
    empty_figure,
    fitted,
    limits,
    new_figure,
    style,
    unit_square,
)
from hilum.metrics import Cell, Reliability
from hilum.report.content import Value
from hilum.report.numbers import Diagram, PartCurves

BEFORE = "#9aa5b1"
"""Colour of what was before calibration."""


def alone(
    draw: Callable[..., object], size: tuple[float, float], titles: tuple[str, str], *given: object
) -> Figure:
    """A figure of its own of what a function draws on axes; `titles` are the axes', `given` what is drawn."""
    figure, axes = new_figure(size, *titles)
    draw(axes, *given)
    return figure


def reliability_plot(diagram: Diagram, colour: str) -> Figure:
    """Share of positives against mean probability, with how many images lie in each bin under it."""
    figure = empty_figure(SQUARE)
    draw_reliability(figure, (0, 0, *SQUARE), diagram, colour)
    return figure


def draw_roc(axes: Axes, curves: Sequence[PartCurves], finding: str) -> None:
    """The curves of a finding; the part that comes first is drawn last, on top."""
    axes.plot([0, 1], [0, 1], color=RULE, linewidth=1, zorder=1)
    for part in _having(curves, finding):
        part.roc[finding].draw(axes, COLOURS[part.part])
    for part in _having(curves, finding):
        point = part.points[finding]
        _mark(axes, point.false_positive_rate, point.recall, COLOURS[part.part])
    unit_square(axes)


def draw_precision_recall(axes: Axes, curves: Sequence[PartCurves], finding: str) -> None:
    """The same for precision and recall."""
    for part in _having(curves, finding):
        curve, colour = part.pr[finding], COLOURS[part.part]
        axes.axhline(curve.prevalence, color=colour, linewidth=0.8, alpha=0.45, zorder=1)
        axes.plot(*curve.line(), color=colour, linewidth=1.8, solid_joinstyle="round", zorder=2)
    for part in _having(curves, finding):
        point = part.points[finding]
        _mark(axes, point.recall, point.precision, COLOURS[part.part])
    unit_square(axes)


def draw_progression(
    axes: Axes, epochs: Sequence[int], values: Mapping[str, Sequence[float]], best: int | None
) -> None:
    """Lines over epochs."""
    if best is not None:
        axes.axvline(best, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
    marker = "o" if len(epochs) <= 30 else ""
    for part, series in values.items():
        axes.plot(epochs, series, color=COLOURS[part], linewidth=1.8, marker=marker, markersize=3.5, zorder=2)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.set_ylim(*limits([value for series in values.values() for value in series]))


def draw_reliability(
    figure: Figure, box: tuple[float, float, float, float], diagram: Diagram, colour: str
) -> Axes:
    """The smoothed curve and bins as dots with their intervals, before calibration in gray; counts under it.

    `box` is left, bottom, width and height of both together with their labels, in inches. Returns the upper axes.
    """
    width, height = figure.get_size_inches()
    left, bottom = (box[0] + 0.55) / width, (box[1] + 0.46) / height
    across, strip, gap = (box[2] - 0.65) / width, 0.3 / height, 0.06 / height
    counts = figure.add_axes((left, bottom, across, strip))
    axes = figure.add_axes((left, bottom + strip + gap, across, (box[3] - 0.56) / height - strip - gap))
    style(axes, "", "Share positive")
    style(counts, "Probability")
    axes.plot([0, 1], [0, 1], color=RULE, linewidth=1, zorder=1)
    sides = [(diagram.before, BEFORE)] if diagram.before is not None else []
    for side, ink in [*sides, (diagram.after, colour)]:
        side.draw(axes, ink)
    unit_square(axes)
    axes.tick_params(axis="x", labelbottom=False)
    _draw_counts(counts, diagram.after, colour)
    return axes


def _draw_counts(axes: Axes, found: Reliability, colour: str) -> None:
    """Where the images lie: bars over each bin's range, as high as images are dense there."""
    left, right = found.edges[:-1], found.edges[1:]
    width = np.maximum(right - left, 0.004)
    density = found.count / width
    # A few bins near 0 can hold nearly all images; the root lets the others be seen.
    height = np.sqrt(density / max(density.max(), 1e-12))
    axes.bar(left, height, width=width, align="edge", color=colour, alpha=0.35, linewidth=0)
    unit_square(axes)
    axes.grid(visible=False)
    axes.set_ylim(0, 1.05)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
"""Groups are told apart by colour and by mark; more than eight are drawn with the first again."""


def subgroup_plot(cells: Sequence[Cell], score: str, title: str, overall: Mapping[str, float]) -> Figure:
    """A dot and an interval for each group of an attribute, findings from top to bottom.

    Args:
        cells: of one attribute.
        score: one of theirs.
        title: how the score is called.
        overall: finding -> the score of the whole part, drawn as a thin line.
    """
    findings = list(dict.fromkeys(cell.finding for cell in cells))
    values = list(dict.fromkeys(cell.value for cell in cells))
    step = 0.13 * len(values) + 0.14
    size = (4.6, 0.62 + 0.2 * _legend_rows(values) + step * len(findings))
    figure = empty_figure(size)
    left, bottom, top = 1.62 / size[0], 0.44 / size[1], 0.2 * _legend_rows(values) / size[1]
    axes = figure.add_axes((left, bottom, 1 - left - 0.12 / size[0], 1 - bottom - top - 0.08 / size[1]))
    style(axes, title)
    handles = _draw_subgroups(axes, cells, score, overall)
    if len(values) > 1:
        figure.legend(
            handles=handles, loc="upper left", ncols=_legend_columns(values), fontsize=7.5,
            frameon=False, labelcolor=MUTED, handletextpad=0.3, columnspacing=1.0, borderaxespad=0.1,
        )  # fmt: skip
    return figure


def _draw_subgroups(
    axes: Axes, cells: Sequence[Cell], score: str, overall: Mapping[str, float]
) -> list[Line2D]:
    """Dots and intervals; a hollow dot has fewer than ten patients of either kind. Returns the legend's lines."""
    handles: list[Line2D] = []
    findings = list(dict.fromkeys(cell.finding for cell in cells))
    values = list(dict.fromkeys(cell.value for cell in cells))
    for place, finding in enumerate(findings):
        axes.axhspan(
            place - 0.5, place + 0.5, color="#f5f7f9" if place % 2 else "white", zorder=0, linewidth=0
        )
        line = overall.get(finding, np.nan)
        axes.plot([line, line], [place - 0.42, place + 0.42], color=BEFORE, linewidth=1.2, zorder=1)
    for number, value in enumerate(values):
        colour, marker = PALETTE[number % len(PALETTE)], _MARKERS[number % len(_MARKERS)]
        offset = ((number + 0.5) / len(values) - 0.5) * 0.76
        own = [cell for cell in cells if cell.value == value]
        for cell in own:
            low, high = cell.intervals[score]
            y = findings.index(cell.finding) + offset
            faint = 0.4 if cell.few else 0.9
            axes.plot([low, high], [y, y], color=colour, linewidth=1.3, alpha=faint, zorder=2)
            axes.plot(
                [cell.scores[score]], [y], marker=marker, markersize=4.6, markeredgecolor=colour,
                markerfacecolor="white" if cell.few else colour, linestyle="", alpha=faint, zorder=3,
            )  # fmt: skip
        # Given to the legend by hand: on its own it leaves out names that begin with an underscore.
        handles += axes.plot([], [], marker=marker, markersize=4.6, color=colour, linestyle="", label=value)
    axes.set_yticks(range(len(findings)), [fitted(finding, 18, 2) for finding in findings])
    axes.tick_params(axis="y", colors=INK)
    axes.set_ylim(len(findings) - 0.5, -0.5)
    axes.set_xlim(*_score_limits(cells, score))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x", color=RULE, linewidth=0.6, alpha=0.8)
    return handles


def _score_limits(cells: Sequence[Cell], score: str) -> tuple[float, float]:
    """From a little under the lowest value to 1. Every point is in sight; small groups' intervals need not be."""
    values = [cell.scores[score] for cell in cells]
    values += [end for cell in cells if not cell.few for end in cell.intervals[score]]
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return 0.0, 1.0
    return max(-0.01, min(known) - 0.03), 1.01


def _legend_columns(values: Sequence[str]) -> int:
    """As many names as fit beside each other."""
    return max(1, min(len(values), int(60 / (max(map(len, values)) + 5))))


def _legend_rows(values: Sequence[str]) -> int:
    return -(-len(values) // _legend_columns(values)) if len(values) > 1 else 0


def _having(curves: Sequence[PartCurves], finding: str) -> list[PartCurves]:
    """Parts that have a curve of the finding; the reported one last, on top."""
    return [part for part in reversed(curves) if finding in part.roc]


def _mark(axes: Axes, x: Value, y: Value, colour: str) -> None:
    """The operating point, a cross of its intervals behind it."""
    if x.range:
        axes.plot([x.low, x.high], [y.value] * 2, color=colour, linewidth=1.1, alpha=0.8, zorder=3)
    if y.range:
        axes.plot([x.value] * 2, [y.low, y.high], color=colour, linewidth=1.1, alpha=0.8, zorder=3)
    axes.plot(
        [x.value], [y.value], marker="o", markersize=6.5, markerfacecolor="white",
        markeredgecolor=colour, markeredgewidth=2, zorder=4, clip_on=False,
    )  # fmt: skip
