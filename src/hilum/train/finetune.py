"""Which weights learn in which epoch, and how fast: pure functions of settings and epoch, so no state is kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from hilum.config import Config, FinetuneConfig
from hilum.errors import ConfigError, did_you_mean
from hilum.models import Classifier, build_model


@dataclass(frozen=True)
class Stage:
    """Epochs in which the same weights learn; the schedule of learning rates begins anew with each.

    Attributes:
        first: its first epoch, from 0.
        epochs: how many it has.
        backbone: whether the backbone learns, from `finetune.start_at` on; the head always does.
    """

    first: int
    epochs: int
    backbone: bool

    @classmethod
    def all(cls, config: FinetuneConfig, epochs: int) -> tuple[Stage, ...]:
        """The stages of a run of so many epochs, in order; one or two."""
        if config.learn == "staged":
            rest = epochs - config.head_epochs
            return cls(0, config.head_epochs, False), cls(config.head_epochs, rest, True)
        return (cls(0, epochs, config.learn == "whole"),)

    @classmethod
    def of(cls, config: FinetuneConfig, epochs: int, epoch: int) -> Stage:
        """The stage that an epoch, from 0, is in."""
        return next(stage for stage in reversed(cls.all(config, epochs)) if stage.first <= epoch)


class Freezer:
    """Sets which weights of a model learn, and what of it is in training mode.

    A frozen block neither has gradients nor changes otherwise: its batch norm keeps its statistics and its dropout
    is off. Nothing is computed backwards below the first weight that learns.
    """

    def __init__(self, model: Classifier, config: FinetuneConfig) -> None:
        """Freeze for good what lies before `finetune.start_at`.

        Raises:
            ConfigError: the network has no such block.
        """
        self._model, self._config = model, config
        self._parts = _learning(model, config.start_at)
        opened = {id(parameter) for part in self._parts for parameter in part.parameters()}
        # A network may have weights of its own that never learn, such as fixed position embeddings.
        learned = [parameter for parameter in model.backbone.parameters() if parameter.requires_grad]
        self._backbone = [parameter for parameter in learned if id(parameter) in opened]
        for parameter in learned:
            parameter.requires_grad_(id(parameter) in opened)

    def enter(self, stage: Stage) -> None:
        """Make the model ready to learn in a stage."""
        for parameter in self._backbone:
            parameter.requires_grad_(stage.backbone)
        self._model.train()
        self._model.backbone.eval()
        for part in self._parts if stage.backbone else ():
            part.train()
        if self._config.batch_norm == "frozen":
            for module in self._model.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    def multiples(self) -> dict[str, float]:
        """By name, the backbone's learning rates as multiples of `optimizer.lr`; empty where it is as the head."""
        if self._config.backbone_lr == 1.0 and self._config.learn != "staged":
            return {}
        return {
            f"backbone.{name}": self._config.backbone_lr
            for name, _ in self._model.backbone.named_parameters()
        }

    def describe(self, stage: Stage) -> str:
        """A stage in words, as a user may want to check it."""
        self.enter(stage)
        counts = [(p.requires_grad, p.numel()) for p in self._model.parameters()]
        learns, every = sum(count for learned, count in counts if learned), sum(count for _, count in counts)
        what = "the head"
        if stage.backbone:
            what = f"all from {self._config.start_at} on" if self._config.start_at else "the whole network"
        last = stage.first + stage.epochs
        when = f"epochs {stage.first + 1} to {last}" if stage.epochs > 1 else f"epoch {last}"
        return f"{when}: {what} learns, {learns:,} of {every:,} weights"


def check_finetune(config: Config) -> None:
    """Fail on settings that leave nothing, or nothing sensible, to learn; before data are read.

    Args:
        config: with `model` as `settle` gives it.

    Raises:
        ConfigError: see above, or the network has no block `finetune.start_at`.
    """
    model, tune = config.model, config.finetune
    if model.classifier == "knn":
        raise ConfigError(
            "a head of kind knn votes among images that it keeps: it has nothing to learn, nor has a backbone "
            "below it. Start from another head, or from the backbone alone: "
            f"--set model.weights={model.head or 'RUN'} --set model.head= --set model.classifier=linear"
        )
    if not (model.head or model.weights):
        for said in _needs_weights(tune):
            raise ConfigError(
                f"{said} is for a network that is trained already, and this one would start at random. Name a run "
                "or a file: --set model.head=RUN (backbone and head) or --set model.weights=RUN (the backbone)."
            )
    if tune.start_at:
        with torch.device("meta"):
            bare = model.model_copy(update={"weights": "", "head": ""})
            _learning(build_model(bare, 1, config.prepare.size), tune.start_at)


def _needs_weights(config: FinetuneConfig) -> list[str]:
    said = [] if config.learn == "whole" else [f'finetune.learn = "{config.learn}"']
    said += [f'finetune.start_at = "{config.start_at}"'] if config.start_at else []
    return said + (['finetune.batch_norm = "frozen"'] if config.batch_norm == "frozen" else [])


def _learning(model: Classifier, start_at: str) -> list[nn.Module]:
    """The parts of the backbone that learn once it does."""
    if not start_at:
        return [model.backbone]
    known = model.blocks()
    if start_at not in known:
        raise ConfigError(
            f"finetune.start_at = {start_at!r} is no block of this network; {did_you_mean(start_at, known)} "
            f"From input to output it has {_outline(list(known))}."
        )
    names = list(known)
    return [known[name] for name in names[names.index(start_at) :]]


def _outline(names: list[str]) -> str:
    """The outermost blocks, which are few, with the first and last of their members."""
    members: dict[str, list[str]] = {name: [] for name in names if name.rpartition(".")[0] not in names}
    for name in names:
        if name not in members:
            members[name.rpartition(".")[0]].append(name)
    return ", ".join(
        f"{name} ({inner[0]} to {inner[-1]})" if inner else name for name, inner in members.items()
    )
