"""Options by their names of the release before: each works for one release more, and says its new name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hilum.errors import ConfigError
from hilum.progress import say

_PLACE = typer.Argument(hidden=True, show_default=False)

RENAMED: dict[str, dict[str, str]] = {
    "": {"--in": "--out", "--split": "--part", "--findings": "--finding"},
    "runs": {"--in": "--folder"},
    "doctor": {"--views": "--view", "--projections": "--projection", "--parts": "--part"},
    "pack": {"--views": "--view", "--projections": "--projection", "--parts": "--part"},
    "augment": {"--parts": "--part"},
    "embed": {"--store": "--out"},
    "similar": {"--k": "--top", "-k": "--top"},
    "noise": {"--by": "--reader"},
}
"""Command, empty for all -> former name -> today's."""

BY_PLACE = ("phantom", "pack", "augment", "arrange")
"""Commands whose `--out` was their last argument."""


def asked(words: Sequence[str]) -> str:
    """The command among the words of a command line."""
    return next((word for word in words if not word.startswith("-")), "")


def renamed(words: Sequence[str]) -> list[str]:
    """The words of a command line with options by their names of today; a line to the user for each other one."""
    names = RENAMED[""] | RENAMED.get(asked(words), {})
    told = []
    for word in words:
        option, equals, value = word.partition("=")
        if option in names:
            say(f"{option} is called {names[option]} now; the former name goes with the next release.")
            word = names[option] + equals + value
        told.append(word)
    return told


def with_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command of `BY_PLACE` that takes its `--out` as the last argument too."""
    signature = inspect.signature(function)
    own = signature.parameters["out"]
    option = own.replace(default=None)
    place = own.replace(name="place", default=None, annotation=Annotated[Path | None, _PLACE])

    @functools.wraps(function)
    def command(*, out: Path | None, place: Path | None, **given: Any) -> Any:
        if out is None and place is not None:
            say("what is written is named by --out now; its place at the end goes with the next release.")
        if (named := out or place) is None:
            raise ConfigError("--out is missing: name what is to be written.")
        return function(out=named, **given)

    parameters = [option if one is own else one for one in signature.parameters.values()]
    command.__signature__ = signature.replace(parameters=[*parameters, place])  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in (*parameters, place)}
    return command
