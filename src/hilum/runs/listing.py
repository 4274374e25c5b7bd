"""The runs of a folder."""

from __future__ import annotations

import re
from pathlib import Path

from hilum.errors import RunError
from hilum.runs.run import Run


def list_runs(folder: str | Path) -> list[Run]:
    """All readable runs in a folder, by name; folders of other formats are left out.

    So is a link to another of its runs, as `heads/best` is: each run is there once.

    Raises:
        RunError: the folder does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(
            f"there is no folder {folder}. Runs are made by hilum train; name their folder with --in."
        )
    found = []
    for path in sorted(
        folder.iterdir(),
        key=lambda p: [
            (not t.isdigit(), int(t) if t.isdigit() else 0, t) for t in re.split(r"(\d+)", p.name)
        ],
    ):
        if path.is_symlink() and path.resolve().parent == folder.resolve():
            continue
        try:
            found.append(Run.open(path))
        except RunError:
            continue
    return found
