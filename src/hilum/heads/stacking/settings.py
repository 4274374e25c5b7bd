"""From a store's encoder, a recipe and what the user settings for to the settings of a head's run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hilum.config import Config, HeadsConfig, ModelConfig, PrepareConfig, make_config, read_config
from hilum.errors import ConfigError
from hilum.features import EncoderInfo

SECTIONS = ("data", "clean", "labels", "split", "scores", "predict", "track")
"""What a head takes of a recipe; network, preparation and precision are those of the vectors."""
LEARNABLE = ("zeros", "ones", "ignore")
"""Policies for uncertain labels that leave a label yes, no or unknown."""


def settings_of_run(
    settings: HeadsConfig, recipe: Config | str | Path | None, change: Iterable[str], encoder: EncoderInfo
) -> Config:
    """The settings of a run whose backbone is the encoder's; its head is not known yet.

    Args:
        settings: what wins over the recipe.
        recipe: a `Config`, a TOML file, or None.
        change: `section.key=value`, over the recipe's.
        encoder: of the store.

    Raises:
        ConfigError: a setting that is wrong, or not a head's to choose.
    """
    _only_own(change)
    own = _read(recipe, change)
    data = {"findings": settings.findings or own.data.findings, "path": settings.data or own.data.path}
    labels = own.labels.model_copy(update={"overlay": settings.labels or own.labels.overlay})
    if labels.uncertain not in LEARNABLE:
        raise ConfigError(
            f"labels.uncertain = {labels.uncertain!r} gives labels that are neither yes nor no, which heads do "
            f"not learn; take one of {', '.join(LEARNABLE)}: --set labels.uncertain=ignore"
        )
    sections = {name: getattr(own, name) for name in SECTIONS}
    sections |= {"data": own.data.model_copy(update=data), "labels": labels}
    config = Config(
        name=settings.name or own.name,
        notes=own.notes,
        seed=own.seed if settings.seed is None else settings.seed,
        prepare=PrepareConfig(**encoder.prepare),
        model=ModelConfig(
            name=encoder.model["name"], channels=encoder.model["channels"], weights=encoder.origin
        ),
        **sections,
    )
    train = config.train.model_copy(update={"precision": encoder.precision, "device": settings.device})
    return config.model_copy(update={"train": train})


def _read(recipe: Config | str | Path | None, change: Iterable[str]) -> Config:
    if recipe is None:
        return make_config({}, change, "the command line")
    if isinstance(recipe, Config):
        return make_config(recipe.model_dump(), change)
    found = read_config(recipe, change)
    return found.model_copy(update={"name": found.name or Path(recipe).stem})


def _only_own(change: Iterable[str]) -> None:
    """Refuse changes that would silently do nothing."""
    for text in change:
        key = text.partition("=")[0].strip()
        section, dot, _ = key.partition(".")
        if key != "seed" and (not dot or section not in SECTIONS):
            raise ConfigError(
                f"--set {text}: a head's run takes network, preparation and precision from its vectors, and its "
                f"head from the search; settings are those of {', '.join(SECTIONS)}."
            )
