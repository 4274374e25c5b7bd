"""The runs of a folder."""

from __future__ import annotations

import re
from pathlib import Path

from hilum.errors import RunError
from hilum.progress import say
from hilum.runs.run import Run


def list_runs(folder: str | Path) -> list[Run]:
    """All readable runs in a folder, by name; what is damaged or of another format is left out, and said so.

    A link to another of its runs, as `heads/best` is, is left out too: each run is there once. So is what is
    hidden or half written.

    Raises:
        RunError: the folder does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(
            f"there is no folder {folder}. Runs are made by hilum train; name their folder with --in."
        )
    found = []
    for path in sorted(folder.iterdir(), key=_in_order):
        if path.is_symlink() and path.resolve().parent == folder.resolve():
            continue
        if path.name.startswith(".") or not (path / "run.json").is_file():
            continue
        try:
            found.append(Run(path))
        except RunError as error:
            say(f"left out: {error}")
    return found


def _in_order(path: Path) -> list[tuple[bool, int, str]]:
    """The name with its numbers as numbers: run-2 comes before run-10."""
    return [
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", path.name)
    ]
