"""`hilum data-report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.show import show_json


def data_report(
    pack: Annotated[
        Path, typer.Argument(help="A pack's folder; `hilum pack SOURCE FOLDER --out PACK` makes one.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The HTML file to write; data-report.html in the pack by default.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all numbers of the report as JSON.")] = False,
) -> None:
    """Tell of a data set before any training: one HTML file to look at, mail and print.

    Labels, prevalence, findings together, shares by projection, view, sex and age, samples, and warnings first.
    """
    from hilum.files import read_json
    from hilum.report import write_data_report

    path = write_data_report(pack, out)
    numbers = read_json(path.with_suffix(".json"))
    if as_json:
        show_json(numbers)
    else:
        for check in numbers["checks"]:
            if check["level"] != "note":
                typer.echo(f"{check['level']}: {check['message']}")
        typer.echo(str(path))
    if open_:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())
