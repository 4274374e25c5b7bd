"""`hilum ensemble`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson
from hilum.cli.show import show_json, show_table


def ensemble(
    members: Annotated[list[str], typer.Argument(help="Finished runs, or RUN@3 for the model of epoch 3.")],
    out: Annotated[Path, typer.Option(help="The new run's folder.")],
    settings: config.EnsembleConfig,
    as_json: AsJson = False,
) -> None:
    """Average several runs, or epochs of them, into a run that is evaluated and compared like any other."""
    from hilum import api

    run = api.ensemble(members, out, settings=settings, command="hilum " + shlex.join(sys.argv[1:]))
    scores = run.scores("valid")
    if scores is None:
        return
    if as_json:
        show_json({"run": str(run.path), "valid": scores.to_json(), "warnings": run.warnings})
        return
    show_table(*scores.table(), title=f"Scores of the mean of {run.extent} on {scores.heading}")
    typer.echo(run.judge.text)
    for warning in scores.warnings:
        typer.echo(f"note: {warning}")
    typer.echo(f"report: {run.path / 'report.html'}")
