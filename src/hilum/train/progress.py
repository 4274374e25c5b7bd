"""Where a training stands: the counters that decide what comes next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from hilum.config import Config, TrainConfig


@dataclass(frozen=True)
class _Plateau:
    """Whether a validation score is stuck, as torch's ReduceLROnPlateau counts it.

    Attributes:
        best: best score so far (higher is better), None before there is one.
        waited: epochs since then, or since the last drop.
        drops: how often the rate fell.
    """

    best: float | None = None
    waited: int = 0
    drops: int = 0

    def update(self, score: float, patience: int) -> _Plateau:
        """The state after an epoch.

        Args:
            score: of the validation part, higher is better; NaN is not better than anything.
            patience: epochs without a better score that are borne; the rate falls with the next one.
        """
        if not math.isnan(score) and (self.best is None or score > self.best):
            return replace(self, best=score, waited=0)
        if self.waited >= patience:
            return replace(self, waited=0, drops=self.drops + 1)
        return replace(self, waited=self.waited + 1)


@dataclass
class Progress:
    """Counters of a run, kept in every checkpoint as JSON.

    Attributes:
        epoch: whole epochs done.
        step: steps done of the epoch under way.
        best: best validation score so far (higher is better; `loss` is negated), None before there is one.
        best_epoch: the epoch that gave it, from 1; 0 where it is that of a head that was trained before.
        waited: epochs since then.
        plateau: state of the schedule `plateau`.
        seconds: time spent in training, over all sessions.
    """

    epoch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0
    seconds: float = 0.0
    plateau: _Plateau = field(default_factory=_Plateau)

    def finished(self, config: TrainConfig) -> bool:
        """Whether there is nothing left to do: all epochs done, or stopped early."""
        return self.epoch >= config.epochs or bool(config.patience and self.waited >= config.patience)

    def begin(self, score: float, config: Config) -> bool:
        """Count what is there before the first epoch, with its validation score (higher is better).

        Returns:
            Whether it is a first best, which epochs have to beat.
        """
        if config.train.select_after or math.isnan(score):
            return False
        self.best = score
        return True

    def end_epoch(self, score: float, config: Config) -> bool:
        """Count an epoch with its validation score (higher is better; NaN where undefined).

        Returns:
            Whether it is the best so far. Before `select_after` epochs, and while no epoch has a score, the latest
            epoch stands in for the best, so that a run always has weights; it does not count as a best.
        """
        self.epoch += 1
        self.step = 0
        self.plateau = self.plateau.update(score, config.schedule.patience)
        counts = self.epoch > config.train.select_after and not math.isnan(score)
        if counts and (self.best is None or score > self.best):
            self.best, self.best_epoch, self.waited = score, self.epoch, 0
            return True
        if self.best is None:
            self.best_epoch = self.epoch
            return True
        self.waited += 1
        return False
