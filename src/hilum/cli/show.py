"""How commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table as RichTable

from hilum.text import cell, visible

if TYPE_CHECKING:
    from hilum.table import Step


_GAP = 3
"""Characters between two columns."""
UNFOLDED, FOLDED = 28, 20
"""Texts up to this length are never folded; room that is kept for a column of longer ones."""


_LAYOUT = "\n\t"
"""Control characters that hilum's own output has."""


class _Screen(Console):
    """A console that takes texts as they are: no markup, no emoji codes, and nothing that a terminal obeys."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, width=width)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What rich prints, its own colours and controls aside, made visible."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text, _LAYOUT), style, control)


def console() -> _Screen:
    """Standard output; off a terminal it is wide, so that tables are not folded."""
    made = _Screen()
    return made if made.is_terminal else _Screen(width=200)


class _Shown:
    """Standard output that shows what a terminal would obey; rich knows that name and writes past it."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        return self.rich_proxied_file.write(visible(text, _LAYOUT))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextmanager
def names_are_text() -> Iterator[None]:
    """While a command runs, nothing that it prints is obeyed by a terminal, and all of it can be encoded."""
    stream = sys.stdout
    if reconfigure := getattr(stream, "reconfigure", None):
        reconfigure(errors="backslashreplace")
    guard: Any = _Shown(stream)
    sys.stdout = guard
    try:
        yield
    finally:
        if sys.stdout is guard:
            sys.stdout = stream


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str = "",
    footer: Sequence[Any] | None = None,
) -> None:
    """Print rows under columns: text to the left, numbers to the right, None as a dash.

    Where they do not fit, headings and long texts are folded, and the columns that do not fit even then follow
    in further tables, the first column in front of each: no number or name is cut.
    """
    rows = [list(row) for row in rows]
    texts = [[cell(value) for value in row] for row in rows]
    feet = [cell(value) for value in footer] if footer is not None else [""] * len(columns)
    bodies = [[feet[j], *(row[j] for row in texts)] for j in range(len(columns))]
    out = console()
    widths = _widths(columns, bodies, out.width)
    if title:
        out.print(title, style="italic", soft_wrap=True)
    for block in _blocks([width or FOLDED for width in widths], out.width):
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=footer is not None)
        for j in block:
            numeric = any(isinstance(row[j], int | float) and not isinstance(row[j], bool) for row in rows)
            table.add_column(
                columns[j],
                justify="right" if numeric else "left",
                overflow="fold",
                footer=feet[j],
                width=widths[j],
            )
        for row in texts:
            table.add_row(*(row[j] for j in block))
        out.print(table)


def _widths(columns: Sequence[str], bodies: Sequence[Sequence[str]], room: int) -> list[int | None]:
    """Characters for each column: its widest text while all fit so; else headings fold, and long texts (None)."""
    widest = [max(map(cell_len, (name, *texts))) for name, texts in zip(columns, bodies, strict=True)]
    if sum(widest) + _GAP * len(widest) <= room:
        return list(widest)
    folded = [
        max(map(cell_len, (*name.split(), *texts))) for name, texts in zip(columns, bodies, strict=True)
    ]
    return [width if width <= UNFOLDED else None for width in folded]


def _blocks(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Positions of the columns that fit beside each other, the first in front of every block."""
    block, used = [0], widths[0] + _GAP
    for j, width in enumerate(widths[1:], start=1):
        if used + width + _GAP > room and len(block) > 1:
            yield block
            block, used = [0], widths[0] + _GAP
        block.append(j)
        used += width + _GAP
    yield block


def show_steps(steps: Sequence[Step]) -> None:
    """Print how many rows each filter left; nothing where there was none."""
    if steps:
        rows = [(step.name, step.before, step.after) for step in steps]
        show_table(("filter", "rows before", "after"), rows)


def show_json(value: Any) -> None:
    """Print a result for a script; letters are escaped only where a terminal or an encoding cannot have them."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False, default=str)
    encoded = text.encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding or "utf-8")
    if not text == encoded == visible(text, _LAYOUT):
        text = json.dumps(value, indent=2, allow_nan=False, default=str)
    print(text)  # noqa: T201
