"""How commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from hilum.text import cell

if TYPE_CHECKING:
    from hilum.table.clean import Step


def console() -> Console:
    """Standard output; off a terminal it is wide, so that tables are not folded."""
    made = Console(highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(highlight=False, width=200)


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str = "",
    footer: Sequence[Any] | None = None,
) -> None:
    """Print rows under columns: text to the left, numbers to the right, None as a dash."""
    rows = [list(row) for row in rows]
    table = RichTable(
        title=title or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
        show_footer=footer is not None,
    )
    for j, name in enumerate(columns):
        numeric = any(isinstance(row[j], int | float) and not isinstance(row[j], bool) for row in rows)
        table.add_column(
            name,
            justify="right" if numeric else "left",
            overflow="fold",
            footer=cell(footer[j]) if footer is not None else "",
        )
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    console().print(table)


def show_steps(steps: Sequence[Step]) -> None:
    """Print how many rows each filter left; nothing where there was none."""
    if steps:
        rows = [(step.name, step.rows_before, step.rows_after) for step in steps]
        show_table(("filter", "rows before", "after"), rows)


def show_json(value: Any) -> None:
    """Print a result for a script."""
    print(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False, default=str))  # noqa: T201
