"""What runs know against their own scores, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hilum.table import BY_IMAGE
from hilum.text import listed

if TYPE_CHECKING:
    from hilum.runs.run import Run


def own_warnings(info: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, ...]:
    """What a run knows against its own scores; see `Run.warnings`.

    Args:
        info: run.json; under `warnings` is what was known when the run began.
        data: data.json; empty where it is not written yet.
    """
    kept = [str(warning) for warning in info.get("warnings") or ()]
    if data.get("split", {}).get("by") == "image" and not any(one.startswith(BY_IMAGE) for one in kept):
        kept.insert(0, f"{BY_IMAGE}.")
    if (status := info.get("status")) != "done":
        go_on = "" if status == "running" else " hilum train --resume goes on with it."
        kept.insert(0, f"The run is not finished (status: {status}); its scores are provisional.{go_on}")
    return tuple(dict.fromkeys(kept))


def warnings_of(runs: Sequence[Run]) -> list[str]:
    """What runs know against their scores, merged; runs of one name are called by their folders."""
    names = [run.name for run in runs]
    return merge_warnings(
        (run.name if names.count(run.name) == 1 else str(run.path), run.warnings) for run in runs
    )


def merge_warnings(known: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """What several runs know, each sentence once: with the names of its runs, unless all of them say it.

    Args:
        known: name and warnings of each run.
    """
    by_sentence: dict[str, list[str]] = {}
    runs = 0
    for name, sentences in known:
        runs += 1
        for sentence in dict.fromkeys(sentences):
            by_sentence.setdefault(sentence, []).append(name)
    return [
        sentence if len(names) == runs else f"{listed(names)}: {sentence}"
        for sentence, names in by_sentence.items()
    ]
