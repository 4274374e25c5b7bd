"""`hilum augment`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson, Change
from hilum.cli.show import show_json

if TYPE_CHECKING:
    from hilum.augment import Augmented


def augment(
    pack: Annotated[Path, typer.Argument(help="A pack of originals.")],
    out: Annotated[Path, typer.Option(help="The pack to make.")],
    settings: config.AugmentPackConfig,
    set_: Change = None,
    as_json: AsJson = False,
) -> None:
    """Write a pack with changed copies of its training images, what was drawn for each kept beside them.

    Splits are made of the originals: a copy trains only where its original does, and is never scored.
    """
    from hilum import api

    started = time.perf_counter()
    made = api.augment(pack, out, settings=settings, change=set_ or ())
    seconds = None if made.there else time.perf_counter() - started
    if as_json:
        measured = {"bytes": made.pack.bytes, "seconds": None if seconds is None else round(seconds, 3)}
        show_json({"path": str(made.pack.path), **made.pack.info, **measured})
    else:
        _show(made, seconds)


def _show(made: Augmented, seconds: float | None) -> None:
    from hilum.pixels import COPIES

    about = made.pack.info["augmented"]
    speed = "was there already" if seconds is None else f"{len(made.pack) / seconds:,.0f} images/s"
    typer.echo(
        f"{made.pack.path}: {made.originals:,} images and {made.copies:,} copies ({about['copies']} of each of "
        f"{made.copies // about['copies']:,}), {about['strength']}, {speed}"
    )
    if about["boxes"] == "dropped":
        typer.echo(
            "Boxes of findings were dropped for copies: the images were cropped or padded when packed."
        )
    typer.echo(f"what was drawn for each copy: {made.pack.path / COPIES}")
    typer.echo(f"fingerprint {made.pack.fingerprint}")
