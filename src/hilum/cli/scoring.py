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
    from hilum.predict import Predicted


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
    scored = scored_test(Run(run)) if settings.part == "test" else None
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
    images: Annotated[
        list[Path], typer.Argument(help="Image files (PNG, JPEG, DICOM), folders of them, or packs.")
    ],
    settings: config.PredictFilesConfig,
    out: Annotated[
        Path | None,
        typer.Option(help="Write them here, .csv or .parquet: a row for each image and finding."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Probabilities of a run's findings for image files and packs, prepared as in training. Not a medical device.

    What is no chest film, or a lateral view for a run that learned frontal ones, gets the reason instead.
    """
    from hilum import api
    from hilum.errors import ImageError

    predicted = api.predict(run, images, settings=settings, out=out)
    results, read = predicted.images, predicted.read
    if as_json:
        show_json([one.to_json(predicted.findings) for one in results])
    elif out is not None:
        typer.echo(f"predictions: {out}, {many(len(read), 'image')}")
    elif read:
        _show(run, predicted)
    for one in results:
        if one.error:
            typer.echo(f"not {'judged' if one.doubt else 'read'}: {one.error}", err=True)
        elif one.doubt:
            typer.echo(f"doubtful: {one.id} {one.doubt}", err=True)
    for note in dict.fromkeys(note for one in read for note in one.notes):
        typer.echo(f"guessed: {note}: {listed([one.id for one in read if note in one.notes])}", err=True)
    if faults := _faults(predicted):
        raise ImageError(" ".join(faults))


def _show(run: Path, predicted: Predicted) -> None:
    from hilum.runs import Run

    judge = Run(run).judge
    title = "Calibrated probability" if judge.calibration.parameters else "Probability"
    title = f"{title} of each finding; * at or over the operating point"
    show_table(
        ["image", *predicted.findings], [[one.id, *one.cells()] for one in predicted.read], title=title
    )
    unit = judge.config.unit
    if unit != "image":
        typer.echo(f"The run is judged per {unit}; here each image counts as a {unit} of its own.")
    typer.echo("Research use only: hilum is not a medical device.")


def _faults(predicted: Predicted) -> list[str]:
    """How many files got no probabilities, and why."""
    results = predicted.images
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
