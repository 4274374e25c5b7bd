"""`hilum compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson
from hilum.cli.show import show_json, show_table
from hilum.text import shown

if TYPE_CHECKING:
    from hilum.compare import Group, RunsCompared


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Runs' folders; the group of the first is what others are compared with."),
    ],
    how: config.CompareConfig,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the page, its figure (SVG, PNG) and its numbers.")
    ] = None,
    settings: Annotated[bool, typer.Option("--settings", help="Only show the settings that differ.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say which runs are better, by how much, and whether it is real; seeds of one recipe are one group."""
    from hilum import api
    from hilum.compare import group_runs

    if settings:
        _show_settings(group_runs(runs), as_json)
        return
    compared = api.compare(runs, settings=how, out=out)
    if as_json:
        show_json(compared.to_json())
        return
    _show(compared)
    if out is not None:
        typer.echo(f"page: {out / 'compare.html'}")


def _show_settings(groups: tuple[Group, ...], as_json: bool) -> None:
    from hilum.compare import differing_settings

    rows = differing_settings(groups)
    if as_json:
        show_json({row.key: {g.name: v for g, v in zip(groups, row.values, strict=True)} for row in rows})
    elif not rows:
        typer.echo("These runs are of one recipe: they differ in the seed alone.")
    else:
        names = [
            f"{group.name} ({len(group.runs)} runs)" if len(group.runs) > 1 else group.name
            for group in groups
        ]
        show_table(["setting", *names], [[row.key, *map(shown, row.values)] for row in rows])


def _show(compared: RunsCompared) -> None:

    for title, columns, rows in compared.tables():
        show_table(columns, rows, title=title)
    if compared.settings:
        keys = [row.key for row in compared.settings]
        typer.echo(
            f"They differ in {', '.join(keys[:6])}{' ...' if len(keys) > 6 else ''} (--settings shows how)."
        )
    for warning in compared.warnings:
        typer.echo(f"note: {warning}")
    for sentence in compared.sentences:
        typer.echo(sentence)
