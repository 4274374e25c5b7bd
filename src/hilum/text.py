"""How values and lists are said: the same in tables, reports and messages."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

_One = TypeVar("_One")

MISSING = "–"

UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys or a page turns round instead of showing it: controls (C0, C1), direction marks and
overrides (Unicode UAX #9), line separators; and the halves of characters that undecodable file names hold."""


def visible(text: str, keep: str = "") -> str:
    """Text in which names can do nothing but be read: ESC becomes `\\x1b`, a line break in a name `\\n`.

    Args:
        text: to be shown.
        keep: control characters that are meant, such as the line breaks of a whole message.
    """
    return UNSEEN.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)


def escaped(value: object) -> str:
    """A text for HTML that hilum writes without a template: no tag, and nothing that `visible` would show."""
    return html.escape(visible(str(value)))


def cell(value: object) -> str:
    """One cell of a table: thousands separated, other numbers with three decimals, None and NaN as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:z.3f}" if isinstance(value, float) else visible(str(value))


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A number and its interval, `0.968 [0.953, 0.980]`; the number alone where `low` is None or NaN."""
    if low is None or high is None or math.isnan(low):
        return cell(value)
    return f"{cell(value)} [{low:z.3f}, {high:z.3f}]"


def shown(value: object) -> str:
    """A setting as TOML would show it, without the quotes; `none` where it is empty, a dash for None."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return ", ".join(map(shown, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else visible(str(value)) or "none"


def listed(names: Sequence[object], most: int = 5) -> str:
    """The first few names and how many more there are, for a message."""
    shown = ", ".join(visible(str(name)) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def strings(values: object) -> tuple[str, ...]:
    """A list of strings as JSON holds it.

    Raises:
        TypeError: it is anything else.
    """
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"expected a list of strings, not {str(values)[:80]}")
    return tuple(values)


def items(given: Iterable[_One] | Path) -> tuple[_One, ...]:
    """What a caller gave for several: one text, path or run is one item, not its letters."""
    alone = isinstance(given, str) or not isinstance(given, Iterable)
    found: tuple[Any, ...] = (given,) if alone else tuple(cast("Iterable[_One]", given))
    return found


def plain(name: str) -> str:
    """A name without case, spaces and signs, to compare it with others: `Patient ID` is `patientid`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


SUFFIX = r"\.[A-Za-z][A-Za-z0-9]{0,9}$"
"""A file's suffix; what begins with a digit is part of the name, as the last number of a UID."""


def stem_of(name: str) -> str:
    """The last part of a path, with / between, without its suffix."""
    return re.sub(SUFFIX, "", name.rpartition("/")[2])


def plural(what: str) -> str:
    """`images`, `patients`, `studies`."""
    return "studies" if what == "study" else f"{what}s"


def many(count: int, what: str) -> str:
    """A number of things: `1 image`, `1,024 images`, `312 studies`."""
    return f"{count:,} {what if count == 1 else plural(what)}"


def signed(value: float, digits: int) -> str:
    """A difference with its sign: `+0.012`."""
    return MISSING if math.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")


def span(low: float, high: float, digits: int) -> str:
    """The interval of a difference: `[+0.004, +0.020]`."""
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def spell_p(p: float) -> str:
    """`0.032`, or `< 0.001`."""
    return MISSING if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def table_html(
    columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str, notes: Sequence[str] = ()
) -> str:
    """A table as a notebook shows it; cells as `cell` gives them."""
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escaped(cell(value))}</td>" for value in row) + "</tr>" for row in rows
    )
    told = "".join(f"<p>{escaped(note)}</p>" for note in notes)
    head = f"<caption>{escaped(caption)}</caption><thead><tr>{head}</tr></thead>"
    return f"<table>{head}<tbody>{body}</tbody></table>{told}"


def are(count: int, what: str) -> str:
    """`1 image is`, `1,024 images are`."""
    return f"{many(count, what)} {'is' if count == 1 else 'are'}"
