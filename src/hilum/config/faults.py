"""What is wrong with settings, as sentences made from the fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hilum.config.commands import COMMANDS, SECTIONS
from hilum.config.knobs import TABLE, Knob, inner_section, knobs
from hilum.config.section import Section
from hilum.errors import ConfigError, did_you_mean, nearest

_Made = TypeVar("_Made", bound=Section)


def make_section(
    section: type[_Made], values: Mapping[str, Any], origin: str = "", *, spell: Callable[[str], str] = str
) -> _Made:
    """Check values and make a section of them.

    Args:
        section: its class.
        values: name -> value; the defaults for the rest.
        origin: where they come from, for the message.
        spell: how a setting is called there, e.g. `--folds`.

    Raises:
        ConfigError: any value is wrong; all faults are told.
    """
    made, faults = check_section(section, values, spell)
    if made is None:
        several = "".join(f"\n  - {fault}" for fault in faults)
        told = faults[0] if len(faults) == 1 else f"what is given cannot be used:{several}"
        raise ConfigError(f"{origin}: {told}" if origin else told)
    return made


def check_section(
    section: type[_Made], values: Mapping[str, Any], spell: Callable[[str], str] = str
) -> tuple[_Made | None, list[str]]:
    """The same, with a sentence for each fault in place of an error."""
    try:
        return section.model_validate(values), []
    except ValidationError as error:
        return None, _sentences(section, error, spell)


def find_settings(asked: str = "") -> dict[str, Knob]:
    """Settings by their whole names, such as `optimizer.lr`: all, those of a section, or one.

    Raises:
        ConfigError: there is no such section or setting.
    """
    every = {
        f"{name}.{one.name}".removeprefix("."): one for name, of in SECTIONS.items() for one in knobs(of)
    }
    found = {key: one for key, one in every.items() if asked in ("", key, key.rpartition(".")[0])}
    if not found:
        known = [name for name in SECTIONS if name]
        same = _called(asked.rpartition(".")[2], every)
        close = nearest(asked, every) if "." in asked else None
        near = " or ".join(same) or (close and f"'{close}'")
        raise ConfigError(
            f"there is no section or setting {asked!r}; "
            + (f"did you mean {near}?" if near else did_you_mean(asked, known))
        )
    return found


def _called(key: str, known: Collection[str]) -> list[str]:
    """Whole names that end in a key, in a like spelling of it, or in its initials: `learning-rate` is `lr`."""
    words = [word for word in re.split(r"[-_ ]+", key.lower()) if word]
    forms = [key, "_".join(words), *(["".join(word[0] for word in words)] if len(words) > 1 else [])]
    each = ([full for full in known if full.rpartition(".")[2] == form] for form in forms)
    return next(filter(None, each), [])


def _sentences(section: type[Section], error: ValidationError, spell: Callable[[str], str]) -> list[str]:
    """Faults as sentences that name the field; one that may be of several types is told once."""
    told: dict[str, str] = {}
    for fault in error.errors():
        inside, path, rest = section, list[str](), list(map(str, fault["loc"]))
        while rest:
            path.append(rest.pop(0))
            # What pydantic says further in is a union's branch or a place in a list, which a user does not know.
            if (inner := inner_section(inside, path[-1])) is None:
                break
            inside = inner
        knob = next((one for one in knobs(inside) if path and one.name == path[-1]), None)
        sentence = _told_by_itself(section, inside, path, fault) or _expected(knob, fault["input"])
        if knob and knob.kind.startswith(TABLE):
            path += rest[:1]
        told.setdefault(spell(".".join(path)) or "the configuration", sentence)
    return [f"{name}: {sentence}" for name, sentence in told.items()]


def _told_by_itself(
    section: type[Section], inside: type[Section], path: list[str], fault: ErrorDetails
) -> str:
    """The sentence of a key that there is not, or of a check that has words of its own."""
    if fault["type"] == "extra_forbidden":
        where = f"[{'.'.join(path[:-1])}]" if path[:-1] else "the top level"
        return f"unknown key in {where}; {_other_key(section, inside, path)}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}" if fault["type"] == "value_error" else ""


def _expected(knob: Knob | None, came: object) -> str:
    if knob is None:
        return f"expected a section; came: {came!r}"
    words = re.split(", |; ", knob.allowed) if "word" in knob.kind else []
    close = nearest(came, words) if isinstance(came, str) else None
    expected = knob.expected.removeprefix(TABLE)
    return f"expected {expected}; came: {came!r}" + (f"; did you mean '{close}'?" if close else "")


def _other_key(section: type[Section], inside: type[Section], path: list[str]) -> str:
    """What to name in place of a key that there is not: a like one here, or the same or a like one elsewhere."""
    key, here = path[-1], list(inside.model_fields)
    if section is inside and key in COMMANDS:
        return f"[{key}] is of its own command, see `hilum settings {key}`"
    inner = {name: one for name in section.model_fields if (one := inner_section(section, name))}
    elsewhere = {f"{name}.{one}": one for name, within in inner.items() for one in within.model_fields}
    if here_so := _called(key, here):
        return f"did you mean '{here_so[0]}'?"
    if same := _called(key, elsewhere):
        return f"did you mean {' or '.join(same)}?"
    if inside is not section or nearest(key, here) or not (close := nearest(key, elsewhere.values())):
        return did_you_mean(key, here)
    return f"did you mean {' or '.join(full for full, last in elsewhere.items() if last == close)}?"
