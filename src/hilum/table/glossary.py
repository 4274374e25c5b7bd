"""What findings of chest radiographs mean, in a line each (`glossary.toml`): for teaching, not for diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hilum.files import read_toml
from hilum.text import plain


@dataclass(frozen=True)
class _Term:
    """One finding: what it is and how it looks on a chest radiograph, and who describes it."""

    line: str
    cited: str


@cache
def _glossary() -> dict[str, Any]:
    return read_toml(Path(__file__).with_name("glossary.toml"))


def explain(finding: str, source: str = "") -> _Term | None:
    """What a finding means, or None where it is not known.

    Args:
        finding: its name, in any spelling: `Pleural_Thickening`, `pleural effusion`.
        source: name of the data set's source; `pneumonia` has a line of its own.
    """
    found, asked = _glossary(), plain(finding)
    for name, term in found["terms"].items():
        if asked in (plain(name), *term.get("also", ())):
            term = found["of"].get(source, {}).get(name, term)
            return _Term(term["line"], "; ".join(found["papers"][letter] for letter in term["sources"]))
    return None
