"""A section's fields as they are shown: in the terminal, on a page, as options, as keywords, in errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from hilum.config.section import Section

_KINDS: dict[Any, str] = {bool: "true or false", int: "whole number", float: "number", str: "text"}
TABLE = "table of: "


@dataclass(frozen=True)
class Knob:
    """One setting, in words.

    Attributes:
        name: of the field.
        kind: of its value: `number`, `list of words`, ...
        allowed: which values: `0 to 1`, `mild, strong`; empty where any will do.
        default: what it is where nobody says.
        sentence: what it does.
        several: whether it takes a list.
    """

    name: str
    kind: str
    allowed: str
    default: Any
    sentence: str
    several: bool

    @property
    def expected(self) -> str:
        """What is to be given, for a message."""
        return self.kind + (f" ({self.allowed})" if self.allowed else "")


def knobs(section: type[Section]) -> tuple[Knob, ...]:
    """A section's settings, its own before those that it shares with others."""
    names = sorted(section.model_fields, key=lambda name: name not in section.__annotations__)
    return tuple(
        _knob(name, section.model_fields[name]) for name in names if not inner_section(section, name)
    )


def inner_section(section: type[Section], name: str) -> type[Section] | None:
    """The section under this name within another; None for a setting or where there is none."""
    field = section.model_fields.get(name)
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _knob(name: str, field: FieldInfo) -> Knob:
    kinds = list(_kinds(field.annotation, field.metadata))
    return Knob(
        name,
        " or ".join(dict.fromkeys(kind for kind, _ in kinds)),
        "; ".join(dict.fromkeys(allowed for _, allowed in kinds if allowed)),
        field.get_default(call_default_factory=True),
        " ".join((field.description or "").split()),
        get_origin(field.annotation) is tuple,
    )


def _kinds(kind: Any, limits: Sequence[Any] = ()) -> Iterator[tuple[str, str]]:
    """What a value may be and which: one pair for each alternative."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _kinds(inner[0], [limit for one in inner[1:] for limit in getattr(one, "metadata", [one])])
    elif origin in (Union, UnionType):
        for one in inner:
            yield from _kinds(one, limits)
    elif origin is Literal:
        yield ("word" if isinstance(inner[0], str) else "whole number"), ", ".join(map(str, inner))
    elif origin is tuple:
        for name, allowed in _kinds(inner[0], limits):
            yield f"list of {name}s", allowed
    elif origin is dict:
        yield TABLE + ", ".join(dict.fromkeys(name for name, _ in _kinds(inner[1]))), ""
    elif kind is not NoneType:
        yield _KINDS[kind], _span(limits)


def _span(limits: Sequence[Any]) -> str:
    """Limits of a number in words: `0 to 1`, `above 0`, `at least 2`, `0 to below 1`."""
    low, above, high, below = (_limit(limits, kind) for kind in ("ge", "gt", "le", "lt"))
    first, last = (f"above {above}" if above else low), (f"below {below}" if below else high)
    if first and last:
        return f"{first} to {last}"
    return (
        first if above else f"at least {low}" if low else last if below else f"at most {high}" if high else ""
    )


def _limit(limits: Sequence[Any], kind: str) -> str:
    found = next((getattr(one, kind) for one in limits if hasattr(one, kind)), None)
    return "" if found is None else f"{found:,}".removesuffix(".0")
