"""The finished epochs of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hilum.errors import RunError
from hilum.runs.info import Epoch, read_object


def read_history(run: Path) -> list[dict[str, Any]]:
    """One entry per finished epoch of a run's folder, with `best`: whether its weights were kept as the best.

    Raises:
        RunError: an epoch is missing before a later one.
    """
    summaries = [path for path in sorted(run.glob("epochs/*/summary.json")) if int(path.parent.name)]
    there = {int(path.parent.name) for path in summaries}
    if gaps := set(range(1, len(there) + 1)) - there:
        raise RunError(
            f"{run} has epoch {max(there)} but no epoch {min(gaps)}: the run's folder is not whole. "
            "Copy it again from where it was trained, or train again from its config.toml."
        )
    entries = [read_object(path, Epoch) for path in summaries]
    best = max((entry["epoch"] for entry in entries if entry.get("improved")), default=None)
    return [{**entry, "best": entry["epoch"] == best} for entry in entries]
