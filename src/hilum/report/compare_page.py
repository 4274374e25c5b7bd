"""`write_comparison`: groups of runs against each other as one page, with its numbers and figures beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hilum.compare import RunsCompared, decimals, heading, name_of, signed, span, spell_p, would_take
from hilum.errors import DiskError
from hilum.files import whole_file, write_json, write_parquet, write_text
from hilum.locks import writing
from hilum.metrics import LOWER_IS_BETTER, Comparison, Effect, many_units
from hilum.report.html import render
from hilum.report.plots import MUTED, RULE, fitted, image, png, svg

_INK = "#1f2933"
_LOOKS: dict[str, tuple[str, str, bool]] = {
    "better": ("#0b6e4f", "^", True),
    "worse": ("#b42318", "v", True),
    "not distinguishable": (MUTED, "o", False),
}
"""Verdict -> colour, shape, and whether it is filled: told apart without colour too."""

_WIDTH, _ROW, _HEAD, _FOOT = 4.8, 0.26, 0.34, 0.72
"""Inches: of the figure, of a row, over the first row and under the last."""
_SHORT, _LONG, _LONGEST = 16, 30, 26
"""Letters: names up to the first stand on both sides of zero, to the second in a heading, the third in a row."""
_LABEL = 0.074
"""Inches that a letter of a row's name takes."""


def _forest_plot(compared: RunsCompared, which: Sequence[int] | None = None) -> Figure:
    """One panel a group, under each other, on one scale.

    Args:
        compared: at least one comparison.
        which: positions of the comparisons to draw; all by default.
    """
    chosen = range(len(compared.comparisons)) if which is None else which
    rows = max(len(comparison.effects) for comparison in compared.comparisons)
    panel = _HEAD + _ROW * rows + _FOOT
    figure = Figure(figsize=(_WIDTH, panel * len(chosen)))
    FigureCanvasAgg(figure)
    names = [fitted(name_of(effect), _LONGEST) for c in compared.comparisons for effect in c.effects]
    left = min(0.2 + _LABEL * max(map(len, names)), 0.45 * _WIDTH) / _WIDTH
    low, high = _limits(compared.comparisons)
    for place, position in enumerate(chosen):
        bottom = (panel * (len(chosen) - 1 - place) + _FOOT) / (panel * len(chosen))
        axes = figure.add_axes((left, bottom, 0.98 - left, _ROW * rows / (panel * len(chosen))))
        axes.set_xlim(low, high)
        comparison = compared.comparisons[position]
        group, reference = compared.groups[position + 1].name, compared.groups[0].name
        _panel(axes, comparison, group)
        figure.text(
            0.02, bottom + (_ROW * rows + 0.13) / (panel * len(chosen)),
            f"{_short(group)} against {_short(reference)}", fontsize=9.5, color=_INK,
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
    axes.axvline(0, color=_INK, linewidth=1, zorder=1)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for row, effect in enumerate(effects):
        _effect(axes, row, effect, large=row == rows - 1 and rows > 1)
    if rows > 1:
        axes.axhline(rows - 1.5, color=RULE, linewidth=1)
    axes.set_yticks(range(rows), [fitted(name_of(effect), _LONGEST) for effect in effects])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=8.5, colors=MUTED, length=0, pad=5)
    for label in axes.get_yticklabels():
        label.set_color(_INK)
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
    lower = " (lower is better)" if comparison.score in LOWER_IS_BETTER else ""
    axes.text(
        0.5, -0.36 * inch, f"Difference in {heading(comparison.score)}{lower}", ha="center", va="center",
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


_SIGNS = {"better": "▲", "worse": "▼", "not distinguishable": "○"}
"""The shapes of the figure, in a line of text."""
_PART_TITLES = {"train": "Training", "valid": "Validation", "test": "Test"}


def write_comparison(compared: RunsCompared, out: str | Path) -> Path:
    """Write `compare.html` into a folder, and `compare.svg`, `.png`, `.json` and `effects.parquet` beside it.

    The page holds all that it shows; a reader's browser asks nobody for anything.

    Returns:
        The page's path.

    Raises:
        DiskError: the folder cannot be written.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise DiskError(f"{out} is a file; --out names a folder, made where there is none.")
    page = out / "compare.html"
    with writing(out):
        write_json(out / "compare.json", compared.to_json())
        if compared.comparisons:
            write_parquet(out / "effects.parquet", compared.frame())
            figure = _forest_plot(compared)
            for name, content in (("compare.svg", svg(figure)), ("compare.png", png(figure, dpi=200))):
                with whole_file(out / name) as temporary:
                    temporary.write_bytes(content)
        write_text(page, render("compare.html", _contents(compared)))
    return page


def _contents(compared: RunsCompared) -> dict[str, Any]:
    """Everything that the template shows."""
    reference = compared.groups[0]
    others = [group.name for group in compared.groups[1:]]
    title = (
        f"{others[0]} against {reference.name}"
        if len(others) == 1
        else f"{len(others)} groups against {reference.name}"
    )
    return {
        "title": title if others else f"{len(reference.runs)} seeds of {reference.name}",
        "score": heading(compared.score),
        "level": f"{100 * compared.level:g} %",
        "alpha": f"{1 - compared.level:.6g}",
        "part": _PART_TITLES[compared.part],
        "about": f"{many_units(compared.rows, compared.unit)} of {compared.patients:,} patients",
        "sentences": compared.sentences,
        "warnings": compared.warnings,
        "groups": [_group(compared, position) for position in range(len(compared.groups))],
        "reference": reference,
        "several": len(reference.columns) > 1,
        "seeds": any(group.sds for group in compared.groups),
        "pairs": [_pair(compared, position) for position in range(len(compared.comparisons))],
        "settings": compared.settings,
    }


def _group(compared: RunsCompared, position: int) -> dict[str, Any]:
    group = compared.groups[position]
    return {
        "name": group.name,
        "count": len(group.runs),
        "seeds": ", ".join(map(str, group.seeds)),
        "mean": group.means[-1],
        "low": group.lows[-1],
        "high": group.highs[-1],
        "sd": group.sds[-1] if group.sds else None,
        "runs": [
            (run, seed, row[-1]) for run, seed, row in zip(group.runs, group.seeds, group.values, strict=True)
        ],
    }


def _pair(compared: RunsCompared, position: int) -> dict[str, Any]:
    comparison, group = compared.comparisons[position], compared.groups[position + 1].name
    picture = image(_forest_plot(compared, [position]))
    digits = decimals(comparison)
    told = [f"{name_of(e)} {signed(e.difference, digits)}, {e.verdict}" for e in comparison.effects]
    return {
        "name": group,
        "anchor": f"pair-{position + 1}",
        "sentence": compared.sentences[position],
        "picture": picture,
        "alt": f"Differences of {group} against {compared.groups[0].name}: {'; '.join(told)}",
        "rows": [_row(effect, digits) for effect in comparison.effects],
    }


def _row(effect: Effect, digits: int) -> dict[str, Any]:
    return {
        "name": name_of(effect),
        "mean": effect.finding is None,
        "first": effect.first,
        "second": effect.second,
        "difference": signed(effect.difference, digits),
        "interval": span(effect.low, effect.high, digits),
        "boot": span(effect.boot_low, effect.boot_high, digits),
        "p": spell_p(effect.p),
        "p_adjusted": spell_p(effect.p_adjusted),
        "verdict": effect.verdict,
        "sign": _SIGNS[effect.verdict],
        "positives": effect.positives,
        "take": "" if effect.verdict != "not distinguishable" else would_take(effect),
        "seeds_share": None if effect.seeds_share != effect.seeds_share else effect.seeds_share,
    }
