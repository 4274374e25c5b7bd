"""`hilum evaluate`, `report`, `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson, Open, RunFolder
from hilum.cli.show import show_json, show_table
from hilum.text import listed, many

if TYPE_CHECKING:
    from hilum.predict import FileResult, Predictor


def evaluate(
    run: RunFolder,
    settings: config.EvaluateConfig,
    every: Annotated[bool, typer.Option("--all", help="Show every score, also of many findings.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score a run's best weights on a part of its data, at thresholds chosen on the validation part."""
    from hilum import api
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
    from hilum.errors import ImageError

    predictor, results = api.predict(run, images, settings=settings)
    read = [one for one in results if one.probabilities is not None]
    if as_json:
        show_json([one.to_json(predictor.findings) for one in results])
    elif read:
        _show(predictor, read)
    for one in results:
        if one.error:
            typer.echo(f"not {'judged' if one.doubt else 'read'}: {one.error}", err=True)
        elif one.doubt:
            typer.echo(f"doubtful: {one.path} {one.doubt}", err=True)
    for note in dict.fromkeys(note for one in read for note in one.notes):
        typer.echo(f"guessed: {note}: {listed([one.path for one in read if note in one.notes])}", err=True)
    if faults := _faults(results):
        raise ImageError(" ".join(faults))


def _show(predictor: Predictor, read: list[FileResult]) -> None:
    title = "Calibrated probability" if predictor.judge.calibration.parameters else "Probability"
    rows = [[str(one.path), *one.cells()] for one in read]
    title = f"{title} of each finding; * at or over the operating point"
    show_table(["image", *predictor.findings], rows, title=title)
    unit = predictor.judge.config.unit
    if unit != "image":
        typer.echo(f"The run is judged per {unit}; here each file counts as a {unit} of one image.")
    typer.echo("Research use only: hilum is not a medical device.")


def _faults(results: list[FileResult]) -> list[str]:
    """How many files got no probabilities, and why."""
    whole = many(len(results), "file")
    unread = sum(1 for one in results if one.error and not one.doubt)
    unlike = sum(1 for one in results if one.error and one.doubt)
    faults = [f"{unread} of {whole} could not be read as an image."] if unread else []
    if unlike:
        faults.append(
            f"{unlike} of {whole} got no probabilities, being none of the kind that the run learned; "
            "--force gives them all the same."
        )
    return faults
