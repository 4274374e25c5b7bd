"""`Origin`: where a model's first weights come from, and what they ask of the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.config import ModelConfig, PrepareConfig
from hilum.errors import ConfigError, RunError, WeightsError
from hilum.models import (
    Classifier,
    Normalisation,
    build_model,
    find_model,
    fit_weights,
    load_weights,
    read_weights,
)
from hilum.runs import Run
from hilum.text import items, listed

_FROM_HEAD = ("channels", "pooling", "classifier", "hidden", "neighbours")
"""Settings of `model` that are those of the run that `model.head` names."""


@dataclass(frozen=True)
class Origin:
    """What a model starts from.

    Attributes:
        model: its settings, with `weights` a file, `pretrained` or empty, and no `head`.
        normalisation: what the weights were trained with; None where that is not known.
        prepare: how the images were prepared, which those of a head must be too; None where any will do.
        run: the run that backbone and head are of, where both are taken exactly.
        backbone: the run that `model.weights` names.
    """

    model: ModelConfig
    normalisation: Normalisation | None = None
    prepare: PrepareConfig | None = None
    run: Run | None = None
    backbone: Run | None = None

    @classmethod
    def of(cls, config: ModelConfig) -> Origin:
        """Find what `model.head` or `model.weights` names.

        Raises:
            ConfigError: the head is of another network.
            RunError: a run is named that has no weights of its own.
        """
        plain = config.model_copy(update={"head": ""})
        if config.head:
            run = _trained(config.head, "model.head")
            own = run.config.model
            if own.name != config.name:
                raise ConfigError(
                    f"model.head = {config.head!r} is the head of a {own.name}; the run asks for {config.name}. "
                    f"Take the head's network: --set model.name={own.name}"
                )
            model = plain.model_copy(update={**_settled(own), "weights": _best(run)})
            return cls(model, _normalisation(run), PrepareConfig(**run.data["prepare"]), run)
        if config.weights and (Path(config.weights) / "run.json").is_file():
            run = _trained(config.weights, "model.weights")
            return cls(plain.model_copy(update={"weights": _best(run)}), _normalisation(run), backbone=run)
        published = find_model(config.name).preparation if config.weights else None
        said = Normalisation.beside(config.weights)
        return cls(plain, said or (published.normalisation if published else None))

    @classmethod
    def settle(cls, config: ModelConfig) -> ModelConfig:
        """The settings with what follows from `model.head` written out, as a run keeps them.

        Of a link, such as `heads/best`, what it points to now is kept: tomorrow it may be another run.
        """
        links = {name: _followed(path) for name in ("head", "weights") if (path := getattr(config, name))}
        config = config.model_copy(update=links)
        return config.model_copy(update=_settled(cls.of(config).model)) if config.head else config

    def build(self, outputs: int, size: int, findings: Sequence[str] = ()) -> Classifier:
        """The model with its first weights; see `build_model`.

        Args:
            outputs: number of logits.
            size: side of the images in pixels.
            findings: what the logits are to be of: the head of a run that learned others is left out.

        Raises:
            ConfigError: the run that `model.weights` names has another network.
            WeightsError: the weights cannot be reached or do not fit.
        """
        if self.run is None and self.backbone is None:
            return build_model(self.model, outputs, size)
        model = build_model(self.model.model_copy(update={"weights": ""}), outputs, size)
        if self.backbone is None:
            load_weights(model, self.model.weights, exact=True)
            return model
        called, learned = f"run {self.backbone.name}", tuple(self.backbone.data["findings"])
        others = bool(findings) and learned != items(findings)
        tensors = read_weights(self.model.weights)
        if others:
            tensors = {key: value for key, value in tensors.items() if not key.startswith("classifier.")}
        try:
            model.notes = fit_weights(model, tensors, called).notes()
        except WeightsError as error:
            own = self.backbone.config.model.name
            if own == self.model.name:
                raise
            raise ConfigError(
                f"model.weights = {str(self.backbone.path)!r} is a run of a {own}; this is to be a "
                f"{self.model.name}. Take the run's network: model.name = {own}"
            ) from error
        if others:
            said = (
                f"{called} learned {listed(learned, 3)}: its head is left out, the new one starts at random"
            )
            model.notes = (said,)
        model.note_size(called, self.backbone.data["prepare"]["size"], size)
        return model


def _settled(model: ModelConfig) -> dict[str, Any]:
    return {name: getattr(model, name) for name in _FROM_HEAD}


def _followed(path: str) -> str:
    link = Path(path)
    if not link.is_symlink():
        return path
    if not link.exists():
        raise RunError(f"{path} points to {link.readlink()}, which is not there. Name another run.")
    return str(link.parent / link.readlink())


def _trained(path: str, setting: str) -> Run:
    try:
        run = Run(path)
    except RunError as error:
        raise RunError(f"{setting}: {error}") from error
    if run.members:
        raise RunError(
            f"{setting} = {path!r} is an ensemble: it has no single network. Name one of its members."
        )
    if not (run.path / "checkpoints" / "best.safetensors").is_file():
        raise RunError(f"{setting} = {path!r} has no weights yet. Go on with: hilum train --resume {path}")
    return run


def _best(run: Run) -> str:
    return str(run.path / "checkpoints" / "best.safetensors")


def _normalisation(run: Run) -> Normalisation:
    return Normalisation.from_json(run.data)
