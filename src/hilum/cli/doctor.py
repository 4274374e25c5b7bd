"""`hilum doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from hilum import config
from hilum.cli.options import AsJson, Recipe, SourceName, SourceOptions, SourceRoot
from hilum.cli.show import console, show_json, show_steps, show_table

if TYPE_CHECKING:
    from hilum.doctor import Report

_STYLES = {"fault": "bold red", "warning": "bold yellow", "note": "bold cyan", "ok": "bold green"}
_WIDTH = 110


def doctor(
    source: SourceName,
    root: SourceRoot,
    run: Annotated[config.Config, "set clean.views clean.projections clean.parts"],
    settings: config.DoctorConfig,
    recipe: Recipe = None,
    option: SourceOptions = None,
    as_json: AsJson = False,
) -> int:
    """Check a data set before an hour is lost on it.

    Files, labels, parts, patients, duplicates and shortcuts. Exits with 1 where a fault would spoil results.
    """
    from hilum import api
    from hilum.table import parse_options

    report = api.doctor(
        source,
        root,
        findings=settings.findings or run.data.findings,
        size=settings.size or (run.prepare.size if recipe else 0),
        settings=settings,
        filters=run.clean,
        limits=run.limits,
        options=run.data.options | parse_options(option or ()),
    )
    if as_json:
        show_json(report.to_json())
    else:
        _show(report)
    return 0 if report.healthy else 1


def _show(report: Report) -> None:
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

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for level in ("fault", "warning", "note"):
        for check in report.of(level):
            grid.add_row(Text(level.upper(), _STYLES[level]), check.message)
            if check.what_to_do:
                grid.add_row("", Styled(f"-> {check.what_to_do}", "dim"))
    fine = " ".join(check.message for check in report.of("ok"))
    if fine:
        grid.add_row(Text("FINE", _STYLES["ok"]), fine)
    out = console()
    out.print(grid, width=min(_WIDTH, out.width))
