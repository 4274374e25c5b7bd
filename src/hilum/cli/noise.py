"""`hilum noise`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hilum.cli.options import AsJson
from hilum.text import many

if TYPE_CHECKING:
    from hilum.noise import Suspects

SHOWN = 20
"""How many suspects are shown."""
NAMES = {1: "positive", 0: "negative"}


def noise(
    store: Annotated[str, typer.Argument(help="A feature store: a folder, or a URL such as s3://bucket/x.")],
    finding: Annotated[
        list[str] | None, typer.Option(help="A finding to look at, all by default; may be repeated.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="Whose vectors, where the store has several encoders': name or fingerprint.")
    ] = "",
    where: Annotated[
        str, typer.Option(help="Only images that fulfil this, e.g. \"sex = 'F' and age > 60\".")
    ] = "",
    folds: Annotated[int, typer.Option(help="Parts that patients are dealt to.")] = 5,
    repeats: Annotated[int, typer.Option(help="Average over so many ways to deal them.")] = 3,
    threshold: Annotated[
        float, typer.Option(help="An error is confident from this probability of the other label on.")
    ] = 0.9,
    top: Annotated[
        int | None, typer.Option(help="List so many per finding, whatever the reason; else all with one.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Look at official test images too.")] = False,
    blank: Annotated[
        Literal["zeros", "ignore"],
        typer.Option(help="A finding that is not mentioned is negative (zeros), or left out (ignore)."),
    ] = "zeros",
    labels: Annotated[
        Path | None, typer.Option(help="Verdicts given already: learned from, and not listed again.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the page, the lists and an overlay to be filled.")
    ] = None,
    accept: Annotated[
        int,
        typer.Option(min=0, help="In the overlay, call the labels of the first N of each finding wrong."),
    ] = 0,
    by: Annotated[str, typer.Option(help="With --accept: whose verdict that is.")] = "hilum noise",
    seed: Annotated[int, typer.Option(min=0, help="Of the folds.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Find labels that are probably wrong, for a reader to judge. Not a medical device."""
    from hilum import api
    from hilum.cli.show import show_json
    from hilum.config import LabelsConfig

    found = api.noise(
        store, finding or (), encoder=encoder, where=where, folds=folds, repeats=repeats, threshold=threshold,
        top=top, test=test, labels=LabelsConfig(blank=blank), verdicts=labels, device=device, seed=seed,
        out=out, accept=accept, by=by,
    )  # fmt: skip
    if as_json:
        show_json(found.to_json())
        return
    _show(found)
    if out is not None:
        typer.echo(f"page: {out / 'suspects.html'}; lists: suspects.csv, suspects.json")
        typer.echo(
            f"overlay: {out / 'overlay.csv'}. Fill its column verdict, then train with it: "
            f"hilum train RECIPE --data PACK --labels {out / 'overlay.csv'}"
        )
    else:
        typer.echo("--out FOLDER writes a page with the pictures, and an overlay for verdicts.")


def _show(found: Suspects) -> None:
    from hilum.cli.show import show_table

    columns = ("finding", "labelled", "positive", "of which wrong", "negative", "of which wrong", "suspects")
    rates = [
        [
            rate.finding,
            rate.images,
            rate.positives,
            f"{100 * rate.wrong_positive:.1f} %",
            rate.negatives,
            f"{100 * rate.wrong_negative:.1f} %",
            rate.suspects,
        ]
        for rate in found.rates
    ]
    show_table(columns, rates, title=f"Estimated wrong labels, by {found.candidate} on {found.encoder}")
    worst = [
        [one.rank, one.image_id, one.finding, NAMES[one.given], one.probability, "; ".join(one.reasons)]
        for one in sorted(found.suspects, key=lambda one: (one.rank, one.finding))[:SHOWN]
    ]
    if worst:
        total = many(len(found.suspects), "suspect")
        title = f"The worst {len(worst)} of {total}" if len(worst) < len(found.suspects) else total
        show_table(("rank", "image", "finding", "label", "probability", "reasons"), worst, title=title)
    else:
        typer.echo("no label is suspect.")
    for warning in found.warnings:
        typer.echo(f"note: {warning}")
