"""`hilum settings` and `hilum recipes`: what can be set, and what hilum comes with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from hilum.cli.options import AsJson
from hilum.cli.show import show_json, show_table
from hilum.text import shown


def settings(
    section: Annotated[str, typer.Argument(help="Only this section, or one setting, as optimizer.lr.")] = "",
    as_json: AsJson = False,
) -> None:
    """What can be set, in a recipe, by --set or by options: kind, allowed values, default, and what it does."""
    from hilum.config import SECTIONS, find_settings

    found = find_settings(section)
    if as_json:
        show_json([{"setting": key, **asdict(knob)} for key, knob in found.items()])
        return
    before = None
    for key, knob in found.items():
        if (name := key.rpartition(".")[0]) != before:
            before = name
            typer.echo(f"\n[{name}] {SECTIONS[name].__doc__}\n" if name else "")
        typer.echo(f"{key} = {shown(knob.default)}   {knob.expected}\n    {knob.sentence}")


def recipes(as_json: AsJson = False) -> None:
    """The recipes that hilum comes with: what each trains, what it scored where measured, how long a run takes."""
    from hilum.config import recipes

    found = recipes()
    if as_json:
        show_json(found)
        return
    rows = [[one[key] for key in ("name", "what", "measured", "time")] for one in found]
    show_table(["recipe", "what", "measured", "a run takes"], rows)
    typer.echo("hilum train RECIPE --data SOURCE:FOLDER trains one. --json shows all that each says.")
