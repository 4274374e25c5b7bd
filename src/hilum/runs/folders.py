"""Where runs lie: names of their folders, and the next free number."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from hilum.errors import nearest
from hilum.files import disk_error


def as_folder(name: str, most: int = 100) -> str:
    """A name as that of a folder: letters, digits and `_.-` of it, never a path; names that long end sooner."""
    letters = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return letters.encode()[:most].decode(errors="ignore").rstrip("-.") or "run"


def move_numbered(path: Path, folder: Path) -> Path:
    """Move a whole run `NAME-1` into a folder under the first free number, in one step.

    Raises:
        DiskError: the file system refused.
    """
    name, number = path.name.removesuffix("-1"), 0
    while True:
        number += 1
        place = folder / f"{name}-{number}"
        if not place.exists():  # else a rename would take the place of an empty folder
            try:
                return path.rename(place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise disk_error(place, error) from error


def other_runs(path: Path) -> str:
    """What to do when `path` is no run: the nearest run in it or beside it, if there are any."""
    for folder in (path, path.parent):
        if names := sorted(found.parent.name for found in folder.glob("*/run.json")):
            return f"Did you mean {folder / (nearest(path.name, names) or names[-1])}?"
    return "Runs are made by hilum train."
