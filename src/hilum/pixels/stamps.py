"""Whether image files have changed, told by their size and time without reading them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from hilum.config import Films, LimitsConfig
from hilum.pixels.limits import LIMITS
from hilum.table import Table


def stamps(table: Table) -> list[str]:
    """Size and time of change of each row's file; `missing` where there is none."""
    root = str(table.root.absolute())
    return [_stamp(os.path.join(root, path)) for path in table.frame["path"]]  # noqa: PTH118 (4x faster)


def choices(films: Films, limits: LimitsConfig) -> list[str]:
    """What choices of which files are left out add to what makes two packs the same: by default nothing."""
    marks = [] if films == "auto" else [f"films={films}"]
    return marks if limits == LIMITS else [*marks, limits.model_dump_json()]


def digest_of(parts: Iterable[str]) -> str:
    """One sha256 of many texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _stamp(path: str) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return "missing"
    return f"{found.st_size}-{found.st_mtime_ns}"
