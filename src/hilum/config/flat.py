"""A function that takes a section, as one that takes the section's fields."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from hilum.config.faults import make_section
from hilum.config.knobs import knobs
from hilum.config.section import Section

_Result = TypeVar("_Result")


def with_fields(function: Callable[..., _Result]) -> Callable[..., _Result]:
    """The function with the fields of its section as arguments, in its signature and its docstring.

    Args:
        function: with one parameter that is a section, and a line for it under `Args:`.

    Returns:
        The same with the section's fields in place of it, and `settings`, all of them at once; a field that is
        given wins.
    """
    own = inspect.signature(function, eval_str=True)
    place = next(one for one in own.parameters.values() if _is_section(one.annotation))
    section: type[Section] = place.annotation
    several = inspect.Parameter.POSITIONAL_OR_KEYWORD
    fields = [
        inspect.Parameter(
            one.name, several, default=one.default, annotation=section.model_fields[one.name].annotation
        )
        for one in knobs(section)
    ]
    others = [one for one in own.parameters.values() if one is not place]
    first = [one for one in others if one.kind is several]
    whole = inspect.Parameter(
        "settings", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=section | None
    )
    rest = [one for one in others if one.kind is not several]
    signature = own.replace(parameters=[*first, *fields, *rest, whole])

    @functools.wraps(function)
    def flat(*args: Any, **given: Any) -> _Result:
        bound = signature.bind(*args, **given).arguments
        settings = bound.pop("settings", None)
        values = settings.model_dump() if settings else {}
        values |= {one.name: bound.pop(one.name) for one in fields if one.name in bound}
        return function(**bound, **{place.name: make_section(section, values, flat.__name__)})

    flat.__signature__ = signature  # type: ignore[attr-defined]
    flat.__doc__ = _told(function.__doc__ or "", place.name, section)
    return flat


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _told(text: str, place: str, section: type[Section]) -> str:
    """The docstring with a line for each field in place of the section's own."""
    start = f"        {place}: "
    lines = [f"        {one.name}: {one.sentence}" for one in knobs(section)]
    lines.append(
        f"        settings: all of these at once, as a `{section.__name__}`; one that is given too wins."
    )
    return "\n".join("\n".join(lines) if line.startswith(start) else line for line in text.split("\n"))
