"""`hilum pack`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.options import (
    AsJson,
    Parts,
    Projections,
    SourceName,
    SourceOptions,
    SourceRoot,
    Views,
    config_of,
)

if TYPE_CHECKING:
    from hilum.pixels import Pack
    from hilum.table import Step

SHOWN = 10
"""How many left-out images are printed."""


def pack(
    source: SourceName,
    root: SourceRoot,
    out: Annotated[Path, typer.Argument(help="The pack to make.")],
    size: Annotated[int | None, typer.Option(help="Width and height in pixels (320).")] = None,
    fit: Annotated[str | None, typer.Option(help="squash, crop or pad to the square (squash).")] = None,
    clahe: Annotated[
        float | None, typer.Option(help="Clip limit of adaptive histogram equalisation; 0 is none (0).")
    ] = None,
    views: Views = None,
    projections: Projections = None,
    parts: Parts = None,
    recipe: Annotated[
        Path | None, typer.Option(help="Take preparation and filters from this recipe or config.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A setting of prepare, clean or limits, e.g. clean.min_age=18; may be repeated."
        ),
    ] = None,
    option: SourceOptions = None,
    workers: Annotated[int, typer.Option(min=0, help="Threads; 0 is one a core.")] = 0,
    max_excluded: Annotated[
        float, typer.Option(min=0, max=1, help="Share of images that may be unreadable.")
    ] = 0.01,
    as_json: AsJson = False,
) -> None:
    """Decode and resize all images once, into a folder that training reads from.

    Run the same command again after an interruption: it goes on where it was.
    """
    from hilum.cli.show import show_json
    from hilum.pixels import INFO, build_pack
    from hilum.table import clean, parse_options, read_source

    given = {
        "prepare.size": size,
        "prepare.fit": fit,
        "prepare.clahe": clahe,
        "clean.views": views,
        "clean.projections": projections,
        "clean.parts": parts,
    }
    config = config_of(recipe, given, set_ or ())
    table = read_source(source, root, **config.data.options | parse_options(option or ()))
    table, steps = clean(table, config.clean)
    there, started = (out / INFO).exists(), time.perf_counter()
    made = build_pack(
        table,
        out,
        config.prepare,
        films=config.clean.films,
        workers=workers or None,
        max_excluded=max_excluded,
        limits=config.limits,
    )
    seconds = time.perf_counter() - started
    if as_json:
        measured = {"bytes": made.bytes, "seconds": None if there else round(seconds, 3)}
        cleaning = [step.to_json() for step in steps]
        show_json({"path": str(made.path), **made.info, **measured, "clean": cleaning})
    else:
        _show(made, steps, None if there else seconds)


def _show(made: Pack, steps: list[Step], seconds: float | None) -> None:
    """A short summary; `seconds` is None where the pack was there already."""
    from hilum.cli.show import show_steps, show_table

    show_steps(steps)
    size = made.prepare.size
    speed = "was there already" if seconds is None else f"{made.info['slots'] / seconds:,.0f} images/s"
    typer.echo(
        f"{made.path}: {len(made):,} images of {made.table.patients:,} patients, {size} x {size}, "
        f"{_amount(made.bytes)}, {speed}"
    )
    if made.excluded.height:
        typer.echo(f"{_left_out(made)} left out:")
        show_table(("path", "reason"), made.excluded.select("path", "reason").head(SHOWN).rows())
        if made.excluded.height > SHOWN:
            typer.echo(f"... and {made.excluded.height - SHOWN:,} more: {made.path / 'excluded.parquet'}")
    for note, count in made.info.get("guessed", {}).items():
        typer.echo(f"guessed: {count:,} x {note}")
    typer.echo(f"fingerprint {made.fingerprint}")


def _left_out(made: Pack) -> str:
    """How many images a pack has left out, and for what; a clause that ends in `are`."""
    unlike = int(made.info.get("no_films", 0))
    unread = made.excluded.height - unlike
    counts = [f"{unread:,} could not be read"] if unread else []
    counts += [f'{unlike:,} are no chest films (clean.films = "any" keeps such)'] if unlike else []
    return f"{', '.join(counts)} and are"


def _amount(size: int) -> str:
    """A number of bytes as a person says it."""
    if size < 2**20:
        return f"{size / 2**10:,.1f} KiB"
    return f"{size / 2**20:,.1f} MiB" if size < 2**30 else f"{size / 2**30:,.1f} GiB"
