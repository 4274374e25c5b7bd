"""`hilum evaluate`, `report`, `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.options import AsJson, RunFolder

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]


Findings = Annotated[
    list[str] | None, typer.Option("--findings", help="Show this finding alone; may be repeated.")
]


def evaluate(
    run: RunFolder,
    split: Annotated[str, typer.Option(help="The part to score: test, valid or train.")] = "test",
    per: Annotated[
        str | None, typer.Option(help="Judge every image, study or patient; the run's own unit by default.")
    ] = None,
    combine: Annotated[
        str | None, typer.Option(help="A study's or patient's logit: max or mean of its images'.")
    ] = None,
    findings: Findings = None,
    every: Annotated[bool, typer.Option("--all", help="Show every score, also of many findings.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Look at the images even where predictions were kept.")
    ] = False,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score a run's best weights on a part of its data, at thresholds chosen on the validation part."""
    from hilum import api
    from hilum.cli.show import show_json
    from hilum.cli.show_scores import show_evaluation
    from hilum.runs import Run, scored_test

    judged = api.judge(
        run, split, per=per, combine=combine, findings=findings or (), again=again, device=device
    )
    scored = scored_test(Run.open(run)) if split == "test" else None
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
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
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
    out: Annotated[
        Path | None,
        typer.Option(help="Write them here, .csv or .parquet: a row for each image and finding."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also of pictures that are none of the kind that the run learned.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Probabilities of a run's findings for image files and packs, prepared as in training. Not a medical device.

    What is no chest film, or a lateral view for a run that learned frontal ones, gets the reason instead.
    """
    from hilum import api
    from hilum.cli.show import show_json, show_table
    from hilum.errors import ImageError
    from hilum.runs import Run
    from hilum.text import listed, many

    predicted = api.predict(run, images, out=out, force=force, device=device)
    names, results, judge = predicted.findings, predicted.images, Run(run).judge
    read = [r for r in results if r.probabilities is not None]
    if as_json:
        show_json([r.to_json(names) for r in results])
    elif out is not None:
        typer.echo(f"predictions: {out}, {many(len(read), 'image')}")
    elif read:
        rows = [[r.id, *r.cells()] for r in read]
        title = "Calibrated probability" if judge.calibration.parameters else "Probability"
        show_table(
            ["image", *names], rows, title=f"{title} of each finding; * at or over the operating point"
        )
        unit = judge.config.unit
        if unit != "image":
            typer.echo(f"The run is judged per {unit}; here each image counts as a {unit} of its own.")
        typer.echo("Research use only: hilum is not a medical device.")
    unread = [r for r in results if r.error and not r.doubt]
    unlike = [r for r in results if r.error and r.doubt]
    for result in results:
        if result.error:
            typer.echo(f"not {'judged' if result.doubt else 'read'}: {result.error}", err=True)
        elif result.doubt:
            typer.echo(f"doubtful: {result.id} {result.doubt}", err=True)
    for note in dict.fromkeys(note for r in read for note in r.notes):
        typer.echo(f"guessed: {note}: {listed([r.id for r in read if note in r.notes])}", err=True)
    whole = many(len(results), "file")
    faults = [f"{len(unread)} of {whole} could not be read as an image."] if unread else []
    if unlike:
        faults.append(
            f"{len(unlike)} of {whole} got no probabilities, being none of the kind that the run learned; "
            "--force gives them all the same."
        )
    if faults:
        raise ImageError(" ".join(faults))
