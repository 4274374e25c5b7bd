"""`hilum heads`."""

from __future__ import annotations

import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.options import AsJson
from hilum.text import cell, many

if TYPE_CHECKING:
    from hilum.heads import Entry, SearchRecord
    from hilum.runs import Run

SHOWN = 10
"""How many of the candidates are shown."""


def heads(
    store: Annotated[str, typer.Argument(help="A feature store: a folder, or a URL such as s3://bucket/x.")],
    finding: Annotated[
        list[str] | None, typer.Option(help="A finding to learn, all by default; may be repeated.")
    ] = None,
    search: Annotated[str, typer.Option(help="grid: all built-in values; random: drawn ones.")] = "grid",
    candidates: Annotated[
        int, typer.Option(min=0, help="With --search random: how many; 0 means 100.", show_default=False)
    ] = 0,
    kind: Annotated[
        list[str] | None, typer.Option(help="logistic, svm, knn or mlp, all by default; may be repeated.")
    ] = None,
    pooling: Annotated[
        list[str] | None, typer.Option(help="avg, max or both (side by side), all three by default.")
    ] = None,
    by: Annotated[str, typer.Option(help="The score that decides, as mean over findings.")] = "roc_auc",
    folds: Annotated[int, typer.Option(min=2, help="Parts that training patients are dealt to.")] = 5,
    encoder: Annotated[
        str, typer.Option(help="Whose vectors, where the store has several encoders': name or fingerprint.")
    ] = "",
    where: Annotated[
        str, typer.Option(help="Only rows that fulfil this, e.g. \"sex = 'F' and age > 60\".")
    ] = "",
    data: Annotated[str, typer.Option(help="The pack, where the store has vectors of several.")] = "",
    recipe: Annotated[
        Path | None, typer.Option(help="A TOML file for data, labels, split and scores.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="SECTION.KEY=VALUE, over the recipe's; may be repeated.")
    ] = None,
    labels: Annotated[str, typer.Option(help="A CSV of verdicts on labels.")] = "",
    folder: Annotated[Path, typer.Option("--in", help="The folder that keeps the heads.")] = Path("heads"),
    name: Annotated[str, typer.Option(help="What the run is called; after its findings by default.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Of folds, draws and first weights.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Try hundreds of classifiers on stored vectors by patient, and keep the best, with its backbone, as a run."""
    from hilum import api
    from hilum.heads import SearchRecord

    run = api.heads(
        store,
        findings=finding or (),
        search=search,
        candidates=candidates,
        kinds=kind or (),
        poolings=pooling or (),
        by=by,
        folds=folds,
        encoder=encoder,
        where=where,
        data=data,
        recipe=recipe,
        change=change or (),
        labels=labels,
        folder=folder,
        name=name,
        seed=seed,
        device=device,
        command="hilum " + shlex.join(sys.argv[1:]),
    )
    record = SearchRecord.of(run)
    if record is None:
        return
    if as_json:
        _show_json(run, record)
    else:
        _show(run, record)


def _show_json(run: Run, record: SearchRecord) -> None:
    from hilum.cli.show import show_json

    scores = run.scores("valid")
    show_json(
        {
            "run": str(run.path),
            "head": record.brief(),
            "seconds": record.seconds,
            "tried": [entry.to_json() for entry in record.entries],
            "valid": scores.to_json() if scores else None,
            "warnings": run.warnings,
        }
    )


def _show(run: Run, record: SearchRecord) -> None:
    """The best candidates, what the best scores on validation images, and what can be done with it."""
    from hilum.cli.show import show_table
    from hilum.metrics import SCORES

    findings = run.data["findings"]
    heading = SCORES[record.by].heading + (f", mean of {len(findings)}" if len(findings) > 1 else "")
    rows: list[list[Any]] = [
        [place, entry.candidate.describe(), _score(entry)]
        for place, entry in enumerate(record.entries[:SHOWN], start=1)
    ]
    about = f"{many(record.images, 'training image')} of {many(record.patients, 'patient')}"
    title = (
        f"The best of {many(len(record.entries), 'head')}, out of {record.folds} folds by patient: {about}"
    )
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


def _score(entry: Entry) -> str:
    """`0.953 [0.941, 0.964]`, as tables of scores have it."""
    if math.isnan(entry.low):
        return cell(entry.score)
    return f"{cell(entry.score)} [{entry.low:.3f}, {entry.high:.3f}]"


def _told(record: SearchRecord) -> str:
    """What the table does not say."""
    others = len(record.entries) - 1
    if not others:
        return f"No other head was tried; it took {record.seconds:.1f} s."
    alike = f"{record.within_noise:,} of the {others:,} others" if others > 1 else "The other"
    verb = "cannot be told" if record.within_noise or others > 1 else "can be told"
    return f"{alike} {verb} from the best on these images. All took {record.seconds:.1f} s."
