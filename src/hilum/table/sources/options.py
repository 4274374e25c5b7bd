"""Options of a source from keywords, a mapping file or the command line, checked with one clear message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hilum.config import value_of
from hilum.errors import ConfigError, did_you_mean
from hilum.table.sources.base import SourceOptions
from hilum.text import items

Options = TypeVar("Options", bound=SourceOptions)


def make_options(kind: type[Options], values: Mapping[str, Any], origin: str) -> Options:
    """Check values and make the options of a source.

    Args:
        kind: the source's class of options.
        values: option -> value.
        origin: where the values come from, for the message.

    Raises:
        ConfigError: an option is unknown or its value is of the wrong type; all faults are listed.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = [_say(fault, kind) for fault in error.errors()]
        raise ConfigError(
            f"{origin} cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults)
        ) from error


def parse_options(texts: Iterable[str]) -> dict[str, Any]:
    """`["positive=empty", "only_present=false"]` to option -> value; a value is TOML, or else a string.

    Raises:
        ConfigError: a text has no `=`.
    """
    values: dict[str, Any] = {}
    for text in items(texts):
        key, equals, raw = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--option {text}: expected NAME=VALUE, for example positive=pneumonia.")
        values[key.strip()] = value_of(raw)
    return values


def _say(fault: ErrorDetails, kind: type[SourceOptions]) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    known = list(kind.model_fields)
    if fault["type"] != "extra_forbidden":
        return f"{name}: {fault['msg'][0].lower()}{fault['msg'][1:]} (came: {fault['input']!r})"
    return f"{name}: unknown option; {did_you_mean(name, known) if known else 'this source has no options'}"
