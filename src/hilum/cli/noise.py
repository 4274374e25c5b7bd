"""`hilum noise`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson, Store
from hilum.cli.show import show_json, show_table
from hilum.text import many

if TYPE_CHECKING:
    from hilum.noise import Suspects

_SHOWN = 20
"""How many suspects are shown."""
_NAMES = {1: "positive", 0: "negative"}


def noise(
    store: Store,
    settings: config.NoiseConfig,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the page, the lists and an overlay to be filled.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find labels that are probably wrong, for a reader to judge. Not a medical device."""
    from hilum import api, records

    found = api.noise(store, settings=settings, out=out)
    if as_json:
        show_json(records.to_json(found))
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
        [one.rank, one.image_id, one.finding, _NAMES[one.given], one.probability, "; ".join(one.reasons)]
        for one in sorted(found.suspects, key=lambda one: (one.rank, one.finding))[:_SHOWN]
    ]
    if worst:
        total = many(len(found.suspects), "suspect")
        title = f"The worst {len(worst)} of {total}" if len(worst) < len(found.suspects) else total
        show_table(("rank", "image", "finding", "label", "probability", "reasons"), worst, title=title)
    else:
        typer.echo("no label is suspect.")
    for warning in found.warnings:
        typer.echo(f"note: {warning}")
