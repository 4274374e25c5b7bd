"""`hilum doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.options import (
    Parts,
    Projections,
    SourceName,
    SourceOptions,
    SourceRoot,
    Views,
    config_of,
)

if TYPE_CHECKING:
    from hilum.doctor import Report

STYLES = {"fault": "bold red", "warning": "bold yellow", "note": "bold cyan", "ok": "bold green"}
WIDTH = 110


def doctor(
    source: SourceName,
    root: SourceRoot,
    findings: Annotated[list[str] | None, typer.Option(help="Examine this finding; may be repeated.")] = None,
    views: Views = None,
    projections: Projections = None,
    parts: Parts = None,
    size: Annotated[
        int | None, typer.Option(min=1, help="The side in pixels at which you mean to use the images.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="Take filters, findings and size from this recipe or config.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting of clean or limits, e.g. clean.min_age=18; may be repeated."),
    ] = None,
    option: SourceOptions = None,
    fast: Annotated[bool, typer.Option("--fast", help="Examine the table only; open no image.")] = False,
    max_bad: Annotated[
        float, typer.Option(min=0, max=1, help="Share of images that may be missing or unreadable.")
    ] = 0.01,
    workers: Annotated[int, typer.Option(min=0, help="Threads; 0 chooses.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with all that the checks found.")
    ] = False,
) -> int:
    """Check a data set before an hour is lost on it.

    Files, labels, parts, patients, duplicates and shortcuts. Exits with 1 where a fault would spoil results.
    """
    from hilum.cli.show import show_json
    from hilum.doctor import doctor as examine
    from hilum.table import parse_options

    given = {
        "clean.views": views,
        "clean.projections": projections,
        "clean.parts": parts,
        "data.findings": findings,
        "prepare.size": size,
    }
    config = config_of(recipe, given, set_ or ())
    report = examine(
        source,
        root,
        options=config.data.options | parse_options(option or ()),
        filters=config.clean,
        findings=config.data.findings,
        images=not fast,
        size=config.prepare.size if recipe or size else 0,
        max_bad=max_bad,
        workers=workers or None,
        limits=config.limits,
    )
    if as_json:
        show_json(report.to_json())
    else:
        _show(report)
    return 0 if report.healthy else 1


def _show(report: Report) -> None:
    from hilum.cli.show import console, show_steps, show_table

    out = console()
    out.print(report.headline, style="bold", soft_wrap=True)
    if report.pictures.get("read"):
        out.print(_pictures(report.pictures), soft_wrap=True)
    show_steps(report.steps)
    if report.findings:
        names = [part["part"] for part in report.parts] if len(report.parts) > 1 else []
        show_table(
            ("finding", "positive", "negative", "uncertain", "blank", "rate", *(f"in {n}" for n in names)),
            [_finding(row, report.parts if names else ()) for row in report.findings],
        )
    _show_checks(report)


def _pictures(pictures: dict[str, Any]) -> str:
    """One line: sizes, depths and modes of what was read."""
    first = pictures["sizes"][0]
    (narrow, wide), (low, high) = pictures["width"], pictures["height"]
    sizes = f"all {first['width']} x {first['height']}"
    if pictures["distinct_sizes"] > 1:
        sizes = f"{pictures['distinct_sizes']:,} sizes, {narrow} to {wide} wide, {low} to {high} high"
    kinds = ", ".join(
        "/".join(f"{value}{unit}" for value in pictures[name])
        for name, unit in (("format", ""), ("mode", ""), ("bits", " bits"))
    )
    return f"{pictures['read']:,} images read: {sizes}; {kinds}"


def _finding(row: dict[str, Any], parts: tuple[dict[str, Any], ...]) -> list[Any]:
    rates = (row["positive_rate"], *(part["positive_rate"][row["finding"]] for part in parts))
    counts = (row[name] for name in ("positive", "negative", "uncertain", "blank"))
    return [row["finding"], *counts, *rates]


def _show_checks(report: Report) -> None:
    from rich.styled import Styled
    from rich.table import Table
    from rich.text import Text

    from hilum.cli.show import console
    from hilum.doctor import LEVELS

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for level in LEVELS[:3]:
        for check in report.of(level):
            grid.add_row(Text(level.upper(), STYLES[level]), check.message)
            if check.what_to_do:
                grid.add_row("", Styled(f"-> {check.what_to_do}", "dim"))
    fine = " ".join(check.message for check in report.of("ok"))
    if fine:
        grid.add_row(Text("FINE", STYLES["ok"]), fine)
    out = console()
    out.print(grid, width=min(WIDTH, out.width))
