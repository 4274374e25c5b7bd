"""Classifiers on stored vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hilum.api.opened import with_report
from hilum.config import Config
from hilum.heads import Plan, Wishes, learn_heads
from hilum.runs import Run
from hilum.text import items


def heads(
    store: str | Path,
    *,
    findings: Sequence[str] = (),
    search: str = "grid",
    candidates: int = 0,
    kinds: Sequence[str] = (),
    poolings: Sequence[str] = (),
    by: str = "roc_auc",
    folds: int = 5,
    encoder: str = "",
    where: str = "",
    data: str | Path = "",
    recipe: Config | str | Path | None = None,
    change: Sequence[str] = (),
    labels: str | Path = "",
    folder: str | Path = "heads",
    name: str = "",
    seed: int | None = None,
    device: str = "auto",
    command: str = "",
) -> Run:
    """Try many classifiers on stored vectors by cross-validation, and keep the best with its backbone as a run.

    Args:
        store: a feature store, as `embed` makes it.
        findings: to learn; all by default.
        search: `grid`, every combination of the built-in values, or `random`.
        candidates: `random`: how many are drawn.
        kinds: of `logistic`, `svm`, `knn`, `mlp`; all by default.
        poolings: of `avg`, `max`, `both`; all by default.
        by: the score that decides, out of fold, as mean over findings.
        folds: parts that training patients are dealt to.
        encoder: whose vectors; needed where the store has several encoders'.
        where: a condition that rows must fulfil, such as `sex = 'F' and age > 60`.
        data: the pack to learn from; needed where the store has vectors of several packs.
        recipe: settings of data, cleaning, labels, split and scores; defaults by default.
        change: settings over the recipe's, as `section.key=value`.
        labels: a CSV of verdicts on labels.
        folder: where the run is made; `folder/best` links to it.
        name: what it is called; after its findings by default.
        seed: of folds, draws and first weights; the recipe's by default.
        device: where heads are fitted.
        command: what the user typed, kept in run.json.

    Returns:
        The finished run with its report; `hilum.heads.record.SearchRecord.of` reads all that was tried.

    Raises:
        InputError: the store, the condition, the data or a setting cannot be used; nothing is left behind then.
        MissingExtra: LanceDB is not installed.
    """
    plan = Plan(search, candidates, items(kinds), items(poolings), by, folds)
    wishes = Wishes(recipe, items(change), data, items(findings), labels, name, seed, device)
    return with_report(
        learn_heads(store, plan, wishes, encoder=encoder, where=where, folder=folder, command=command)
    )
