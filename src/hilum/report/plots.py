"""Figures of the report, each a function of numbers. No pyplot, so no state outside the figure."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hilum.metrics.curves import PrecisionRecallCurve, RocCurve

MUTED, RULE = "#52606d", "#d5dce3"
COLOURS = {"train": "#8795a4", "valid": "#0b7285", "test": "#c2410c"}
"""One colour a part, told apart by the colour-blind and in gray."""

SQUARE, WIDE = (2.9, 2.7), (2.9, 2.1)
"""Inches; at 100 % in a browser an inch is 96 pixels."""


@dataclass(frozen=True)
class Point:
    """Where a threshold puts a finding on its curves."""

    recall: float
    precision: float
    false_positive_rate: float


def roc_plot(curves: dict[str, RocCurve], points: dict[str, Point]) -> Figure:
    """One finding's ROC curves, by part, with the operating points marked."""
    figure, axes = new_figure(SQUARE, "False positive rate", "Recall")
    axes.plot([0, 1], [0, 1], color=RULE, linewidth=1, zorder=1)
    for part, curve in curves.items():
        axes.plot(*curve.line(), color=COLOURS[part], linewidth=1.8, solid_joinstyle="round", zorder=2)
    for part, point in points.items():
        _mark(axes, point.false_positive_rate, point.recall, COLOURS[part])
    _unit_square(axes)
    return figure


def precision_recall_plot(curves: dict[str, PrecisionRecallCurve], points: dict[str, Point]) -> Figure:
    """One finding's precision-recall curves, by part; a thin line is the share of positives (a coin)."""
    figure, axes = new_figure(SQUARE, "Recall", "Precision")
    for part, curve in curves.items():
        axes.axhline(curve.prevalence, color=COLOURS[part], linewidth=0.8, alpha=0.45, zorder=1)
        axes.plot(*curve.line(), color=COLOURS[part], linewidth=1.8, solid_joinstyle="round", zorder=2)
    for part, point in points.items():
        _mark(axes, point.recall, point.precision, COLOURS[part])
    _unit_square(axes)
    return figure


def progression_plot(
    epochs: Sequence[int], values: Mapping[str, Sequence[float]], best: int | None
) -> Figure:
    """A score of train and valid over epochs; a dashed line at the best epoch."""
    figure, axes = new_figure(WIDE, "Epoch", "")
    if best is not None:
        axes.axvline(best, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
    marker = "o" if len(epochs) <= 30 else ""
    for part, series in values.items():
        axes.plot(epochs, series, color=COLOURS[part], linewidth=1.8, marker=marker, markersize=3.5, zorder=2)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.set_ylim(*_limits([value for series in values.values() for value in series]))
    return figure


def svg(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes for the same figure; its text is text, in the reader's own font."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hilum"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    # matplotlib's own font is wider than the page's, so what was laid out still fits.
    text = re.sub(
        r"(font: [\d.]+px )[^;\"]+",
        r"\1system-ui, -apple-system, Segoe UI, sans-serif",
        buffer.getvalue().decode(),
    )
    return text.encode()


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as the source of an <img>, so that ids of several figures in a page cannot meet."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def new_figure(size: tuple[float, float], x: str, y: str) -> tuple[Figure, Axes]:
    """An empty figure of `size` inches in the house style, with its axes' titles."""
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    left, bottom = (0.55 if y else 0.48) / size[0], 0.46 / size[1]
    axes = figure.add_axes((left, bottom, 1 - left - 0.1 / size[0], 1 - bottom - 0.1 / size[1]))
    axes.set_xlabel(x, fontsize=8.5, color=MUTED, labelpad=3)
    axes.set_ylabel(y, fontsize=8.5, color=MUTED, labelpad=3)
    axes.tick_params(labelsize=8, colors=MUTED, length=0, pad=4)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    axes.set_axisbelow(True)
    return figure, axes


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, ["0", "", "0.5", "", "1"])
    axes.set_yticks(ticks, ["0", "", "0.5", "", "1"])
    axes.grid(color=RULE, linewidth=0.6, alpha=0.7)


def _mark(axes: Axes, x: float, y: float, colour: str) -> None:
    axes.plot(
        [x], [y], marker="o", markersize=7, markerfacecolor="white",
        markeredgecolor=colour, markeredgewidth=2, zorder=3, clip_on=False,
    )  # fmt: skip


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Limits with some air; a flat line does not become noise."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    air = max(0.08 * (high - low), 0.01)
    return low - air, high + air
