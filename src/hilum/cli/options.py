"""Arguments and options that several commands share, and the settings that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.config import Config

SourceName = Annotated[str, typer.Argument(help="The kind of data set; see `hilum sources`.")]
SourceRoot = Annotated[Path, typer.Argument(help="Its folder.")]
SourceOptions = Annotated[
    list[str] | None, typer.Option("--option", help="An option of the source, NAME=VALUE; may be repeated.")
]
Views = Annotated[list[str] | None, typer.Option(help="Keep this view; may be repeated.")]
Projections = Annotated[list[str] | None, typer.Option(help="Keep this projection; may be repeated.")]
Parts = Annotated[
    list[str] | None, typer.Option(help="Keep this part of the official split; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunFolder = Annotated[Path, typer.Argument(help="A run's folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing while training.")]


def config_of(recipe: Path | None, given: Mapping[str, object], overrides: Iterable[str]) -> Config:
    """The settings of a recipe, or else the defaults, under what the user gave.

    Args:
        recipe: a TOML file, or the name of one that comes with hilum.
        given: setting -> value of the option that stands for it, None where it was not given.
        overrides: texts of `--set`; they win.

    Raises:
        ConfigError: the recipe is missing, or any setting is wrong.
    """
    from hilum.config import make_config, read_config

    texts = [f"{key}={value!r}" for key, value in given.items() if value is not None] + list(overrides)
    return read_config(recipe, texts) if recipe else make_config({}, texts, "the command line")
