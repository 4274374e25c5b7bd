"""The forest plot of a comparison: each finding's difference with its interval, and the mean's."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hilum.drawing import INK, MUTED, RULE, empty_figure, fitted
from hilum.metrics.comparison.effects import Comparison, Effect
from hilum.metrics.values.registry import SCORES

_LOOKS: dict[str, tuple[str, str, bool]] = {
    "better": ("#0b6e4f", "^", True),
    "worse": ("#b42318", "v", True),
    "different": ("#0b7285", "D", True),
    "not distinguishable": (MUTED, "o", False),
}
"""Verdict -> colour, shape, and whether it is filled: told apart without colour too."""

_WIDTH, _ROW, _HEAD, _FOOT = 4.8, 0.26, 0.34, 0.72
"""Inches: of the figure, of a row, over the first row and under the last."""
_SHORT, _LONG, _LONGEST = 16, 30, 26
"""Letters: names up to the first stand on both sides of zero, to the second in a heading, the third in a row."""
_LABEL = 0.074
"""Inches that a letter of a row's name takes."""


def forest_plot(
    comparisons: Sequence[Comparison], names: Sequence[str], reference: str, beside: Sequence[Comparison] = ()
) -> Figure:
    """One panel a comparison, under each other, on one scale.

    Args:
        comparisons: at least one.
        names: what the second side of each is called.
        reference: what the first side of all is called.
        beside: others that are drawn elsewhere on the same scale.
    """
    alike = [*comparisons, *beside]
    rows = max(len(comparison.effects) for comparison in alike)
    panel = _HEAD + _ROW * rows + _FOOT
    figure = empty_figure((_WIDTH, panel * len(comparisons)))
    labels = [fitted(effect.name, _LONGEST) for c in alike for effect in c.effects]
    left = min(0.2 + _LABEL * max(map(len, labels)), 0.45 * _WIDTH) / _WIDTH
    low, high = _limits(alike)
    for place, (comparison, group) in enumerate(zip(comparisons, names, strict=True)):
        bottom = (panel * (len(comparisons) - 1 - place) + _FOOT) / (panel * len(comparisons))
        axes = figure.add_axes((left, bottom, 0.98 - left, _ROW * rows / (panel * len(comparisons))))
        axes.set_xlim(low, high)
        _panel(axes, comparison, group)
        figure.text(
            0.02, bottom + (_ROW * rows + 0.13) / (panel * len(comparisons)),
            f"{_short(group)} against {_short(reference)}", fontsize=9.5, color=INK,
        )  # fmt: skip
    return figure


def _limits(comparisons: Sequence[Comparison]) -> tuple[float, float]:
    """Both ends of the scale: intervals and zero, with air; a few endless ones do not flatten the rest."""
    effects = [effect for comparison in comparisons for effect in comparison.effects]
    ends = sorted(abs(end) for e in effects for end in (e.low, e.high) if math.isfinite(end))
    middle = max((abs(e.difference) for e in effects if math.isfinite(e.difference)), default=0.0)
    typical = ends[len(ends) // 2] if ends else 0.01
    shown = [
        end for e in effects for end in (e.low, e.high, e.difference) if abs(end) <= max(6 * typical, middle)
    ]
    low, high = min([0.0, *shown]), max([0.0, *shown])
    air = max(0.06 * (high - low), 0.001)
    return low - air, high + air


def _panel(axes: Axes, comparison: Comparison, group: str) -> None:
    effects = comparison.effects
    rows = len(effects)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.axvline(0, color=INK, linewidth=1, zorder=1)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for row, effect in enumerate(effects):
        _effect(axes, row, effect, large=row == rows - 1 and rows > 1)
    if rows > 1:
        axes.axhline(rows - 1.5, color=RULE, linewidth=1)
    axes.set_yticks(range(rows), [fitted(effect.name, _LONGEST) for effect in effects])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=8.5, colors=MUTED, length=0, pad=5)
    for label in axes.get_yticklabels():
        label.set_color(INK)
    if rows > 1:
        axes.get_yticklabels()[-1].set_fontweight("bold")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    _words(axes, 1 / (_ROW * rows), comparison, group)


def _effect(axes: Axes, row: int, effect: Effect, *, large: bool) -> None:
    colour, shape, filled = _LOOKS[effect.verdict]
    axes.plot([effect.low, effect.high], [row, row], color=colour, linewidth=2.2 if large else 1.5, zorder=2)
    axes.add_line(
        Line2D(
            [effect.difference],
            [row],
            marker=shape,
            markersize=9 if large else 7,
            markeredgewidth=1.6,
            markeredgecolor=colour,
            markerfacecolor=colour if filled else "white",
            linestyle="none",
            zorder=3,
        )
    )


def _words(axes: Axes, inch: float, comparison: Comparison, group: str) -> None:
    """Under the panel: the scale, and which side is whose. `inch` is in heights of the axes."""
    lower = " (lower is better)" if SCORES[comparison.score].better == "lower" else ""
    axes.text(
        0.5, -0.36 * inch, f"Difference in {SCORES[comparison.score].heading}{lower}", ha="center", va="center",
        transform=axes.transAxes, fontsize=8.5, color=MUTED,
    )  # fmt: skip
    who = f"{group} " if len(group) <= _SHORT else ""
    sides = (f"← {who}worse", f"{who}better →")
    if lower:
        sides = (f"← {who}better", f"{who}worse →")
    for x, side, text in zip((0, 1), ("left", "right"), sides, strict=True):
        axes.text(
            x, -0.56 * inch, text, ha=side, va="center", transform=axes.transAxes, fontsize=8, color=MUTED
        )


def _short(name: str) -> str:
    """The end of a long name: runs of one series begin alike."""
    return name if len(name) <= _LONG else f"…{name[1 - _LONG :]}"
