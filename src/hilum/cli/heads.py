"""`hilum heads`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum import config
from hilum.cli.options import AsJson, Change, Recipe, Store
from hilum.cli.show import show_json, show_table
from hilum.text import many, with_interval

if TYPE_CHECKING:
    from hilum.heads import SearchRecord
    from hilum.runs import Run

_SHOWN = 10
"""How many of the candidates are shown."""


def heads(
    store: Store,
    settings: config.HeadsConfig,
    recipe: Recipe = None,
    set_: Change = None,
    out: Annotated[Path, typer.Option(help="The folder that keeps the heads.")] = Path("heads"),
    as_json: AsJson = False,
) -> None:
    """Try hundreds of classifiers on stored vectors by patient, and keep the best, with its backbone, as a run."""
    from hilum import api
    from hilum.heads import SearchRecord

    command = "hilum " + shlex.join(sys.argv[1:])
    run = api.heads(store, settings=settings, recipe=recipe, change=set_ or (), out=out, command=command)
    record = SearchRecord.of(run)
    if record is None:
        return
    if as_json:
        _show_json(run, record)
    else:
        _show(run, record)


def _show_json(run: Run, record: SearchRecord) -> None:
    scores = run.scores("valid")
    show_json(
        {
            "run": str(run.path),
            "head": record.brief(),
            "seconds": record.seconds,
            "tried": record.to_json()["tried"],
            "valid": scores.to_json() if scores else None,
            "warnings": run.warnings,
        }
    )


def _show(run: Run, record: SearchRecord) -> None:
    """The best candidates, what the best scores on validation images, and what can be done with it."""
    from hilum.metrics import SCORES

    findings = run.data["findings"]
    heading = SCORES[record.by].heading + (f", mean of {len(findings)}" if len(findings) > 1 else "")
    rows: list[list[Any]] = [
        [place, entry.candidate.describe(), with_interval(entry.score, entry.low, entry.high)]
        for place, entry in enumerate(record.tried[:_SHOWN], start=1)
    ]
    about = f"{many(record.images, 'training image')} of {many(record.patients, 'patient')}"
    title = f"The best of {many(len(record.tried), 'head')}, out of {record.folds} folds by patient: {about}"
    show_table(["", "head", f"{heading} [95 % interval]"], rows, title=title)
    typer.echo(_told(record))
    scores = run.scores("valid")
    if scores is not None:
        typer.echo("")
        show_table(
            *scores.table(), title=f"Scores of the best, fitted on all training images, on {scores.heading}"
        )
        for warning in scores.warnings:
            typer.echo(f"note: {warning}")
    typer.echo(f"run: {run.path} ({run.path.parent / 'best'} links to it)")
    typer.echo(f"report: {run.path / 'report.html'}")
    typer.echo("next:")
    following = {f"hilum train RECIPE --set model.head={run.path}": "fine-tune the backbone under this head"}
    if "test" in run.data["split"]["counts"]:
        following = {f"hilum evaluate {run.path}": "scores of the test part"} | following
    width = max(map(len, following))
    for command, what in following.items():
        typer.echo(f"  {command.ljust(width)}  {what}")


def _told(record: SearchRecord) -> str:
    """What the table does not say."""
    others = len(record.tried) - 1
    if not others:
        return f"No other head was tried; it took {record.seconds:.1f} s."
    alike = f"{record.within_noise:,} of the {others:,} others" if others > 1 else "The other"
    verb = "cannot be told" if record.within_noise or others > 1 else "can be told"
    return f"{alike} {verb} from the best on these images. All took {record.seconds:.1f} s."
