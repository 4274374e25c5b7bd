"""From a store's encoder and the user's wishes to the settings of a head's run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.config import Config, ModelConfig, PrepareConfig, make_config, read_config
from hilum.errors import ConfigError
from hilum.features import EncoderInfo
from hilum.heads.candidates import Candidate
from hilum.text import items

SECTIONS = ("data", "clean", "labels", "split", "scores", "predict", "track")
"""What a head takes of a recipe; network, preparation and precision are those of the vectors."""
LEARNABLE = ("zeros", "ones", "ignore")
"""Policies for uncertain labels that leave a label yes, no or unknown."""


@dataclass(frozen=True)
class Wishes:
    """What the user asks of a head's run; empty means the default, or the recipe's.

    Attributes:
        recipe: a `Config`, a TOML file, or None.
        change: `section.key=value`, over the recipe's.
        data: a pack's folder; the store's own where it has rows of one pack alone.
        findings: to learn.
        labels: a CSV of verdicts on labels.
        name: of the run.
        seed: of folds, draws and first weights.
        device: where heads are fitted and images looked at.
    """

    recipe: Config | str | Path | None = None
    change: Sequence[str] = ()
    data: str | Path = ""
    findings: Sequence[str] = ()
    labels: str | Path = ""
    name: str = ""
    seed: int | None = None
    device: str = "auto"


def head_config(wishes: Wishes, encoder: EncoderInfo) -> Config:
    """The settings of a run whose backbone is the encoder's; its head is not known yet.

    Raises:
        ConfigError: a setting that is wrong, or not a head's to choose.
    """
    _only_own(wishes.change)
    asked = _asked(wishes)
    model = ModelConfig(
        name=encoder.model["name"], channels=encoder.model["channels"], weights=encoder.origin
    )
    sections = {name: getattr(asked, name) for name in SECTIONS}
    data: dict[str, Any] = {"findings": items(wishes.findings) or asked.data.findings}
    if wishes.data:
        data["path"] = str(wishes.data)
    config = Config(
        name=wishes.name or asked.name,
        notes=asked.notes,
        seed=asked.seed if wishes.seed is None else wishes.seed,
        prepare=PrepareConfig(**encoder.prepare),
        model=model,
        **{**sections, "data": asked.data.model_copy(update=data)},
    )
    train = config.train.model_copy(update={"precision": encoder.precision, "device": wishes.device})
    labels = config.labels.model_copy(update={"overlay": str(wishes.labels)} if wishes.labels else {})
    if labels.uncertain not in LEARNABLE:
        raise ConfigError(
            f"labels.uncertain = {labels.uncertain!r} gives labels that are neither yes nor no, which heads do "
            f"not learn; take one of {', '.join(LEARNABLE)}: --set labels.uncertain=ignore"
        )
    return config.model_copy(update={"train": train, "labels": labels})


def with_head(config: Config, candidate: Candidate) -> Config:
    """The settings with those of a head."""
    own: dict[str, Any] = {"pooling": candidate.pooling, "classifier": candidate.classifier}
    if candidate.kind == "mlp":
        own |= {"hidden": candidate.hidden, "dropout": candidate.dropout}
    if candidate.kind == "knn":
        own |= {"neighbours": candidate.neighbours}
    return config.model_copy(update={"model": config.model.model_copy(update=own)})


def name_of(findings: Sequence[str]) -> str:
    """What a run is called that nobody named: `pneumonia`, or `13-findings`."""
    if len(findings) > 2:
        return f"{len(findings)}-findings"
    return "-".join("-".join(finding.lower().split()) for finding in findings)


def _asked(wishes: Wishes) -> Config:
    recipe = wishes.recipe
    if recipe is None:
        return make_config({}, wishes.change, "the command line")
    if isinstance(recipe, Config):
        return make_config(recipe.model_dump(), wishes.change)
    found = read_config(recipe, wishes.change)
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
