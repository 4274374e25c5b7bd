"""Classifiers on stored vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hilum.api.opened import formerly, with_report
from hilum.config import Config, HeadsConfig, with_fields
from hilum.heads import learn_heads
from hilum.runs import Run


@formerly(folder="out")
@with_fields
def heads(
    store: str | Path,
    settings: HeadsConfig,
    *,
    recipe: Config | str | Path | None = None,
    change: Sequence[str] = (),
    out: str | Path = "heads",
    command: str = "",
) -> Run:
    """Try many classifiers on stored vectors by cross-validation, and keep the best with its backbone as a run.

    Args:
        store: a feature store, as `embed` makes it.
        settings: what is tried, and how it is judged.
        recipe: settings of data, cleaning, labels, split and scores; defaults by default.
        change: settings over the recipe's, as `section.key=value`.
        out: the folder where the run is made; `out/best` links to it.
        command: what the user typed, kept in run.json.

    Returns:
        The finished run with its report; `hilum.heads.SearchRecord.of` reads all that was tried.

    Raises:
        InputError: the store, the condition, the data or a setting cannot be used; nothing is left behind then.
        MissingExtra: LanceDB is not installed.
    """
    return with_report(learn_heads(store, settings, recipe=recipe, change=change, out=out, command=command))
