"""`hilum evaluate`, `report`, `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson, Open, RunFolder


def evaluate(
    run: RunFolder,
    settings: config.EvaluateConfig,
    every: Annotated[bool, typer.Option("--all", help="Show every score, also of many findings.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score a run's best weights on a part of its data, at thresholds chosen on the validation part."""
    from hilum import api
    from hilum.cli.show import show_json
    from hilum.cli.show_scores import show_evaluation
    from hilum.runs import Run, scored_test

    judged = api.judge(run, settings=settings)
    scored = scored_test(Run.open(run)) if settings.part == "test" else None
    if as_json:
        before = judged.before.to_json()["per_finding"] if judged.before else None
        more = {"judge": judged.judge.to_json(), "before_calibration": before}
        show_json({**judged.scores.to_json(), **more, "test_part": scored and scored.to_json()})
        return
    show_evaluation(judged, every)
    if scored is not None:
        typer.echo(str(scored))
    typer.echo(f"report: {run / 'report.html'}")


def report(
    run: RunFolder,
    show: Open = False,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also write each figure as SVG and as PNG at 300 dpi.")
    ] = False,
) -> None:
    """Write a run's report again: one HTML file to look at, mail and print."""
    from hilum import api

    path = api.report(run, figures=figures)
    typer.echo(str(path))
    if figures:
        typer.echo(f"figures: {path.parent / 'figures'}")
    if show:
        typer.launch(path.resolve().as_uri())


def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(help="Image files (PNG, JPEG, DICOM) or folders of them.")],
    settings: config.PredictFilesConfig,
    as_json: AsJson = False,
) -> None:
    """Probabilities of a run's findings for image files, prepared as in training. Not a medical device.

    What is no chest film, or a lateral view for a run that learned frontal ones, gets the reason instead.
    """
    from hilum import api
    from hilum.cli.show import show_json, show_table
    from hilum.errors import ImageError
    from hilum.text import listed, many

    predictor, results = api.predict(run, images, settings=settings)
    names = predictor.findings
    read = [r for r in results if r.probabilities is not None]
    if as_json:
        show_json([r.to_json(names) for r in results])
    elif read:
        rows = [[str(r.path), *r.cells()] for r in read]
        title = "Calibrated probability" if predictor.judge.calibration.parameters else "Probability"
        show_table(
            ["image", *names], rows, title=f"{title} of each finding; * at or over the operating point"
        )
        unit = predictor.judge.config.unit
        if unit != "image":
            typer.echo(f"The run is judged per {unit}; here each file counts as a {unit} of one image.")
        typer.echo("Research use only: hilum is not a medical device.")
    unread = [r for r in results if r.error and not r.doubt]
    unlike = [r for r in results if r.error and r.doubt]
    for result in results:
        if result.error:
            typer.echo(f"not {'judged' if result.doubt else 'read'}: {result.error}", err=True)
        elif result.doubt:
            typer.echo(f"doubtful: {result.path} {result.doubt}", err=True)
    for note in dict.fromkeys(note for r in read for note in r.notes):
        typer.echo(f"guessed: {note}: {listed([r.path for r in read if note in r.notes])}", err=True)
    whole = many(len(results), "file")
    faults = [f"{len(unread)} of {whole} could not be read as an image."] if unread else []
    if unlike:
        faults.append(
            f"{len(unlike)} of {whole} got no probabilities, being none of the kind that the run learned; "
            "--force gives them all the same."
        )
    if faults:
        raise ImageError(" ".join(faults))
