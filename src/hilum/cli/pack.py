"""`hilum pack`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson, SourceName, SourceOptions, SourceRoot
from hilum.cli.show import show_json, show_steps, show_table

if TYPE_CHECKING:
    from hilum.pixels import Pack
    from hilum.table import Step

_RUN = "recipe set prepare.size prepare.fit prepare.clahe clean.views clean.projections clean.parts"
"""Settings of a run that are options."""
_SHOWN = 10
"""How many left-out images are printed."""


def pack(
    source: SourceName,
    root: SourceRoot,
    out: Annotated[Path, typer.Option(help="The pack to make.")],
    run: Annotated[config.Config, _RUN],
    settings: config.PackConfig,
    option: SourceOptions = None,
    as_json: AsJson = False,
) -> None:
    """Decode and resize all images once, into a folder that training reads from.

    Run the same command again after an interruption: it goes on where it was.
    """
    from hilum.pixels import INFO, build_pack
    from hilum.table import clean, parse_options, read_source

    table = read_source(source, root, **run.data.options | parse_options(option or ()))
    table, steps = clean(table, run.clean)
    there, started = (out / INFO).exists(), time.perf_counter()
    made = build_pack(
        table,
        out,
        run.prepare,
        films=run.clean.films,
        workers=settings.workers or None,
        max_excluded=settings.max_excluded,
        limits=run.limits,
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
    show_steps(steps)
    size = made.prepare.size
    speed = "was there already" if seconds is None else f"{made.info['slots'] / seconds:,.0f} images/s"
    typer.echo(
        f"{made.path}: {len(made):,} images of {made.table.patients:,} patients, {size} x {size}, "
        f"{_amount(made.bytes)}, {speed}"
    )
    if made.excluded.height:
        typer.echo(f"{_left_out(made)} left out:")
        show_table(("path", "reason"), made.excluded.select("path", "reason").head(_SHOWN).rows())
        if made.excluded.height > _SHOWN:
            typer.echo(f"... and {made.excluded.height - _SHOWN:,} more: {made.path / 'excluded.parquet'}")
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
