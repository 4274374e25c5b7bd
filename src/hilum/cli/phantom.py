"""`hilum phantom`: draw a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson
from hilum.cli.show import show_json


def phantom(
    out: Annotated[Path, typer.Option(help="New folder for the study.")],
    settings: config.PhantomConfig,
    as_json: AsJson = False,
) -> None:
    """Draw a study of chest X-rays with known findings, or of containers: no download is needed to try hilum."""
    from hilum import api

    made = api.phantom(out, settings=settings)
    if as_json:
        show_json({"path": str(made.path), **made.truth})
        return
    of = "containers" if made.layout == "containers" else "patients"
    typer.echo(f"{made.images:,} images of {made.patients:,} {of}, layout {made.layout}: {made.path}")
    planted = {
        name: len(made.truth.get(name, ()))
        for name in ("flipped", "fainter", "leaked", "duplicates", "damaged", "monochrome1")
    }
    if any(planted.values()):
        listed = ", ".join(f"{count:,} {name}" for name, count in planted.items() if count)
        typer.echo(f"Planted, and listed in truth.json: {listed}.")
    what = "goods" if made.layout == "containers" else "severities"
    typer.echo(
        f"What was drawn: truth.csv ({what}), boxes.csv. Drawn pictures: nothing here is of a patient."
    )
