"""`hilum evaluate`, `report`, `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.options import AsJson, RunFolder

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]


def evaluate(
    run: RunFolder,
    split: Annotated[str, typer.Option(help="The part to score: test, valid or train.")] = "test",
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score a run's best weights on a part of its data, at thresholds chosen on the validation part."""
    from hilum import api
    from hilum.cli.show import show_json, show_table
    from hilum.metrics.results import COMBINED

    scores = api.evaluate(run, split, device=device)
    if as_json:
        show_json(scores.to_json())
        return
    show_table(*scores.table(), title=f"Scores on {split}, {scores.images:,} images")
    typer.echo(f"Thresholds: {scores.thresholds.rule_text}.")
    if len(scores.findings) > 1:
        combined = scores.to_json()["combined"]
        rows = [[heading, combined[name]] for name, heading in COMBINED.items()]
        show_table(["All findings together", "Score"], rows)
    for warning in scores.warnings:
        typer.echo(f"note: {warning}")
    typer.echo(f"report: {run / 'report.html'}")


def report(run: RunFolder) -> None:
    """Write a run's report again: one HTML file to look at, mail and print."""
    from hilum import api

    typer.echo(str(api.report(run)))


def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(help="Image files (PNG, JPEG, DICOM) or folders of them.")],
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Probabilities of a run's findings for image files, prepared as in training. Not a medical device."""
    from hilum import api
    from hilum.cli.show import show_json, show_table
    from hilum.errors import ImageError
    from hilum.text import many

    predictor, results = api.predict(run, images, device=device)
    names = predictor.findings
    read = [r for r in results if r.probabilities is not None]
    if as_json:
        show_json([r.to_json(names) for r in results])
    elif read:
        rows = [[str(r.path), *r.cells()] for r in read]
        show_table(
            ["image", *names], rows, title="Probability of each finding; * at or over the operating point"
        )
        typer.echo("Research use only: hilum is not a medical device.")
    unread = [r for r in results if r.error]
    for result in unread:
        typer.echo(f"not read: {result.error}", err=True)
    if unread:
        raise ImageError(f"{len(unread)} of {many(len(results), 'file')} could not be read as an image.")
