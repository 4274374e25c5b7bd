"""Templates as self-contained pages: style, figures and pictures inside, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hilum.text import cell, shown, visible
from hilum.version import __version__


def render(template: str, values: Mapping[str, Any]) -> str:
    """A page from a template of this room; all pages extend `base.html`, which holds the style.

    Args:
        template: its file name.
        values: everything that it shows.
    """
    environment = Environment(
        loader=PackageLoader("hilum.report", ""), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_readable,
    )  # fmt: skip
    environment.filters |= {"cell": cell, "percent": _percent, "shown": shown, "spans": _spans}
    return environment.get_template(template).render(version=__version__, **values)


def _readable(value: Any) -> Any:
    """What a page shows of a value: control characters in names are visible there too."""
    return visible(value, "\n\t") if isinstance(value, str) and not isinstance(value, Markup) else value


def _percent(value: float | None) -> str:
    """Per cent with one decimal, or a dash."""
    return "–" if value is None else f"{100 * value:.1f} %"


def _spans(text: str) -> Markup:
    """Text with `words` in backticks as code, and an indented line (a recipe's command) on a line of its own."""
    pieces = re.split(r"\n? {2,}(.+)\n?|`([^`]*)`", text)
    line, word = Markup('<code class="line">{}</code>'), Markup("<code>{}</code>")
    return Markup("").join(
        (piece, line.format(piece or ""), word.format(piece or ""))[place % 3]
        for place, piece in enumerate(pieces)
        if place % 3 == 0 or piece is not None
    )
