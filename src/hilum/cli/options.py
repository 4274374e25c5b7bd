"""From settings to options: a command's parameters that are sections become an option for each of their fields.

A command writes `settings: config.NoiseConfig` and gets the section, checked, made of what the user gave. Settings
of a run that it offers are named in a parameter (`run: Annotated[config.Config, "set prepare.size"]`); they
stand over those of `--recipe`; a `--set` that says otherwise of one is refused.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

if TYPE_CHECKING:
    from hilum.config import Knob, Section

SourceName = Annotated[str, typer.Argument(help="The kind of data set; see `hilum sources`.")]
SourceRoot = Annotated[Path, typer.Argument(help="Its folder.")]
SourceOptions = Annotated[
    list[str] | None, typer.Option("--option", help="An option of the source, NAME=VALUE; may be repeated.")
]
Recipe = Annotated[
    Path | None, typer.Option(help="Take settings from this recipe or config, by its file or name.")
]
Change = Annotated[
    list[str] | None,
    typer.Option("--set", help="SECTION.KEY=VALUE, see `hilum settings`; may be repeated."),
]
Store = Annotated[str, typer.Argument(help="A feature store: a folder, or a URL such as s3://bucket/x.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunFolder = Annotated[Path, typer.Argument(help="A run's folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing while training.")]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]


_OF_RUN = {"recipe": Recipe, "set": Change}


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command as typer takes it: every parameter of its signature is an argument or an option."""
    signature = inspect.signature(function, eval_str=True)
    sections = {one.name: one.annotation for one in signature.parameters.values() if _section(one.annotation)}
    parameters: dict[str, inspect.Parameter] = {}
    for one in signature.parameters.values():
        parameters |= _options(one.annotation) if one.name in sections else {one.name: one}

    @functools.wraps(function)
    def command(**given: Any) -> Any:
        made = {name: _made(annotation, given) for name, annotation in sections.items()}
        return function(**{key: value for key, value in given.items() if key in signature.parameters}, **made)

    del command.__wrapped__
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters.values()]
    command.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in keywords}
    return command


def _section(annotation: Any) -> type[Section] | None:
    """The section that a parameter stands for; None for one that is an argument or option itself."""
    from hilum.config import Section

    whole = next(iter(get_args(annotation)), annotation)
    return whole if isinstance(whole, type) and issubclass(whole, Section) else None


def _options(annotation: Any) -> dict[str, inspect.Parameter]:
    """Name -> option, of what a section's parameter stands for."""
    keys = [key for key in _keys(annotation) if key in _OF_RUN]
    own = {
        key: inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_OF_RUN[key])
        for key in keys
    }
    return {knob.name: _option(knob) for knob in _knobs(annotation).values()} | own


def _knobs(annotation: Any) -> dict[str, Knob]:
    """Key -> setting: all of a section, or those of a run that are named."""
    from hilum.config import find_settings, knobs

    if not get_args(annotation):
        return {one.name: one for one in knobs(annotation)}
    return {key: find_settings(key)[key] for key in _keys(annotation) if key not in _OF_RUN}


def _keys(annotation: Any) -> list[str]:
    """What a parameter of a run's settings names."""
    return " ".join(get_args(annotation)[1:]).split()


def _made(annotation: Any, given: Mapping[str, Any]) -> Any:
    """The section, of what the user gave."""
    from hilum.config import make_config, make_section, read_config

    of = _knobs(annotation)
    values = {key: given[knob.name] for key, knob in of.items() if given[knob.name]}
    values = {key: value.split(",") if _numbers(of[key]) else value for key, value in values.items()}
    if not get_args(annotation):
        return make_section(annotation, values, spell=lambda name: spelled(of[name]))
    # A number stays one, for where only some are allowed (`--channels 3`); a path called 5 stays text.
    texts = [f"{key}={value if 'number' in of[key].kind else repr(value)}" for key, value in values.items()]
    recipe, change = given.get("recipe"), given.get("set") or ()
    if recipe:
        return read_config(recipe, change, texts)
    return make_config({}, change, "the command line", texts)


def spelled(knob: Knob) -> str:
    """How a setting is called on the command line: `--max-bad`, and `--finding` for one of several findings."""
    name = knob.name.removesuffix("s") if knob.several and not _numbers(knob) else knob.name
    return "--" + name.replace("_", "-")


def _numbers(knob: Knob) -> bool:
    return knob.several and "number" in knob.kind


def _option(knob: Knob) -> inspect.Parameter:
    several = knob.several and not _numbers(knob)
    flag = knob.kind == "true or false"
    kind: Any = bool if flag else list[str] | None if several else str | None
    words = knob.allowed.replace(", ", "|") if "word" in knob.kind else ""
    limits = [knob.allowed] if knob.allowed and not words else []
    default = ", ".join(map(str, knob.default)) if knob.several else knob.default
    more = [*limits, *([f"{default} by default"] if default not in (None, "", False) else [])]
    option = typer.Option(
        spelled(knob),
        metavar=None if flag else words or knob.kind.removeprefix("list of ").removesuffix("s"),
        help=knob.sentence
        + (" May be repeated." if several else "")
        + (f" ({'; '.join(more)})" if more else ""),
        show_default=False,
    )
    return inspect.Parameter(
        knob.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if flag else None,
        annotation=Annotated[kind, option],
    )
