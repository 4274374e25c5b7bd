"""What figures share: house style, and a figure or picture for a page. No pyplot: no state outside a figure."""

from __future__ import annotations

import base64
import io
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from hilum.errors import ImageError
from hilum.text import visible

INK, MUTED, RULE = "#1f2933", "#52606d", "#d5dce3"
COLOURS = {"train": "#8795a4", "valid": "#0b7285", "test": "#c2410c"}
"""One colour a part, told apart by the colour-blind and in gray."""

PALETTE = ("#0b7285", "#c2410c", "#5b4b9a", "#8a6d00", "#1f7a3d", "#9b2c6f", "#495057", "#2b6cb0")
"""Findings or groups beside each other; more than eight begin with the first again."""

SQUARE, WIDE = (2.9, 2.7), (2.9, 2.1)
"""Inches; at 100 % in a browser an inch is 96 pixels."""

_DPI = 300
"""Of PNG files: what journals ask for."""


def svg(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes for the same figure; its text is text, in the reader's own font."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hilum"}), _names_as_they_are(figure):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    # matplotlib's own font is wider than the page's, so what was laid out still fits.
    text = re.sub(
        r"(font: [\d.]+px )[^;\"]+",
        r"\1system-ui, -apple-system, Segoe UI, sans-serif",
        visible(buffer.getvalue().decode(), "\n\t"),
    )
    return text.encode()


def png(figure: Figure, dpi: int = _DPI) -> bytes:
    """The figure as PNG on white."""
    buffer = io.BytesIO()
    with _names_as_they_are(figure):
        figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def _names_as_they_are(figure: Figure) -> Iterator[None]:
    """Draw texts as texts: `$x$` is no formula, and a letter that the font lacks is no warning (PNG has a box)."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"(?s).*Glyph .* missing from font", UserWarning)
        yield


def fitted(name: str, width: int, lines: int = 1) -> str:
    """A name on so many lines of `width` letters; of a longer one its beginning and end."""
    wrapped = textwrap.wrap(visible(name), width) or [name]
    if len(wrapped) <= lines:
        return "\n".join(wrapped)
    room = width * lines - 1
    whole = " ".join(wrapped)
    begin, end = whole[: room - room // 2], whole[-(room // 2) :]
    return "\n".join(textwrap.wrap(f"{begin}…{end}", width, break_on_hyphens=False)[:lines])


def image(figure: Figure) -> str:
    """A figure as the source of an <img>, so that ids of several figures in a page cannot meet."""
    return _data_uri(svg(figure), "image/svg+xml")


def jpeg(picture: npt.NDArray[np.uint8], side: int, quality: int = 85) -> str:
    """A gray picture, uint8 [h, w], as the source of an <img>, no side longer than `side` pixels."""
    picture = np.ascontiguousarray(picture)
    if (longest := max(picture.shape)) > side:
        height, width = (max(1, round(length * side / longest)) for length in picture.shape)
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError("a picture of the pack could not be written as JPEG.")
    return _data_uri(content.tobytes(), "image/jpeg")


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def empty_figure(size: tuple[float, float]) -> Figure:
    """A figure of `size` inches without axes."""
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    return figure


def new_figure(size: tuple[float, float], x: str, y: str) -> tuple[Figure, Axes]:
    """An empty figure of `size` inches in the house style, with its axes' titles."""
    figure = empty_figure(size)
    left, bottom = (0.55 if y else 0.48) / size[0], 0.46 / size[1]
    axes = figure.add_axes((left, bottom, 1 - left - 0.1 / size[0], 1 - bottom - 0.1 / size[1]))
    style(axes, x, y)
    return figure, axes


def style(axes: Axes, x: str = "", y: str = "") -> None:
    """Titles of the axes, quiet ticks, and no frame at the top and right."""
    axes.set_xlabel(x, fontsize=8.5, color=MUTED, labelpad=3)
    axes.set_ylabel(y, fontsize=8.5, color=MUTED, labelpad=3)
    axes.tick_params(labelsize=8, colors=MUTED, length=0, pad=4)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    axes.set_axisbelow(True)


def unit_square(axes: Axes) -> None:
    """0 to 1 both ways."""
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, ["0", "", "0.5", "", "1"])
    axes.set_yticks(ticks, ["0", "", "0.5", "", "1"])
    axes.grid(color=RULE, linewidth=0.6, alpha=0.7)
