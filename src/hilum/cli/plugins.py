"""`--plugin`, which every command takes, wherever it stands."""

from __future__ import annotations

from collections.abc import Sequence

from hilum.errors import ConfigError

OPTION = "--plugin"


def split_plugins(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """A command line without its `--plugin FILE`s, and these files.

    Raises:
        ConfigError: the last names none.
    """
    rest, plugins = list[str](), list[str]()
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == OPTION or word.startswith(f"{OPTION}="):
            named = next(words, "") if word == OPTION else word.partition("=")[2]
            if not named:
                raise ConfigError(f"{OPTION} names no file. Give a Python file: {OPTION} my_parts.py")
            plugins.append(named)
        else:
            rest.append(word)
    return rest, plugins
