"""`hilum sources` and `hilum arrange`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum import config
from hilum.cli.options import AsJson, SourceName, SourceOptions, SourceRoot
from hilum.cli.show import show_json, show_table


def sources(
    name: Annotated[str, typer.Argument(help="Show this one in full.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the data sets that can be read, with citation, licence and folder layout."""
    from hilum.table import all_sources

    if name and as_json:
        show_json(all_sources()[name].to_json())
    elif name:
        _show(name)
    elif as_json:
        show_json([source.to_json() for source in all_sources().values()])
    else:
        show_table(
            ("source", "data set", "licence", "official split"),
            [(s.name, s.title, s.licence, s.has_official_split) for s in all_sources().values()],
            title="Sources",
        )
        typer.echo("One in full, with its folder layout, options and citation:  hilum sources NAME")


def arrange(
    source: SourceName,
    root: SourceRoot,
    out: Annotated[Path, typer.Option(help="The folder to copy the images into.")],
    run: Annotated[config.Config, "set clean.views clean.projections clean.parts"],
    option: SourceOptions = None,
    as_json: AsJson = False,
) -> None:
    """Copy images into d{ImageID%50}/d{PatientID%50}/i{ImageID}.jpg, resumable and verified.

    Run the same command again after an interruption: what is there and whole is kept.
    """
    from hilum.table import arrange as copy
    from hilum.table import clean, parse_options, read_source

    table = read_source(source, root, **parse_options(option or ()))
    table, steps = clean(table, run.clean)
    done = copy(table, out)
    if as_json:
        counts = {"copied": done.copied, "replaced": done.replaced, "kept": done.kept}
        show_json({"out": str(out), "images": len(done.table), **counts})
        return
    for step in steps:
        typer.echo(f"clean.{step.name}: {step.before:,} -> {step.after:,} images")
    told = (
        (done.copied, "copied"),
        (done.kept, "already there"),
        (done.replaced, "damaged or changed, replaced"),
    )
    said = ", ".join(f"{count:,} {what}" for count, what in told if count)
    typer.echo(f"{len(done.table):,} images in {out}: {said}.")
    if "dicom" in done.table.frame["source"]:
        typer.echo("DICOM files are copied as they are, with the names and dates in their headers.")
    typer.echo(f"Next:  hilum pack csv {out} --out PACK")


def _show(name: str) -> None:
    from hilum.table import all_sources

    source = all_sources()[name]
    typer.echo(f"{source.name}: {source.title}\n\n{source.layout}\n\n{source.notes}\n")
    for label, value in (("Citation", source.citation), ("Licence", source.licence), ("From", source.url)):
        if value:
            typer.echo(f"{label}: {value}")
    typer.echo(f"Official split: {'yes' if source.has_official_split else 'no'}")
    if source.options.model_fields:
        typer.echo("\nOptions (--option NAME=VALUE):")
    for name, field in source.options.model_fields.items():
        typer.echo(f"  {name} = {field.default!r}\n      {field.description}")
