"""The report's figures for papers: all findings in one grid, each as SVG and as PNG at 300 dpi."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hilum.drawing import COLOURS, INK, MUTED, empty_figure, fitted, png, style, svg
from hilum.files import whole_file
from hilum.metrics import SCORES
from hilum.report.content import PARTS, PROGRESSION, Part
from hilum.report.drawing import (
    BEFORE,
    draw_precision_recall,
    draw_progression,
    draw_reliability,
    draw_roc,
    subgroup_plot,
)
from hilum.report.numbers import Numbers

_PANEL = (2.35, 2.45)
"""Width and height of a panel in inches; four are about the width of a printed page."""
_COLUMNS = 4
_LEGEND = 0.3


def write_figures(numbers: Numbers, folder: Path) -> list[Path]:
    """Write every figure of a run's report as NAME.svg and NAME.png.

    Args:
        numbers: of the run.
        folder: where.

    Returns:
        The files, in the order of the report.

    Raises:
        DiskError: a file cannot be written.
    """
    written = []
    for name, figure in _figures(numbers):
        for ending, content_of in (("svg", svg), ("png", png)):
            path = folder / f"{name}.{ending}"
            with whole_file(path) as temporary:
                temporary.write_bytes(content_of(figure))
            written.append(path)
    return written


def _figures(numbers: Numbers) -> Iterator[tuple[str, Figure]]:
    """Names and figures; what the run has no numbers for is left out."""
    if numbers.parts and any(part.roc for part in numbers.curves):
        yield "roc", _curves(numbers, draw_roc, ("False positive rate", "Recall"), roc=True)
        yield "precision-recall", _curves(numbers, draw_precision_recall, ("Recall", "Precision"), roc=False)
    if numbers.progression.epochs:
        yield "progression", _progression(numbers)
    if numbers.parts:
        yield "confusion", _confusion(numbers.parts[0])
    if numbers.diagrams:
        yield "calibration", _calibration(numbers)
    yield from _subgroups(numbers)


def _grid(count: int, panel: tuple[float, float], legend: bool) -> tuple[Figure, list[tuple[float, float]]]:
    """A figure for `count` panels, and the left and bottom of each in inches, row by row."""
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    top = _LEGEND if legend else 0.0
    figure = empty_figure((columns * panel[0] + 0.1, rows * panel[1] + top))
    return figure, [
        (number % columns * panel[0], (rows - 1 - number // columns) * panel[1]) for number in range(count)
    ]


def _panel(
    figure: Figure, corner: tuple[float, float], size: tuple[float, float], labels: tuple[str, str]
) -> Axes:
    """Axes of a panel of `size` inches with room for its labels and a title above."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes(
        (
            (corner[0] + 0.52) / width,
            (corner[1] + 0.46) / height,
            (size[0] - 0.62) / width,
            (size[1] - 0.46 - 0.42) / height,
        )
    )
    style(axes, *labels)
    return axes


def _title(axes: Axes, name: str, under: str = "") -> None:
    name = fitted(name, 34)
    axes.set_title(
        f"{name}\n" if under else name, loc="left", fontsize=8.5, color=INK, fontweight="bold", pad=5
    )
    if under:
        axes.annotate(
            under, (0, 1), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points",
            fontsize=7.5, color=MUTED,
        )  # fmt: skip


def _legend(figure: Figure, entries: Sequence[tuple[str, str]]) -> None:
    handles = [Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in entries]
    figure.legend(
        handles=handles, loc="upper left", ncols=len(handles), fontsize=8, frameon=False, labelcolor=INK,
        handlelength=1.4, columnspacing=1.4,
    )  # fmt: skip


def _curves(numbers: Numbers, draw: Callable[..., None], labels: tuple[str, str], *, roc: bool) -> Figure:
    shown = [f for f in numbers.parts[0].scores.findings if any(f in part.roc for part in numbers.curves)]
    figure, corners = _grid(len(shown), _PANEL, legend=True)
    for finding, corner in zip(shown, corners, strict=True):
        axes = _panel(figure, corner, _PANEL, labels)
        draw(axes, numbers.curves, finding)
        first = next(part for part in numbers.curves if finding in part.roc)
        value = (first.roc_auc if roc else first.average_precision)[finding]
        _title(axes, finding, f"{'AUC' if roc else 'AP'} {value.both}")
    _legend(figure, [(part.title, COLOURS[part.part]) for part in numbers.curves])
    return figure


def _progression(numbers: Numbers) -> Figure:
    found, size = numbers.progression, (2.35, 2.1)
    figure, corners = _grid(len(found.series), size, legend=True)
    for (name, series), corner in zip(found.series.items(), corners, strict=True):
        axes = _panel(figure, corner, size, ("Epoch", ""))
        draw_progression(axes, found.epochs, series, found.best)
        _title(axes, PROGRESSION[name])
    _legend(figure, [(PARTS[part], COLOURS[part]) for part in ("train", "valid")])
    return figure


def _calibration(numbers: Numbers) -> Figure:
    size = (2.35, 2.7)
    colour = COLOURS[numbers.parts[0].name]
    figure, corners = _grid(len(numbers.diagrams), size, legend=True)
    for diagram, corner in zip(numbers.diagrams, corners, strict=True):
        axes = draw_reliability(figure, (*corner, size[0], size[1] - 0.2), diagram, colour)
        _title(axes, diagram.finding)
    part = numbers.parts[0].title
    before = any(diagram.before is not None for diagram in numbers.diagrams)
    _legend(figure, [(part, colour), ("before calibration", BEFORE)] if before else [(part, colour)])
    return figure


def _confusion(part: Part) -> Figure:
    size = (2.35, 2.2)
    findings = part.scores.findings
    figure, corners = _grid(len(findings), size, legend=False)
    for j, (finding, corner) in enumerate(zip(findings, corners, strict=True)):
        axes = _panel(figure, corner, size, ("predicted", "true"))
        counts = np.array(part.confusion(j), float).reshape(2, 2)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.5, aspect="auto")
        for row, column in np.ndindex(2, 2):
            axes.text(
                column, row, f"{int(counts[row, column]):,}\n{100 * shares[row, column]:.1f} %",
                ha="center", va="center", fontsize=8, color=INK,
            )  # fmt: skip
        axes.set_xticks([0, 1], ["positive", "negative"])
        axes.set_yticks([0, 1], ["positive", "negative"], rotation=90, va="center")
        _title(axes, finding)
    return figure


def _subgroups(numbers: Numbers) -> Iterator[tuple[str, Figure]]:
    for attribute, cells in numbers.cells.items():
        for name in ("roc_auc", "recall"):
            slug = "-".join(attribute.lower().split())
            figure = subgroup_plot(cells, name, SCORES[name].heading, numbers.whole(name))
            yield f"subgroups-{slug}-{name.replace('_', '-')}", figure
