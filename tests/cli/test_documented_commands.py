"""Every command in the README and the documentation exists, with the options that it is shown with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "recipes").glob("*.toml"))


def documented() -> set[tuple[str, ...]]:
    """Words of each `hilum ...` command, up to a comment or the next command of the line."""
    found = set()
    for page in PAGES:
        for text in re.findall(
            r"^\s*(?:\$ )?hilum ([a-z].*)$|`hilum ([^`]+)`",
            page.read_text().replace("\\\n", " "),
            re.MULTILINE,
        ):
            for command in re.split(r"&&|;", (text[0] or text[1]).split(" #")[0]):
                words = shlex.split(command.removeprefix(" hilum ").removeprefix("hilum "))
                if words and words[0].isalpha():
                    found.add(tuple(words))
    return found


@pytest.mark.parametrize("words", sorted(documented()), ids=" ".join)
def test_documented_command(words: tuple[str, ...], hilum: Callable[..., tuple[int, str, str]]) -> None:
    name = words[:2] if words[:2] == ("runs", "show") else words[:1]
    code, out, _ = hilum(*name, "--help")
    assert code == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in out
