"""The recipes that hilum comes with."""

from __future__ import annotations

import re
from pathlib import Path

from hilum.files import read_toml

_SCORE = re.compile(r"(?:test|validation) (?:\([^)]*\) )?ROC AUC [\d.]*\d")
_TIME = re.compile(r"[\d.]+ (?:s|minutes)\b")
"""What the text `measured` of a recipe says of its score, and of the time of a run."""


def find_recipes() -> dict[str, Path]:
    """Name -> file of the recipes that come with hilum: beside its code, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    folders = (package.parents[1] / "recipes", package / "recipes")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def recipes() -> list[dict[str, str | None]]:
    """What each recipe trains, what it scored where it was measured, how long a run took, and all that it says."""
    found = []
    for name, path in find_recipes().items():
        values = read_toml(path)
        notes, measured = (" ".join(values.get(key, "").split()) for key in ("notes", "measured"))
        found.append(
            {
                "name": name,
                "what": re.split(r"(?<!al)\. ", notes)[0].rstrip(".") + ".",
                "measured": next(iter(reversed(_SCORE.findall(measured))), None),
                "time": next(iter(_TIME.findall(measured)), None),
                "notes": values.get("notes", "").strip(),
                "told": measured or None,
            }
        )
    return found
