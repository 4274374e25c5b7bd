"""What drives the trackers: one call at the start, one after each epoch, one when scores of a part are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from hilum.metrics.inputs import Floats
from hilum.metrics.predictions import Predictions
from hilum.runs import Run
from hilum.track.check import installed

if TYPE_CHECKING:
    from torch import nn

Say = Callable[[str], None]


@dataclass(frozen=True)
class Start:
    """What a training starts with.

    Attributes:
        inputs: float32 [b, s, s], the first batch as the network sees it, back in shares of white; None where the
            run is resumed.
        model: with its first weights.
    """

    inputs: npt.NDArray[np.float32] | None
    model: nn.Module


@dataclass(frozen=True)
class Epoch:
    """What an epoch gave.

    Attributes:
        entry: what the run keeps of it (summary.json).
        predictions: of `train` and `valid`.
        model: with the weights at its end.
        gradient_norms: float64 [m], of some of its updates, before clipping.
        pixels: ids of validation images -> uint8 [n, s, s].
    """

    entry: Mapping[str, Any]
    predictions: Mapping[str, Predictions]
    model: nn.Module
    gradient_norms: Floats
    pixels: Callable[[Sequence[str]], npt.NDArray[np.uint8]]


class Tracker(Protocol):
    """Follows a training. What it raises is told once and does not end the training."""

    def start(self, start: Start) -> None:
        """Before the first step, also of a resumed run."""

    def epoch(self, epoch: Epoch) -> None:
        """After an epoch's files are written and before its checkpoint: after a kill it may come twice."""

    def close(self) -> None:
        """No more comes."""


class Trackers:
    """All trackers of a run, none of which can end its training."""

    def __init__(self, trackers: Mapping[str, Tracker], say: Say) -> None:
        """`trackers` by the name that a warning calls them."""
        self._trackers, self._say = dict(trackers), say
        self._told: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._trackers)

    def start(self, start: Start) -> None:
        """Tell all."""
        self._each(lambda tracker: tracker.start(start))

    def epoch(self, epoch: Epoch) -> None:
        """Tell all."""
        self._each(lambda tracker: tracker.epoch(epoch))

    def close(self) -> None:
        """Tell all."""
        self._each(lambda tracker: tracker.close())

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in self._trackers.items():
            try:
                call(tracker)
            except (
                Exception
            ) as error:  # A server that is gone, a full disk: hours of training must outlive it.
                if name not in self._told:
                    self._told.add(name)
                    self._say(
                        f"warning: {name}: {_first_line(error)} Training goes on; the run's folder has all."
                    )


@contextmanager
def open_trackers(run: Run, epochs_done: int, say: Say, *, leads: bool = True) -> Iterator[Trackers]:
    """The trackers that the run's settings ask for, closed at the end of the block.

    Args:
        run: whose training is followed.
        epochs_done: whole epochs behind it; later ones are written anew.
        say: tells the user a line.
        leads: whether this process writes; the others have no trackers.
    """
    config = run.config.track
    makers: dict[str, Callable[[], Tracker]] = {}
    if leads and (config.tensorboard == "on" or (config.tensorboard == "auto" and installed("tensorboard"))):
        makers["TensorBoard"] = lambda: _tensorboard(run, epochs_done)
    if leads and config.mlflow:
        makers["MLflow"] = lambda: _mlflow(run)
    made: dict[str, Tracker] = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except Exception as error:  # Packages that do not go together, a disk that is full.
            say(f"warning: {name}: {_first_line(error)} Training goes on without it.")
    trackers = Trackers(made, say)
    try:
        yield trackers
    finally:
        trackers.close()


def record_result(run: Run, say: Say) -> None:
    """Tell the trackers the scores of the best weights, after a training and after every later evaluation.

    Args:
        run: with scores of a part or several, and its report.
        say: tells the user a line where a tracker fails.
    """
    config = run.config.track
    steps: dict[str, Callable[[Run], None]] = {}
    # A run that has no events, because tensorboard came later or was off, is left so.
    if config.tensorboard != "off" and installed("tensorboard") and (run.path / "tensorboard").is_dir():
        from hilum.track.tensorboard import write_result

        steps["TensorBoard"] = write_result
    if config.mlflow and installed("mlflow"):
        from hilum.track.mlflow import log_result

        steps["MLflow"] = log_result
    for name, step in steps.items():
        try:
            step(run)
        except Exception as error:  # The scores are in the run already.
            say(f"warning: {name}: {_first_line(error)} The run's folder has all.")


def _tensorboard(run: Run, epochs_done: int) -> Tracker:
    from hilum.track.tensorboard import TensorBoard

    return TensorBoard(run, epochs_done)


def _mlflow(run: Run) -> Tracker:
    from hilum.track.mlflow import MLflow

    return MLflow(run)


def _first_line(error: Exception) -> str:
    """What went wrong in one line of 200 characters at most, ended by a full stop."""
    text = " ".join((str(error).strip().splitlines() or [type(error).__name__])[0].split())
    return f"{text if len(text) <= 200 else text[:199] + '…'}{'' if text.endswith('.') else '.'}"
