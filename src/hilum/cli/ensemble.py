"""`hilum ensemble`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.options import AsJson


def ensemble(
    members: Annotated[list[str], typer.Argument(help="Finished runs, or RUN@3 for the model of epoch 3.")],
    out: Annotated[Path, typer.Option(help="The new run's folder.")],
    of: Annotated[str, typer.Option(help="Average probabilities or logits.")] = "probabilities",
    raw: Annotated[bool, typer.Option("--raw", help="Average before each member's calibration.")] = False,
    weights: Annotated[str, typer.Option(help="How much each member counts, as in 2,1,1.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Average several runs, or epochs of them, into a run that is evaluated and compared like any other."""
    from hilum import api
    from hilum.cli.show import show_json, show_table

    shares = _numbers(weights)
    command = "hilum " + shlex.join(sys.argv[1:])
    run = api.ensemble(members, out, of=of, raw=raw, weights=shares, command=command, device=device)
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


def _numbers(text: str) -> tuple[float, ...]:
    from hilum.errors import ConfigError

    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise ConfigError(f"--weights {text}: expected numbers with commas, for example 2,1,1.") from error
