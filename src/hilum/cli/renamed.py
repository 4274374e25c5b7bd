"""Options by their names of the release before: each works for one release more, and says its new name."""

from __future__ import annotations

from collections.abc import Sequence

from hilum.progress import say

RENAMED: dict[str, dict[str, str]] = {
    "": {"--in": "--out", "--split": "--part", "--findings": "--finding"},
    "runs": {"--in": "--folder"},
    "doctor": {"--views": "--view", "--projections": "--projection", "--parts": "--part"},
    "pack": {"--views": "--view", "--projections": "--projection", "--parts": "--part"},
    "augment": {"--parts": "--part"},
    "similar": {"--k": "--top", "-k": "--top"},
    "noise": {"--by": "--reader"},
}
"""Command, empty for all -> former name -> today's."""


def renamed(words: Sequence[str]) -> list[str]:
    """The words of a command line with options by their names of today; a line to the user for each other one."""
    names = RENAMED[""] | RENAMED.get(words[0] if words else "", {})
    told = []
    for word in words:
        option, equals, value = word.partition("=")
        if option in names:
            say(f"{option} is called {names[option]} now; the former name goes with the next release.")
            word = names[option] + equals + value
        told.append(word)
    return told
